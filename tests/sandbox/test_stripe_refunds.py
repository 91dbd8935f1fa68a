"""Refunds, and reading payments: https://docs.stripe.com/api/refunds"""

import httpx
import pytest
import stripe

from tests.sandbox.checkout import DEBIT, DECLINED, again, events, pay, price, session
from tests.sandbox.conftest import RunningStripe
from webstore.sandbox.stripe import LIVE_KEY


@pytest.fixture
def paid(client: stripe.StripeClient, http: httpx.Client) -> stripe.PaymentIntent:
    """The payment intent of a payment of 18.00 EUR by a customer."""
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(client, price(client), customer=customer)
    pay(http, made)
    intent = again(client, made, "payment_intent").payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    return intent


def _charge(client: stripe.StripeClient, intent: stripe.PaymentIntent) -> stripe.Charge:
    return client.v1.charges.retrieve(str(intent.latest_charge), {"expand": ["refunds"]})


def test_all_of_a_payment(client: stripe.StripeClient, paid: stripe.PaymentIntent) -> None:
    refund = client.v1.refunds.create({"payment_intent": paid.id, "reason": "requested_by_customer"})
    seldom = {"OBJECT_NAME", "description", "failure_balance_transaction", "failure_reason"}
    seldom |= {"instructions_email", "next_action", "pending_reason", "presentment_details"}
    assert set(refund.to_dict()) == set(stripe.Refund.__annotations__) - seldom
    assert (refund.amount, refund.status, refund.charge) == (1800, "succeeded", paid.latest_charge)
    charge = _charge(client, paid)
    assert (charge.amount_refunded, charge.refunded, charge.status) == (1800, True, "succeeded")
    assert charge.refunds is not None
    assert [one.id for one in charge.refunds.data] == [refund.id]
    assert client.v1.payment_intents.retrieve(paid.id).status == "succeeded"
    assert events(client, "refund", "charge.ref") == ["refund.created", "charge.refunded"]


def test_a_payment_in_parts(client: stripe.StripeClient, paid: stripe.PaymentIntent) -> None:
    charge = str(paid.latest_charge)
    first = client.v1.refunds.create({"charge": charge, "amount": 500})
    assert (_charge(client, paid).amount_refunded, _charge(client, paid).refunded) == (500, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount") as error:
        client.v1.refunds.create({"charge": charge, "amount": 1301})
    assert error.value.param == "amount"
    rest = client.v1.refunds.create({"charge": charge})
    assert (rest.amount, _charge(client, paid).refunded) == (1300, True)
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.v1.refunds.create({"charge": charge})
    assert error.value.code == "charge_already_refunded"
    assert [one.id for one in client.v1.refunds.list({"charge": charge}).data] == [rest.id, first.id]
    assert len(client.v1.refunds.list({"payment_intent": paid.id}).data) == 2
    assert client.v1.refunds.retrieve(first.id).amount == 500


@pytest.mark.parametrize("amount", ["0", "-5", "all"])
def test_an_amount_that_makes_no_sense(http: httpx.Client, paid: stripe.PaymentIntent, amount: str) -> None:
    answer = http.post("/v1/refunds", data={"payment_intent": paid.id, "amount": amount})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "amount")


def test_what_cannot_be_refunded(
    client: stripe.StripeClient, http: httpx.Client, paid: stripe.PaymentIntent
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="should be provided"):
        client.v1.refunds.create({})
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        client.v1.refunds.create({"charge": str(paid.latest_charge), "payment_intent": paid.id})
    with pytest.raises(stripe.InvalidRequestError, match="No such charge: 'ch_none'"):
        client.v1.refunds.create({"charge": "ch_none"})
    for form in (DECLINED, DEBIT):
        made = session(client, price(client))
        pay(http, made, form)
        intent = client.v1.payment_intents.list({"limit": 1}).data[0]
        with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
            client.v1.refunds.create({"payment_intent": intent.id})
        with pytest.raises(stripe.InvalidRequestError, match="has not succeeded"):
            client.v1.refunds.create({"charge": str(intent.latest_charge)})


def test_a_repeated_request_refunds_once(client: stripe.StripeClient, paid: stripe.PaymentIntent) -> None:
    ids = {
        client.v1.refunds.create({"payment_intent": paid.id, "amount": 500}, {"idempotency_key": "k"}).id
        for _ in range(2)
    }
    assert (len(ids), _charge(client, paid).amount_refunded) == (1, 500)


def test_the_receipt_says_so(
    client: stripe.StripeClient, http: httpx.Client, paid: stripe.PaymentIntent
) -> None:
    refund = client.v1.refunds.create({"payment_intent": paid.id, "amount": 500})
    page = http.get(str(_charge(client, paid).receipt_url)).text
    assert (f'data-refund-id="{refund.id}"' in page, "€5.00" in page) == (True, True)


# Reading payments


def test_payments_are_listed_by_customer(
    client: stripe.StripeClient, http: httpx.Client, paid: stripe.PaymentIntent
) -> None:
    pay(http, session(client, price(client)))
    assert len(client.v1.payment_intents.list().data) == len(client.v1.charges.list().data) == 2
    customer = str(paid.customer)
    listed = client.v1.payment_intents.list({"customer": customer, "expand": ["data.latest_charge"]}).data
    assert [one.id for one in listed] == [paid.id]
    assert isinstance(listed[0].latest_charge, stripe.Charge)
    assert [one.id for one in client.v1.charges.list({"customer": customer}).data] == [paid.latest_charge]
    by_intent = client.v1.charges.list({"payment_intent": paid.id, "customer": customer}).data
    assert [one.payment_intent for one in by_intent] == [paid.id]
    client.v1.customers.delete(customer)
    assert [one.id for one in client.v1.charges.list({"customer": customer}).data] == [paid.latest_charge]
    deleted = client.v1.payment_intents.retrieve(paid.id, {"expand": ["customer"]}).customer
    assert isinstance(deleted, stripe.Customer)
    assert deleted.deleted is True


def test_the_metadata_of_a_payment_can_be_changed(
    client: stripe.StripeClient, paid: stripe.PaymentIntent
) -> None:
    changed = client.v1.payment_intents.update(paid.id, {"metadata": {"a": "1"}, "description": "Mug"})
    assert (changed.to_dict()["metadata"], changed.description) == ({"a": "1"}, "Mug")


def test_the_other_mode_sees_none_of_it(running: RunningStripe, paid: stripe.PaymentIntent) -> None:
    live = running.sdk(LIVE_KEY)
    for read in (
        lambda: live.v1.payment_intents.retrieve(paid.id),
        lambda: live.v1.charges.retrieve(str(paid.latest_charge)),
        lambda: live.v1.refunds.create({"payment_intent": paid.id}),
    ):
        with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in test mode") as error:
            read()
        assert (error.value.http_status, error.value.code) == (404, "resource_missing")
