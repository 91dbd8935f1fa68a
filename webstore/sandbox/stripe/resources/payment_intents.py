"""Payment intents. In the sandbox only payments create them, not the API.

Source: https://docs.stripe.com/api/payment_intents
"""

from typing import cast

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.expanding import expanded, expands
from webstore.sandbox.stripe.resources.reading import found, list_params, page, retrieve_route
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/payment_intents", "/v1/payment_intents/{}"


def table(world: World) -> Documents:
    """The table of payment intents."""
    return world.payments.intents


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/payment_intents/list"""
    return page(call, table, "payment_intent", _ROOT, fields=("customer",))


def update(call: Call) -> Document:
    """https://docs.stripe.com/api/payment_intents/update; the sandbox changes description and metadata."""
    intent = found(call, table, "payment_intent", call.ids[0])
    changes = {name: call.params[name] for name in ("description",) if name in call.params}
    if "metadata" in call.params:
        given = cast(dict[str, str] | None, call.params["metadata"])
        changes["metadata"] = params.merged_metadata(intent["metadata"], given)
    table(call.world).change(intent, **changes)
    return expanded(call, intent)


ROUTES = (
    Route(
        "GET",
        _ROOT,
        list_all,
        "payment_intent_read",
        list_params(
            "payment_intent", {"customer": params.exact_text, "customer_account": params.not_in_sandbox}
        ),
    ),
    retrieve_route(_ONE, table, "payment_intent", "payment_intent_read", "payment_intent"),
    Route(
        "POST",
        _ONE,
        update,
        "payment_intent_write",
        {"description": params.text(1000), "expand": expands("payment_intent"), "metadata": params.metadata},
    ),
)
