"""Counters for the operator, in Prometheus's text format.

Under several worker processes the environment variable PROMETHEUS_MULTIPROC_DIR names a folder where they
add up (`gunicorn.conf.py` sets it): https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST

_LINK_OUTCOMES = Counter(
    "webstore_link_outcomes", "How attempts to link a user and a customer ended.", ["status"]
)


def count_link_outcome(status: str) -> None:
    """Count one attempt."""
    _LINK_OUTCOMES.labels(status=status).inc()


def exposition() -> bytes:
    """All counters, added up over the workers of this machine."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped in the package
    return generate_latest(registry)
