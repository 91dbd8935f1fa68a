"""Subscriptions. In the sandbox only Checkout creates them, not the API.

Source: https://docs.stripe.com/api/subscriptions
"""

from typing import Any

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.errors import no_such
from webstore.sandbox.stripe.expanding import expanded, expands
from webstore.sandbox.stripe.payments import prorations, subscriptions
from webstore.sandbox.stripe.payments.changes import changed
from webstore.sandbox.stripe.resources.reading import found, list_params, page, retrieve_route
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/subscriptions", "/v1/subscriptions/{}"
#: Why a shopper cancelled: https://docs.stripe.com/api/subscriptions/object
CANCELLATION_REASONS = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)
_STATUSES = (
    "active all canceled ended incomplete incomplete_expired past_due paused trialing unpaid".split()  # noqa: SIM905
)


def table(world: World) -> Documents:
    """The table of subscriptions."""
    return world.payments.subscriptions


def update(call: Call) -> Document:
    """https://docs.stripe.com/api/subscriptions/update"""
    subscription = _not_canceled(call)
    # Any: checked parameters.
    given: dict[str, Any] = dict(call.params)
    changes: dict[str, object] = {}
    if "description" in given:
        changes["description"] = given["description"]
    if "metadata" in given:
        changes["metadata"] = params.merged_metadata(subscription["metadata"], given["metadata"])
    if "cancellation_details" in given:
        details = given["cancellation_details"] or {}
        changes["cancellation_details"] = {**subscription["cancellation_details"], **details}
    if given.get("cancel_at_period_end") not in (None, subscription["cancel_at_period_end"]):
        subscriptions.set_cancellation(call, subscription, given["cancel_at_period_end"], **changes)
    elif any(subscription[name] != value for name, value in changes.items()):
        changed(call, "customer.subscription.updated", table(call.world), subscription, **changes)
    return expanded(call, subscription)


def cancel(call: Call) -> Document:
    """https://docs.stripe.com/api/subscriptions/cancel"""
    subscription = _not_canceled(call)
    # Any: checked parameters.
    given: dict[str, Any] = dict(call.params)
    # Without `invoice_now` the credit stays a pending invoice item, which no endpoint of the sandbox shows.
    if given.get("prorate") and given.get("invoice_now"):
        prorations.credit_unused(call, subscription)
    subscriptions.cancel(call, subscription, given.get("cancellation_details"))
    return expanded(call, subscription)


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/subscriptions/list; canceled ones only when `status` asks for them."""
    status, price = call.params.get("status"), call.params.get("price")

    def keep(subscription: Document) -> bool:
        own = subscription["status"]
        if status is None:
            fits = own != "canceled"
        elif status == "ended":
            fits = own in ("canceled", "incomplete_expired")
        else:
            fits = status in ("all", own)
        return fits and (
            price is None or any(item["price"]["id"] == price for item in subscription["items"]["data"])
        )

    return page(call, table, "subscription", _ROOT, fields=("customer",), keep=keep)


def _not_canceled(call: Call) -> Document:
    subscription = found(call, table, "subscription", call.ids[0])
    if subscription["status"] in ("canceled", "incomplete_expired"):
        raise no_such("subscription", subscription["id"])
    return subscription


_DETAILS = params.fields(
    {
        "comment": params.text(),
        "feedback": params.one_of(*CANCELLATION_REASONS),
        "feedback_option": params.not_in_sandbox,
    }
)
_NOT_HERE = params.absent(
    "add_invoice_items application_fee_percent automatic_tax billing_cycle_anchor billing_schedules"
    " billing_thresholds cancel_at collection_method days_until_due default_payment_method default_source"
    " default_tax_rates discounts invoice_settings items off_session on_behalf_of pause_collection"
    " payment_behavior payment_settings pending_invoice_item_interval proration_behavior proration_date"
    " transfer_data trial_end trial_from_plan trial_settings"
)

ROUTES = (
    Route(
        "GET",
        _ROOT,
        list_all,
        "subscription_read",
        list_params(
            "subscription",
            {
                **params.absent(
                    "automatic_tax collection_method current_period_end current_period_start"
                    " customer_account plan test_clock"
                ),
                "customer": params.exact_text,
                "price": params.exact_text,
                "status": params.one_of(*_STATUSES),
            },
        ),
    ),
    retrieve_route(_ONE, table, "subscription", "subscription_read", "subscription"),
    Route(
        "POST",
        _ONE,
        update,
        "subscription_write",
        {
            **_NOT_HERE,
            "cancel_at_period_end": params.boolean,
            "cancellation_details": _DETAILS,
            "description": params.text(500),
            "expand": expands("subscription"),
            "metadata": params.metadata,
        },
    ),
    Route(
        "DELETE",
        _ONE,
        cancel,
        "subscription_write",
        {
            "cancellation_details": _DETAILS,
            "expand": expands("subscription"),
            "invoice_now": params.boolean,
            "prorate": params.boolean,
        },
    ),
)
