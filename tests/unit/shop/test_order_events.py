"""The calls of the hooks for renewals, refunds, disputes and cancellations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.fakes import Memory
from tests.unit.offline import offline_store
from tests.unit.payment_records import DISPUTE, LINES, REFUND, RENEWAL, RUNNING, USER
from tests.unit.webhook_deliveries import SECRETS, SESSION, Inbox, opened
from webstore.shop.models import CheckoutSession, Money, SessionStatus
from webstore.shop.numbers import invoice_number
from webstore.shop.order_events import Invoice, Kind, OrderEvent, SubscriptionState

RENEWAL_NUMBER = invoice_number("in_2", RENEWAL.created)
FIRST = replace(RENEWAL, id="in_1", reason="subscription_create")
BOUGHT = replace(SESSION, lines=LINES, noted_number="261126-7K3QMX")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("webhooks"), STRIPE_WEBHOOK_SECRET=SECRETS) as app:
        yield app


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    """Everything belongs to the session, unless a test says otherwise."""
    inbox = opened(app)
    inbox.office.sessions = {"pi_1": BOUGHT, "sub_1": BOUGHT}
    return inbox


def deliver(inbox: Inbox, kind: str, object_id: str, number: int = 1, age_s: float = 60) -> TestResponse:
    about = {"id": object_id, "object": "something"}
    return inbox.deliver(kind, about, event=f"evt_{number}", age_s=age_s)


def told(inbox: Inbox) -> list[tuple[Kind, str]]:
    return [(event.kind, event.id) for event in inbox.told]


# Invoices


def test_a_renewal_is_told(inbox: Inbox) -> None:
    inbox.office.invoices["in_2"] = RENEWAL
    assert deliver(inbox, "invoice.paid", "in_2").json == {"outcome": "done"}
    assert inbox.told == [
        OrderEvent(
            kind=Kind.RENEWED,
            id="renewed.in_2",
            at=1_790_003_600.0,
            order_number=RENEWAL_NUMBER,
            user_id=USER,
            object_id="in_2",
            livemode=False,
            customer_id="cus_1",
            money=Money(1900, "eur"),
            lines=LINES,
            invoice_id="in_2",
            subscription_id="sub_1",
        )
    ]


@pytest.mark.parametrize("reason", ["subscription_update", "subscription_threshold", "manual"])
def test_other_invoices_of_a_subscription_are_told_like_renewals(inbox: Inbox, reason: str) -> None:
    inbox.office.invoices["in_2"] = replace(RENEWAL, reason=reason)
    deliver(inbox, "invoice.paid", "in_2")
    assert told(inbox) == [(Kind.RENEWED, "renewed.in_2")]


@pytest.mark.parametrize("reason", ["subscription_create", "subscription_cycle"])
@pytest.mark.parametrize("kind", ["invoice.paid", "invoice.payment_failed"])
def test_invoices_of_strangers_are_not_told(inbox: Inbox, kind: str, reason: str) -> None:
    inbox.office.invoices["in_2"] = replace(RENEWAL, user_id=None, reason=reason)
    assert deliver(inbox, kind, "in_2").json == {"outcome": "ignored"}
    assert inbox.told == []


def test_a_first_invoice_is_told_as_its_purchase_and_only_once(inbox: Inbox) -> None:
    inbox.office.invoices["in_1"] = FIRST
    deliver(inbox, "checkout.session.completed", SESSION.id, 1)
    deliver(inbox, "invoice.paid", "in_1", 2)
    assert told(inbox) == [(Kind.PAID, f"paid.{SESSION.id}")]


def test_a_first_invoice_that_is_paid_after_a_failed_debit_is_told_as_its_purchase(inbox: Inbox) -> None:
    inbox.office.invoices["in_1"] = FIRST
    unpaid = replace(BOUGHT, payment_status="unpaid", failed=True)
    inbox.office.sessions["sub_1"] = inbox.till.made[SESSION.id] = unpaid
    deliver(inbox, "checkout.session.async_payment_failed", SESSION.id, 1)
    deliver(inbox, "invoice.paid", "in_1", 2)
    assert [kind for kind, _ in told(inbox)] == [Kind.PAYMENT_FAILED, Kind.PAID]
    assert inbox.told[1].order_number == "261126-7K3QMX"
    assert inbox.state.get(f"paid:{SESSION.id}") == "1"


@pytest.mark.parametrize(
    ("invoice", "session"),
    [
        (replace(FIRST, status="open"), BOUGHT),
        (FIRST, None),
        (FIRST, replace(BOUGHT, status=SessionStatus.OPEN)),
        (FIRST, replace(BOUGHT, owner=None)),
    ],
)
def test_other_first_invoices_are_left_to_their_session(
    inbox: Inbox, invoice: Invoice, session: CheckoutSession | None
) -> None:
    inbox.office.invoices["in_1"] = invoice
    inbox.office.sessions = {"sub_1": session} if session else {}
    assert deliver(inbox, "invoice.payment_failed", "in_1").json == {"outcome": "ignored"}
    assert inbox.told == []


def test_each_failed_attempt_to_collect_a_renewal_is_told_once(inbox: Inbox) -> None:
    failed = replace(RENEWAL, status="open", paid_at=None)
    for number, attempts in enumerate((1, 1, 2), 1):
        inbox.office.invoices["in_2"] = replace(failed, attempts=attempts)
        assert deliver(inbox, "invoice.payment_failed", "in_2", number).json == {"outcome": "done"}
    assert told(inbox) == [
        (Kind.PAYMENT_FAILED, "payment_failed.in_2.1"),
        (Kind.PAYMENT_FAILED, "payment_failed.in_2.2"),
    ]
    assert inbox.told[0].order_number == RENEWAL_NUMBER


def test_a_failure_that_was_made_good_is_told_as_a_renewal(inbox: Inbox) -> None:
    inbox.office.invoices["in_2"] = replace(RENEWAL, attempts=2)
    deliver(inbox, "invoice.payment_failed", "in_2", 1)
    deliver(inbox, "invoice.paid", "in_2", 2)
    assert told(inbox) == [(Kind.RENEWED, "renewed.in_2")]


def test_a_void_invoice_is_not_told(inbox: Inbox) -> None:
    inbox.office.invoices["in_2"] = replace(RENEWAL, status="void")
    for number, kind in enumerate(("invoice.payment_failed", "invoice.paid")):
        assert deliver(inbox, kind, "in_2", number).json == {"outcome": "ignored"}


# Refunds


def test_a_refund_is_told_with_the_order_that_it_belongs_to(inbox: Inbox) -> None:
    inbox.office.refunds["re_1"] = REFUND
    assert deliver(inbox, "refund.created", "re_1").json == {"outcome": "done"}
    assert inbox.told == [
        OrderEvent(
            kind=Kind.REFUNDED,
            id="refunded.re_1",
            at=REFUND.created,
            order_number="261126-7K3QMX",
            user_id=USER,
            object_id="re_1",
            livemode=False,
            customer_id="cus_1",
            money=Money(500, "eur"),
            lines=LINES,
            session_id=SESSION.id,
            charge_id="ch_1",
        )
    ]


def test_each_refund_of_a_charge_is_told_once_whatever_the_events(inbox: Inbox) -> None:
    second = replace(REFUND, id="re_2", created=REFUND.created + 60, money=Money(700, "eur"))
    inbox.office.refunds["re_1"] = REFUND
    deliver(inbox, "charge.refunded", "ch_1", 1)
    deliver(inbox, "refund.created", "re_1", 2)
    inbox.office.refunds = {"re_2": second, "re_1": REFUND}
    deliver(inbox, "charge.refunded", "ch_1", 3)
    deliver(inbox, "refund.updated", "re_2", 4)
    assert told(inbox) == [(Kind.REFUNDED, "refunded.re_1"), (Kind.REFUNDED, "refunded.re_2")]
    assert [event.money for event in inbox.told] == [Money(500, "eur"), Money(700, "eur")]


def test_a_refund_that_the_bank_sends_back_is_told(inbox: Inbox) -> None:
    inbox.office.refunds["re_1"] = replace(REFUND, status="pending")
    deliver(inbox, "refund.created", "re_1", 1)
    inbox.office.refunds["re_1"] = replace(REFUND, status="failed")
    deliver(inbox, "refund.failed", "re_1", 2)
    deliver(inbox, "refund.updated", "re_1", 3)
    assert told(inbox) == [(Kind.REFUNDED, "refunded.re_1"), (Kind.REFUND_FAILED, "refund_failed.re_1")]
    assert inbox.told[1].at == inbox.clock() - 60


def test_a_refund_of_a_renewal_has_the_number_of_its_invoice(inbox: Inbox) -> None:
    inbox.office.refunds["re_1"] = REFUND
    inbox.office.sessions, inbox.office.paid = {}, {"pi_1": RENEWAL}
    deliver(inbox, "charge.refunded", "ch_1")
    (event,) = inbox.told
    assert (event.order_number, event.invoice_id, event.subscription_id, event.lines) == (
        RENEWAL_NUMBER,
        "in_2",
        "sub_1",
        LINES,
    )


def test_a_refund_of_a_first_invoice_has_the_number_of_its_session(inbox: Inbox) -> None:
    inbox.office.refunds["re_1"] = REFUND
    inbox.office.sessions = {"sub_1": BOUGHT}
    inbox.office.paid = {"pi_1": replace(RENEWAL, id="in_1", reason="subscription_create")}
    deliver(inbox, "charge.refunded", "ch_1")
    (event,) = inbox.told
    assert (event.order_number, event.session_id, event.invoice_id) == ("261126-7K3QMX", SESSION.id, "in_1")


@pytest.mark.parametrize("kind", ["charge.refunded", "refund.created"])
def test_refunds_of_others_are_not_told(inbox: Inbox, kind: str) -> None:
    inbox.office.refunds = {
        "re_1": REFUND,
        "re_2": replace(REFUND, id="re_2", payment_id=None, charge_id="ch_2"),
    }
    inbox.office.sessions = {"pi_1": replace(BOUGHT, owner=None)}
    object_id = "ch_1" if kind == "charge.refunded" else "re_1"
    assert deliver(inbox, kind, object_id, 1).json == {"outcome": "ignored"}
    assert deliver(inbox, "refund.created", "re_2", 2).json == {"outcome": "ignored"}
    assert inbox.told == []


def test_a_charge_that_shows_no_refund_yet_is_read_again(inbox: Inbox) -> None:
    assert deliver(inbox, "charge.refunded", "ch_1").status_code == 503
    inbox.office.refunds["re_1"] = REFUND
    assert deliver(inbox, "charge.refunded", "ch_1").json == {"outcome": "done"}


# Disputes


@pytest.mark.parametrize(
    ("status", "end"),
    [
        ("won", Kind.DISPUTE_WON),
        ("warning_closed", Kind.DISPUTE_WON),
        ("prevented", Kind.DISPUTE_WON),
        ("lost", Kind.DISPUTE_LOST),
    ],
)
def test_a_dispute_is_told_when_it_opens_and_when_it_ends(inbox: Inbox, status: str, end: Kind) -> None:
    inbox.office.disputes["dp_1"] = DISPUTE
    deliver(inbox, "charge.dispute.created", "dp_1", 1)
    inbox.office.disputes["dp_1"] = replace(DISPUTE, status=status)
    deliver(inbox, "charge.dispute.closed", "dp_1", 2)
    assert told(inbox) == [(Kind.DISPUTE_OPENED, "dispute_opened.dp_1"), (end, f"{end}.dp_1")]
    opened_event, closed = inbox.told
    assert (opened_event.at, closed.at) == (DISPUTE.created, inbox.clock() - 60)
    assert (closed.money, closed.charge_id) == (Money(1200, "eur"), "ch_1")
    assert closed.order_number == "261126-7K3QMX"


def test_a_dispute_whose_events_come_in_the_wrong_order_is_told_in_the_right_one(inbox: Inbox) -> None:
    inbox.office.disputes["dp_1"] = replace(DISPUTE, status="lost")
    deliver(inbox, "charge.dispute.closed", "dp_1", 2)
    deliver(inbox, "charge.dispute.created", "dp_1", 1)
    assert [kind for kind, _ in told(inbox)] == [Kind.DISPUTE_OPENED, Kind.DISPUTE_LOST]


def test_disputes_of_others_are_not_told(inbox: Inbox) -> None:
    inbox.office.disputes["dp_1"] = DISPUTE
    inbox.office.sessions = {}
    assert deliver(inbox, "charge.dispute.created", "dp_1").json == {"outcome": "ignored"}
    assert inbox.told == []


# Subscriptions


def test_the_end_of_a_subscription_is_told(inbox: Inbox) -> None:
    inbox.office.subscriptions["sub_1"] = replace(RUNNING, status="canceled", ended_at=1_791_000_000.0)
    for number in (1, 2):
        deliver(inbox, "customer.subscription.deleted", "sub_1", number)
    (event,) = inbox.told
    assert (event.kind, event.id, event.at) == (
        Kind.SUBSCRIPTION_ENDED,
        "subscription_ended.sub_1",
        1_791_000_000.0,
    )
    assert (event.order_number, event.money, event.lines) == ("261126-7K3QMX", None, LINES)
    assert (event.session_id, event.subscription_id) == (SESSION.id, "sub_1")


def test_a_subscription_that_was_begun_elsewhere_has_no_order_number(inbox: Inbox) -> None:
    inbox.office.sessions = {}
    inbox.office.subscriptions["sub_1"] = replace(RUNNING, status="canceled")
    deliver(inbox, "customer.subscription.deleted", "sub_1")
    assert inbox.told[0].order_number is None


def test_a_cancellation_is_told_when_it_is_scheduled_undone_and_scheduled_again(inbox: Inbox) -> None:
    first = replace(RUNNING, ends=True, cancelled_at=1_790_500_000.0)
    again = replace(first, cancelled_at=1_790_600_000.0)
    for number, state in enumerate((RUNNING, first, first, RUNNING, RUNNING, again)):
        inbox.office.subscriptions["sub_1"] = state
        assert deliver(inbox, "customer.subscription.updated", "sub_1", number).status_code == 200
    assert told(inbox) == [
        (Kind.CANCELLATION_SCHEDULED, "cancellation_scheduled.sub_1.1790500000"),
        (Kind.CANCELLATION_UNDONE, "cancellation_undone.sub_1.1790500000"),
        (Kind.CANCELLATION_SCHEDULED, "cancellation_scheduled.sub_1.1790600000"),
    ]
    assert inbox.told[0].at == 1_790_500_000.0


def test_subscriptions_of_others_and_other_changes_are_not_told(inbox: Inbox) -> None:
    inbox.office.subscriptions = {
        "sub_1": RUNNING,
        "sub_2": replace(RUNNING, id="sub_2", user_id=None, status="canceled"),
    }
    for number, (kind, object_id) in enumerate((("updated", "sub_1"), ("deleted", "sub_2"))):
        answer = deliver(inbox, f"customer.subscription.{kind}", object_id, number)
        assert answer.json == {"outcome": "ignored"}
    assert inbox.told == []


def test_a_subscription_that_is_still_shown_as_running_is_read_again(inbox: Inbox) -> None:
    inbox.office.subscriptions["sub_1"] = RUNNING
    assert deliver(inbox, "customer.subscription.deleted", "sub_1").status_code == 503


@pytest.mark.parametrize("state", [replace(RUNNING, status="canceled"), replace(RUNNING, ends=True)])
def test_a_cancellation_is_told_also_without_the_shared_state(inbox: Inbox, state: SubscriptionState) -> None:
    inbox.use(state=Memory(down=True))
    inbox.office.subscriptions["sub_1"] = state
    assert deliver(inbox, "customer.subscription.updated", "sub_1").json == {"outcome": "done"}
    assert len(inbox.told) == 1


# What all have in common


def test_a_hook_that_fails_gets_the_rest_of_the_refunds_once(inbox: Inbox) -> None:
    second = replace(REFUND, id="re_2", created=REFUND.created + 60)
    inbox.office.refunds = {"re_2": second, "re_1": REFUND}
    troubles = [False, True]

    def fail_at_the_second(event: OrderEvent) -> None:
        if troubles and troubles.pop(0):
            raise RuntimeError("the warehouse is closed")
        inbox.note(event)

    inbox.use(fulfil=[fail_at_the_second])
    assert deliver(inbox, "charge.refunded", "ch_1").status_code == 503
    assert deliver(inbox, "charge.refunded", "ch_1").json == {"outcome": "done"}
    assert [event.object_id for event in inbox.told] == ["re_1", "re_2"]
