"""A full cart, a refreshed session and Stripe's long address fit into the header of one answer.

A refreshed session waits for a later answer if they do not: it renews what the browser's cookie has already.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from flask import redirect

from tests.conformance.provider import a_lying_shop
from tests.login.session_content import change_login, session_of
from tests.login.steps import is_logged_in
from tests.login.test_header_sizes import BUFFER, CLAIMS, PATHS, SPARE, Lying, begin, size, step, text
from tests.support import Browser
from webstore.routes import session_changes, session_cookie
from webstore.routes.cart_cookie import (
    MAX_BYTES,
    MAX_BYTES_OF_LINES,
    _serializer,  # signs as the store does
    current_cart,
    keep_cart,
)
from webstore.shop.cart import MAX_LINES, MAX_SESSIONS

#: Characters of the address of a Stripe page, with its fragment.
ADDRESS = 500


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lying]:
    with a_lying_shop(tmp_path_factory.mktemp("full")) as lying:
        yield lying


@pytest.fixture
def browser(lying: Lying) -> Browser:
    """A shopper with a long name, whose session is to be refreshed."""
    liar, shop = lying
    liar.tell_the_truth()
    liar.claims = dict(CLAIMS["letters"])
    browser = shop.browser()
    step(browser, begin(browser, PATHS["short"]))
    change_login(shop, browser, seen=session_of(shop, browser)["login"]["seen"] - 400)
    return browser


def cart_name(lying: Lying) -> str:
    """The name of the cart's cookie."""
    return f"{lying[1].app.config['SESSION_COOKIE_NAME']}-cart"


def fill_cart(lying: Lying, browser: Browser) -> None:
    """Give the browser a full cart, with a Checkout Session that Stripe does not know any more."""
    sessions = [f"cs_test_{text(58)}" for _ in range(MAX_SESSIONS)]
    ids = [(f"price_{text(24)}", f"prod_{text(14)}", text(150)) for _ in range(MAX_LINES)]
    lines: list[list[object]] = []
    with lying[1].app.test_request_context("/cart"):
        for length in range(150):
            longer = [[price, 1, 1800, "eur", product, [name[:length]]] for price, product, name in ids]
            if len(_serializer().dumps([longer, []])) > MAX_BYTES_OF_LINES:
                break
            lines = longer
        cart = _serializer().dumps([lines, sessions])
    assert len(cart) <= MAX_BYTES
    browser.client.cookies.set(cart_name(lying), cart, domain="127.0.0.1")


def refreshed(lying: Lying, browser: Browser) -> int:
    """The time of last use in the browser's session."""
    return int(session_of(lying[1], browser)["login"]["seen"])


def test_a_full_cart_and_a_refreshed_session(lying: Lying, browser: Browser) -> None:
    fill_cart(lying, browser)
    before = refreshed(lying, browser)
    answer = browser.client.get("/cart")
    cookies = [cookie.partition("=")[0] for cookie in answer.headers.get_list("Set-Cookie")]
    assert cookies == [cart_name(lying)]
    assert size(answer) + SPARE <= BUFFER, answer.headers
    assert refreshed(lying, browser) == before
    # The cart has been written, so the session has room.
    browser.client.get("/cart")
    assert refreshed(lying, browser) > before
    assert is_logged_in(browser)


def test_a_small_cart_and_a_refreshed_session_fit_into_one_answer(lying: Lying, browser: Browser) -> None:
    with lying[1].app.test_request_context("/cart"):
        cart = _serializer().dumps([[["price_1", 1, 1800, "eur", "prod_1"]], [f"cs_test_{text(58)}"]])
    browser.client.cookies.set(cart_name(lying), cart, domain="127.0.0.1")
    before = refreshed(lying, browser)
    answer = browser.client.get("/cart")
    assert len(answer.headers.get_list("Set-Cookie")) == 2
    assert size(answer) + SPARE <= BUFFER
    assert refreshed(lying, browser) > before


def test_a_healed_customer_id_waits_beside_a_full_cart_and_a_long_address(
    lying: Lying, browser: Browser
) -> None:
    _, shop = lying
    fill_cart(lying, browser)
    known = session_of(shop, browser)["login"]["cus"]
    change_login(shop, browser, cus=None)
    jar = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.client.cookies.jar)
    with shop.app.test_request_context("/checkout", method="POST", headers={"Cookie": jar}):
        cart = current_cart()
        keep_cart(replace(cart, sessions=(*cart.sessions[1:], f"cs_test_{text(58)}")))
        session_cookie.remember_customer(known)
        # The store's server adds the ID of the request.
        address = "https://checkout.stripe.com/c/pay/" + text(ADDRESS - 34)
        answer = shop.app.process_response(shop.app.make_response(redirect(address, 303)))
    answer.headers["X-Request-ID"] = text(32)
    seen = httpx.Response(answer.status_code, headers=list(answer.headers))
    assert [cookie.partition("=")[0] for cookie in seen.headers.get_list("Set-Cookie")] == [cart_name(lying)]
    assert size(seen) + SPARE <= BUFFER, (size(seen), seen.headers)


def test_a_logout_never_waits(lying: Lying, browser: Browser) -> None:
    _, shop = lying
    jar = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.client.cookies.jar)
    with shop.app.test_request_context("/callback", headers={"Cookie": jar}):
        assert session_cookie.current_shopper() is not None
        session_changes.end_session()
        answer = shop.app.process_response(shop.app.make_response(redirect("/" + text(3000), 303)))
    assert f"{shop.app.config['SESSION_COOKIE_NAME']}=;" in answer.headers["Set-Cookie"]
