"""Refunds. Source: https://docs.stripe.com/api/refunds"""

from typing import Any, cast

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.expanding import expanded, expands
from webstore.sandbox.stripe.payments.refunds import refund
from webstore.sandbox.stripe.resources import charges, payment_intents
from webstore.sandbox.stripe.resources.reading import found, list_params, page, retrieve_route
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/refunds", "/v1/refunds/{}"


def table(world: World) -> Documents:
    """The table of refunds."""
    return world.payments.refunds


def create(call: Call) -> Document:
    """https://docs.stripe.com/api/refunds/create"""
    # Any: checked parameters.
    given: dict[str, Any] = dict(call.params)
    made = refund(
        call,
        _charge(call),
        given.get("amount"),
        reason=given.get("reason"),
        metadata=params.merged_metadata({}, given.get("metadata") or {}),
    )
    return expanded(call, made)


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/refunds/list"""
    return page(call, table, "refund", _ROOT, fields=("charge", "payment_intent"))


def _charge(call: Call) -> Document:
    """The charge to refund: the given one, or the latest charge of the given payment intent."""
    charge, intent = (cast(str | None, call.params.get(name)) for name in ("charge", "payment_intent"))
    if (charge is None) == (intent is None):
        raise StripeError(
            400,
            "One of the following params should be provided for this request: payment_intent or charge."
            if charge is None
            else "You may only specify one of these parameters: charge, payment_intent.",
        )
    if charge is not None:
        return found(call, charges.table, "charge", charge, param="charge")
    owner = found(call, payment_intents.table, "payment_intent", str(intent), param="payment_intent")
    if owner["status"] != "succeeded":
        raise StripeError(
            400,
            f"This PaymentIntent ({owner['id']}) does not have a successful charge to refund.",
            code="payment_intent_unexpected_state",
            param="payment_intent",
        )
    return found(call, charges.table, "charge", owner["latest_charge"], param="payment_intent")


ROUTES = (
    Route(
        "POST",
        _ROOT,
        create,
        "refund_write",
        {
            **params.absent(
                "currency customer instructions_email origin refund_application_fee reverse_transfer"
            ),
            "amount": params.integer(1),
            "charge": params.given_text(),
            "expand": expands("refund"),
            "metadata": params.metadata,
            "payment_intent": params.given_text(),
            "reason": params.one_of("duplicate", "fraudulent", "requested_by_customer"),
        },
    ),
    Route(
        "GET",
        _ROOT,
        list_all,
        "refund_read",
        list_params("refund", {"charge": params.exact_text, "payment_intent": params.exact_text}),
    ),
    retrieve_route(_ONE, table, "refund", "refund_read", "refund"),
)
