"""What the running store says to `flask doctor` about itself and about the request as it arrived."""

from __future__ import annotations

from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from webstore.doctor import self_report
from webstore.errors import StateUnavailable

from . import services
from .own_host import VISITED

blueprint = Blueprint("doctor", __name__)


@blueprint.get("/doctor")
def report() -> ResponseReturnValue:
    """The report, for a caller that proves that it knows APP_SECRET_KEY; everybody else gets 404."""
    settings = services().settings
    if not self_report.is_signed(request.headers.get(self_report.HEADER, ""), settings.app_secret_key):
        abort(404)
    try:
        state_id = self_report.state_id(services().state)
    except StateUnavailable:
        state_id = None
    forwarded = request.headers.get("X-Forwarded-For", "")
    return {
        "settings": self_report.digests(settings),
        "state": state_id,
        "forwarded_for": len([it for it in forwarded.split(",") if it.strip()]),
        "host": str(request.environ.get(VISITED, ""))[:200],
    }
