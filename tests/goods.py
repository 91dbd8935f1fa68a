"""Goods on the shelves of a store under test, and what shoppers do with them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import httpx

from tests.support import Browser, Shop, until
from webstore.routes import Services
from webstore.shop.models import Catalogue


@dataclass(frozen=True)
class Good:
    """A product with one price."""

    product: str
    price: str


def sell(
    shop: Shop, name: str, amount: int, *, currency: str = "eur", every: str | None = None, **product: str
) -> Good:
    """Put a product on the shelf; `amount` in minor units, `every`: "month" and the like."""
    made = shop.stripe("POST", "/products", name=name, **product)
    good = Good(made["id"], add_price(shop, made["id"], amount, currency=currency, every=every))
    notice(shop)
    return good


def add_price(
    shop: Shop, product: str, amount: int, *, currency: str = "eur", every: str | None = None, **price: str
) -> str:
    """One more price of a product; the store is not told."""
    recurring = {"recurring[interval]": every} if every else {}
    form = {"product": product, "unit_amount": str(amount), "currency": currency, **recurring, **price}
    return str(shop.stripe("POST", "/prices", **form)["id"])


def notice(shop: Shop) -> None:
    """Let the store see what is on the shelves now."""
    found: Services = shop.app.extensions["webstore"]
    listed = shop.stripe("GET", "/prices", active="true", limit="100")["data"]
    products = {it["id"]: it for it in shop.stripe("GET", "/products", active="true", limit="100")["data"]}
    wanted = {
        (it["id"], products[it["product"]]["metadata"].get("stock") != "0")
        for it in listed
        if it["product"] in products
    }

    def seen(catalogue: Catalogue) -> bool:
        on_sale = {(price.id, it.in_stock) for it in catalogue.products for price in it.prices}
        if on_sale != wanted:
            found.catalogue.forget()
        return on_sale == wanted

    until(lambda: seen(found.catalogue.current()), within_s=20)


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


def pay(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    """Fill in Stripe's payment page, press "Pay" and see what comes; `fields` differ from a good card's."""
    answer = send_payment(browser, page, **fields)
    return browser.open(answer.headers["Location"]) if answer.is_redirect else answer


def send_payment(browser: Browser, page: httpx.Response, **fields: str) -> httpx.Response:
    """As `pay`, without going where Stripe's answer leads."""
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
