"""What Stripe's documents say about a purchase, an invoice and their payments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import USER
from webstore.gateways.stripe.order_documents import invoice_order, purchase
from webstore.gateways.stripe.order_payments import charge_of, credit_refunds, dispute_of
from webstore.shop.models import Money
from webstore.shop.order import DisputeState, InvoiceLine, Order, OrderKind

DAY_S = 24 * 3600
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


def numbered(noted: object, created: int = 5) -> str:
    return of_session(created=created, metadata={"auth0_user_id": USER, "order_number": noted}).number


def test_the_number_is_the_noted_one_if_the_session_is_found_under_it() -> None:
    own = of_session().number
    assert own.startswith("700101-")
    assert numbered("700101-7K3QMX") == "700101-7K3QMX"
    # The store's clock chose the day, a little before Stripe's midnight.
    assert numbered("700101-7K3QMX", DAY_S + 1800).startswith("700101-7K3QMX")
    for other in ("nonsense", None, 5, "700101-AK3QMX", "700103-7K3QMX", "261126-7K3QMX", "7001010-7K3QMX"):
        assert numbered(other) == own


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
        # Too small to be charged: a part of the next invoice.
        (
            {"subtotal": 30, "total": 30, "starting_balance": 0, "ending_balance": 30}
            | {"amount_due": 0, "amount_paid": 0, "payments": {"data": []}},
            "carried",
        ),
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
    parent = {"subscription_details": {"metadata": {"auth0_user_id": USER, "order_number": "261126-7K3QMX"}}}
    first = {**INVOICE, "billing_reason": "subscription_create", "parent": parent}
    assert invoice_order(first) is None
    assert of_invoice(parent=parent).maybe_of_purchase is False
    del parent["subscription_details"]["metadata"]["order_number"]
    found = of_invoice(**first)
    assert (found.maybe_of_purchase, found.owner, found.kind) == (True, USER, OrderKind.SUBSCRIPTION)


def test_a_credit_note_with_its_refund_counts_once() -> None:
    found = of_invoice(post_payment_credit_notes_amount=300)
    assert (found.unclear, found.given_back) == (True, 300)
    found = found.with_charges({"pi_1": charge_of({**CHARGE, "amount_refunded": 300})})
    assert (found.unclear, found.given_back, found.status) == (True, 300, "partly_refunded")
    found = replace(found, credit_refunds=300)
    assert (found.refunded, found.credited, found.given_back) == (300, 0, 300)
    # A refund without a credit note, and a credit note to the balance.
    found = replace(found, credit_refunds=0)
    assert (found.refunded, found.credited, found.given_back) == (300, 300, 600)
    # Without the charges, the credit notes tell of the refund.
    found = replace(of_invoice(post_payment_credit_notes_amount=300), credit_refunds=200)
    assert (found.refunded, found.credited, found.unread) == (200, 100, True)


def test_what_credit_notes_refunded() -> None:
    refunds = [{"refund": "re_1", "amount_refunded": 200}, {"refund": "re_2", "amount_refunded": 50}]
    notes: list[dict[str, Any]] = [
        {"status": "issued", "post_payment_amount": 300, "refunds": refunds},
        {"status": "void", "refunds": refunds},
        {"status": "issued", "post_payment_amount": 300, "refunds": []},
        {"status": "issued", "refunds": None},
    ]
    assert credit_refunds(notes) == 250


def test_a_payment_that_was_only_reserved_is_cancelled() -> None:
    released = {
        **CHARGE,
        "captured": False,
        "amount_captured": 0,
        "amount_refunded": 1000,
        "refunded": True,
    }
    intent = {"id": "pi_1", "status": "canceled", "latest_charge": released}
    found = of_session(payment_status="unpaid", payment_intent=intent)
    assert (found.status, found.refunded, found.owed, found.receipt) == ("void", 0, 0, None)
    # Reserved and not captured yet.
    waiting = {**CHARGE, "captured": False, "amount_captured": 0, "refunded": False}
    intent = {"id": "pi_1", "status": "requires_capture", "latest_charge": waiting}
    assert of_session(payment_status="unpaid", payment_intent=intent).status == "processing"


def test_a_purchase_without_an_invoice_is_bought_again_and_never_owed() -> None:
    found = of_session(
        payment_status="unpaid", payment_intent={"id": "pi_1", "status": "requires_payment_method"}
    )
    assert (found.status, found.due, found.owed, found.to_be_paid) == ("failed", 1000, 0, False)


def test_a_payment_without_a_charge_is_to_be_paid() -> None:
    """Its 3-D Secure failed: no bank refused anything."""
    payment = open_invoice()["payments"]["data"][0]
    intent = {"id": "pi_1", "status": "requires_payment_method", "last_payment_error": {"code": "x"}}
    expanded = {**payment, "payment": {"type": "payment_intent", "payment_intent": intent}}
    for payments in ([payment], [expanded]):
        found = of_invoice(**open_invoice(payments={"data": payments}))
        assert (found.status, found.to_be_paid) == ("due", True)


@pytest.mark.parametrize(
    ("parent", "proration"),
    [
        ({"subscription_item_details": {"proration": True}}, True),
        ({"invoice_item_details": {"proration": True}}, True),
        ({"subscription_item_details": {"proration": False}, "invoice_item_details": None}, False),
        (None, False),
    ],
)
def test_a_proration_is_known_as_such(parent: object, proration: bool) -> None:
    line = {"id": "il_1", "amount": 100, "quantity": 1, "description": "Tea", "parent": parent}
    (found,) = of_invoice(lines={"data": [line]}).lines
    assert isinstance(found, InvoiceLine)
    assert found.proration is proration


@pytest.mark.parametrize(
    ("description", "quantity", "shown"),
    [
        ("2 × Tea box (at €19.00 / month)", 2, "Tea box"),  # noqa: RUF001  # Stripe's sign
        ("1 × Tea (at home / away) (at €19.00 / 3 months)", 1, "Tea (at home / away)"),  # noqa: RUF001
        ("2 × Tea box (at €19.00 / month)", 1, "2 × Tea box (at €19.00 / month)"),  # noqa: RUF001
        ("Trial period for Tea box", 1, "Trial period for Tea box"),
        ("Unused time on Tea box after 27 Nov", 2, "Unused time on Tea box after 27 Nov"),
    ],
)
def test_a_subscriptions_line_has_the_name_alone(description: str, quantity: int, shown: str) -> None:
    line = {"id": "il_1", "amount": 100, "quantity": quantity, "description": description}
    (found,) = of_invoice(lines={"data": [line]}).lines
    assert (found.description, found.quantity) == (shown, quantity)


def test_a_payment_may_be_a_charge_or_made_outside_of_stripe() -> None:
    charged = {**PAYMENT, "payment": {"type": "charge", "charge": "ch_9"}}
    record = {**PAYMENT, "payment": {"type": "payment_record", "payment_record": "pr_1"}}
    found = of_invoice(payments={"data": [charged, record]})
    assert [payment.id for payment in found.payments] == ["ch_9", None]
    assert found.unread
    found = found.with_charges({"ch_9": charge_of({**CHARGE, "id": "ch_9", "amount_refunded": 5})})
    assert (found.refunded, found.unread) == (5, False)


def test_what_was_paid_in_the_shoppers_own_currency() -> None:
    details = {"presentment_amount": 1090, "presentment_currency": "usd"}
    assert of_session(presentment_details=details).paid_in_own_currency == Money(1090, "usd")
    same = {"presentment_amount": 1000, "presentment_currency": "eur"}
    assert of_session(presentment_details=same).paid_in_own_currency is None
    charge = charge_of({**CHARGE, "currency": "eur", "presentment_details": details})
    assert of_invoice().with_charges({"pi_1": charge}).paid_in_own_currency == Money(1090, "usd")


def dispute(status: str, cents: int = 1000, currency: str = "eur", charge: str = "ch_1") -> dict[str, Any]:
    return {"status": status, "amount": cents, "currency": currency, "charge": charge}


@pytest.mark.parametrize(
    ("found", "state", "returned", "order"),
    [
        ([dispute("needs_response")], DisputeState.OPEN, 0, "disputed"),
        ([dispute("under_review")], DisputeState.OPEN, 0, "disputed"),
        ([dispute("won")], DisputeState.WON, 0, "paid"),
        ([dispute("warning_closed")], DisputeState.WON, 0, "paid"),
        ([dispute("lost")], DisputeState.LOST, 1000, "dispute_lost"),
        ([dispute("lost", 500)], DisputeState.LOST, 500, "partly_refunded"),
        ([dispute("lost", 500), dispute("lost", 500)], DisputeState.LOST, 1000, "dispute_lost"),
        ([dispute("lost", 5, "usd")], DisputeState.LOST, 1000, "dispute_lost"),
        ([dispute("won", 300), dispute("lost", 700)], DisputeState.LOST, 700, "partly_refunded"),
        ([dispute("won"), dispute("needs_response")], DisputeState.OPEN, 0, "disputed"),
    ],
)
def test_disputes(found: list[dict[str, Any]], state: DisputeState, returned: int, order: str) -> None:
    charge = charge_of({**CHARGE, "currency": "eur", "disputed": True})
    known = dispute_of(charge, found)
    assert known is not None
    assert (known.state, known.returned) == (state, returned)
    bought = of_session().with_charges({"pi_1": charge})
    assert (bought.status, bought.dispute_open) == ("disputed", False)
    bought = bought.with_charges({"pi_1": replace(charge, dispute=known)})
    assert (bought.status, bought.dispute_open, bought.returned) == (order, True, returned)


def test_a_dispute_of_another_charge_says_nothing() -> None:
    charge = charge_of({**CHARGE, "disputed": True})
    assert dispute_of(charge, [dispute("lost", charge="ch_2")]) is None
    assert dispute_of(charge, []) is None


def test_a_refund_and_a_lost_dispute_together_give_everything_back() -> None:
    charge = charge_of({**CHARGE, "currency": "eur", "disputed": True, "amount_refunded": 400})
    lost = replace(charge, dispute=dispute_of(charge, [dispute("lost", 1000)]))
    found = of_session().with_charges({"pi_1": lost})
    assert (found.refunded, found.returned, found.status) == (400, 600, "refunded")


def test_an_embedded_list_is_not_taken_as_complete() -> None:
    line = {"id": "il_1", "amount": 100, "quantity": 1, "description": "Tea"}
    found = of_invoice(lines={"data": [line], "has_more": True})
    assert (len(found.lines), found.complete) == (1, False)
    found = of_session(line_items={"data": [{**line, "amount_subtotal": 100}], "has_more": True})
    assert (len(found.lines), found.complete) == (1, False)
