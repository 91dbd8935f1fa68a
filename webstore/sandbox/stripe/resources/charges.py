"""Charges. Source: https://docs.stripe.com/api/charges"""

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Documents
from webstore.sandbox.stripe.resources.reading import (
    found,
    list_params,
    page,
    retrieve_route,
    sublist,
    sublist_params,
)
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/charges", "/v1/charges/{}"


def table(world: World) -> Documents:
    """The table of charges."""
    return world.payments.charges


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/charges/list"""
    return page(call, table, "charge", _ROOT, fields=("payment_intent", "customer"))


def list_refunds(call: Call) -> dict[str, object]:
    """The list inside an expanded charge: https://docs.stripe.com/api/charges/object#charge_object-refunds"""
    charge = found(call, table, "charge", call.ids[0])
    refunds = call.world.payments.refunds.having("charge", charge["id"])[::-1]
    return sublist(call, refunds, "refund", f"{_ROOT}/{charge['id']}/refunds")


ROUTES = (
    Route(
        "GET",
        _ROOT,
        list_all,
        "charge_read",
        list_params(
            "charge",
            {
                "customer": params.exact_text,
                "payment_intent": params.exact_text,
                "transfer_group": params.not_in_sandbox,
            },
        ),
    ),
    Route("GET", f"{_ONE}/refunds", list_refunds, "charge_read", sublist_params("refund")),
    retrieve_route(_ONE, table, "charge", "charge_read", "charge"),
)
