"""The pages of the local vendors on a narrow screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.browser.conftest import KINDS, Person
from tests.browser.test_checkout import fill_in_card
from tests.goods import sell

#: A tablet, upright, and a phone.
SIZES = ((768, 1024), (360, 740))
ADA = "auth0%7C000000000000000000000001"


def too_wide(phone: Person, addresses: Iterable[str]) -> list[str]:
    """The pages that are wider than a phone, and those with a card that is narrower than what is in it."""
    found = []
    cut = "all => all.filter(it => it.scrollWidth > it.clientWidth).length"
    broken = "all => all.map(it => it.getClientRects().length).filter(lines => lines > 1)"
    for address in addresses:
        phone.page.goto(address)
        for width, height in SIZES:
            phone.page.set_viewport_size({"width": width, "height": height})
            if phone.page.evaluate("document.documentElement.scrollWidth") > width:
                found.append(f"{address} at {width} pixels")
            if phone.page.locator(".card").evaluate_all(cut):
                found.append(f"a card of {address} at {width} pixels")
        assert phone.page.locator("code").evaluate_all(broken) == []
    return found


def test_no_page_of_the_vendors_is_wider_than_a_phone(people: Callable[..., Person]) -> None:
    phone = people(**KINDS["phone"])
    mug = sell(phone.shop, "Mug", 1800)
    phone.come_logged_in("ada@example.com")
    auth0, stripe = phone.shop.sandbox.auth0_server.url, phone.shop.sandbox.stripe_server.url
    lists = [f"{stripe}/test/{kind}" for kind in ("customers", "payments", "products", "events")]
    customer = f"{stripe}/test/customers/{phone.page.locator('#stripe-customer-id').inner_text()}"
    pages = [f"{auth0}/dashboard/users", f"{auth0}/dashboard/users/{ADA}", f"{stripe}/nowhere", customer]
    pages += [f"{stripe}/test/products/{mug.product}", *(f"{it}/_sandbox/" for it in (auth0, stripe))]
    phone.open(f"/checkout?price={mug.price}")
    phone.page.get_by_role("main").get_by_role("button").last.click()
    phone.page.wait_for_url("**/c/pay/**")
    wide = too_wide(phone, [phone.page.url])
    fill_in_card(phone)
    (payment,) = phone.shop.stripe("GET", "/payment_intents")["data"]
    phone.shop.stripe("POST", "/refunds", payment_intent=payment["id"], amount="500")
    assert [*wide, *too_wide(phone, [*lists, *pages, f"{stripe}/test/payments/{payment['id']}"])] == []
    phone.forgive("404")
