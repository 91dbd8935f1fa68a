"""For the load balancer and the operator: whether the process is alive and ready, and its counters."""

from __future__ import annotations

import hmac

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from webstore.addresses import is_loopback
from webstore.gateways import metrics

from . import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers. It makes no call: a vendor's outage must not restart it."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """The process has a catalogue, or has tried to read one: its first shoppers do not wait for it.

    A vendor's outage does not make it unready: shoppers are served meanwhile.
    """
    if services().catalogue.warm():
        return Response("ok\n", mimetype="text/plain")
    return Response("reading the catalogue\n", 503, {"Retry-After": "1"}, mimetype="text/plain")


@blueprint.get("/metrics")
def show_metrics() -> Response:
    """The counters, for the bearer token METRICS_TOKEN; without that setting, for this machine alone."""
    token = services().settings.metrics_token
    if token is None:
        forwarded = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "Via"))
        if forwarded or not is_loopback(request.remote_addr or ""):
            abort(404)
    elif not hmac.compare_digest(
        request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
    ):
        abort(401, "The metrics need the bearer token METRICS_TOKEN.")
    return Response(metrics.exposition(), content_type=metrics.CONTENT_TYPE)
