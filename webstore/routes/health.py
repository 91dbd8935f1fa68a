"""For the load balancer: is the process alive, and may it get traffic."""

from __future__ import annotations

import hmac

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from webstore.gateways import metrics
from webstore.settings import is_loopback

from . import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers. It asks nobody: a vendor's outage must not make it be restarted."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """The process can serve shoppers; they are served during a vendor's outage too."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/metrics")
def show_metrics() -> Response:
    """The counters: with the bearer token METRICS_TOKEN, or, without one, for this machine itself."""
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
