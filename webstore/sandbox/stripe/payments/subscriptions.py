"""The lifecycle of a subscription. Source: https://docs.stripe.com/billing/subscriptions/overview"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments import invoice_documents, invoices
from webstore.sandbox.stripe.payments.changes import changed, happened
from webstore.sandbox.stripe.payments.money import NOTHING, Money
from webstore.sandbox.stripe.payments.periods import period_end
from webstore.sandbox.stripe.payments.subscription_items import new_item
from webstore.sandbox.stripe.routing import Call

_DAY_S = 86_400


def start(
    call: Call,
    *,
    customer: str,
    lines: Sequence[Document],
    method: Document,
    data: Mapping[str, Any],
    automatic_tax: bool,
    money: Money = NOTHING,
) -> tuple[Document, Document]:
    """Create a subscription to the recurring lines of a session. Returns it and its first, open invoice."""
    payments, now = call.world.payments, int(call.now)
    recurring = [line for line in lines if line["price"]["recurring"] is not None]
    trial_days = data.get("trial_period_days")
    trial_end = now + trial_days * _DAY_S if trial_days else data.get("trial_end")
    anchor = trial_end or now
    id = new_id("sub_", 24)
    period = (now, trial_end or period_end(recurring[0]["price"], anchor, now))
    items = [new_item(call, id, line["price"], line["quantity"], period) for line in recurring]
    subscription: Document = {
        "id": id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": automatic_tax,
            "liability": {"type": "self"} if automatic_tax else None,
        },
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
        },
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": recurring[0]["currency"],
        "customer": customer,
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": method["id"],
        "default_source": None,
        "default_tax_rates": [],
        "description": data.get("description"),
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={id}",
        },
        "latest_invoice": None,
        "livemode": call.world.livemode,
        "managed_payments": {"enabled": False},
        "metadata": data.get("metadata") or {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "trialing" if trial_end else "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {
            "end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}
        },
        "trial_start": now if trial_end else None,
    }
    payments.subscriptions.add(subscription)
    payments.money[id] = lasting = money.renewing
    if lasting.discount is not None:
        payments.discounts.change(lasting.discount, subscription=id)
        subscription["discounts"] = [lasting.discount["id"]]
    by_price = {item["price"]["id"]: item for item in items}
    first = invoice_documents.session_lines(lines, by_price)
    invoice = invoice_for(call, subscription, first, "subscription_create", money)
    happened(call, "customer.subscription.created", subscription)
    return subscription, invoice


def invoice_for(
    call: Call,
    subscription: Document,
    lines: Sequence[invoice_documents.Line],
    reason: str,
    money: Money,
    *,
    with_balance: bool = False,
) -> Document:
    """Create the subscription's next invoice. `reason` is its `billing_reason`."""
    invoice = invoice_documents.add(
        call,
        subscription["customer"],
        lines,
        reason=reason,
        subscription=subscription,
        automatic_tax=subscription["automatic_tax"]["enabled"],
        money=money,
        with_balance=with_balance,
    )
    call.world.payments.subscriptions.change(subscription, latest_invoice=invoice["id"])
    return invoice


def follow_invoice(call: Call, invoice: Document, *, succeeded: bool) -> None:
    """Set the status of a subscription after a payment of its latest invoice: `active`, or `past_due`.

    A latest invoice that is void or uncollectible counts like a paid one.
    Source: https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
    """
    parent = invoice["parent"]
    subscriptions = call.world.payments.subscriptions
    subscription = subscriptions.get(parent["subscription_details"]["subscription"]) if parent else None
    status = "active" if succeeded else "past_due"
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return
    if subscription["status"] == "incomplete" and (not succeeded or invoice["status"] != "paid"):
        return
    if subscription["status"] not in ("active", "incomplete", "past_due", "trialing"):
        return
    if subscription["status"] != status:
        changed(call, "customer.subscription.updated", subscriptions, subscription, status=status)


# How long a subscription waits for its first payment:
# https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
_INCOMPLETE_S = 23 * 3600


def leave_incomplete(call: Call, subscription: Document) -> None:
    """Mark a subscription whose first payment was refused. It expires when nobody pays for 23 hours."""
    table = call.world.payments.subscriptions
    changed(call, "customer.subscription.updated", table, subscription, status="incomplete")

    def expire(due: float) -> None:
        if subscription["status"] == "incomplete":
            later = replace(call, now=due)
            invoice = call.world.payments.invoices.get(subscription["latest_invoice"])
            if invoice is not None and invoice["status"] == "open":
                invoices.void(later, invoice)
            status, ended = "incomplete_expired", int(due)
            changed(
                later, "customer.subscription.updated", table, subscription, status=status, ended_at=ended
            )

    call.state.later(call.now + _INCOMPLETE_S, expire)


def set_cancellation(call: Call, subscription: Document, at_period_end: bool, **changes: object) -> None:
    """Schedule the subscription's cancellation at the end of its period, or undo that."""
    details = {**subscription["cancellation_details"]}
    details["reason"] = "cancellation_requested" if at_period_end else None
    changed(
        call,
        "customer.subscription.updated",
        call.world.payments.subscriptions,
        subscription,
        **{
            "cancel_at": current_end(subscription) if at_period_end else None,
            "cancel_at_period_end": at_period_end,
            "canceled_at": int(call.now) if at_period_end else None,
            "cancellation_details": details,
            **changes,
        },
    )


def cancel(call: Call, subscription: Document, details: Mapping[str, object] | None = None) -> None:
    """Cancel the subscription now. Its open invoices are no longer collected.

    Source: https://docs.stripe.com/billing/subscriptions/cancel
    """
    for invoice in call.world.payments.invoices.having("customer", subscription["customer"]):
        parent = (invoice["parent"] or {}).get("subscription_details") or {}
        if parent.get("subscription") == subscription["id"] and invoice["status"] == "open":
            call.world.payments.invoices.change(invoice, auto_advance=False)
    changed(
        call,
        "customer.subscription.deleted",
        call.world.payments.subscriptions,
        subscription,
        canceled_at=subscription["canceled_at"] or int(call.now),
        cancellation_details={
            **subscription["cancellation_details"],
            **(details or {}),
            "reason": "cancellation_requested",
        },
        ended_at=int(call.now),
        status="canceled",
    )


def cancel_all(call: Call, customer: str) -> None:
    """Cancel all subscriptions of a deleted customer: https://docs.stripe.com/api/customers/delete"""
    for subscription in call.world.payments.subscriptions.having("customer", customer):
        if subscription["status"] != "canceled":
            cancel(call, subscription)


def current_end(subscription: Document) -> int:
    """The end of the current period in Unix seconds."""
    return int(subscription["items"]["data"][0]["current_period_end"])
