"""The lifecycle of a subscription. Source: https://docs.stripe.com/billing/subscriptions/overview"""

import calendar
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from webstore.sandbox.stripe.amounts import line_total
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments import intents, invoices
from webstore.sandbox.stripe.payments.changes import changed, happened
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
) -> tuple[Document, Document]:
    """Create a subscription to the recurring lines of a session. Returns it and its first, open invoice."""
    payments, now = call.world.payments, int(call.now)
    recurring = [line for line in lines if line["price"]["recurring"] is not None]
    trial_days = data.get("trial_period_days")
    trial_end = now + trial_days * _DAY_S if trial_days else data.get("trial_end")
    anchor = trial_end or now
    id = new_id("sub_", 24)
    period = (now, trial_end or period_end(recurring[0]["price"], anchor, now))
    items = [_item(call, id, line, period) for line in recurring]
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
            "updated_at": None,
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
            "total_count": len(items),
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
        "presentment_details": None,
        "schedule": None,
        "start_date": now,
        "status": "trialing" if trial_end else "active",
        "status_details": None,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {
            "end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}
        },
        "trial_start": now if trial_end else None,
    }
    payments.subscriptions.add(subscription)
    invoice = _invoice(call, subscription, lines, "subscription_create")
    happened(call, "customer.subscription.created", subscription)
    _plan_renewal(call, subscription)
    return subscription, invoice


def period_end(price: Document, anchor: int, after: int) -> int:
    """The end of the first billing period that ends later than `after`. All times are in Unix seconds.

    Source: https://docs.stripe.com/billing/subscriptions/billing-cycle
    """
    interval, count = price["recurring"]["interval"], price["recurring"]["interval_count"]
    ends = (_later(anchor, interval, count * number) for number in itertools.count(1))
    return next(end for end in ends if end > after)


def follow_invoice(call: Call, invoice: Document, *, succeeded: bool) -> None:
    """Set the status of an invoice's subscription after a payment: `active`, or `past_due` if it failed."""
    parent = invoice["parent"]
    subscriptions = call.world.payments.subscriptions
    subscription = subscriptions.get(parent["subscription_details"]["subscription"]) if parent else None
    status = "active" if succeeded else "past_due"
    if subscription is None or subscription["status"] not in ("active", "past_due", "trialing"):
        return
    if subscription["status"] != status:
        changed(call, "customer.subscription.updated", subscriptions, subscription, status=status)


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
    """Cancel the subscription now."""
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


def _plan_renewal(call: Call, subscription: Document) -> None:
    end = current_end(subscription)

    def renew(due: float) -> None:
        _renew(replace(call, now=due, request_id=None, idempotency_key=None), subscription)

    call.state.later(end, renew)


def _renew(call: Call, subscription: Document) -> None:
    """At the end of a period, cancel as scheduled, or begin the next period and collect its invoice."""
    if subscription["status"] == "canceled":
        return
    if subscription["cancel_at_period_end"]:
        cancel(call, subscription)
        return
    payments = call.world.payments
    began = current_end(subscription)
    items = [
        {
            **item,
            "current_period_start": began,
            "current_period_end": period_end(item["price"], subscription["billing_cycle_anchor"], began),
        }
        for item in subscription["items"]["data"]
    ]
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    changed(
        call,
        "customer.subscription.updated",
        payments.subscriptions,
        subscription,
        items={**subscription["items"], "data": items},
        status=status,
    )
    lines = [_as_line(call, item) for item in items]
    invoice = _invoice(call, subscription, lines, "subscription_cycle")
    _collect(call, subscription, invoice)
    _plan_renewal(call, subscription)


def _collect(call: Call, subscription: Document, invoice: Document) -> None:
    payments = call.world.payments
    if invoice["amount_due"] == 0:
        invoices.paid(call, invoice, None)
        return
    method = payments.methods.at(payments.methods.position_of(subscription["default_payment_method"]) or 0)
    card = payments.cards[method["id"]]
    intent = intents.add_intent(
        call,
        invoice["amount_due"],
        invoice["currency"],
        customer=subscription["customer"],
        types=[card.kind],
        data={"description": "Subscription update"},
    )
    invoices.attach(call, invoice, intent)
    if card.later is not None:
        intents.refuse(call, intent, method, card.later)
        invoices.failed(call, invoice, intent)
        follow_invoice(call, invoice, succeeded=False)
    else:
        intents.succeed(call, intent, method)
        invoices.paid(call, invoice, intent)
        follow_invoice(call, invoice, succeeded=True)


def _invoice(call: Call, subscription: Document, lines: Sequence[Document], reason: str) -> Document:
    items = {item["price"]["id"]: item for item in subscription["items"]["data"]}
    invoice = invoices.add(
        call,
        subscription["customer"],
        lines,
        reason=reason,
        subscription=subscription,
        items=items,
        automatic_tax=subscription["automatic_tax"]["enabled"],
    )
    call.world.payments.subscriptions.change(subscription, latest_invoice=invoice["id"])
    return invoice


def _as_line(call: Call, item: Document) -> Document:
    """A subscription item, converted to the shape of a session's line."""
    price, quantity = item["price"], item["quantity"]
    product = call.world.products.get(price["product"])
    return {
        "amount_total": line_total(Decimal(price["unit_amount_decimal"]), quantity),
        "currency": price["currency"],
        "description": price["product"] if product is None else product.name,
        "price": price,
        "quantity": quantity,
    }


def _item(call: Call, subscription_id: str, line: Document, period: tuple[int, int]) -> Document:
    price = line["price"]
    recurring = price["recurring"]
    return {
        "id": new_id("si_", 14),
        "object": "subscription_item",
        "billed_until": period[1],
        "billing_thresholds": None,
        "created": int(call.now),
        "current_period_end": period[1],
        "current_period_start": period[0],
        "current_trial": None,
        "discounts": [],
        "metadata": {},
        "plan": {
            "id": price["id"],
            "object": "plan",
            "active": price["active"],
            "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"],
            "billing_scheme": "per_unit",
            "created": price["created"],
            "currency": price["currency"],
            "interval": recurring["interval"],
            "interval_count": recurring["interval_count"],
            "livemode": price["livemode"],
            "metadata": price["metadata"],
            "meter": None,
            "nickname": price["nickname"],
            "product": price["product"],
            "tiers_mode": None,
            "transform_usage": None,
            "trial_period_days": recurring["trial_period_days"],
            "usage_type": "licensed",
        },
        "price": price,
        "quantity": line["quantity"],
        "subscription": subscription_id,
        "tax_rates": [],
    }


def _later(moment: int, interval: str, count: int) -> int:
    """The time `count` intervals after `moment`. In a month that is too short, its last day."""
    begin = datetime.fromtimestamp(moment, UTC)
    if interval in ("day", "week"):
        return int((begin + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = begin.month - 1 + count * (12 if interval == "year" else 1)
    year, month = begin.year + months // 12, months % 12 + 1
    day = min(begin.day, calendar.monthrange(year, month)[1])
    return int(begin.replace(year=year, month=month, day=day).timestamp())
