"""Subscriptions and their invoices: https://docs.stripe.com/billing/subscriptions/overview"""

from datetime import UTC, datetime

import httpx
import pytest
import stripe

from tests.sandbox.checkout import (
    CARD,
    DEBIT,
    DECLINED,
    SUCCESS_URL,
    again,
    events,
    monthly,
    pay,
    price,
    session,
)
from tests.sandbox.conftest import RunningStripe
from webstore.sandbox.stripe import LIVE_KEY

DAY_S = 86_400


def _subscribe(
    client: stripe.StripeClient, http: httpx.Client, *prices: str, **more: object
) -> stripe.Subscription:
    """Buy a subscription, by default as a new customer. `form` has the inputs of the payment page."""
    form = more.pop("form", CARD)
    if "customer" not in more:
        more["customer"] = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(client, *(prices or (monthly(client),)), mode="subscription", **more)
    assert pay(http, made, form).status_code == 303  # type: ignore[arg-type]  # a test's own
    bought = again(client, made, "subscription.latest_invoice.payments").subscription
    assert isinstance(bought, stripe.Subscription)
    return bought


def _now(client: stripe.StripeClient, subscription: stripe.Subscription) -> stripe.Subscription:
    return client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})


def _period(subscription: stripe.Subscription) -> tuple[int, int]:
    item = subscription["items"].data[0]
    return item.current_period_start, item.current_period_end


def _invoices(client: stripe.StripeClient, subscription: stripe.Subscription) -> list[stripe.Invoice]:
    return client.v1.invoices.list({"subscription": subscription.id}).data


# Buying a subscription


def test_it_has_every_field_of_a_real_one(client: stripe.StripeClient, http: httpx.Client) -> None:
    bought = _subscribe(client, http)
    seldom = {"OBJECT_NAME", "presentment_details", "status_details"}
    assert set(bought.to_dict()) == set(stripe.Subscription.__annotations__) - seldom
    item = bought["items"].data[0]
    assert set(item.to_dict()) == set(stripe.SubscriptionItem.__annotations__) - {"OBJECT_NAME", "deleted"}
    invoice = bought.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    seldom = {"OBJECT_NAME", "confirmation_secret", "deleted", "status_details", "threshold_reason"}
    assert set(invoice.to_dict()) == set(stripe.Invoice.__annotations__) - seldom
    line = invoice.lines.data[0]
    assert set(line.to_dict()) == set(stripe.InvoiceLineItem.__annotations__) - {"OBJECT_NAME"}
    assert invoice.payments is not None
    paid = invoice.payments.data[0]
    assert set(paid.to_dict()) == set(stripe.InvoicePayment.__annotations__) - {"OBJECT_NAME"}


def test_what_is_bought(client: stripe.StripeClient, http: httpx.Client) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    metadata = {"auth0_user_id": "auth0|1"}
    each_month, once = monthly(client), price(client, 500)
    bought = _subscribe(
        client, http, each_month, once, customer=customer, subscription_data={"metadata": metadata}
    )
    assert (bought.status, bought.customer, bought.cancel_at_period_end) == ("active", customer, False)
    assert bought.to_dict()["metadata"] == metadata
    (item,) = bought["items"].data
    assert (item.price.id, item.quantity) == (each_month, 1)
    invoice = bought.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.status, invoice.total, invoice.billing_reason) == ("paid", 1700, "subscription_create")
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == bought.id
    assert invoice.parent.subscription_details.to_dict()["metadata"] == metadata
    assert [line.amount for line in invoice.lines.data] == [1200, 500]
    (intent,) = client.v1.payment_intents.list({"customer": customer}).data
    assert invoice.payments is not None
    assert [payment.payment.payment_intent for payment in invoice.payments.data] == [intent.id]
    listed = client.v1.invoice_payments.list({"invoice": str(invoice.id)}).data
    assert [payment.status for payment in listed] == ["paid"]
    (made,) = client.v1.checkout.sessions.list({"subscription": bought.id}).data
    assert (made.payment_intent, made.invoice, made.payment_status) == (None, invoice.id, "paid")


def test_the_events_of_a_new_one(client: stripe.StripeClient, http: httpx.Client) -> None:
    _subscribe(client, http)
    assert events(client, "customer.sub", "invoice", "payment", "charge", "checkout") == [
        "invoice.created",
        "invoice.finalized",
        "customer.subscription.created",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "checkout.session.completed",
    ]


def test_a_refused_card_makes_no_subscription(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, monthly(client), mode="subscription")
    assert pay(http, made, DECLINED).status_code == 402
    assert client.v1.subscriptions.list({"status": "all"}).data == []
    assert client.v1.invoices.list().data == []
    assert (again(client, made).status, again(client, made).payment_intent) == ("open", None)
    assert pay(http, made).status_code == 303
    assert len(client.v1.subscriptions.list().data) == 1
    assert len(client.v1.payment_intents.list().data) == 1


def test_a_new_shopper_becomes_a_customer(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, monthly(client), mode="subscription")
    pay(http, made, email="grace@example.com")
    customer = again(client, made, "customer").customer
    assert isinstance(customer, stripe.Customer)
    assert customer.email == "grace@example.com"
    (bought,) = client.v1.subscriptions.list({"customer": customer.id}).data
    assert bought.customer == customer.id


def test_a_trial_costs_nothing_at_first(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    bought = _subscribe(client, http, subscription_data={"trial_period_days": 14})
    assert (bought.status, bought.trial_end) == ("trialing", bought.created + 14 * DAY_S)
    first = bought.latest_invoice
    assert isinstance(first, stripe.Invoice)
    assert (first.status, first.total) == ("paid", 0)
    (made,) = client.v1.checkout.sessions.list().data
    assert (made.amount_total, made.payment_status) == (0, "no_payment_required")
    running.control.clock.advance(14 * DAY_S)
    now = _now(client, bought)
    assert isinstance(now.latest_invoice, stripe.Invoice)
    assert (now.status, now.latest_invoice.total, now.latest_invoice.status) == ("active", 1200, "paid")


def test_one_paid_by_bank_debit(client: stripe.StripeClient, http: httpx.Client) -> None:
    bought = _subscribe(client, http, form=DEBIT)
    assert bought.status == "active"
    assert isinstance(bought.latest_invoice, stripe.Invoice)
    assert bought.latest_invoice.status == "open"
    (intent,) = client.v1.payment_intents.list().data
    http.post(f"/_sandbox/stripe/payments/{intent.id}/settle", json={"succeeded": False})
    (invoice,) = _invoices(client, bought)
    assert (invoice.status, _now(client, bought).status) == ("open", "past_due")
    assert "invoice.payment_failed" in events(client, "invoice")


# Renewals


def test_it_renews_by_the_clock(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    bought = _subscribe(client, http, monthly(client), price(client, 500))
    start, end = _period(bought)
    assert 28 * DAY_S <= end - start <= 31 * DAY_S
    running.control.clock.advance(end - start - 60)
    assert len(_invoices(client, bought)) == 1
    running.control.clock.advance(61)
    renewal, first = _invoices(client, bought)
    assert (renewal.billing_reason, renewal.status, renewal.total) == ("subscription_cycle", "paid", 1200)
    assert (renewal.created, first.total) == (end, 1700)
    assert _period(_now(client, bought))[0] == end
    assert len(client.v1.charges.list({"customer": str(bought.customer)}).data) == 2
    assert events(client, "invoice.paid")[-1:] == ["invoice.paid"]
    running.control.clock.advance(370 * DAY_S)
    assert len(_invoices(client, bought)) == 10  # the page's limit
    assert len(list(client.v1.invoices.list({"subscription": bought.id}).auto_paging_iter())) == 14


def test_a_month_ends_on_its_last_day(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    now = datetime.fromtimestamp(running.control.clock.now(), UTC)
    running.control.clock.advance((datetime(now.year + 1, 1, 31, 12, tzinfo=UTC) - now).total_seconds())
    bought = _subscribe(client, http)
    days = []
    for _ in range(3):
        _, end = _period(_now(client, bought))
        days.append(datetime.fromtimestamp(end, UTC))
        running.control.clock.advance(end - running.control.clock.now() + 1)
    assert [(day.month, day.day >= 28) for day in days] == [(2, True), (3, True), (4, True)]
    assert [day.day for day in days[1:]] == [31, 30]


def test_a_card_that_needs_the_shopper_again_leaves_it_past_due(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(client, monthly(client), mode="subscription", customer=customer)
    bank = pay(http, made, cardNumber="4000002760003184").headers["location"]
    http.post(bank, data={"result": "complete"})
    (bought,) = client.v1.subscriptions.list({"customer": customer}).data
    running.control.clock.advance(32 * DAY_S)
    renewal, _ = _invoices(client, bought)
    assert (renewal.status, renewal.amount_remaining) == ("open", 1200)
    assert _now(client, bought).status == "past_due"
    assert "invoice.payment_failed" in events(client, "invoice")


# Cancellation


def test_it_can_end_with_its_period(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    bought = _subscribe(client, http)
    ending = client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at_period_end) == ("active", True)
    assert ending.cancel_at == _period(bought)[1]
    assert events(client, "customer.subscription")[1:] == ["customer.subscription.updated"]
    running.control.clock.advance(40 * DAY_S)
    ended = _now(client, bought)
    assert (ended.status, ended.ended_at) == ("canceled", _period(bought)[1])
    assert len(_invoices(client, bought)) == 1
    # The older events are more than thirty days old.
    assert events(client, "customer.subscription") == ["customer.subscription.deleted"]


def test_it_can_go_on_after_all(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    bought = _subscribe(client, http)
    client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": True})
    going = client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": False})
    assert (going.cancel_at_period_end, going.cancel_at, going.canceled_at) == (False, None, None)
    running.control.clock.advance(40 * DAY_S)
    assert (_now(client, bought).status, len(_invoices(client, bought))) == ("active", 2)


def test_it_can_end_at_once(running: RunningStripe, client: stripe.StripeClient, http: httpx.Client) -> None:
    bought = _subscribe(client, http)
    ended = client.v1.subscriptions.cancel(bought.id, {"cancellation_details": {"comment": "too much tea"}})
    assert (ended.status, ended.cancel_at_period_end) == ("canceled", False)
    assert ended.cancellation_details is not None
    assert (ended.cancellation_details.comment, ended.cancellation_details.reason) == (
        "too much tea",
        "cancellation_requested",
    )
    assert ended.ended_at is not None
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        client.v1.subscriptions.cancel(bought.id)
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        client.v1.subscriptions.update(bought.id, {"cancel_at_period_end": True})
    running.control.clock.advance(40 * DAY_S)
    assert len(_invoices(client, bought)) == 1


def test_deleting_a_customer_ends_its_subscriptions(client: stripe.StripeClient, http: httpx.Client) -> None:
    bought = _subscribe(client, http)
    customer = str(bought.customer)
    client.v1.customers.delete(customer)
    assert _now(client, bought).status == "canceled"
    assert events(client, "customer.sub", "customer.del")[1:] == [
        "customer.subscription.deleted",
        "customer.deleted",
    ]
    assert len(client.v1.payment_intents.list({"customer": customer}).data) == 1
    assert len(client.v1.invoices.list({"customer": customer}).data) == 1


# Reading


def test_lists_of_subscriptions(client: stripe.StripeClient, http: httpx.Client) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    one, two = (_subscribe(client, http, customer=customer) for _ in range(2))
    other = _subscribe(client, http)
    client.v1.subscriptions.cancel(one.id)

    def found(**filters: object) -> list[str]:
        return [each.id for each in client.v1.subscriptions.list(filters).data]  # type: ignore[arg-type]  # a test's own

    assert found() == [other.id, two.id]
    assert found(customer=customer) == [two.id]
    assert found(customer=customer, status="all") == [two.id, one.id]
    assert found(status="canceled") == found(status="ended") == [one.id]
    expanded = client.v1.customers.retrieve(customer, {"expand": ["subscriptions"]}).subscriptions
    assert expanded is not None
    assert [each.id for each in expanded.data] == [two.id]
    assert found(price=two["items"].data[0].price.id) == [two.id]
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        found(customer="cus_none")


def test_lists_of_invoices(client: stripe.StripeClient, http: httpx.Client) -> None:
    bought, other = _subscribe(client, http), _subscribe(client, http, form=DEBIT)
    assert [invoice.parent is not None for invoice in client.v1.invoices.list().data] == [True, True]
    assert len(client.v1.invoices.list({"customer": str(bought.customer)}).data) == 1
    (open_,) = client.v1.invoices.list({"status": "open"}).data
    assert open_.id == (other.latest_invoice.id if isinstance(other.latest_invoice, stripe.Invoice) else "")
    lines = client.v1.invoices.line_items.list(str(open_.id)).data
    assert [line.to_dict() for line in lines] == [line.to_dict() for line in open_.lines.data]


def test_nothing_of_the_other_mode_is_seen(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    bought = _subscribe(client, http)
    live = running.sdk(LIVE_KEY)
    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in test mode"):
        live.v1.subscriptions.retrieve(bought.id)
    assert isinstance(bought.latest_invoice, stripe.Invoice)
    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in test mode"):
        live.v1.invoices.retrieve(str(bought.latest_invoice.id))
    assert live.v1.subscriptions.list().data == live.v1.invoices.list().data == []


def test_the_shopper_comes_back_to_the_store(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, monthly(client), mode="subscription")
    assert pay(http, made).headers["location"] == SUCCESS_URL.replace("{CHECKOUT_SESSION_ID}", made.id)
