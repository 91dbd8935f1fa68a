"""What the operator and the banks do, and what the store does without a shopper."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.goods import Good, add_price, go_to_payment, pay, read_again, sell, session_of
from tests.support import DAY_S, RESTRICTED_KEY, Browser, Shop
from tests.traffic.recorder import Traffic
from tests.traffic.walk import MANY, buy, newcomer, quiet, read_orders
from webstore.gateways.probes.asking import Asker
from webstore.gateways.probes.payments import read_stripe
from webstore.gateways.stripe import API_VERSION
from webstore.gateways.wire import Wire
from webstore.routes import Services
from webstore.shop.replay import listed
from webstore.shop.webhooks import handle


def renewals(shop: Shop, subscription: str, dearer: Good) -> None:
    """A renewal that is paid, a change to another plan, and a renewal that fails."""
    stripe = shop.sandbox.stripe
    stripe.renew(subscription)
    stripe.change_subscription(subscription, price=dearer.price)
    stripe.renew(subscription, succeeded=False)


def invoices(shop: Shop, customer: str) -> None:
    """Invoices without a checkout: paid in whole, in parts and elsewhere, void and uncollectible."""
    stripe = shop.sandbox.stripe
    lines = [{"description": f"Part {number}", "amount": 500} for number in range(MANY)]
    made = [str(stripe.add_invoice(customer=customer, lines=lines)["id"]) for _ in range(5)]
    stripe.pay_invoice(made[0])
    stripe.pay_invoice(made[1], amount=1000)
    stripe.pay_invoice(made[2], by="payment_record")
    stripe.void_invoice(made[3])
    stripe.mark_uncollectible(made[4])


def refunds(shop: Shop) -> None:
    """The two newest charges are refunded, in part and in whole."""
    paid = [it for it in shop.stripe("GET", "/charges", limit="20")["data"] if it["paid"]]
    shop.stripe("POST", "/refunds", charge=paid[0]["id"], amount="100")
    shop.stripe("POST", "/refunds", charge=paid[1]["id"])


def disputes(shop: Shop, browser: Browser, good: Good) -> None:
    """Two payments are disputed, one dispute is lost; then the orders are read."""
    stripe = shop.sandbox.stripe
    for _ in range(2):
        buy(browser, good)
    paid = shop.stripe("GET", "/charges", limit="2")["data"]
    lost, _ = [str(stripe.dispute(it["id"])["id"]) for it in paid]
    read_orders(browser)
    stripe.close_dispute(lost, won=False)
    read_orders(browser)


def credits_and_receipts(shop: Shop, customer: str) -> None:
    """Credit notes about an open invoice and a paid one, and a receipt by mail."""
    stripe = shop.sandbox.stripe
    for paid in (True, False):
        made = str(
            stripe.add_invoice(customer=customer, lines=[{"description": "Repair", "amount": 900}])["id"]
        )
        if paid:
            stripe.pay_invoice(made)
        stripe.credit_invoice(made, amount=300)
    charge = shop.stripe("GET", "/charges", limit="1")["data"][0]["id"]
    stripe.send_receipt(charge, email="ada@example.com")


def taxes_and_discounts(shop: Shop, browser: Browser, good: Good, plan: Good) -> None:
    """Purchases with tax, a discount, and the shopper's own currency."""
    money: dict[str, Any] = {
        "tax": {"percentage": 19},
        "discount": {"percent_off": 10, "code": "SPRING", "duration": "forever"},
    }
    for bought, presentment in ((good, {"currency": "usd", "rate": "1.1"}), (plan, None)):
        page = go_to_payment(browser, f"/checkout?price={bought.price}&quantity=2")
        shop.sandbox.stripe.price_session(session_of(page), **money, presentment=presentment)
        assert pay(browser, browser.open(str(page.url))).url.path == "/checkout/success"


def taken_off_the_shelf(shop: Shop, browser: Browser) -> None:
    """The operator archives a product that somebody is about to pay for."""
    lamp = sell(shop, "Lamp", 900)
    go_to_payment(browser, f"/checkout?price={lamp.price}")
    shop.stripe("POST", f"/products/{lamp.product}", active="false")
    quiet(shop)


def many_prices(shop: Shop) -> None:
    """More prices than the catalogue reads in one call."""
    product = shop.stripe("POST", "/products", name="Thread")["id"]
    for number in range(101):
        add_price(shop, product, 100 + number)
    read_again(shop)


def missed_events(shop: Shop) -> None:
    """The store reads Stripe's list of events, and asks whether the newest one is its account's."""
    webhooks = _services(shop).background_webhooks
    events = listed(webhooks, webhooks.now() - DAY_S)
    for event in events:
        handle(webhooks, event)
    assert webhooks.events.has_event(events[-1])


def set_up_the_account(shop: Shop) -> None:
    """The operator runs the set-up: with an endpoint that receives all events, and without one."""
    catalogue = Path(__file__).parents[2] / "docs" / "examples" / "catalogue.yaml"
    apply = ["setup", "stripe", "--apply", "--catalogue", str(catalogue)]
    done = shop.app.test_cli_runner().invoke(args=apply)
    assert "- enabled_events: *" in done.output, done.output
    url = f"{shop.url}/webhooks/stripe"
    (own,) = [it for it in shop.stripe("GET", "/webhook_endpoints")["data"] if it["url"] == url]
    shop.stripe("DELETE", f"/webhook_endpoints/{own['id']}")
    done = shop.app.test_cli_runner().invoke(args=apply)
    assert "create  webhook endpoint" in done.output, done.output


def rare_charges(shop: Shop) -> None:
    """Charges that are read alone: those that a hundred later ones keep out of the list."""
    charge = shop.stripe("GET", "/charges", limit="1")["data"][0]
    for payment_id in (charge["id"], charge["payment_intent"]):
        assert _services(shop).orders.read_charge(payment_id)


def thin_events(shop: Shop, traffic: Traffic, email: str) -> None:
    """Stripe delivers thin events as well, and the store asks whether one is its account's."""
    shop.sandbox.stripe.add_endpoint(
        url=f"{shop.url}/webhooks/stripe", secret=shop.environment["STRIPE_WEBHOOK_SECRET"], thin=True
    )
    newcomer(shop, email)
    quiet(shop)
    webhooks = _services(shop).background_webhooks
    events = [webhooks.read(it.body.encode()) for it in traffic.deliveries]
    assert webhooks.events.has_event(next(event for event in events if event.thin))


def _services(shop: Shop) -> Services:
    found: Services = shop.app.extensions["webstore"]
    return found


def examine_the_set_up(shop: Shop) -> None:
    """`flask doctor`, with a secret key and with a restricted one, whose permissions it asks for."""
    services: Services = shop.app.extensions["webstore"]
    with closing(Wire("Stripe")) as wire:
        for key in (services.settings.stripe_secret_key, RESTRICTED_KEY):
            read_stripe(Asker(wire), replace(services.settings, stripe_secret_key=key), API_VERSION)
