"""Liveness, readiness and metrics, for the load balancer and the operator."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from webstore import metrics
from webstore.addresses import is_loopback

from . import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Liveness: the process answers. It calls no vendor, whose outage must not restart the process."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Readiness: whether a load balancer should send shoppers to this process.

    A process is ready when it has used the shared state once, and has read a catalogue or tried to. Once it
    is ready, it stays so: in an outage of Redis or of a vendor it still serves shoppers, and if every process
    said no, there would be no store at all. A probe makes no call to a vendor, and at most one use of the
    shared state a second.
    """
    waiting_for = services().readiness.waiting_for()
    if waiting_for is None:
        return Response("ok\n", mimetype="text/plain")
    return Response(f"{waiting_for}\n", 503, {"Retry-After": "1"}, mimetype="text/plain")


@blueprint.get("/metrics")
def show_metrics() -> Response:
    """The counters. They need the bearer token METRICS_TOKEN.

    Without a token they are shown only by a store whose own address is this machine's, and only to this
    machine: behind a proxy, each request seems to come from here.
    """
    settings = services().settings
    token = settings.metrics_token
    if token is None:
        if not is_loopback(urlsplit(settings.base_url).hostname):
            abort(404)
        forwarded = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "Via"))
        if forwarded or not is_loopback(request.remote_addr or ""):
            abort(404)
    elif not hmac.compare_digest(
        request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
    ):
        abort(401, "The metrics need the bearer token METRICS_TOKEN.")
    counters = metrics.exposition()
    if counters is None:
        abort(404, "The counters are lost until the next start: their folder is gone.")
    return Response(counters, content_type=metrics.CONTENT_TYPE)
