"""For the load balancer: is the process alive, and may it get traffic."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers. It asks nobody: a vendor's outage must not make it be restarted."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> Response:
    """The process can serve shoppers; they are served during a vendor's outage too."""
    return Response("ok\n", mimetype="text/plain")
