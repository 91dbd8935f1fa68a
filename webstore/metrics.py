"""What the store measures, in Prometheus's text format, for the operator.

Several worker processes write their figures to files in one folder, from which the sums are read. The
environment variable PROMETHEUS_MULTIPROC_DIR names that folder (`gunicorn.conf.py` sets it). Each label has a
small number of values: no figure is about one shopper. docs/operations.md lists what there is.

Source: https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from functools import cache, lru_cache, wraps
from typing import ParamSpec

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from . import metric_files

log = logging.getLogger(__name__)

P = ParamSpec("P")

metric_files.install()

CONTENT_TYPE = CONTENT_TYPE_LATEST
_FULL = ("ENOSPC", "EDQUOT")
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
#: Seconds: the upper bounds of the classes into which durations are counted.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_REQUESTS = Histogram(
    "webstore_request_seconds",
    "Seconds from the start of a request until its answer was made.",
    ["route", "method", "status"],
    buckets=_SECONDS,
)
_UPSTREAM = Histogram(
    "webstore_upstream_seconds",
    "Seconds that a call to another service took; answer: its status, or none.",
    ["service", "method", "answer"],
    buckets=_SECONDS,
)
_NOT_CALLED = Counter(
    "webstore_upstream_not_called", "Calls to another service that were not made.", ["service", "reason"]
)
# A label makes a gauge appear only in the processes that set it, not in gunicorn's master.
_BREAKER = Gauge(
    "webstore_breaker_open",
    "1 while a worker makes no calls to a service, because it has been hanging.",
    ["service"],
    multiprocess_mode="livemax",
)
_CATALOGUE = Gauge(
    "webstore_catalogue_read_timestamp_seconds",
    "When Stripe was last asked for the catalogue that is shown, as Unix time.",
    ["mode"],
    multiprocess_mode="livemax",
)
_PRODUCTS = Gauge(
    "webstore_catalogue_products",
    "Products in the catalogue that is shown.",
    ["mode"],
    multiprocess_mode="livemostrecent",
)
_LINK_OUTCOMES = Counter(
    "webstore_link_outcomes",
    "Attempts to link a user to a customer, by outcome and by Stripe account and mode.",
    ["status", "world"],
)
_CACHE_READS = Counter("webstore_cache_reads", "Reads of a cache: hit or miss.", ["cache", "result"])
_RATE_LIMITED = Counter(
    "webstore_rate_limited", "Requests that were refused because of a rate limit.", ["limit"]
)
_WEBHOOKS = Counter(
    "webstore_webhook_events", "Stripe's events by how their handling ended.", ["type", "outcome"]
)
_STATE_FAILURES = Counter(
    "webstore_state_failures", "Uses of the shared state that failed or were left out.", ["part"]
)


# Each page counts with these, and looking for a figure by its labels takes longer than counting.
_of_request = lru_cache(maxsize=1024)(_REQUESTS.labels)
_of_cache = lru_cache(maxsize=64)(_CACHE_READS.labels)


def _kept_from_shoppers(count: Callable[P, None]) -> Callable[P, None]:
    """The files of the figures may be gone or the disk full: log it once, and go on."""

    @wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(*args, **kwargs)
        except (OSError, ValueError) as exc:
            _note_loss(exc)

    return counted


@_kept_from_shoppers
def observe_request(route: str, method: str, status: str, seconds: float) -> None:
    """Count one request. `route`: the pattern of its address, not the address. `status`: its three digits."""
    _of_request(route, method if method in _METHODS else "other", status).observe(seconds)


@_kept_from_shoppers
def observe_call(service: str, method: str, status: int | None, seconds: float) -> None:
    """Count one call to another service. `status`: None without an answer."""
    _UPSTREAM.labels(label_of(service), method, str(status or "none")).observe(seconds)


@_kept_from_shoppers
def count_not_called(service: str, reason: str) -> None:
    """Count a call that was not made: `breaker`, `deadline` or `busy`."""
    _NOT_CALLED.labels(label_of(service), reason).inc()


@_kept_from_shoppers
def note_breaker(service: str, open_: int) -> None:
    """Note that the circuit breaker of a service opened (1) or closed (0) in this process."""
    _BREAKER.labels(label_of(service)).set(open_)


@_kept_from_shoppers
def note_catalogue(mode: str, read_at: float, products: int) -> None:
    """Note the catalogue that this process shows. `mode`: test or live. `read_at`: Unix seconds."""
    _CATALOGUE.labels(mode).set(read_at)
    _PRODUCTS.labels(mode).set(products)


@_kept_from_shoppers
def count_link_outcome(status: str, world: str) -> None:
    """Count one attempt to link a user to a customer.

    `world`: the Stripe account and mode, or the mode alone while this process has not read the account.
    """
    _LINK_OUTCOMES.labels(status, world).inc()


@_kept_from_shoppers
def count_cache_read(name: str, result: str) -> None:
    """Count one read of a cache. `result`: hit or miss."""
    _of_cache(name, result).inc()


@_kept_from_shoppers
def count_rate_limited(limit: str) -> None:
    """Count a request that a rate limit refused. `limit`: its name, not whom it is for."""
    _RATE_LIMITED.labels(limit).inc()


@_kept_from_shoppers
def count_webhook(event_type: str, outcome: str) -> None:
    """Count an event of Stripe. `event_type`: one that the store handles, or "other"."""
    _WEBHOOKS.labels(event_type, outcome).inc()


@_kept_from_shoppers
def count_state_failure(part: str) -> None:
    """Count a use of the shared state that failed. `part`: cache, counters or ended_sessions."""
    _STATE_FAILURES.labels(part).inc()


def label_of(service: str) -> str:
    """The label of a service that messages call "the Auth0 Management API": auth0_management_api."""
    return service.lower().removeprefix("the ").replace(" ", "_").replace("'", "")


def exposition() -> bytes | None:
    """All figures in Prometheus's text format, summed over the workers of this machine.

    None if their folder cannot be used, for example because temporary files were deleted.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the package has no types
        return generate_latest(registry)
    except (OSError, ValueError) as exc:
        _note_loss(exc)
        return None


def _note_loss(problem: Exception) -> None:
    """Log once in a process for each kind of problem that the folder of the figures cannot be used."""
    _log_loss(errno.errorcode.get(getattr(problem, "errno", None) or 0, type(problem).__name__))


@cache
def _log_loss(kind: str) -> None:
    if kind in _FULL:
        log.warning("figures of /metrics are missing until the disk of their folder has space (%s)", kind)
    else:
        log.warning("the counters of /metrics are lost until the next start: their folder is gone (%s)", kind)
