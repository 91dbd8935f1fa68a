"""The sandbox's Stripe answers in the shape that Stripe declares. `running` checks every answer of a test."""

import httpx
import pytest
import stripe

from tests.sandbox.checkout import monthly, pay, price, session
from tests.sandbox.conftest import RunningStripe
from tests.sandbox.shapes import faults

REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 5,
    "balance_transaction": None,
    "charge": "ch_1",
    "created": 1,
    "currency": "eur",
    "customer": None,
    "customer_account": None,
    "metadata": {},
    "payment_intent": None,
    "payment_method": None,
    "reason": None,
    "receipt_number": None,
    "source_transfer_reversal": None,
    "status": "succeeded",
    "transfer_reversal": None,
}
LIST = {"object": "list", "has_more": False, "url": "/v1/refunds"}
PRESENTED = {"presentment_amount": 5}


def test_a_refund_in_the_declared_shape_has_no_faults() -> None:
    assert list(faults(REFUND)) == []


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({**REFUND, "color": "red"}, "refund (Refund) has color, which is not declared"),
        ({**REFUND, "currency": None}, "refund.currency is null"),
        ({**REFUND, "pending_reason": None}, "refund.pending_reason is null"),
        ({n: v for n, v in REFUND.items() if n != "reason"}, "refund (Refund) has no reason"),
        (
            {**REFUND, "presentment_details": PRESENTED},
            "refund.presentment_details (Refund.PresentmentDetails) has no presentment_currency",
        ),
        ({**LIST, "data": [{**REFUND, "amount": None}]}, "refund.amount is null"),
    ],
)
def test_faults_are_found_at_every_level(answer: dict[str, object], fault: str) -> None:
    assert list(faults(answer)) == [fault]


def test_the_objects_of_a_sale_in_their_events(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com", "business_name": "Ada Ltd"})
    client.v1.customers.update(customer.id, {"business_name": ""})
    pay(http, session(client, price(client), customer=customer.id))
    pay(http, session(client, monthly(client), mode="subscription", customer=customer.id))
    charge = client.v1.charges.list({"limit": 1, "customer": customer.id}).data[0]
    client.v1.refunds.create({"charge": charge.id, "amount": 100})
    running.vendor.dispute(client.v1.charges.list({"customer": customer.id}).data[-1].id)
    events = http.get("/v1/events", params={"limit": 100}).json()
    assert list(faults(events)) == []
    assert {event["data"]["object"]["object"] for event in events["data"]} >= {
        "charge",
        "checkout.session",
        "customer",
        "dispute",
        "invoice",
        "payment_intent",
        "price",
        "product",
        "refund",
        "subscription",
    }


def test_a_name_that_is_not_set_is_left_out_of_the_customer(client: stripe.StripeClient) -> None:
    named = client.v1.customers.create({"business_name": "Ada Ltd", "individual_name": "Ada"})
    assert (named.business_name, named.individual_name) == ("Ada Ltd", "Ada")
    unset = client.v1.customers.update(named.id, {"business_name": ""}).to_dict()
    assert "business_name" not in unset
    (changed,) = client.v1.events.list({"type": "customer.updated"}).data
    assert changed.data.previous_attributes is not None
    assert changed.data.previous_attributes.to_dict() == {"business_name": "Ada Ltd"}


def test_the_accounts_settings(client: stripe.StripeClient, http: httpx.Client) -> None:
    account = http.get("/v1/account").json()
    assert list(faults(account)) == []
    assert {"branding", "card_payments", "dashboard", "payments"} <= set(account["settings"])
    assert client.v1.accounts.retrieve_current().id == account["id"]


@pytest.mark.parametrize("currency", ["eur", "gbp", "usd"])
def test_a_bank_debits_details(client: stripe.StripeClient, http: httpx.Client, currency: str) -> None:
    made = session(client, price(client, currency=currency))
    pay(http, made, {"paymentMethod": "debit", "billingName": "Ada"})
    (charge,) = client.v1.charges.list().data
    assert charge.payment_method is not None
    kept = http.get(f"/v1/payment_intents/{charge.payment_intent}?expand[]=payment_method").json()
    assert list(faults(kept)) == []
    assert kept["payment_method"]["type"] in charge.to_dict(recursive=True)["payment_method_details"]
