"""Setup intents. In the sandbox only Checkout creates them, not the API.

Source: https://docs.stripe.com/api/setup_intents
"""

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.resources.reading import list_params, page, retrieve_route
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/setup_intents", "/v1/setup_intents/{}"


def table(world: World) -> Documents:
    """The table of setup intents."""
    return world.payments.setup_intents


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/setup_intents/list"""
    method = call.params.get("payment_method")

    def keep(intent: Document) -> bool:
        return method in (None, intent["payment_method"])

    return page(call, table, "setup_intent", _ROOT, fields=("customer",), keep=keep)


ROUTES = (
    Route(
        "GET",
        _ROOT,
        list_all,
        "setup_intent_read",
        list_params(
            "setup_intent",
            {
                **params.absent("attach_to_self customer_account"),
                "customer": params.exact_text,
                "payment_method": params.exact_text,
            },
        ),
    ),
    retrieve_route(_ONE, table, "setup_intent", "setup_intent_read", "setup_intent"),
)
