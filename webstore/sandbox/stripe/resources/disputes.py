"""Disputes. In the sandbox only controls open and decide them. Source: https://docs.stripe.com/api/disputes"""

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Documents
from webstore.sandbox.stripe.resources.reading import list_params, page, retrieve_route
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/disputes", "/v1/disputes/{}"


def table(world: World) -> Documents:
    """The table of disputes."""
    return world.payments.disputes


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/disputes/list"""
    return page(call, table, "dispute", _ROOT, fields=("charge", "payment_intent"))


ROUTES = (
    Route(
        "GET",
        _ROOT,
        list_all,
        "dispute_read",
        list_params("dispute", {"charge": params.exact_text, "payment_intent": params.exact_text}),
    ),
    retrieve_route(_ONE, table, "dispute", "dispute_read", "dispute"),
)
