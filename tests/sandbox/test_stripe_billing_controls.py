"""Failed, partial and manual payments of invoices, and changes of subscriptions, through the controls."""

from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.checkout import CARD, DEBIT, DECLINED, again, events, monthly, pay, price, session
from tests.sandbox.conftest import RunningStripe

DAY_S = 86_400


@pytest.fixture
def customer(client: stripe.StripeClient) -> str:
    return client.v1.customers.create({"email": "ada@example.com", "name": "Ada"}).id


def _invoice(client: stripe.StripeClient, id: object) -> stripe.Invoice:
    return client.v1.invoices.retrieve(str(id), {"expand": ["payments"]})


def _latest(client: stripe.StripeClient, subscription: str) -> tuple[stripe.Subscription, stripe.Invoice]:
    found = client.v1.subscriptions.retrieve(subscription)
    return found, _invoice(client, found.latest_invoice)


# A bank debit that fails


def test_a_first_debit_that_fails(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    made = session(client, monthly(client), mode="subscription", customer=customer)
    assert pay(http, made, DEBIT).status_code == 303
    (waiting,) = client.v1.payment_intents.list({"customer": customer}).data
    running.vendor.settle(waiting.id, succeeded=False)
    failed = again(client, made)
    assert (failed.status, failed.payment_status) == ("complete", "unpaid")
    intent = client.v1.payment_intents.retrieve(waiting.id, {"expand": ["latest_charge"]})
    assert (intent.status, intent.last_payment_error is not None) == ("requires_payment_method", True)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert (intent.latest_charge.status, intent.latest_charge.failure_code) == (
        "failed",
        "insufficient_funds",
    )
    subscription, invoice = _latest(client, str(failed.subscription))
    assert (subscription.status, invoice.status, invoice.attempted) == ("past_due", "open", True)
    assert invoice.amount_remaining == 1200
    assert "checkout.session.async_payment_failed" in events(client)


def test_a_failed_invoice_is_paid_by_hand(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    made = running.vendor.subscribe(customer=customer, prices=[monthly(client)], payment="debit")
    assert made["status"] == "active"
    _, invoice = _latest(client, made["id"])
    page = str(invoice.hosted_invoice_url)
    assert "cardNumber" not in http.get(page).text  # the debit is on its way
    (waiting,) = client.v1.payment_intents.list({"customer": customer}).data
    running.vendor.settle(waiting.id, succeeded=False)
    assert "cardNumber" in http.get(page).text
    assert http.post(page, data={}).status_code == 400
    assert http.post(page, data=DECLINED).status_code == 402
    assert http.post(page, data={**CARD, "cardNumber": "4000002500003155"}).status_code == 501
    assert http.post(page, data=CARD).status_code == 303
    subscription, paid = _latest(client, made["id"])
    assert (subscription.status, paid.status, paid.amount_remaining) == ("active", "paid", 0)
    assert paid.payments is not None
    assert [one.status for one in paid.payments.data] == ["paid"]
    assert client.v1.payment_intents.retrieve(waiting.id).status == "succeeded"
    assert "cardNumber" not in http.get(page).text


def test_a_first_payment_that_is_refused_leaves_it_incomplete(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    one, two = (
        running.vendor.subscribe(customer=customer, prices=[monthly(client)], payment="refused")["id"]
        for _ in range(2)
    )
    subscription, invoice = _latest(client, one)
    assert (subscription.status, invoice.status) == ("incomplete", "open")
    assert http.post(str(invoice.hosted_invoice_url), data=CARD).status_code == 303
    running.control.clock.advance(24 * 3600)
    assert client.v1.subscriptions.retrieve(one).status == "active"
    expired, voided = _latest(client, two)
    assert (expired.status, voided.status) == ("incomplete_expired", "void")
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        client.v1.subscriptions.cancel(two)


# Renewals and other plans


def test_a_renewal_that_is_early_and_one_that_fails(
    running: RunningStripe, client: stripe.StripeClient, customer: str
) -> None:
    made = running.vendor.subscribe(customer=customer, prices=[monthly(client)])
    running.control.clock.advance(3 * DAY_S)
    running.vendor.renew(made["id"])
    subscription, second = _latest(client, made["id"])
    assert (subscription.status, second.billing_reason, second.status) == (
        "active",
        "subscription_cycle",
        "paid",
    )
    item = subscription["items"].data[0]
    assert item.current_period_start == subscription.billing_cycle_anchor == second.created
    running.vendor.renew(made["id"], succeeded=False)
    subscription, third = _latest(client, made["id"])
    assert (subscription.status, third.status, third.attempt_count) == ("past_due", "open", 1)
    running.control.clock.advance(29 * DAY_S)  # the end of the period that was left early
    assert len(client.v1.invoices.list({"subscription": made["id"]}).data) == 3
    running.control.clock.advance(3 * DAY_S)
    assert len(client.v1.invoices.list({"subscription": made["id"]}).data) == 4


def test_another_quantity_is_prorated(
    running: RunningStripe, client: stripe.StripeClient, customer: str
) -> None:
    made = running.vendor.subscribe(customer=customer, prices=[monthly(client, 3000)])
    before = made["items"]["data"][0]
    half = (before["current_period_end"] - before["current_period_start"]) / 2
    running.control.clock.advance(half)
    running.vendor.change_subscription(made["id"], quantity=3)
    subscription, invoice = _latest(client, made["id"])
    unused, remaining = invoice.lines.data
    assert (round(unused.amount, -1), round(remaining.amount, -1)) == (-1500, 4500)
    assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
    assert invoice.total == unused.amount + remaining.amount == invoice.amount_paid
    assert unused.parent is not None
    details = unused.parent.subscription_item_details
    assert details is not None
    assert (details.proration, details.subscription_item) == (True, before["id"])
    assert details.proration_details is not None
    assert details.proration_details.credited_items is not None
    assert details.proration_details.credited_items.invoice == made["latest_invoice"]
    after = subscription["items"].data[0]
    assert (after.id, after.quantity) == (before["id"], 3)
    assert after.current_period_end == before["current_period_end"]


def test_a_cheaper_plan_gives_credit_for_later(
    running: RunningStripe, client: stripe.StripeClient, customer: str
) -> None:
    made = running.vendor.subscribe(customer=customer, prices=[monthly(client, 3000)])
    running.vendor.change_subscription(made["id"], price=monthly(client, 1000))
    _, invoice = _latest(client, made["id"])
    assert invoice.total < -1900
    assert (invoice.amount_due, invoice.status, invoice.ending_balance) == (0, "paid", invoice.total)
    assert client.v1.customers.retrieve(customer).balance == invoice.total
    running.vendor.renew(made["id"])
    _, renewal = _latest(client, made["id"])
    assert (renewal.starting_balance, renewal.total) == (invoice.total, 1000)
    assert (renewal.amount_due, renewal.ending_balance) == (0, invoice.total + 1000)


def test_another_interval_begins_a_new_period(
    running: RunningStripe, client: stripe.StripeClient, customer: str
) -> None:
    made = running.vendor.subscribe(customer=customer, prices=[monthly(client, 1000)])
    yearly = price(client, 10_000, recurring={"interval": "year"})
    running.control.clock.advance(DAY_S)
    running.vendor.change_subscription(made["id"], price=yearly)
    subscription, invoice = _latest(client, made["id"])
    unused, year = invoice.lines.data
    assert (unused.amount < 0, year.amount, invoice.status) == (True, 10_000, "paid")
    item = subscription["items"].data[0]
    assert item.current_period_end - item.current_period_start >= 365 * DAY_S
    running.control.clock.advance(60 * DAY_S)
    assert len(client.v1.invoices.list({"subscription": made["id"]}).data) == 2


def test_the_end_with_a_credit(running: RunningStripe, client: stripe.StripeClient, customer: str) -> None:
    made = running.vendor.subscribe(customer=customer, prices=[monthly(client, 3000)])
    client.v1.subscriptions.cancel(made["id"], {"invoice_now": True, "prorate": True})
    _, invoice = _latest(client, made["id"])
    assert (invoice.total < -2900, invoice.lines.data[0].amount, invoice.status) == (
        True,
        invoice.total,
        "paid",
    )
    for flags in ({"invoice_now": True}, {"prorate": True}, {"invoice_now": False, "prorate": False}):
        other = running.vendor.subscribe(customer=customer, prices=[monthly(client, 3000)])
        client.v1.subscriptions.cancel(other["id"], flags)  # type: ignore[arg-type]  # each is one of Stripe's
        assert len(client.v1.invoices.list({"subscription": other["id"]}).data) == 1


# Invoices


def test_one_paid_in_parts(running: RunningStripe, client: stripe.StripeClient, customer: str) -> None:
    made = running.vendor.add_invoice(customer=customer, lines=[{"description": "Repair", "amount": 5000}])
    invoice = _invoice(client, made["id"])
    assert set(invoice.to_dict()) >= {"lines", "payments", "total_taxes"}
    assert (invoice.billing_reason, invoice.status, invoice.parent) == ("manual", "open", None)
    running.vendor.pay_invoice(made["id"], amount=1000, by="charge")
    running.vendor.pay_invoice(made["id"], amount=1500, by="payment_record")
    part = _invoice(client, made["id"])
    assert (part.status, part.amount_paid, part.amount_remaining) == ("open", 2500, 2500)
    assert (part.amount_paid_off_stripe, part.attempt_count) == (1500, 1)
    with pytest.raises(ValueError, match="2500"):
        running.vendor.pay_invoice(made["id"], amount=2501)
    running.vendor.pay_invoice(made["id"])
    paid = _invoice(client, made["id"])
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 5000, 0)
    assert paid.payments is not None
    kinds = [(one.payment.type, one.amount_paid, one.is_default) for one in paid.payments.data]
    assert kinds == [("payment_intent", 2500, False), ("payment_record", 1500, False), ("charge", 1000, True)]
    payments = client.v1.invoice_payments
    first, record, last = payments.list(
        {"invoice": made["id"], "expand": ["data.payment.payment_record"]}
    ).data
    whole = record.payment.payment_record
    assert isinstance(whole, stripe.PaymentRecord)
    assert set(whole.to_dict()) == set(stripe.PaymentRecord.__annotations__) - {"OBJECT_NAME"}
    assert client.v1.payment_records.retrieve(whole.id).amount.value == 1500
    by_record = payments.list({"payment": {"type": "payment_record", "payment_record": whole.id}}).data
    by_intent = payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": str(first.payment.payment_intent)}}
    ).data
    assert ([one.id for one in by_record], [one.id for one in by_intent]) == ([record.id], [first.id])
    with pytest.raises(stripe.InvalidRequestError, match="payment_record"):
        payments.list({"payment": {"type": "payment_record"}})
    assert last.payment.charge is not None
    (charge,) = [one for one in client.v1.charges.list().data if one.payment_intent is None]
    assert charge.amount == 1000
    assert events(client, "invoice.")[-3:] == ["invoice.updated", "invoice.paid", "invoice.payment_succeeded"]


def test_one_that_nobody_will_pay(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    made = running.vendor.subscribe(customer=customer, prices=[monthly(client)])
    running.vendor.renew(made["id"], succeeded=False)
    past_due, invoice = _latest(client, made["id"])
    assert past_due.status == "past_due"
    running.vendor.mark_uncollectible(str(invoice.id))
    subscription, lost = _latest(client, made["id"])
    assert (subscription.status, lost.status, lost.amount_remaining) == ("active", "uncollectible", 1200)
    running.vendor.void_invoice(str(invoice.id))
    assert _invoice(client, invoice.id).status == "void"
    with pytest.raises(ValueError, match="void"):
        running.vendor.pay_invoice(str(invoice.id))
    assert lost.payments is not None
    (intent,) = [one.payment.payment_intent for one in lost.payments.data]
    assert client.v1.payment_intents.retrieve(str(intent)).cancellation_reason == "void_invoice"
    assert "cardNumber" not in http.get(str(invoice.hosted_invoice_url)).text


def test_a_draft_a_sent_one_and_a_free_trial(
    running: RunningStripe, client: stripe.StripeClient, customer: str
) -> None:
    lines: list[dict[str, Any]] = [{"description": "Tea", "amount": 700, "quantity": 2}]
    draft = _invoice(client, running.vendor.add_invoice(customer=customer, lines=lines, draft=True)["id"])
    assert (draft.status, draft.number, draft.hosted_invoice_url) == ("draft", None, None)
    sent = _invoice(
        client, running.vendor.add_invoice(customer=customer, lines=lines, days_until_due=14)["id"]
    )
    assert (sent.collection_method, sent.due_date) == ("send_invoice", sent.created + 14 * DAY_S)
    trial = running.vendor.subscribe(customer=customer, prices=[monthly(client)], trial_days=7)
    subscription, free = _latest(client, trial["id"])
    assert (subscription.status, free.total, free.status) == ("trialing", 0, "paid")
    assert free.lines.data[0].description == "Trial period for Mug"


# The controls themselves


def test_the_controls_over_http(client: stripe.StripeClient, http: httpx.Client, customer: str) -> None:
    root = "/_sandbox/stripe"
    made = http.post(f"{root}/subscriptions", json={"customer": customer, "prices": [monthly(client)]})
    id = made.json()["object"]["id"]
    assert (
        http.post(f"{root}/subscriptions/{id}/renew", json={"succeeded": False}).json()["object"]["status"]
        == "past_due"
    )
    assert http.post(f"{root}/subscriptions/{id}/change", json={"quantity": 2}).status_code == 200
    assert http.post(f"{root}/subscriptions/{id}/change", json={"quantity": "many"}).status_code == 400
    assert http.post(f"{root}/subscriptions/{id}/change", json={"colour": 2}).status_code == 400
    assert http.post(f"{root}/subscriptions/sub_none/renew", json={}).status_code == 404
    assert http.post(f"{root}/subscriptions", json={"customer": "cus_none", "prices": []}).status_code == 404
    listed = http.get(f"{root}/").json()["endpoints"]
    assert listed[f"POST {root}/subscriptions/<id>/renew"]["arguments"] == ["succeeded=True"]
    bad = http.post(f"{root}/subscriptions", json={"customer": customer, "prices": ["price_none"]})
    assert (bad.status_code, "price_none" in bad.json()["error"]) == (400, True)


def test_the_dashboard_has_buttons(client: stripe.StripeClient, http: httpx.Client, customer: str) -> None:
    made = session(client, monthly(client), mode="subscription", customer=customer)
    pay(http, made)
    id = str(again(client, made).subscription)
    page, other = f"/test/subscriptions/{id}", monthly(client, 500)
    assert page in http.get(f"/test/customers/{customer}").text
    for action, form in (
        ("renew", {"outcome": "succeed"}),
        ("change", {"price": other, "quantity": "2"}),
        ("renew", {"outcome": "fail"}),
    ):
        assert f"{page}/{action}" in http.get(page).text
        assert http.post(f"{page}/{action}", data=form).status_code == 303
    subscription, invoice = _latest(client, id)
    assert (subscription.status, invoice.status) == ("past_due", "open")
    assert (subscription["items"].data[0].price.id, subscription["items"].data[0].quantity) == (other, 2)
    admin = f"/test/invoices/{invoice.id}"
    assert admin in http.get(page).text
    assert "</a>, Failed</td>" in http.get(admin).text
    assert http.post(f"{admin}/pay", data={"amount": "1,00", "by": "payment_record"}).status_code == 303
    for action, by in (("pay", "charge"), ("credit", "customer_balance")):
        refused = http.post(f"{admin}/{action}", data={"amount": "1000", "by": by})
        assert (refused.status_code, refused.text.count('value="1000"')) == (400, 1)
        assert f'<option value="{by}" selected>' in refused.text
    assert http.post(f"{admin}/uncollectible").status_code == 303
    assert http.post(f"{admin}/void").status_code == 303
    assert http.post(f"{admin}/void").status_code == 400
    assert _invoice(client, invoice.id).amount_paid_off_stripe == 100
    for missing in ("/test/subscriptions/sub_none", "/test/invoices/in_none"):
        assert http.get(missing).status_code == 404
