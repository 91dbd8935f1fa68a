"""The pages of the local Stripe."""

from __future__ import annotations

from collections.abc import Iterator

from tests.goods import go_to_payment, sell
from tests.support import ADA

from .visit import Visit


def _card(visit: Visit, number: str) -> None:
    for label, text in {
        "Card number": number,
        "Expiry": "12 / 34",
        "CVC": "123",
        "Cardholder name": "Ada Example",
    }.items():
        visit.page.get_by_label(label).fill(text)
    with visit.page.expect_navigation():
        visit.page.locator("#payment button[value=pay]").click()


def hosted(visit: Visit) -> Iterator[str]:
    """The pages that Stripe hosts for shoppers: Checkout, invoices, receipts, the billing portal."""
    shop, page = visit.shop, visit.page
    ada = visit.log_in()
    visit.open(f"/checkout?price={visit.good('harbour-mug').price}&quantity=2")
    visit.press("Continue to payment")
    payment = page.url
    yield "stripe checkout"
    page.locator("summary", has_text="Test cards").click()
    yield "stripe checkout test cards"
    with page.expect_navigation():
        page.locator("#payment button[value=pay]").click()
    yield "stripe checkout missing fields"
    _card(visit, "4000 0000 0000 0002")
    yield "stripe checkout declined"
    _card(visit, "4000 0025 0000 3155")
    yield "stripe 3-D Secure"
    visit.open(payment)
    _card(visit, "4242 4242 4242 4242")
    visit.open(payment)
    yield "stripe checkout over"
    shop.restart(
        CHECKOUT_AUTOMATIC_TAX="1",
        CHECKOUT_PROMOTION_CODES="1",
        CHECKOUT_SHIPPING_COUNTRIES="DE,FR",
        CHECKOUT_PHONE="1",
        CHECKOUT_TERMS="1",
    )
    visit.read_again()
    visit.open(f"/checkout?price={visit.good('tea-of-the-month').price}")
    visit.press("Continue to payment")
    yield "stripe checkout with everything"
    visit.open("/account")
    visit.press("Billing and subscriptions")
    yield "stripe portal empty"
    customer = shop.app_metadata(ADA)["stripe_customer_id"]
    box = sell(shop, "Tea box", 1900, every="month")
    made = shop.sandbox.stripe.subscribe(customer=customer, prices=[box.price])["id"]
    shop.sandbox.stripe.renew(made, succeeded=False)
    visit.open("/account")
    with page.expect_navigation():
        page.get_by_role("button", name="Billing and subscriptions").click()
    yield "stripe portal"
    visit.press("Cancel subscription")
    yield "stripe portal cancel"
    visit.press("Cancel subscription")
    yield "stripe portal cancelled"
    visit.open(f"{shop.environment['STRIPE_API_BASE']}/p/session/nothing")
    yield "stripe portal over"
    invoices = shop.stripe("GET", "/invoices", customer=customer)["data"]
    for status in ("open", "paid"):
        visit.open(next(it["hosted_invoice_url"] for it in invoices if it["status"] == status))
        yield f"stripe invoice {status}"
    charges = shop.stripe("GET", "/charges", customer=customer)["data"]
    charge = next(it for it in charges if it["receipt_url"])
    shop.stripe("POST", "/refunds", charge=charge["id"], amount="500")
    visit.open(charge["receipt_url"])
    yield "stripe receipt"
    left = go_to_payment(ada, f"/checkout?price={visit.good('sencha').price}")
    session = shop.stripe("GET", "/checkout/sessions")["data"][0]["id"]
    shop.stripe("POST", f"/checkout/sessions/{session}/expire")
    visit.open(str(left.url))
    yield "stripe checkout expired"


def dashboard(visit: Visit) -> Iterator[str]:
    """Stripe's dashboard."""
    shop = visit.shop
    ada = visit.log_in()
    at = f"{shop.environment['STRIPE_API_BASE']}/test"
    visit.open(f"{at}/payments")
    yield "dashboard payments empty"
    visit.buy(ada, "harbour-mug", 2)
    charge = shop.stripe("GET", "/charges")["data"][0]
    shop.stripe("POST", "/refunds", charge=charge["id"], amount="500")
    customer = shop.app_metadata(ADA)["stripe_customer_id"]
    box = sell(shop, "Tea box", 1900, every="month")
    made = shop.sandbox.stripe.subscribe(customer=customer, prices=[box.price])["id"]
    shop.sandbox.stripe.renew(made, succeeded=False)
    invoices = shop.stripe("GET", "/invoices", customer=customer)["data"]
    event = shop.stripe("GET", "/events", limit="1")["data"][0]["id"]
    gone = shop.stripe("POST", "/customers", email="gone@example.com")["id"]
    shop.stripe("DELETE", f"/customers/{gone}")
    for number in range(60):
        shop.stripe("POST", "/customers", email=f"shopper{number}@example.com", name=f"Shopper {number}")
    for name, path in {
        "customers": "customers",
        "customers found": "customers?q=ada@example.com",
        "customers nobody": "customers?q=nobody-at-all",
        "customer": f"customers/{customer}",
        "customer deleted": f"customers/{gone}",
        "payments": "payments",
        "payment": f"payments/{charge['payment_intent']}",
        "products": "products",
        "product": "products/harbour-mug",
        "product prices": f"products/{box.product}",
        "subscription": f"subscriptions/{made}",
        "invoice open": f"invoices/{invoices[0]['id']}",
        "invoice paid": f"invoices/{invoices[-1]['id']}",
        "events": "events",
        "event": f"events/{event}",
        "404": "nothing/here",
        "customer unknown": "customers/cus_nothing",
    }.items():
        visit.open(f"{at}/{path}")
        yield f"dashboard {name}"
    for name, path in {"live": "/customers", "controls": "/_sandbox/"}.items():
        visit.open(shop.environment["STRIPE_API_BASE"] + path)
        yield f"dashboard {name}"
    visit.open(f"{at}/customers/{customer}")
    visit.page.get_by_label("New e-mail").fill("no address")
    with visit.page.expect_navigation():
        visit.page.get_by_role("button", name="Save e-mail").click()
    yield "dashboard customer refused"
