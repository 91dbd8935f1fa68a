"""The pages of the local vendors on a narrow screen."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.conftest import KINDS, Person
from tests.goods import sell

#: A tablet, upright, and a phone.
SIZES = ((768, 1024), (360, 740))
ADA = "auth0%7C000000000000000000000001"


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
    wide = []
    cut = "all => all.filter(it => it.scrollWidth > it.clientWidth).length"
    for address in [phone.page.url, *lists, *pages]:
        phone.page.goto(address)
        if phone.page.evaluate("document.documentElement.scrollWidth") > 360:
            wide.append(address)
        for width, height in SIZES:
            phone.page.set_viewport_size({"width": width, "height": height})
            if phone.page.locator(".scroll").evaluate_all(cut):
                wide.append(f"a list at {address}, {width} pixels")
        broken = "all => all.map(it => it.getClientRects().length).filter(lines => lines > 1)"
        assert phone.page.locator("code").evaluate_all(broken) == []
    assert wide == []
    phone.forgive("404")
