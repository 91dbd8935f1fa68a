"""Subscription items. Source: https://docs.stripe.com/api/subscription_items"""

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import no_such
from webstore.sandbox.stripe.expanding import expanded, expands
from webstore.sandbox.stripe.resources import subscriptions
from webstore.sandbox.stripe.resources.reading import found, sublist, sublist_params
from webstore.sandbox.stripe.routing import Call, Route

_ROOT = "/v1/subscription_items"


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/subscription_items/list"""
    id = str(call.params["subscription"])
    owner = found(call, subscriptions.table, "subscription", id, param="subscription", status=404)
    return sublist(call, owner["items"]["data"], "subscription_item", f"{_ROOT}?subscription={owner['id']}")


def retrieve(call: Call) -> Document:
    """https://docs.stripe.com/api/subscription_items/retrieve"""
    (id,) = call.ids
    for owner in subscriptions.table(call.world).newest():
        for item in owner["items"]["data"]:
            if item["id"] == id:
                return expanded(call, item)
    raise no_such("subscription_item", id)


ROUTES = (
    Route(
        "GET",
        _ROOT,
        list_all,
        "subscription_read",
        {**sublist_params("subscription_item"), "subscription": params.given_text()},
        required=("subscription",),
    ),
    Route("GET", f"{_ROOT}/{{}}", retrieve, "subscription_read", {"expand": expands("subscription_item")}),
)
