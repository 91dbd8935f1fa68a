"""The hosted payment page, used as a shopper does: https://docs.stripe.com/payments/checkout"""

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.checkout import (
    CANCEL_URL,
    CARD,
    DEBIT,
    DECLINED,
    SUCCESS_URL,
    again,
    events,
    page_of,
    pay,
    price,
    session,
)
from tests.sandbox.conftest import RunningStripe
from webstore.sandbox.stripe import LIVE_KEY

ADDRESS = {
    "shippingName": "Ada Example",
    "shippingAddressLine1": "Weg 1",
    "shippingLocality": "Berlin",
    "shippingPostalCode": "10115",
    "shippingCountry": "DE",
}
_PAID = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
]


def _problem(page: httpx.Response) -> str:
    match = re.search(r'id="problem">([^<]*)<', page.text)
    assert match is not None, page.text
    return unescape(match[1])


def _paid(client: stripe.StripeClient, made: stripe.checkout.Session) -> Any:
    """Retrieve the session with its payment expanded."""
    return again(client, made, "payment_intent.latest_charge", "line_items").to_dict(recursive=True)


def _is_success(answer: httpx.Response, made: stripe.checkout.Session) -> bool:
    wanted = SUCCESS_URL.replace("{CHECKOUT_SESSION_ID}", made.id)
    return (answer.status_code, answer.headers.get("location")) == (303, wanted)


# Successful payments


def test_the_page_shows_what_is_bought(client: stripe.StripeClient, http: httpx.Client) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(client, line_items=[{"price": price(client), "quantity": 2}], customer=customer)
    page = http.get(page_of(made))
    assert page.status_code == 200
    for text in ("Mug", "Qty 2", "€36.00", "ada@example.com", f'href="{CANCEL_URL}"', "Sandbox"):
        assert text in page.text


def test_the_page_shows_the_picture_of_what_is_bought(
    client: stripe.StripeClient, http: httpx.Client
) -> None:
    mug = client.v1.products.create({"name": "Mug", "images": ["https://a.example/mug.svg?a=1&b=2"]})
    made = session(
        client,
        price(client),
        client.v1.prices.create({"product": mug.id, "currency": "eur", "unit_amount": 500}).id,
    )
    page = http.get(page_of(made)).text
    assert page.count("<img") == page.count('src="https://a.example/mug.svg?a=1&amp;b=2"') == 1


def test_a_payment(running: RunningStripe, client: stripe.StripeClient, http: httpx.Client) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(
        client,
        price(client),
        customer=customer,
        metadata={"order": "1"},
        payment_intent_data={"metadata": {"auth0_user_id": "auth0|1"}, "receipt_email": "ada@example.com"},
    )
    assert _is_success(pay(http, made), made)
    paid = _paid(client, made)
    assert (paid["status"], paid["payment_status"], paid["url"]) == ("complete", "paid", None)
    assert (paid["customer"], paid["metadata"]) == (customer, {"order": "1"})
    assert (paid["customer_details"]["email"], paid["customer_details"]["name"]) == ("ada@example.com", "Ada")
    intent, charge = paid["payment_intent"], paid["payment_intent"]["latest_charge"]
    assert (intent["status"], intent["amount_received"], intent["customer"]) == ("succeeded", 1800, customer)
    assert (charge["status"], charge["amount"], charge["paid"], charge["refunded"]) == (
        "succeeded",
        1800,
        True,
        False,
    )
    assert intent["metadata"] == charge["metadata"] == {"auth0_user_id": "auth0|1"}
    assert charge["payment_method_details"]["card"]["last4"] == "4242"
    assert charge["receipt_url"].startswith(f"{running.url}/receipts/")
    assert events(client, "payment", "charge", "checkout") == _PAID


def test_a_payment_has_every_field_of_a_real_one(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client))
    pay(http, made)
    paid = _paid(client, made)
    intent, charge = paid["payment_intent"], paid["payment_intent"]["latest_charge"]
    # Fields that only some payments have, or only expanded ones.
    seldom = {
        "OBJECT_NAME",
        "hooks",
        "payment_details",
        "presentment_details",
    }
    assert set(intent) == set(stripe.PaymentIntent.__annotations__) - seldom
    seldom = {"OBJECT_NAME", "authorization_code", "level3", "presentment_details", "refunds", "transfer"}
    assert set(charge) == set(stripe.Charge.__annotations__) - seldom


def test_a_receipt(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client))
    pay(http, made)
    page = http.get(_paid(client, made)["payment_intent"]["latest_charge"]["receipt_url"])
    assert page.status_code == 200
    for text in ("€18.00", "Mug", "Visa ending in 4242"):
        assert text in page.text
    assert http.get("/receipts/payment/ch_none").status_code == 404


def test_the_finished_page_leads_back(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client))
    pay(http, made)
    page = http.get(page_of(made))
    assert (page.status_code, "all done" in page.text) == (200, True)
    assert f"session_id={made.id}" in unescape(page.text)


def test_two_tabs_pay_once(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client))
    with ThreadPoolExecutor(4) as tabs:
        answers = list(tabs.map(lambda _: pay(http, made), range(4)))
    assert all(_is_success(answer, made) for answer in answers)
    assert len(client.v1.charges.list().data) == 1
    assert events(client, "checkout") == ["checkout.session.completed"]


def test_a_guest_stays_one_unless_a_customer_is_wanted(
    client: stripe.StripeClient, http: httpx.Client
) -> None:
    guest = session(client, price(client))
    pay(http, guest)
    assert again(client, guest).customer is None
    made = session(client, price(client), customer_creation="always")
    pay(http, made, email="grace@example.com")
    customer = again(client, made, "customer").customer
    assert isinstance(customer, stripe.Customer)
    assert customer.email == "grace@example.com"


def test_a_customer_without_email_gets_the_entered_one(
    client: stripe.StripeClient, http: httpx.Client
) -> None:
    customer = client.v1.customers.create({"name": "Ada"}).id
    made = session(client, price(client), customer=customer, customer_update={"name": "auto"})
    assert pay(http, made, email="nonsense").status_code == 400
    pay(http, made, billingName="Countess")
    kept = client.v1.customers.retrieve(customer)
    assert (kept.email, kept.name) == ("ada@example.com", "Countess")
    assert events(client, "customer.updated") == ["customer.updated"]


def test_a_customer_deleted_meanwhile_cannot_pay(client: stripe.StripeClient, http: httpx.Client) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(client, price(client), customer=customer)
    client.v1.customers.delete(customer)
    answer = pay(http, made)
    assert (answer.status_code, _problem(answer)) == (400, f"No such customer: '{customer}'")
    assert client.v1.charges.list().data == []


def test_nothing_to_pay_needs_no_card(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client, 0))
    assert _is_success(pay(http, made, {}), made)
    done = again(client, made)
    assert (done.status, done.payment_status, done.payment_intent) == (
        "complete",
        "no_payment_required",
        None,
    )
    assert done.customer is not None


# Refused payments


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
        ("4242424242424241", "incorrect_number", "incorrect_number"),
        ("4111111111111111", "card_declined", "test_mode_live_card"),
    ],
)
def test_a_card_that_is_refused(
    client: stripe.StripeClient, http: httpx.Client, number: str, code: str, decline_code: str
) -> None:
    made = session(client, price(client))
    answer = pay(http, made, cardNumber=number)
    (intent,) = client.v1.payment_intents.list().data
    error = intent.last_payment_error
    assert error is not None
    assert (answer.status_code, _problem(answer)) == (402, error.message)
    assert (intent.status, error.code, error.decline_code) == ("requires_payment_method", code, decline_code)
    assert again(client, made).status == "open"
    assert events(client, "payment", "charge", "checkout") == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
    ]


def test_another_card_is_tried_on_the_same_payment(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client))
    pay(http, made, DECLINED)
    assert _is_success(pay(http, made), made)
    (intent,) = client.v1.payment_intents.list().data
    assert (intent.status, intent.last_payment_error) == ("succeeded", None)
    assert [charge.status for charge in client.v1.charges.list().data] == ["succeeded", "failed"]


def test_the_payment_of_an_expired_session_is_canceled(
    client: stripe.StripeClient, http: httpx.Client
) -> None:
    made = session(client, price(client))
    pay(http, made, DECLINED)
    client.v1.checkout.sessions.expire(made.id)
    (intent,) = client.v1.payment_intents.list().data
    assert (intent.status, intent.cancellation_reason) == ("canceled", "expired")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cardNumber", ""),
        ("cardNumber", "4242"),
        ("cardExpiry", "13/34"),
        ("cardExpiry", "01/20"),
        ("cardExpiry", "soon"),
        ("cardCvc", "12"),
        ("billingName", " "),
        ("email", "nonsense"),
        ("paymentMethod", "debit"),
    ],
)
def test_a_form_that_is_filled_in_wrongly(
    client: stripe.StripeClient, http: httpx.Client, field: str, value: str
) -> None:
    made = session(client, price(client, 1800, "chf"))
    answer = pay(http, made, **{field: value})
    assert (answer.status_code, again(client, made).status) == (400, "open")
    assert _problem(answer)
    assert client.v1.payment_intents.list().data == []


def test_live_mode_takes_no_test_card(running: RunningStripe, http: httpx.Client) -> None:
    live = running.sdk(LIVE_KEY)
    addresses = {"success_url": "https://store.test/ok", "cancel_url": "https://store.test/cart"}
    answer = pay(http, session(live, price(live), **addresses))
    assert "live mode, but used a known test card" in _problem(answer)


def test_a_page_that_there_is_not(http: httpx.Client) -> None:
    assert http.get("/c/pay/cs_test_none").status_code == 404
    assert http.post("/c/pay/cs_test_none", data=CARD).status_code == 404


# 3-D Secure: https://docs.stripe.com/testing#regulatory-cards


@pytest.mark.parametrize("number", ["4000002500003155", "4000002760003184"])
def test_a_bank_that_asks_first(client: stripe.StripeClient, http: httpx.Client, number: str) -> None:
    made = session(client, price(client))
    answer = pay(http, made, cardNumber=number)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/c/pay/{made.id}/authenticate")
    (intent,) = client.v1.payment_intents.list().data
    assert (intent.status, again(client, made).status) == ("requires_action", "open")
    page = http.get(answer.headers["location"])
    assert ("Complete" in page.text, "Fail" in page.text) == (True, True)
    assert _is_success(http.post(answer.headers["location"], data={"result": "complete"}), made)
    assert again(client, made).payment_status == "paid"
    # The bank has no further questions.
    assert _is_success(http.get(answer.headers["location"]), made)
    assert _is_success(http.post(answer.headers["location"], data={"result": "complete"}), made)
    assert len(client.v1.charges.list().data) == 1


def test_a_shopper_who_fails_at_the_bank(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client))
    bank = pay(http, made, cardNumber="4000002500003155").headers["location"]
    answer = http.post(bank, data={"result": "fail"})
    assert (answer.status_code, "unable to authenticate" in _problem(answer)) == (402, True)
    (intent,) = client.v1.payment_intents.list().data
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert http.post(bank, data={"result": "complete"}).status_code == 402
    assert (client.v1.charges.list().data, again(client, made).status) == ([], "open")
    assert _is_success(pay(http, made), made)


# Delayed payments: https://docs.stripe.com/payments/checkout/fulfill-orders#delayed-notification


@pytest.mark.parametrize(
    ("succeeded", "status", "intent_status"),
    [(True, "paid", "succeeded"), (False, "unpaid", "requires_payment_method")],
)
def test_a_bank_debit_takes_its_time(
    client: stripe.StripeClient, http: httpx.Client, succeeded: bool, status: str, intent_status: str
) -> None:
    made = session(client, price(client))
    assert _is_success(pay(http, made, DEBIT), made)
    waiting = _paid(client, made)
    intent = waiting["payment_intent"]
    assert (waiting["status"], waiting["payment_status"], intent["status"]) == (
        "complete",
        "unpaid",
        "processing",
    )
    assert (intent["latest_charge"]["status"], intent["latest_charge"]["paid"]) == ("pending", False)
    done = http.post(f"/_sandbox/stripe/payments/{intent['id']}/settle", json={"succeeded": succeeded})
    assert done.status_code == 204
    settled = _paid(client, made)
    assert (settled["payment_status"], settled["payment_intent"]["status"]) == (status, intent_status)
    outcome = "succeeded" if succeeded else "failed"
    assert settled["payment_intent"]["latest_charge"]["status"] == outcome
    assert events(client, "checkout") == [
        "checkout.session.completed",
        f"checkout.session.async_payment_{outcome}",
    ]
    again_ = http.post(f"/_sandbox/stripe/payments/{intent['id']}/settle", json={"succeeded": True})
    assert again_.status_code == 400
    assert http.post("/_sandbox/stripe/payments/pi_none/settle", json={}).status_code == 404


# Other inputs of the page


def test_a_shipping_address(client: stripe.StripeClient, http: httpx.Client) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(
        client,
        price(client),
        customer=customer,
        customer_update={"shipping": "auto"},
        shipping_address_collection={"allowed_countries": ["DE", "AT"]},
    )
    assert "address is incomplete" in _problem(pay(http, made, shippingName="Ada"))
    assert "cannot ship" in _problem(pay(http, made, **{**ADDRESS, "shippingCountry": "US"}))
    assert _is_success(pay(http, made, **ADDRESS), made)
    paid = _paid(client, made)
    shipping = paid["collected_information"]["shipping_details"]
    assert (shipping["name"], shipping["address"]["city"], shipping["address"]["line2"]) == (
        "Ada Example",
        "Berlin",
        None,
    )
    assert paid["payment_intent"]["shipping"]["address"]["country"] == "DE"
    kept = client.v1.customers.retrieve(customer).shipping
    assert kept is not None
    assert kept.name == "Ada Example"


def test_a_shipping_method(client: stripe.StripeClient, http: httpx.Client) -> None:
    options = [
        {
            "shipping_rate_data": {
                "display_name": name,
                "type": "fixed_amount",
                "fixed_amount": {"amount": amount, "currency": "eur"},
            }
        }
        for name, amount in (("Post", 490), ("Express", 1290))
    ]
    made = session(client, price(client), shipping_options=options)
    chosen = str(made.shipping_options[1].shipping_rate)
    page = pay(http, made, {"action": "update"}, shippingRate=chosen)
    assert (page.status_code, "€30.90" in page.text) == (200, True)
    assert _is_success(pay(http, made, shippingRate=chosen), made)
    paid = again(client, made, "payment_intent")
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert (paid.amount_total, paid.payment_intent.amount) == (3090, 3090)
    assert paid.total_details is not None
    assert paid.total_details.amount_shipping == 1290


def test_terms_and_a_phone_number(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(
        client,
        price(client),
        consent_collection={"terms_of_service": "required"},
        phone_number_collection={"enabled": True},
    )
    assert "terms of service" in _problem(pay(http, made, phoneNumber="+49 30 1234567"))
    agreed = {"termsOfServiceConsentCheckbox": "on"}
    assert "phone number" in _problem(pay(http, made, **agreed))
    assert _is_success(pay(http, made, **agreed, phoneNumber="+49 30 1234567"), made)
    paid = again(client, made)
    assert paid.consent is not None
    assert paid.customer_details is not None
    assert (paid.consent.terms_of_service, paid.customer_details.phone) == ("accepted", "+49 30 1234567")


def test_quantities_can_be_adjusted_where_they_may(client: stripe.StripeClient, http: httpx.Client) -> None:
    free = {"adjustable_quantity": {"enabled": True, "maximum": 5}}
    lines = [
        {"price": price(client), "quantity": 1, **free},
        {"price": price(client, 950), "quantity": 1},
    ]
    made = session(client, line_items=lines, expand=["line_items"])
    assert made.line_items is not None
    mug, tea = (f"quantity_{line.id}" for line in made.line_items.data)
    assert "from 0 to 5" in _problem(pay(http, made, **{mug: "6"}))
    assert pay(http, made, {"action": "update"}, **{mug: "3", tea: "9"}).status_code == 200
    assert again(client, made).amount_total == 3 * 1800 + 950
    pay(http, made, **{mug: "2"})
    assert _paid(client, made)["payment_intent"]["amount"] == 2 * 1800 + 950


def test_a_promotion_code_that_there_is_not(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client), allow_promotion_codes=True)
    assert 'name="promotionCode"' in http.get(page_of(made)).text
    answer = pay(http, made, {"action": "promotion", "promotionCode": "SPRING"})
    assert (answer.status_code, _problem(answer)) == (400, "This code is invalid.")


def test_an_invoice_for_a_single_payment(client: stripe.StripeClient, http: httpx.Client) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(client, price(client), customer=customer, invoice_creation={"enabled": True})
    pay(http, made)
    invoice = again(client, made, "invoice.payments").invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.status, invoice.billing_reason, invoice.total) == ("paid", "manual", 1800)
    assert invoice.parent is None
    assert invoice.payments is not None
    assert invoice.payments.data[0].payment.payment_intent == again(client, made).payment_intent
    page = http.get(str(invoice.hosted_invoice_url))
    assert (page.status_code, str(invoice.number) in page.text) == (200, True)
    pdf = http.get(str(invoice.invoice_pdf))
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    assert http.get(f"/i/{invoice.id}/guess").status_code == 404
