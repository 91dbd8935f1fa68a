"""How often the running store reads the catalogue from Stripe, and what it shows without one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from tests.goods import read_again
from tests.shop.pages import address, cards, put_on_sale, reads, text_of, watch_catalogue
from tests.support import Shop, held, link_status, until
from webstore import create_app
from webstore.sandbox.server import Server
from webstore.settings import Settings
from webstore.shop.browsing import PAGE_SIZE


def test_the_tag_changes_with_the_goods_and_not_with_the_reading(shop: Shop) -> None:
    product = put_on_sale(shop, "Mug", 1250)
    browser = shop.browser()
    tag = browser.open("/").headers["ETag"]
    read_again(shop)
    assert reads(shop) == 2
    assert browser.open("/").headers["ETag"] == tag
    shop.stripe("POST", f"/products/{product}", name="Cup")
    read_again(shop)
    assert cards(browser.open("/")) == ["Cup"]
    assert browser.open("/").headers["ETag"] != tag


@contextmanager
def second_worker(shop: Shop) -> Iterator[str]:
    """One more process's application on the same state; gives its address."""
    app = create_app(Settings.from_env(shop.environment))
    with Server(app) as server:
        try:
            yield server.url
        finally:
            app.extensions["webstore"].close()


def test_two_workers_under_load_read_the_catalogue_once(shop: Shop) -> None:
    for number in range(120):
        put_on_sale(shop, f"Spoon {number}")
    shop.forget_requests()
    with second_worker(shop) as other, ThreadPoolExecutor(8) as pool:
        urls = [f"{base}{path}" for base in (shop.url, other) for path in ("/", "/?page=2", "/?q=spoon")] * 20
        answers = list(pool.map(shop.http.get, urls))
    assert {answer.status_code for answer in answers} == {200}
    assert {len(cards(answer)) for answer in answers} == {PAGE_SIZE}
    # Two pages of prices, one reading.
    asked = [seen.path for seen in shop.sandbox.stripe.control.requests()]
    assert asked == ["/v1/prices"] * 2
    assert reads(shop) == 1


def test_pages_are_served_while_stripe_is_stopped(shop: Shop) -> None:
    product = put_on_sale(shop, "Mug")
    browser = shop.browser()
    assert cards(browser.open("/")) == ["Mug"]
    shop.sandbox.stripe_server.stop()
    watch = watch_catalogue(shop, ttl_s=0.05, hurry=50)

    def failed_three_times() -> bool:
        assert cards(browser.open("/")) == ["Mug"]
        assert browser.open(address(product)).status_code == 200
        return watch.readings >= 3

    until(failed_three_times)
    # A process with nothing in memory has the shared state.
    shop.restart()
    assert cards(browser.open("/")) == ["Mug"]


def test_a_shop_that_never_read_anything_says_so_at_once(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    watch = watch_catalogue(shop, ttl_s=60.0)
    browser = shop.browser()
    for path in ("/", "/?q=mug"):
        page = browser.open(path)
        assert page.status_code == 200
        assert page.headers["Retry-After"] == "5"
        assert '<meta name="robots" content="noindex">' in page.text
        assert page.headers["Cache-Control"] == "private, no-store"
        assert "We can't load the products right now" in text_of(page)
    watch.pauses.clear()
    for path in ("/products/prod_1", "/sitemap.xml"):
        page = browser.open(path)
        assert page.status_code == 503
        assert f'href="{path}">Try again</a>' in page.text
        assert "your cart is saved" in text_of(page)
    assert watch.pauses == [], "a shopper waited for nothing"


def test_a_shopper_can_log_in_without_a_catalogue(shop: Shop) -> None:
    body = {"error": {"type": "api_error", "message": "down"}}
    shop.sandbox.stripe.control.add_fault(
        action="status", path="/v1/prices", status=500, times=None, body=body
    )
    page = shop.browser().log_in(path="/")
    assert page.status_code == 200
    assert link_status(page) == "linked"
    assert "We can't load the products right now" in text_of(page)
    assert page.headers["Cache-Control"] == "private, no-store"


def test_a_change_is_shown_after_its_webhook(shop: Shop) -> None:
    product = put_on_sale(shop, "Mug")
    browser = shop.browser()
    assert cards(browser.open("/")) == ["Mug"]
    shop.stripe("POST", f"/products/{product}", name="Cup")
    assert cards(browser.open("/")) == ["Mug"]
    shop.app.extensions["webstore"].webhooks.forget_catalogue()
    until(lambda: cards(browser.open("/")) == ["Cup"])
    assert reads(shop) == 2


# Whether the process is ready for shoppers


def ready(shop: Shop) -> httpx.Response:
    return shop.http.get(f"{shop.url}/readyz")


def test_the_process_is_ready_once_it_has_read_the_catalogue(shop: Shop) -> None:
    put_on_sale(shop, "Mug")
    with held(shop.sandbox.stripe.control, "GET", "/v1/prices") as came:
        for _ in range(2):
            answer = ready(shop)
            assert (answer.status_code, answer.text) == (503, "reading the catalogue\n")
            assert answer.headers["Retry-After"] == "1"
            until(came)
    until(lambda: ready(shop).status_code == 200)
    assert ready(shop).text == "ok\n"
    assert reads(shop) == 1


def test_the_process_is_ready_while_stripe_fails(shop: Shop) -> None:
    shop.sandbox.stripe.control.add_fault(action="status", path="/v1/prices", status=500, times=None)
    until(lambda: ready(shop).status_code == 200)
    assert ready(shop).text == "ok\n"


def test_a_new_process_is_ready_at_once_with_the_catalogue_of_the_shared_state(shop: Shop) -> None:
    put_on_sale(shop, "Mug")
    assert cards(shop.browser().open("/")) == ["Mug"]
    shop.sandbox.stripe_server.stop()
    shop.restart()
    assert ready(shop).status_code == 200
