"""Taxes, discounts and the shopper's currency: https://docs.stripe.com/payments/checkout/taxes"""

from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.checkout import SUCCESS_URL, again, monthly, page_of, pay, price, session
from tests.sandbox.conftest import RunningStripe

DAY_S = 86_400
VAT = {"percentage": 19, "inclusive": True, "name": "MwSt"}
SALES_TAX = {"percentage": 10, "inclusive": False}


def _totals(made: stripe.checkout.Session) -> tuple[Any, ...]:
    assert made.total_details is not None
    details = made.total_details
    return made.amount_subtotal, details.amount_discount, details.amount_tax, made.amount_total


def test_an_inclusive_tax_is_a_part_of_the_price(running: RunningStripe, client: stripe.StripeClient) -> None:
    made = session(client, price(client, 1190))
    running.vendor.price_session(made.id, tax=VAT)
    priced = again(client, made, "line_items.data.taxes", "total_details.breakdown")
    assert _totals(priced) == (1190, 0, 190, 1190)
    assert priced.line_items is not None
    (line,) = priced.line_items.data
    assert (line.amount_subtotal, line.amount_tax, line.amount_total) == (1190, 190, 1190)
    assert line.taxes is not None
    (tax,) = line.taxes
    assert (tax.amount, tax.taxable_amount, tax.rate.display_name, tax.rate.inclusive) == (
        190,
        1000,
        "MwSt",
        True,
    )
    assert set(tax.rate.to_dict()) == set(stripe.TaxRate.__annotations__) - {"OBJECT_NAME"}
    assert priced.total_details is not None
    assert priced.total_details.breakdown is not None
    assert [one.amount for one in priced.total_details.breakdown.taxes] == [190]


def test_an_exclusive_tax_and_a_promotion_code(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(
        client,
        price(client, 1000),
        price(client, 3000),
        customer=customer,
        invoice_creation={"enabled": True},
        shipping_options=[
            {
                "shipping_rate_data": {
                    "display_name": "Post",
                    "fixed_amount": {"amount": 500, "currency": "eur"},
                    "type": "fixed_amount",
                }
            }
        ],
    )
    running.vendor.price_session(made.id, tax=SALES_TAX, discount={"amount_off": 1001, "code": "SPRING"})
    priced = again(client, made, "discounts.promotion_code", "total_details.breakdown", "line_items")
    assert _totals(priced) == (4000, 1001, 350, 3849)
    assert priced.shipping_cost is not None
    assert (priced.shipping_cost.amount_tax, priced.shipping_cost.amount_total) == (50, 550)
    assert priced.line_items is not None
    assert [line.amount_discount for line in priced.line_items.data] == [250, 751]
    assert [line.amount_tax for line in priced.line_items.data] == [75, 225]
    assert priced.discounts is not None
    code = priced.discounts[0].promotion_code
    assert isinstance(code, stripe.PromotionCode)
    assert (code.code, priced.discounts[0].coupon) == ("SPRING", None)
    assert set(code.to_dict()) == set(stripe.PromotionCode.__annotations__) - {"OBJECT_NAME"}
    assert priced.total_details is not None
    assert priced.total_details.breakdown is not None
    (discount,) = priced.total_details.breakdown.discounts
    assert (discount.amount, discount.discount.promotion_code) == (1001, code.id)
    page = http.get(page_of(made)).text
    assert ('data-discount="1001"' in page, 'data-tax="350"' in page) == (True, True)

    pay(http, made)
    invoice = client.v1.invoices.retrieve(
        str(again(client, made).invoice), {"expand": ["discounts.source.coupon", "payments"]}
    )
    assert (invoice.subtotal, invoice.total, invoice.amount_paid) == (4000, 3849, 3849)
    assert (invoice.total_excluding_tax, invoice.amount_shipping) == (3499, 500)
    assert invoice.total_taxes is not None
    (taxes,) = invoice.total_taxes
    assert (taxes.amount, taxes.tax_behavior, taxes.taxable_amount) == (350, "exclusive", 3499)
    assert invoice.total_discount_amounts is not None
    (amounts,) = invoice.total_discount_amounts
    assert amounts.amount == 1001
    (given,) = invoice.discounts
    assert isinstance(given, stripe.Discount)
    assert amounts.discount == given.id
    assert isinstance(given.source.coupon, stripe.Coupon)
    assert (given.source.coupon.amount_off, given.source.coupon.currency) == (1001, "eur")
    seldom = {"OBJECT_NAME", "deleted", "applies_to", "currency_options"}
    assert set(given.source.coupon.to_dict()) == set(stripe.Coupon.__annotations__) - seldom
    assert set(given.to_dict()) == set(stripe.Discount.__annotations__) - {"OBJECT_NAME", "deleted"}
    first, second = invoice.lines.data
    assert (first.amount, second.amount, first.subtotal) == (1000, 3000, 1000)
    assert first.discount_amounts is not None
    assert [one.amount for one in first.discount_amounts] == [250]


@pytest.mark.parametrize(("duration", "renewal_total"), [("once", 1000), ("forever", 800)])
def test_a_discount_of_a_subscription(
    running: RunningStripe,
    client: stripe.StripeClient,
    http: httpx.Client,
    duration: str,
    renewal_total: int,
) -> None:
    made = session(client, monthly(client, 1000), mode="subscription")
    running.vendor.price_session(made.id, tax=VAT, discount={"percent_off": 20, "duration": duration})
    pay(http, made)
    bought = again(client, made)
    assert (bought.amount_total, bought.discounts is not None) == (800, True)
    subscription = client.v1.subscriptions.retrieve(str(bought.subscription), {"expand": ["discounts"]})
    lasting = [one for one in subscription.discounts if isinstance(one, stripe.Discount)]
    assert [one.subscription for one in lasting] == ([subscription.id] if duration == "forever" else [])
    running.control.clock.advance(32 * DAY_S)
    renewal, first = client.v1.invoices.list({"subscription": str(bought.subscription)}).data
    assert (first.total, renewal.total) == (800, renewal_total)
    assert renewal.total_taxes is not None
    assert [one.amount for one in renewal.total_taxes] == [round(renewal_total * 19 / 119)]


def test_the_shopper_pays_in_another_currency(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    made = session(client, price(client, 1000), customer_creation="always")
    running.vendor.price_session(made.id, presentment={"currency": "usd", "rate": "1.085"})
    assert "presentment_details" not in again(client, made)
    pay(http, made)
    paid = again(client, made, "payment_intent.latest_charge")
    assert paid.presentment_details is not None
    assert paid.presentment_details.to_dict() == {"presentment_amount": 1085, "presentment_currency": "usd"}
    assert (paid.amount_total, paid.currency) == (1000, "eur")
    intent: Any = paid.payment_intent
    assert intent.latest_charge.presentment_details.presentment_amount == 1085
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 500})
    assert refund.presentment_details is not None
    assert refund.presentment_details.presentment_amount == 542


def test_a_discount_of_everything_costs_nothing(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    made = session(client, price(client, 1000))
    running.vendor.price_session(made.id, discount={"percent_off": 100})
    assert pay(http, made, {}).status_code == 303
    free = again(client, made)
    assert (free.payment_status, free.amount_total, free.payment_intent) == ("no_payment_required", 0, None)


def test_what_cannot_be_priced(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client, 1000))
    root = f"/_sandbox/stripe/sessions/{made.id}/money"
    wrongs: tuple[Any, ...] = (
        {"tax": {"percentage": "much"}},
        {"tax": [VAT, SALES_TAX]},
        {"discount": {}},
        {"discount": {"percent_off": 99}},  # less than the smallest charge remains
        {"presentment": {"currency": "xxx", "rate": 1}},
        {"presentment": {"currency": "usd"}},
    )
    for wrong in wrongs:
        assert http.post(root, json=wrong).status_code == 400
    assert again(client, made).amount_total == 1000
    assert http.post(root, json={"tax": VAT}).status_code == 200
    pay(http, made)
    assert http.post(root, json={"tax": VAT}).status_code == 400


# Setup mode


def _setup(client: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    given = {"mode": "setup", "success_url": SUCCESS_URL, "currency": "eur", **more}
    return client.v1.checkout.sessions.create(given)  # type: ignore[arg-type]  # a test's own


def test_a_session_that_saves_a_card(client: stripe.StripeClient, http: httpx.Client) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = _setup(client, customer=customer, setup_intent_data={"metadata": {"a": "1"}})
    assert (made.amount_total, made.payment_status, made.status) == (None, "no_payment_required", "open")
    assert http.get(page_of(made)).status_code == 200
    assert pay(http, made, cardNumber="4000000000000002").status_code == 402
    assert pay(http, made).status_code == 303
    done = again(client, made, "setup_intent.payment_method")
    assert (done.status, done.payment_status, done.payment_intent) == (
        "complete",
        "no_payment_required",
        None,
    )
    intent = done.setup_intent
    assert isinstance(intent, stripe.SetupIntent)
    assert (intent.status, intent.customer, intent.to_dict()["metadata"]) == (
        "succeeded",
        customer,
        {"a": "1"},
    )
    assert isinstance(intent.payment_method, stripe.PaymentMethod)
    assert intent.payment_method.customer == customer
    whole = client.v1.setup_intents.retrieve(intent.id).to_dict()
    seldom = {"OBJECT_NAME", "attach_to_self"}
    assert set(whole) == set(stripe.SetupIntent.__annotations__) - seldom
    assert [one.id for one in client.v1.setup_intents.list({"customer": customer}).data] == [intent.id]


def test_setup_mode_sells_nothing(running: RunningStripe, client: stripe.StripeClient) -> None:
    for more in ({"currency": ""}, {"line_items": [{"price": price(client), "quantity": 1}]}):
        with pytest.raises(stripe.InvalidRequestError):
            _setup(client, **more)
    with pytest.raises(stripe.InvalidRequestError, match="currency"):
        client.v1.checkout.sessions.create({"mode": "setup", "success_url": SUCCESS_URL})
    made = _setup(client)
    running.control.clock.advance(DAY_S + 1)
    assert client.v1.setup_intents.retrieve(str(made.setup_intent)).status == "canceled"
