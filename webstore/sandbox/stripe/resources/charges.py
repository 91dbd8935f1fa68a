"""Charges. Source: https://docs.stripe.com/api/charges"""

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Documents
from webstore.sandbox.stripe.resources.reading import list_params, page, retrieve_route
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/charges", "/v1/charges/{}"


def table(world: World) -> Documents:
    """The table of charges."""
    return world.payments.charges


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/charges/list"""
    return page(call, table, "charge", _ROOT, fields=("payment_intent", "customer"))


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
    retrieve_route(_ONE, table, "charge", "charge_read", "charge"),
)
