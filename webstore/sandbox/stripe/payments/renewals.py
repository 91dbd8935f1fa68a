"""The renewal of subscriptions at the end of each period, and the payment of their invoices.

Source: https://docs.stripe.com/billing/subscriptions/overview#subscription-lifecycle
"""

from dataclasses import replace

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.payments import intents, invoices
from webstore.sandbox.stripe.payments.cards import Decline
from webstore.sandbox.stripe.payments.changes import changed
from webstore.sandbox.stripe.payments.money import NOTHING
from webstore.sandbox.stripe.payments.periods import period_end
from webstore.sandbox.stripe.payments.subscription_items import period_line
from webstore.sandbox.stripe.payments.subscriptions import (
    cancel,
    current_end,
    follow_invoice,
    invoice_for,
)
from webstore.sandbox.stripe.routing import Call


def plan(call: Call, subscription: Document) -> None:
    """Renew the subscription at the end of its current period, by the sandbox's clock."""
    end = current_end(subscription)

    def job(due: float) -> None:
        if current_end(subscription) == end:  # else it was renewed early, and another job is planned
            renew(replace(call, now=due, request_id=None, idempotency_key=None), subscription)

    call.state.later(end, job)


def renew(call: Call, subscription: Document, decline: Decline | None = None) -> None:
    """At the end of a period, cancel as scheduled, or begin the next period and collect its invoice.

    Before the end of the period, the next one begins now. `decline` refuses the payment.
    """
    if subscription["status"] in ("canceled", "incomplete", "incomplete_expired"):
        return
    if subscription["cancel_at_period_end"]:
        cancel(call, subscription)
        return
    early = call.now < current_end(subscription)
    began = int(call.now) if early else current_end(subscription)
    anchor = began if early else subscription["billing_cycle_anchor"]
    items = []
    for item in subscription["items"]["data"]:
        end = period_end(item["price"], anchor, began)
        items.append({**item, "billed_until": end, "current_period_start": began, "current_period_end": end})
    trialing = subscription["status"] == "trialing"
    changed(
        call,
        "customer.subscription.updated",
        call.world.payments.subscriptions,
        subscription,
        billing_cycle_anchor=anchor,
        items={**subscription["items"], "data": items},
        status="active" if trialing else subscription["status"],
        trial_end=began if trialing else subscription["trial_end"],
    )
    money = call.world.payments.money.get(subscription["id"], NOTHING)
    lines = [period_line(call, item) for item in items]
    invoice = invoice_for(call, subscription, lines, "subscription_cycle", money, with_balance=True)
    collect(call, subscription, invoice, decline)
    plan(call, subscription)


def collect(call: Call, subscription: Document, invoice: Document, decline: Decline | None = None) -> None:
    """Charge the subscription's payment method for an invoice. `decline` refuses the payment."""
    payments = call.world.payments
    if invoice["amount_due"] == 0:
        invoices.paid(call, invoice, None)
        follow_invoice(call, invoice, succeeded=True)
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
    invoices.attach(call, invoice, "payment_intent", intent["id"])
    refused = decline or card.later
    if refused is not None:
        intents.refuse(call, intent, method, refused)
        invoices.failed(call, invoice, intent)
    else:
        intents.succeed(call, intent, method)
        invoices.paid(call, invoice, intent)
    follow_invoice(call, invoice, succeeded=refused is None)
