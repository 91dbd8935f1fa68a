"""Controls for what people do outside of the API: in the dashboard, at a bank, or at Stripe.

Tests in the same process call the methods of `Controls`. Others use the HTTP endpoints under
`/_sandbox/stripe/`, which take the same arguments as JSON and return the changed object.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint
from flask.typing import ResponseReturnValue

from webstore.sandbox.control_http import json_object
from webstore.sandbox.stripe.controls.base import ControlBase
from webstore.sandbox.stripe.controls.checkout import CheckoutControls
from webstore.sandbox.stripe.controls.events import EventControls
from webstore.sandbox.stripe.controls.invoices import InvoiceControls
from webstore.sandbox.stripe.controls.payments import PaymentControls
from webstore.sandbox.stripe.controls.refunds import RefundControls
from webstore.sandbox.stripe.controls.subscriptions import SubscriptionControls
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.state import State


class Controls(
    CheckoutControls, EventControls, InvoiceControls, PaymentControls, RefundControls, SubscriptionControls
):
    """All controls. A method raises LookupError for an unknown ID, ValueError for an impossible request."""


@dataclass(frozen=True)
class StateControls(Controls):
    """The controls of a state, for the dashboard."""

    state: State


_ROOT = "/_sandbox/stripe"
# The paths below it, each with its method. All are POST requests.
_PATHS: dict[str, Callable[..., object]] = {
    "/charges/<id>/dispute": Controls.dispute,
    "/charges/<id>/receipt": Controls.send_receipt,
    "/disputes/<id>/close": Controls.close_dispute,
    "/endpoints": Controls.add_endpoint,
    "/invoices": Controls.add_invoice,
    "/invoices/<id>/credit": Controls.credit_invoice,
    "/invoices/<id>/pay": Controls.pay_invoice,
    "/invoices/<id>/uncollectible": Controls.mark_uncollectible,
    "/invoices/<id>/void": Controls.void_invoice,
    "/payments/<id>/settle": Controls.settle,
    "/sessions/<id>/money": Controls.price_session,
    "/subscriptions": Controls.subscribe,
    "/subscriptions/<id>/change": Controls.change_subscription,
    "/subscriptions/<id>/renew": Controls.renew,
}


def endpoints(controls: ControlBase) -> Blueprint:
    """The HTTP endpoints of the controls."""
    blueprint = Blueprint("stripe_controls", __name__, url_prefix=_ROOT)

    def register(path: str, method: Callable[..., object]) -> None:
        def view(**ids: str) -> ResponseReturnValue:
            given = json_object()
            try:
                bound = inspect.signature(method).bind(controls, *ids.values(), **given)
            except TypeError as problem:
                return {"error": f"the arguments of {path}: {problem}"}, 400
            try:
                made = method(*bound.args, **bound.kwargs)
            except LookupError as problem:
                return {"error": f"there is no {problem.args[0]}"}, 404
            except (ValueError, TypeError, StripeError) as problem:
                return {"error": str(problem)}, 400
            return ("", 204) if made is None else ({"object": made}, 200)

        blueprint.add_url_rule(path, method.__name__, view, methods=["POST"])

    @blueprint.get("/")
    def index() -> ResponseReturnValue:
        return {"endpoints": {f"POST {_ROOT}{path}": _summary(method) for path, method in _PATHS.items()}}

    for path, method in _PATHS.items():
        register(path, method)
    return blueprint


def _summary(method: Callable[..., object]) -> dict[str, object]:
    """What a control does, and the arguments that it takes as JSON."""
    arguments = inspect.signature(method).parameters.values()
    named = [argument for argument in arguments if argument.kind is argument.KEYWORD_ONLY]
    return {
        "does": (inspect.getdoc(method) or "").partition("\n")[0],
        "arguments": [
            argument.name if argument.default is argument.empty else f"{argument.name}={argument.default!r}"
            for argument in named
        ],
    }
