"""What Stripe's documents say about a purchase, an invoice and their payments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import USER
from webstore.gateways.stripe.order_documents import charge_of, dispute_of, invoice_order, purchase
from webstore.shop.models import Money
from webstore.shop.order import DisputeState, Order, OrderKind, Part

CHARGE: dict[str, Any] = {
    "id": "ch_1",
    "status": "succeeded",
    "amount": 1000,
    "amount_captured": 1000,
    "amount_refunded": 0,
    "created": 6,
    "payment_intent": "pi_1",
    "receipt_url": "https://pay.stripe.com/r",
}
SESSION: dict[str, Any] = {
    "id": "cs_1",
    "created": 5,
    "currency": "eur",
    "mode": "payment",
    "amount_subtotal": 1000,
    "amount_total": 1000,
    "payment_status": "paid",
    "status": "complete",
    "metadata": {"auth0_user_id": USER},
    "payment_intent": {"id": "pi_1", "status": "succeeded", "latest_charge": CHARGE},
}
PAYMENT: dict[str, Any] = {
    "id": "inpay_1",
    "amount_requested": 1000,
    "amount_paid": 1000,
    "created": 5,
    "status": "paid",
    "status_transitions": {"paid_at": 7},
    "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
}
INVOICE: dict[str, Any] = {
    "id": "in_1",
    "created": 5,
    "status": "paid",
    "billing_reason": "subscription_cycle",
    "currency": "eur",
    "attempted": True,
    "subtotal": 1000,
    "total": 1000,
    "amount_due": 1000,
    "amount_paid": 1000,
    "amount_remaining": 0,
    "hosted_invoice_url": "https://invoice.stripe.com/i/1",
    "payments": {"data": [PAYMENT], "has_more": False},
}


def of_session(**changes: Any) -> Order:
    found = purchase({**SESSION, **changes})
    assert found is not None
    return found


def of_invoice(**changes: Any) -> Order:
    found = invoice_order({**INVOICE, **changes})
    assert found is not None
    return found


def open_invoice(**changes: Any) -> dict[str, Any]:
    left = {"status": "open", "amount_paid": 0, "amount_remaining": 1000}
    payment = {**PAYMENT, "status": "open", "amount_paid": None, "status_transitions": {"paid_at": None}}
    return {**INVOICE, **left, "payments": {"data": [payment]}, **changes}


def test_a_paid_purchase() -> None:
    found = of_session()
    assert (found.status, found.kind, found.owner, found.due) == ("paid", OrderKind.PURCHASE, USER, 0)
    assert found.receipt is not None
    assert found.receipt.receipt_url == "https://pay.stripe.com/r"


def test_a_purchase_with_the_fewest_fields() -> None:
    found = purchase({"id": "cs_1", "created": 5, "payment_status": "paid"})
    assert found is not None
    assert (found.id, found.created, found.total, found.lines) == ("cs_1", 5.0, Money(0, ""), ())


def test_a_session_that_only_saved_a_card_is_no_order() -> None:
    assert purchase({**SESSION, "mode": "setup", "payment_intent": None, "amount_total": None}) is None


def test_the_number_is_the_noted_one_if_it_is_one() -> None:
    own = of_session().number
    noted = of_session(metadata={"auth0_user_id": USER, "order_number": "261126-7K3QMX"})
    assert (noted.number, own) == ("261126-7K3QMX", of_session(metadata={"order_number": "nonsense"}).number)
    assert own.startswith("700101-")


@pytest.mark.parametrize(
    ("refunded", "status"),
    [(0, "paid"), (1, "partly_refunded"), (999, "partly_refunded"), (1000, "refunded")],
)
def test_refunds(refunded: int, status: str) -> None:
    charge = {**CHARGE, "amount_refunded": refunded}
    found = of_session(payment_intent={"id": "pi_1", "latest_charge": charge})
    assert (found.status, found.refunded) == (status, refunded)
    found = of_invoice().with_charges({"pi_1": charge_of(charge)})
    assert (found.status, found.refunded) == (status, refunded)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"payment_status": "no_payment_required", "payment_intent": None, "amount_total": 0}, "free"),
        ({"payment_intent": "pi_1"}, "paid"),
        (
            {"payment_status": "unpaid", "payment_intent": {"id": "pi_1", "status": "processing"}},
            "processing",
        ),
        ({"payment_status": "unpaid", "payment_intent": {"id": "pi_1", "status": "succeeded"}}, "paid"),
        (
            {"payment_status": "unpaid", "payment_intent": {"id": "pi_1", "status": "requires_action"}},
            "processing",
        ),
        (
            {"payment_status": "unpaid", "payment_intent": {"id": "p", "status": "requires_payment_method"}},
            "failed",
        ),
        ({"payment_status": "unpaid", "payment_intent": {"id": "pi_1", "status": "canceled"}}, "failed"),
        ({"payment_status": "unpaid", "payment_intent": None, "invoice": open_invoice()}, "processing"),
        (
            {"payment_status": "unpaid", "payment_intent": None, "invoice": open_invoice(status="void")},
            "void",
        ),
        (
            {"payment_status": "unpaid", "payment_intent": None}
            | {"invoice": open_invoice(status="uncollectible")},
            "uncollectible",
        ),
        # The first debit failed, and the invoice was paid by card later.
        ({"payment_status": "unpaid", "payment_intent": None, "invoice": INVOICE}, "paid"),
        ({"payment_status": "unpaid", "payment_intent": None, "invoice": None}, "processing"),
    ],
)
def test_the_status_of_a_purchase(changes: dict[str, Any], status: str) -> None:
    assert of_session(**changes).status == status


@pytest.mark.parametrize(
    ("charge", "status"), [({"status": "failed"}, "failed"), ({"status": "pending"}, "processing")]
)
def test_a_first_debit_that_failed_is_not_in_progress(charge: dict[str, Any], status: str) -> None:
    """The session says "unpaid" in both cases: the charge decides."""
    found = of_session(
        mode="subscription", payment_status="unpaid", payment_intent=None, invoice=open_invoice()
    )
    found = found.with_charges({"pi_1": charge_of({**CHARGE, **charge})})
    assert found.status == status
    assert found.to_be_paid
    assert found.invoice_url == "https://invoice.stripe.com/i/1"


PARTLY = {"status": "open", "amount_paid": 400, "amount_remaining": 600}
TWO = [{**PAYMENT, "amount_paid": 400}, {**PAYMENT, "id": "inpay_2", "status": "open", "amount_paid": None}]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "paid"),
        (open_invoice(attempted=False), "due"),
        ({**PARTLY, "payments": {"data": TWO}}, "partly_paid"),
        (open_invoice(status="void"), "void"),
        (open_invoice(status="uncollectible"), "uncollectible"),
        ({"amount_remaining": 0, "amount_paid": 0, "amount_due": 0, "payments": {"data": []}}, "paid"),
        ({"total": 0, "amount_due": 0, "amount_paid": 0, "payments": {"data": []}}, "free"),
        ({"total": -500, "amount_due": 0, "amount_paid": 0, "payments": {"data": []}}, "credit"),
        ({"post_payment_credit_notes_amount": 300}, "partly_refunded"),
        ({"post_payment_credit_notes_amount": 1000}, "refunded"),
    ],
)
def test_the_status_of_an_invoice(changes: dict[str, Any], status: str) -> None:
    assert of_invoice(**changes).status == status


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("subscription_cycle", OrderKind.RENEWAL),
        ("subscription_update", OrderKind.CHANGE),
        ("subscription_create", OrderKind.SUBSCRIPTION),
        ("manual", OrderKind.INVOICE),
        ("subscription_threshold", OrderKind.INVOICE),
        (None, OrderKind.INVOICE),
    ],
)
def test_every_invoice_is_an_order(reason: str | None, kind: OrderKind) -> None:
    assert of_invoice(billing_reason=reason).kind is kind


def test_drafts_and_the_first_invoice_of_a_purchase_are_no_orders() -> None:
    assert invoice_order({**INVOICE, "status": "draft"}) is None
    parent = {"subscription_details": {"metadata": {"auth0_user_id": USER}}}
    assert invoice_order({**INVOICE, "billing_reason": "subscription_create", "parent": parent}) is None


def test_a_credit_note_with_its_refund_counts_once() -> None:
    found = of_invoice(post_payment_credit_notes_amount=300)
    assert (found.refunded, found.credited) == (0, 300)
    found = found.with_charges({"pi_1": charge_of({**CHARGE, "amount_refunded": 300})})
    assert (found.refunded, found.credited, found.status) == (300, 0, "partly_refunded")


def test_a_payment_may_be_a_charge_or_made_outside_of_stripe() -> None:
    charged = {**PAYMENT, "payment": {"type": "charge", "charge": "ch_9"}}
    record = {**PAYMENT, "payment": {"type": "payment_record", "payment_record": "pr_1"}}
    found = of_invoice(payments={"data": [charged, record]})
    assert [payment.id for payment in found.payments] == ["ch_9", None]
    assert [payment.id for payment in found.unread] == ["ch_9"]
    found = found.with_charges({"ch_9": charge_of({**CHARGE, "id": "ch_9", "amount_refunded": 5})})
    assert (found.refunded, found.unread) == (5, ())


@pytest.mark.parametrize(
    ("subtotal", "details", "total", "parts", "included"),
    [
        (1000, (0, 0, 0), 1000, {}, 0),
        (1000, (0, 500, 0), 1500, {Part.SHIPPING: 500}, 0),
        (1000, (200, 500, 247), 1547, {Part.DISCOUNT: -200, Part.SHIPPING: 500, Part.TAX: 247}, 0),
        # The prices contain the tax.
        (1000, (0, 0, 160), 1000, {}, 160),
        # Shipping is taxed on top, the prices contain theirs.
        (1000, (0, 500, 255), 1595, {Part.SHIPPING: 500, Part.TAX: 95}, 160),
        (1000, (0, 0, 0), 1001, {Part.OTHER: 1}, 0),
        (1000, (0, 0, 100), 900, {Part.TAX: 100, Part.OTHER: -200}, 0),
    ],
)
def test_the_sum_explains_itself(
    subtotal: int, details: tuple[int, int, int], total: int, parts: dict[Part, int], included: int
) -> None:
    discount, shipping, tax = details
    found = of_session(
        amount_subtotal=subtotal,
        amount_total=total,
        total_details={"amount_discount": discount, "amount_shipping": shipping, "amount_tax": tax},
    )
    assert {part: money.amount for part, money in found.parts} == parts
    assert (found.subtotal, found.included_tax) == (subtotal, included)
    assert found.subtotal + sum(money.amount for _, money in found.parts) == total


def test_an_invoices_sum_explains_itself() -> None:
    found = of_invoice(
        subtotal=1000,
        total=1078,
        total_discount_amounts=[{"amount": 50}, {"amount": 50}],
        total_taxes=[{"amount": 100}, {"amount": 78}],
        amount_paid=578,
    )
    assert {part: money.amount for part, money in found.parts} == {Part.DISCOUNT: -100, Part.TAX: 178}
    assert (found.balance, found.paid, found.due) == (500, 578, 0)


def test_what_was_paid_in_the_shoppers_own_currency() -> None:
    details = {"presentment_amount": 1090, "presentment_currency": "usd"}
    assert of_session(presentment_details=details).paid_in_own_currency == Money(1090, "usd")
    same = {"presentment_amount": 1000, "presentment_currency": "eur"}
    assert of_session(presentment_details=same).paid_in_own_currency is None
    charge = charge_of({**CHARGE, "currency": "eur", "presentment_details": details})
    assert of_invoice().with_charges({"pi_1": charge}).paid_in_own_currency == Money(1090, "usd")


@pytest.mark.parametrize(
    ("statuses", "state", "order"),
    [
        (["needs_response"], DisputeState.OPEN, "disputed"),
        (["under_review"], DisputeState.OPEN, "disputed"),
        (["won"], DisputeState.WON, "paid"),
        (["warning_closed"], DisputeState.WON, "paid"),
        (["lost"], DisputeState.LOST, "dispute_lost"),
        (["won", "lost"], DisputeState.LOST, "dispute_lost"),
        (["won", "needs_response"], DisputeState.OPEN, "disputed"),
        ([], None, "disputed"),
    ],
)
def test_disputes(statuses: list[str], state: DisputeState | None, order: str) -> None:
    assert dispute_of([{"status": status} for status in statuses]) is state
    charge = charge_of({**CHARGE, "disputed": True})
    found = of_session(payment_intent={"id": "pi_1", "latest_charge": {**CHARGE, "disputed": True}})
    assert found.status == "disputed"
    assert found.with_charges({"pi_1": replace(charge, dispute=state)}).status == order


def test_an_embedded_list_is_not_taken_as_complete() -> None:
    line = {"id": "il_1", "amount": 100, "quantity": 1, "description": "Tea"}
    found = of_invoice(lines={"data": [line], "has_more": True})
    assert (len(found.lines), found.complete) == (1, False)
    found = of_session(line_items={"data": [{**line, "amount_subtotal": 100}], "has_more": True})
    assert (len(found.lines), found.complete) == (1, False)
