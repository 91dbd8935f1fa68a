"""Counters for the operator, in Prometheus's text format.

Several worker processes write their counters to files in one folder, from which the sums are read. The
environment variable PROMETHEUS_MULTIPROC_DIR names that folder (`gunicorn.conf.py` sets it).
Source: https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import logging
import os
from functools import cache

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST

_LINK_OUTCOMES = Counter(
    "webstore_link_outcomes", "Attempts to link a user to a customer, by outcome.", ["status"]
)


def count_link_outcome(status: str) -> None:
    """Count one attempt to link a user to a customer, with its outcome."""
    try:
        _LINK_OUTCOMES.labels(status=status).inc()
    except OSError as exc:
        _note_loss(type(exc).__name__)


def exposition() -> bytes | None:
    """All counters in Prometheus's text format, summed over the workers of this machine.

    None if their folder is gone, for example because temporary files were deleted.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the package has no types
        return generate_latest(registry)
    except (OSError, ValueError) as exc:
        _note_loss(type(exc).__name__)
        return None


@cache
def _note_loss(kind: str) -> None:
    """Log once in a process that the folder of the counters cannot be used."""
    log.warning("the counters of /metrics are lost until the next start: their folder is gone (%s)", kind)
