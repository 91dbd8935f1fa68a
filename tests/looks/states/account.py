"""The account's pages, the comparison, and a store with live keys."""

from __future__ import annotations

from collections.abc import Iterator

from tests.goods import put_in, sell
from tests.login.subscribers import tell_of_changes
from tests.support import ADA, OTHER_ACCOUNT
from webstore.sandbox.stripe import LIVE_KEY

from .visit import Visit


def account(visit: Visit) -> Iterator[str]:
    """The account page with every link and every kind of subscription."""
    shop = visit.shop
    visit.log_in()
    visit.open("/account")
    yield "account linked"
    customer = shop.app_metadata(ADA)["stripe_customer_id"]
    controls = shop.sandbox.stripe

    def subscribe(name: str, amount: int, **details: object) -> str:
        good = sell(shop, name, amount, every="month")
        made = controls.subscribe(customer=customer, prices=[good.price], **details)  # type: ignore[arg-type]
        return str(made["id"])

    subscribe("Tea box", 1900)
    subscribe("Coffee box", 2400, quantity=2)
    subscribe("Honey club", 900, trial_days=14)
    subscribe("Candle club", 1200, payment="refused")
    controls.renew(subscribe("Chocolate box", 1600), succeeded=False)
    ending = subscribe("Biscuit box", 800)
    shop.stripe("POST", f"/subscriptions/{ending}", cancel_at_period_end="true")
    tell_of_changes(shop)
    visit.open("/account")
    yield "account with subscriptions"
    visit.open("/account/close")
    yield "close with subscriptions"
    visit.fail("/v1/subscriptions.*", 503)
    visit.open("/account")
    yield "account without subscriptions"
    visit.mend()
    visit.fail("/v1/subscriptions.*", 403)
    visit.open("/account")
    yield "account subscriptions refused"
    visit.mend()
    visit.fail("/v1/billing_portal/.*")
    visit.open("/account")
    visit.press("Manage, cancel or resume")
    yield "billing outage"
    visit.mend()


def links(visit: Visit) -> Iterator[str]:
    """The two records in every relation, and the pages of a shopper whose link is pending or refused."""
    shop, page = visit.shop, visit.page
    visit.fail("/v1/customers.*")
    ada = visit.log_in()
    for name, path in {"account": "/account", "compare": "/account/link", "orders": "/orders"}.items():
        visit.be(ada)
        visit.open(path)
        yield f"pending {name}"
    put_in(ada, visit.good("sencha"))
    visit.be(ada)
    visit.open("/checkout")
    visit.press("Continue to payment")
    yield "pending checkout"
    visit.mend()
    visit.be(ada)
    visit.open("/account")
    page.locator('[data-link-status="linked"]').wait_for()
    visit.open("/account/link")
    yield "compare linked"
    page.locator("summary", has_text="Stripe customer").click()
    yield "compare raw"
    customer = shop.app_metadata(ADA)["stripe_customer_id"]
    shop.stripe("POST", f"/customers/{customer}", email="other@example.com", name="Somebody Else")
    visit.open("/account/link")
    yield "compare different"
    visit.fail("/v1/customers.*")
    visit.open("/account/link")
    yield "compare without stripe"
    visit.mend()
    visit.fail_auth0("/api/v2/.*")
    visit.open("/account/link")
    yield "compare without auth0"
    visit.mend()
    shop.stripe("DELETE", f"/customers/{customer}")
    visit.open("/account/link")
    yield "compare customer deleted"
    foreign = {"metadata[auth0_user_id]": ADA, "metadata[auth0_tenant]": "old.eu.auth0.com"}
    metadata = {"stripe_customer_id": shop.stripe("POST", "/customers", **foreign)["id"]}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    grace = visit.log_in()
    visit.open("/account/link")
    yield "compare refused"
    visit.open("/account")
    yield "account refused"
    visit.open("/orders")
    yield "orders refused"
    put_in(grace, visit.good("sencha"))
    visit.be(grace)
    visit.open("/checkout")
    visit.press("Continue to payment")
    yield "checkout refused link"


def live(visit: Visit) -> Iterator[str]:
    """A store with live keys has no bar for developers."""
    shop = visit.shop
    shop.restart(STRIPE_SECRET_KEY=LIVE_KEY)
    mug = sell(shop, "Blue mug", 1250)
    ada = visit.log_in()
    put_in(ada, mug)
    visit.be(ada)
    for path in ("/", "/cart", "/checkout", "/account", "/orders", "/account/link", "/design"):
        visit.open(path)
        yield f"live {path}"
    foreign = {"metadata[auth0_user_id]": ADA, "metadata[auth0_tenant]": "old.eu.auth0.com"}
    metadata = {
        "stripe_customer_id": shop.stripe("POST", "/customers", **foreign)["id"],
        "stripe_account_id": OTHER_ACCOUNT,
    }
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    visit.log_in()
    visit.open("/account")
    yield "live account refused"
    visit.open("/account/close")
    yield "live close refused"
