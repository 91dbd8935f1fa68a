"""Shipping rates. Source: https://docs.stripe.com/api/shipping_rates"""

from collections.abc import Mapping
from typing import Any, cast

from webstore.sandbox.stripe import catalogue, params
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError, no_such
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.lists import LIST_PARAMS, list_page
from webstore.sandbox.stripe.routing import Call, Route, expandable

_SPAN = params.fields(
    {
        "unit": params.one_of("business_day", "day", "hour", "month", "week"),
        "value": params.integer(1),
    },
    required=("unit", "value"),
)
_FIELDS: params.Schema = {
    "delivery_estimate": params.fields({"maximum": _SPAN, "minimum": _SPAN}),
    "display_name": params.given_text(100),
    "fixed_amount": params.fields(
        {
            "amount": params.integer(0),
            "currency": catalogue.CURRENCY,
            "currency_options": params.not_in_sandbox,
        },
        required=("amount", "currency"),
    ),
    "metadata": params.metadata,
    "tax_behavior": params.one_of("exclusive", "inclusive", "unspecified"),
    "tax_code": params.text(),
    "type": params.one_of("fixed_amount"),
}
#: The check for the parameters of a new rate inside another object.
RATE = params.fields(_FIELDS, required=("display_name",))


# Any: checked parameters.
def new_rate(call: Call, given: Mapping[str, Any]) -> Document:
    """Create a rate and add it to its table. Raises StripeError when the amount is missing."""
    amount = given.get("fixed_amount")
    if amount is None:
        raise StripeError(
            400, "Missing required param: fixed_amount.", code="parameter_missing", param="fixed_amount"
        )
    estimate = given.get("delivery_estimate")
    rate: Document = {
        "id": new_id("shr_1", 23),
        "object": "shipping_rate",
        "active": True,
        "created": int(call.now),
        "delivery_estimate": estimate
        and {"maximum": estimate.get("maximum"), "minimum": estimate.get("minimum")},
        "display_name": given["display_name"],
        "fixed_amount": {"amount": amount["amount"], "currency": amount["currency"]},
        "livemode": call.world.livemode,
        "metadata": params.merged_metadata({}, given.get("metadata") or {}),
        "tax_behavior": given.get("tax_behavior") or "unspecified",
        "tax_code": given.get("tax_code"),
        "type": "fixed_amount",
    }
    call.world.payments.shipping_rates.add(rate)
    return rate


def find_rate(call: Call, id: str, *, param: str = "id", status: int = 404) -> Document:
    """The rate with this ID. Raises StripeError, with a hint when the other mode has the rate."""
    rate = call.world.payments.shipping_rates.get(id)
    if rate is None:
        other = call.state.other_mode(call.world)
        there = other.payments.shipping_rates.get(id) is not None
        raise no_such("shipping rate", id, param=param, status=status, other_mode=other.mode if there else "")
    return rate


def create(call: Call) -> Document:
    """https://docs.stripe.com/api/shipping_rates/create"""
    return new_rate(call, call.params)


def retrieve(call: Call) -> Document:
    """https://docs.stripe.com/api/shipping_rates/retrieve"""
    return find_rate(call, call.ids[0])


def update(call: Call) -> Document:
    """https://docs.stripe.com/api/shipping_rates/update"""
    rate = find_rate(call, call.ids[0])
    changes: dict[str, object] = {
        name: call.params[name] for name in ("active", "tax_behavior") if name in call.params
    }
    if "metadata" in call.params:
        given = cast(dict[str, str] | None, call.params["metadata"])
        changes["metadata"] = params.merged_metadata(rate["metadata"], given)
    call.world.payments.shipping_rates.change(rate, **changes)
    return rate


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/shipping_rates/list"""
    active, currency = call.params.get("active"), call.params.get("currency")

    def keep(rate: Document) -> bool:
        return active in (None, rate["active"]) and currency in (None, rate["fixed_amount"]["currency"])

    return list_page(
        call.world.payments.shipping_rates,
        call.params,
        url="/v1/shipping_rates",
        kind="shipping rate",
        keep=keep,
        show=dict,
    )


_ROOT, _ONE = "/v1/shipping_rates", "/v1/shipping_rates/{}"
_EXPAND = {"expand": expandable()}

ROUTES = (
    Route("POST", _ROOT, create, "shipping_rate_write", {**_FIELDS, **_EXPAND}, required=("display_name",)),
    Route(
        "GET",
        _ROOT,
        list_all,
        "shipping_rate_read",
        {**LIST_PARAMS, **_EXPAND, "active": params.boolean, "currency": catalogue.CURRENCY},
    ),
    Route("GET", _ONE, retrieve, "shipping_rate_read", _EXPAND),
    Route(
        "POST",
        _ONE,
        update,
        "shipping_rate_write",
        {
            **_EXPAND,
            "active": params.boolean,
            "fixed_amount": params.not_in_sandbox,
            "metadata": params.metadata,
            "tax_behavior": _FIELDS["tax_behavior"],
        },
    ),
)
