"""Counters for the operator, in Prometheus's text format.

Several worker processes write their counters to files in one folder, from which the sums are read. The
environment variable PROMETHEUS_MULTIPROC_DIR names that folder (`gunicorn.conf.py` sets it).
Source: https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST

_LINK_OUTCOMES = Counter(
    "webstore_link_outcomes", "Attempts to link a user to a customer, by outcome.", ["status"]
)


def count_link_outcome(status: str) -> None:
    """Count one attempt to link a user to a customer, with its outcome."""
    _LINK_OUTCOMES.labels(status=status).inc()


def exposition() -> bytes:
    """All counters in Prometheus's text format, summed over the workers of this machine."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the package has no types
    return generate_latest(registry)
