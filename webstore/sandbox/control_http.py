"""A vendor's controls over HTTP, under `/_sandbox/`."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

if TYPE_CHECKING:
    from webstore.sandbox.control import Control, LoggedRequest

_INDEX = {
    "POST /_sandbox/reset": (
        "restore the initial state, clock and settings; remove faults and requests; "
        'with {"empty": true} no demo data stays either, as in a new account, if the vendor can do that'
    ),
    "POST /_sandbox/seed": 'add made-up data, for example {"users": 1000}',
    "GET, DELETE /_sandbox/requests": "the log of requests",
    "GET, POST /_sandbox/clock": 'the time; move it on with {"advance": seconds}',
    "GET, PATCH /_sandbox/settings": "the vendor's switches",
    "GET, POST, DELETE /_sandbox/faults": "latency, hangs, resets, other statuses and bodies, cut answers",
}
_EXAMPLES = {
    "Begin again as after the start": "curl -X POST {at}/reset",
    "Let a day pass": "curl -X POST {at}/clock -d '{{\"advance\": 86400}}'",
    "Every request takes two seconds": (
        'curl -X POST {at}/faults -d \'{{"action": "latency", "seconds": 2, "path": ".*", "times": null}}\''
    ),
    "The next three POSTs get a 503": (
        "curl -X POST {at}/faults -d "
        '\'{{"action": "status", "status": 503, "method": "POST", "path": ".*", "times": 3}}\''
    ),
    "No faults any more": "curl -X DELETE {at}/faults",
    "What was asked so far": "curl {at}/requests",
}


def endpoints(control: "Control", index: Mapping[str, str]) -> Blueprint:
    """The HTTP endpoints of `control`. They read and return JSON; an invalid request gets 400 and `error`.

    `index` describes controls that the vendor has of its own, and replaces descriptions of the common ones.
    """
    blueprint = Blueprint("sandbox_control", __name__, url_prefix="/_sandbox")

    @blueprint.errorhandler(ValueError)
    def refuse(problem: ValueError) -> ResponseReturnValue:
        return {"error": str(problem)}, 400

    @blueprint.get("/")
    def listed() -> ResponseReturnValue:
        listing = {**_INDEX, **index}
        # A program that accepts anything gets JSON.
        wanted = request.accept_mimetypes.best_match(["application/json", "text/html"])
        return _page(control, listing) if wanted == "text/html" else {"endpoints": listing}

    @blueprint.post("/reset")
    def reset() -> ResponseReturnValue:
        control.reset(empty=_wants_empty(json_object()))
        return "", 204

    @blueprint.post("/seed")
    def seed() -> ResponseReturnValue:
        return dict(control.seed(json_object()))

    @blueprint.get("/requests")
    def requests() -> ResponseReturnValue:
        return {"requests": [_shown(entry) for entry in control.requests()]}

    @blueprint.delete("/requests")
    def clear_requests() -> ResponseReturnValue:
        control.clear_requests()
        return "", 204

    @blueprint.get("/clock")
    def clock() -> ResponseReturnValue:
        return {"now": control.clock.now()}

    @blueprint.post("/clock")
    def advance() -> ResponseReturnValue:
        seconds = json_object().get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ValueError("advance must be a number of seconds")
        control.clock.advance(seconds)
        return {"now": control.clock.now()}

    @blueprint.get("/settings")
    def settings() -> ResponseReturnValue:
        return control.settings()

    @blueprint.patch("/settings")
    def change_settings() -> ResponseReturnValue:
        control.change_settings(json_object())
        return control.settings()

    @blueprint.get("/faults")
    def faults() -> ResponseReturnValue:
        return {"faults": control.faults()}

    @blueprint.post("/faults")
    def add_fault() -> ResponseReturnValue:
        return {"id": control.add_fault(**json_object())}, 201

    @blueprint.delete("/faults")
    def clear_faults() -> ResponseReturnValue:
        control.clear_faults()
        return "", 204

    return blueprint


def _page(control: "Control", listing: Mapping[str, str]) -> str:
    address = f"{request.host_url}_sandbox"
    examples = {what: command.format(at=address) for what, command in _EXAMPLES.items()}
    return render_template("controls.html", endpoints=listing, examples=examples, settings=control.settings())


def _wants_empty(spec: Mapping[str, object]) -> bool:
    empty = spec.get("empty", False)
    if not set(spec) <= {"empty"} or not isinstance(empty, bool):
        raise ValueError('a reset takes {"empty": true} only')
    return empty


def _shown(entry: "LoggedRequest") -> dict[str, object]:
    """The entry as JSON shows it: with the caller's ID only if it sent one."""
    shown = dataclasses.asdict(entry)
    if entry.request_id is None:
        del shown["request_id"]
    return shown


def json_object() -> dict[str, object]:
    """The JSON object in the request's body; empty without a body. Raises ValueError for other bodies."""
    if not request.get_data():
        return {}
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body
