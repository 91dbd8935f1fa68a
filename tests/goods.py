"""Goods on the shelves of a store under test, and what shoppers do with them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support import Browser, Shop, until
from webstore.errors import PaymentsUnavailable
from webstore.routes import Services
from webstore.shop.catalogue import _EARLY_TURN


@dataclass(frozen=True)
class Good:
    """A product with one price."""

    product: str
    price: str


def sell(
    shop: Shop, name: str, amount: int, *, currency: str = "eur", every: str | None = None, **product: str
) -> Good:
    """Put a product on the shelf; `amount` in minor units, `every`: an interval such as "month"."""
    made = shop.stripe("POST", "/products", name=name, **product)
    good = Good(made["id"], add_price(shop, made["id"], amount, currency=currency, every=every))
    notice(shop)
    return good


def add_price(
    shop: Shop, product: str, amount: int, *, currency: str = "eur", every: str | None = None, **price: str
) -> str:
    """Make one more price of a product, which the store has not read yet; returns its ID."""
    recurring = {"recurring[interval]": every} if every else {}
    form = {"product": product, "unit_amount": str(amount), "currency": currency, **recurring, **price}
    return str(shop.stripe("POST", "/prices", **form)["id"])


def notice(shop: Shop) -> None:
    """Have the store read the products now, and wait until it has them."""
    found: Services = shop.app.extensions["webstore"]
    listed = shop.stripe("GET", "/prices", active="true", limit="100")["data"]
    products = {it["id"]: it for it in shop.stripe("GET", "/products", active="true", limit="100")["data"]}
    wanted = {
        (it["id"], products[it["product"]]["metadata"].get("stock") != "0")
        for it in listed
        if it["product"] in products
    }

    def is_shown() -> bool:
        # On a busy machine the first reading takes longer than a shopper waits.
        if not read_at(found):
            return False
        products = found.catalogue.current().products
        return {(price.id, it.in_stock) for it in products for price in it.prices} == wanted

    if not is_shown():
        read_again(shop)
        until(is_shown, within_s=20)


def read_again(shop: Shop) -> None:
    """Have the store read the catalogue now, and wait until it has read it."""
    found: Services = shop.app.extensions["webstore"]
    former = read_at(found)
    # Changes are read once in some seconds. This gives the turn back, so that the store reads at once.
    found.state.delete(_EARLY_TURN)
    found.catalogue.forget()
    until(lambda: read_at(found) > former, within_s=20)


def read_at(found: Services) -> float:
    """When the catalogue was read; 0 if it has not been."""
    try:
        return found.catalogue.current().read_at
    except PaymentsUnavailable:
        return 0.0


def replace_price(shop: Shop, good: Good, amount: int, *, every: str | None = None) -> str:
    """Archive a product's price, make another one, and have the store read it; returns its ID."""
    shop.stripe("POST", f"/prices/{good.price}", active="false")
    made = add_price(shop, good.product, amount, every=every)
    notice(shop)
    return made


def put_in(browser: Browser, good: Good, quantity: int | str = 1) -> httpx.Response:
    """Put so many pieces into the cart, from the product's page."""
    page = browser.open(f"/products/{good.product}")
    return browser.submit(page, action="/cart/add", price=good.price, quantity=str(quantity))


def in_cart(page: httpx.Response) -> list[tuple[str, int]]:
    """Name and quantity of each line of the cart's page."""
    found = []
    for markup in re.findall(
        r'<li class="line[^"]*">(.*?)</li>\s*(?=<li class="line|</ul>)', page.text, re.DOTALL
    ):
        name = re.search(r'class="line-name">(.*?)</p>', markup, re.DOTALL)
        quantity = re.search(r'name="quantity"\s+value="(\d+)"', markup)
        assert name is not None
        assert quantity is not None
        found.append((words(name[1]), int(quantity[1])))
    return found


def words(markup: str) -> str:
    """The words in a piece of markup."""
    within = re.sub(r"</?(a|bdi|code|span|strong)\b[^>]*>", "", markup)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", within)).split())


def content(page: httpx.Response) -> str:
    """The words of the page without header and footer."""
    found = re.search(r"<main.*</main>", page.text, re.DOTALL)
    assert found is not None, page.text
    return words(found[0])


def go_to_payment(browser: Browser, path: str = "/checkout") -> httpx.Response:
    """Press "Continue to payment" on the page at `path`."""
    return browser.submit(browser.open(path), action="/checkout")


def session_of(page: httpx.Response) -> str:
    """The ID of the Checkout Session in the page's address."""
    found = re.search(r"cs_[A-Za-z0-9_]+", str(page.url))
    assert found is not None, page.url
    return found[0]


def sessions_made(shop: Shop) -> list[dict[str, Any]]:
    """Every Checkout Session, the newest first."""
    listed: list[dict[str, Any]] = shop.stripe("GET", "/checkout/sessions", limit="100")["data"]
    return listed


def pay(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    """Fill in Stripe's payment page, press "Pay" and go where that leads.

    `fields`: what differs from the form of a shopper with a good card.
    """
    answer = send_payment(browser, page, **fields)
    return browser.open(answer.headers["Location"]) if answer.is_redirect else answer


def send_payment(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    """Fill in and send Stripe's payment page as `pay` does, and go nowhere."""
    form = {
        "paymentMethod": "card",
        "cardNumber": "4242 4242 4242 4242",
        "cardExpiry": "12 / 34",
        "cardCvc": "123",
        "billingName": "Ada Example",
        "email": "ada@example.com",
        "action": "pay",
        **fields,
    }
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    address = str(page.url).partition("#")[0]
    return browser.client.post(address, data=form, headers={"Origin": origin}, follow_redirects=False)


def pay_without_coming_back(browser: Browser, page: httpx.Response) -> None:
    """Pay on Stripe's page, and never open the page that Stripe leads to."""
    answer = send_payment(browser, page)
    assert answer.status_code == 303
    assert "/checkout/success" in answer.headers["Location"]
