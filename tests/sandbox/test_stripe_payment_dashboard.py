"""The payment pages of Stripe's dashboard, used over HTTP."""

import re

import httpx
import stripe

from tests.sandbox.checkout import CARD, DEBIT, DECLINED, again, monthly, pay, price, session


def _bought(client: stripe.StripeClient, http: httpx.Client, **form: str) -> stripe.PaymentIntent:
    """The payment intent of a payment of 18.00 EUR by a new customer."""
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(
        client, price(client), customer=customer, payment_intent_data={"metadata": {"owner": "<ada>"}}
    )
    pay(http, made, form or CARD)
    return client.v1.payment_intents.list({"customer": customer}).data[0]


def _rows(page: httpx.Response, kind: str) -> list[str]:
    return re.findall(rf'<tr data-{kind}-id="([^"]+)"', page.text)


def test_payments_are_listed_newest_first(client: stripe.StripeClient, http: httpx.Client) -> None:
    assert "No payments yet" in http.get("/test/payments").text
    ids = [_bought(client, http).id, _bought(client, http, **DECLINED).id][::-1]
    page = http.get("/test/payments")
    assert _rows(page, "payment") == ids
    assert ("€18.00" in page.text, "Succeeded" in page.text, "Failed" in page.text) == (True, True, True)
    assert _rows(http.get("/payments"), "payment") == []
    assert _rows(http.get("/test/payments", params={"below": "1"}), "payment") == ids[1:]


def test_a_payment_has_the_same_status_on_each_page(client: stripe.StripeClient, http: httpx.Client) -> None:
    for form, status in ((CARD, "Partial refund"), (DECLINED, "Failed")):
        bought = _bought(client, http, **form)
        if status == "Partial refund":
            client.v1.refunds.create({"payment_intent": bought.id, "amount": 500})
        pages = [f"customers/{bought.customer}", f"payments/{bought.id}", "payments?below=9"]
        texts = [http.get(f"/test/{page}").text for page in pages]
        assert [re.findall(f">{status}<", text) for text in texts] == [[f">{status}<"]] * 3


def test_a_payments_page(client: stripe.StripeClient, http: httpx.Client) -> None:
    paid = _bought(client, http)
    page = http.get(f"/test/payments/{paid.id}")
    assert f'id="payment-customer">{paid.customer}<' in page.text
    assert f'href="/test/customers/{paid.customer}"' in page.text
    assert "&lt;ada&gt;" in page.text
    assert "/receipts/payment/" in page.text
    assert re.findall(r'data-event-type="([^"]+)"', page.text) == [
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ]
    assert http.get("/test/payments/pi_none").status_code == 404
    assert http.get(f"/payments/{paid.id}").status_code == 404


def test_a_payment_is_refunded_in_part_and_whole(client: stripe.StripeClient, http: httpx.Client) -> None:
    paid = _bought(client, http)
    address = f"/test/payments/{paid.id}"
    assert http.post(f"{address}/refund", data={"amount": "5,50"}).status_code == 303
    assert client.v1.charges.retrieve(str(paid.latest_charge)).amount_refunded == 550
    assert "Partial refund" in http.get(address).text
    for wrong in ("20", "five"):
        refused = http.post(f"{address}/refund", data={"amount": wrong})
        assert (refused.status_code, f'value="{wrong}"' in refused.text) == (400, True)
    assert http.post(f"{address}/refund", data={"amount": ""}).status_code == 303
    page = http.get(address)
    assert client.v1.charges.retrieve(str(paid.latest_charge)).refunded is True
    assert len(_rows(page, "refund")) == 2
    assert f"{address}/refund" not in page.text
    assert http.post(f"{address}/refund", data={"amount": ""}).status_code == 400


def test_a_delayed_payment_is_settled(client: stripe.StripeClient, http: httpx.Client) -> None:
    for outcome, status in (("succeed", "succeeded"), ("fail", "requires_payment_method")):
        waiting = _bought(client, http, **DEBIT)
        address = f"/test/payments/{waiting.id}"
        assert f"{address}/settle" in http.get(address).text
        assert http.post(f"{address}/settle", data={"outcome": outcome}).status_code == 303
        assert client.v1.payment_intents.retrieve(waiting.id).status == status
        assert f"{address}/settle" not in http.get(address).text
        assert http.post(f"{address}/settle", data={"outcome": outcome}).status_code == 400


def test_a_customers_page_shows_what_it_bought(client: stripe.StripeClient, http: httpx.Client) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(client, monthly(client), mode="subscription", customer=customer)
    pay(http, made)
    _bought(client, http)
    bought = again(client, made)
    page = http.get(f"/test/customers/{customer}")
    assert len(_rows(page, "payment")) == 1
    assert (_rows(page, "subscription"), _rows(page, "invoice")) == ([bought.subscription], [bought.invoice])
    cancel = f"/test/subscriptions/{bought.subscription}/cancel"
    assert cancel in page.text
    assert http.post(cancel).headers["location"] == f"/test/customers/{customer}"
    assert client.v1.subscriptions.retrieve(str(bought.subscription)).status == "canceled"
    assert http.post(cancel).status_code == 303
    assert http.post("/test/subscriptions/sub_none/cancel").status_code == 404
