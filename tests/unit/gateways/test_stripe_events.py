"""What the gateways read about events, and how they ask."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.gateways.stripe_wire import Call, StripeWire, listed, refusal
from webstore.errors import NoSuchObject, PaymentsRefused, PaymentsUnavailable, WebstoreError
from webstore.gateways.stripe import StripeEvents, StripeRecords, StripeSales
from webstore.shop.models import BoughtLine, Money, StripeEvent
from webstore.shop.order_events import Dispute, Invoice, Refund, SubscriptionState

EVENT = StripeEvent("evt_1", "invoice.paid", livemode=False, object_id="in_1", customer_id=None)
MISSING = refusal(404, "No such thing: 'x'", code="resource_missing", param="id")
FORBIDDEN = 403, {"error": {"type": "invalid_request_error", "message": "Not permitted."}}, False
LINE = {
    "id": "il_1",
    "object": "line_item",
    "description": "Tea",
    "quantity": 2,
    "amount": 1900,
    "currency": "eur",
    "pricing": {"price_details": {"price": "price_1", "product": "prod_1"}},
}
INVOICE: dict[str, Any] = {
    "id": "in_1",
    "object": "invoice",
    "created": 100,
    "status": "paid",
    "billing_reason": "subscription_cycle",
    "currency": "eur",
    "total": 3800,
    "attempt_count": 2,
    "customer": "cus_1",
    "status_transitions": {"paid_at": 150},
    "parent": {
        "type": "subscription_details",
        "subscription_details": {"subscription": "sub_1", "metadata": {"auth0_user_id": "auth0|1"}},
    },
    "lines": {"object": "list", "data": [LINE], "has_more": True},
}
REFUND = {
    "id": "re_1",
    "object": "refund",
    "created": 100,
    "status": "succeeded",
    "amount": 500,
    "currency": "eur",
    "charge": "ch_1",
    "payment_intent": {"id": "pi_1", "object": "payment_intent"},
}
DISPUTE = {
    "id": "dp_1",
    "object": "dispute",
    "created": 100,
    "status": "needs_response",
    "amount": 1200,
    "currency": "eur",
    "charge": {"id": "ch_1", "object": "charge"},
    "payment_intent": "pi_1",
}
SUBSCRIPTION = {
    "id": "sub_1",
    "object": "subscription",
    "created": 100,
    "status": "active",
    "customer": "cus_1",
    "metadata": {"auth0_user_id": "auth0|1"},
    "cancel_at_period_end": True,
    "cancel_at": None,
    "canceled_at": 120,
    "ended_at": None,
}
SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "status": "open",
    "payment_status": "unpaid",
    "mode": "payment",
    "created": 100,
    "expires_at": 200,
    "amount_total": 1900,
    "currency": "eur",
    "metadata": {"auth0_user_id": "auth0|1", "order_number": "261126-7K3QMX"},
    "line_items": listed(
        {"id": "li_1", "amount_total": 1900, "price": {"id": "price_1", "product": "prod_1"}}
    ),
}


def answering(document: object, status: int = 200) -> StripeWire:
    return StripeWire(lambda call: (status, document, False))


def paged(pages: Mapping[str, object]) -> StripeWire:
    """A Stripe that has these pages, by the ID after which they begin ("" for the first)."""
    return StripeWire(lambda call: (200, pages[call.params.get("starting_after", "")], False))


# Events


def an_event(number: int, **members: object) -> dict[str, object]:
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": "invoice.paid",
        "livemode": False,
        "created": 1000 - number,
        "data": {"object": {"id": f"in_{number}", "object": "invoice"}},
        **members,
    }


def test_all_pages_of_events_are_read() -> None:
    wire = paged({"": listed(an_event(1), an_event(2), more=True), "evt_2": listed(an_event(3))})

    found = list(StripeEvents(wire.client).list_events(("invoice.paid", "refund.created"), 900.7))

    assert [(event.id, event.object_id, event.created) for event in found] == [
        ("evt_1", "in_1", 999),
        ("evt_2", "in_2", 998),
        ("evt_3", "in_3", 997),
    ]
    assert wire.asked == ["GET /v1/events"] * 2
    asked = wire.calls[0].params
    assert (asked["types[0]"], asked["types[1]"]) == ("invoice.paid", "refund.created")
    assert asked["created[gte]"] == "900"


def test_an_event_that_cannot_be_read_does_not_hide_the_others(caplog: pytest.LogCaptureFixture) -> None:
    wire = answering(listed(an_event(1), an_event(2, livemode=None), an_event(3)))
    assert [event.id for event in StripeEvents(wire.client).list_events(("x",), 0)] == ["evt_1", "evt_3"]
    assert "cannot be read" in caplog.text


def test_a_list_of_events_that_turns_in_a_circle_ends() -> None:
    wire = answering(listed(an_event(1), more=True))
    with pytest.raises(PaymentsUnavailable):
        list(StripeEvents(wire.client).list_events(("x",), 0))
    assert len(wire.calls) == 2


@pytest.mark.parametrize(("thin", "path"), [(False, "/v1/events/evt_1"), (True, "/v2/core/events/evt_1")])
def test_whether_an_event_is_known(thin: bool, path: str) -> None:
    event = replace(EVENT, thin=thin)
    wire = answering({"id": "evt_1", "object": "v2.core.event" if thin else "event", "type": "x"})
    assert StripeEvents(wire.client).has_event(event)
    assert wire.asked == [f"GET {path}"]

    other = {"error": {"code": "not_found", "message": "No such event."}} if thin else MISSING[1]
    assert not StripeEvents(answering(other, 404).client).has_event(event)

    with pytest.raises(PaymentsRefused):
        StripeEvents(answering(FORBIDDEN[1], 403).client).has_event(event)
    with pytest.raises(PaymentsUnavailable):
        StripeEvents(answering({}, 500).client).has_event(event)


# Records


def test_an_invoice_is_read_with_all_of_its_lines() -> None:
    def answer(call: Call) -> tuple[int, Any, bool]:
        if call.path == "/v1/invoices/in_1":
            return 200, INVOICE, False
        assert (call.path, call.params["starting_after"]) == ("/v1/invoices/in_1/lines", "il_1")
        return 200, listed({**LINE, "id": "il_2", "description": "Cup"}), False

    found = StripeRecords(StripeWire(answer).client).get_invoice("in_1")

    assert found == Invoice(
        id="in_1",
        created=100,
        status="paid",
        reason="subscription_cycle",
        total=Money(3800, "eur"),
        lines=(
            BoughtLine("Tea", 2, Money(1900, "eur"), "price_1", "prod_1"),
            BoughtLine("Cup", 2, Money(1900, "eur"), "price_1", "prod_1"),
        ),
        attempts=2,
        paid_at=150,
        customer_id="cus_1",
        user_id="auth0|1",
        subscription_id="sub_1",
    )


def test_a_refund_a_dispute_and_a_subscription_are_read() -> None:
    assert StripeRecords(answering(REFUND).client).get_refund("re_1") == Refund(
        "re_1", 100, "succeeded", Money(500, "eur"), "ch_1", "pi_1"
    )
    assert StripeRecords(answering(DISPUTE).client).get_dispute("dp_1") == Dispute(
        "dp_1", 100, "needs_response", Money(1200, "eur"), "ch_1", "pi_1"
    )
    assert StripeRecords(answering(SUBSCRIPTION).client).get_subscription("sub_1") == SubscriptionState(
        "sub_1", 100, "active", "cus_1", "auth0|1", ends=True, cancelled_at=120
    )


@pytest.mark.parametrize(
    ("changes", "ends"),
    [({"cancel_at_period_end": False}, False), ({"cancel_at_period_end": False, "cancel_at": 500}, True)],
)
def test_a_subscription_can_be_cancelled_for_a_day(changes: dict[str, object], ends: bool) -> None:
    wire = answering({**SUBSCRIPTION, **changes})
    assert StripeRecords(wire.client).get_subscription("sub_1").ends is ends


def test_all_refunds_of_a_charge_are_read() -> None:
    wire = paged({"": listed(REFUND, more=True), "re_1": listed({**REFUND, "id": "re_2", "status": None})})
    found = StripeRecords(wire.client).list_refunds("ch_1")
    assert [(refund.id, refund.status) for refund in found] == [("re_1", "succeeded"), ("re_2", "succeeded")]
    assert wire.calls[0].params["charge"] == "ch_1"


@pytest.mark.parametrize("name", ["payment", "subscription"])
def test_the_session_of_a_payment_or_a_subscription_is_found(name: str) -> None:
    wire = answering(listed(SESSION))
    records = StripeRecords(wire.client)
    find = records.session_of_payment if name == "payment" else records.session_of_subscription
    found = find("xx_1")
    assert found is not None
    assert (found.id, found.owner, found.number, len(found.lines)) == (
        "cs_1",
        "auth0|1",
        "261126-7K3QMX",
        1,
    )
    assert wire.calls[0].params == {
        "payment_intent" if name == "payment" else "subscription": "xx_1",
        "expand[0]": "data.line_items",
        "limit": "1",
    }


def test_the_invoice_of_a_payment_is_found() -> None:
    whole = {**INVOICE, "lines": listed(LINE)}
    wire = answering(listed({"id": "inpay_1", "object": "invoice_payment", "invoice": whole}))
    found = StripeRecords(wire.client).invoice_of_payment("pi_1")
    assert found is not None
    assert (found.id, found.user_id) == ("in_1", "auth0|1")
    assert wire.calls[0].params == {
        "payment[type]": "payment_intent",
        "payment[payment_intent]": "pi_1",
        "expand[0]": "data.invoice",
        "limit": "1",
    }


@pytest.mark.parametrize("answer", [(200, listed(), False), MISSING])
def test_a_payment_without_session_and_invoice_has_none(answer: tuple[int, Any, bool]) -> None:
    records = StripeRecords(StripeWire(lambda call: answer).client)
    assert records.session_of_payment("pi_1") is None
    assert records.session_of_subscription("sub_1") is None
    assert records.invoice_of_payment("pi_1") is None


READS: dict[str, tuple[Callable[[StripeRecords], object], dict[str, Any]]] = {
    "invoice": (lambda records: records.get_invoice("in_1"), {**INVOICE, "lines": listed(LINE)}),
    "refund": (lambda records: records.get_refund("re_1"), REFUND),
    "refunds": (lambda records: records.list_refunds("ch_1"), listed(REFUND)),
    "dispute": (lambda records: records.get_dispute("dp_1"), DISPUTE),
    "subscription": (lambda records: records.get_subscription("sub_1"), SUBSCRIPTION),
    "session": (lambda records: records.session_of_payment("pi_1"), listed(SESSION)),
}
WRONG: list[Any] = [None, [], {}, "x", -1, True, ["x"], {"a": 1}, 10**30, [None], 5]


@pytest.mark.parametrize("what", ["invoice", "refund", "refunds", "dispute", "subscription"])
def test_what_does_not_exist_is_told_apart_from_what_is_refused(what: str) -> None:
    read, _ = READS[what]
    with pytest.raises(NoSuchObject):
        read(StripeRecords(StripeWire(lambda call: MISSING).client))
    with pytest.raises(PaymentsRefused):
        read(StripeRecords(StripeWire(lambda call: FORBIDDEN).client))
    with pytest.raises(PaymentsUnavailable):
        read(StripeRecords(answering({}, 500).client))


@pytest.mark.parametrize("what", READS)
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_malformed_answers_raise_nothing_but_the_errors_of_the_store(what: str, wrong: object) -> None:
    read, document = READS[what]
    for name in document:
        changed = {**copy.deepcopy(document), name: wrong}
        try:
            read(StripeRecords(answering(changed).client))
        except WebstoreError:
            continue


# Prices and open sessions


def test_what_a_price_sells() -> None:
    price = {"id": "price_1", "object": "price", "active": True, "product": "prod_1"}
    assert StripeSales(answering(price).client).product_at("price_1") == "prod_1"
    assert StripeSales(answering({**price, "active": False}).client).product_at("price_1") is None
    assert StripeSales(StripeWire(lambda call: MISSING).client).product_at("price_1") is None
    with pytest.raises(PaymentsRefused):
        StripeSales(StripeWire(lambda call: FORBIDDEN).client).product_at("price_1")


def test_open_sessions_of_the_store_are_listed_with_all_of_their_lines() -> None:
    other = {**SESSION, "id": "cs_2", "metadata": {}}
    long = {**SESSION, "id": "cs_3", "line_items": {**listed({"id": "li_1"}), "has_more": True}}

    def answer(call: Call) -> tuple[int, Any, bool]:
        if call.path.endswith("/line_items"):
            more = {"id": "li_2", "amount_total": 5, "price": {"id": "price_2", "product": "prod_2"}}
            return 200, listed(more), False
        if "starting_after" not in call.params:
            return 200, listed(SESSION, other, more=True), False
        return 200, listed(long), False

    wire = StripeWire(answer)
    found = StripeSales(wire.client).list_open_since(70.9)

    assert [session.id for session in found] == ["cs_1", "cs_3"]
    assert [line.product_id for line in found[1].lines] == [None, "prod_2"]
    assert wire.calls[0].params == {
        "status": "open",
        "created[gte]": "70",
        "expand[0]": "data.line_items",
        "limit": "100",
    }
    assert wire.asked.count("GET /v1/checkout/sessions") == 2
