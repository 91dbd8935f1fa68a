"""The catalogue's pages: home with search and order, and a product's page."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.shop.pages import HOSTILE, NBSP, PICTURE, address, cards, put_on_sale, text_of
from tests.support import Browser, Shop, link_status, shown_customer, until
from webstore.shop.browsing import PAGE_SIZE

# Home


def test_strangers_see_what_there_is_to_buy_without_a_cookie(stranger: Browser) -> None:
    page = stranger.open("/")
    assert page.status_code == 200
    assert len(cards(page)) == PAGE_SIZE
    assert not stranger.client.cookies
    assert "Set-Cookie" not in page.headers


def test_the_pages_together_show_everything_once(stranger: Browser) -> None:
    first = stranger.open("/?sort=name")
    assert "Page 1 of 2" in text_of(first)
    assert 'rel="prev"' not in first.text
    following = re.search(r'rel="next" href="([^"]*)"', first.text)
    assert following is not None
    second = stranger.open(html.unescape(following[1]))
    assert 'rel="next"' not in second.text
    names = cards(first) + cards(second)
    assert names == sorted(names, key=str.casefold)
    assert len(set(names)) == PAGE_SIZE + 4
    back = re.search(r'rel="prev" href="([^"]*)"', second.text)
    assert back is not None
    assert cards(stranger.open(html.unescape(back[1]))) == cards(first)


def test_products_are_found_by_their_words(stranger: Browser) -> None:
    page = stranger.open("/?q=MUG++coffee")
    assert cards(page) == ["Blue mug"]
    assert "1 result for “ MUG coffee ”" in text_of(page)
    assert 'value="MUG coffee"' in page.text
    assert '<meta name="robots" content="noindex">' in page.text
    assert "4 of" not in page.text
    spoons = stranger.open("/?q=spoon&sort=-price")
    assert cards(spoons)[0] == "Spoon 23"


def test_the_next_page_keeps_the_search_and_the_order(shop: Shop) -> None:
    for number in range(PAGE_SIZE + 1):
        put_on_sale(shop, f"Fork {number:02}", 100 + number)
    browser = shop.browser()
    first = browser.open("/?q=fork&sort=price")
    following = re.search(r'rel="next" href="([^"]*)"', first.text)
    assert following is not None
    assert cards(browser.open(html.unescape(following[1]))) == [f"Fork {PAGE_SIZE:02}"]


def test_a_search_without_result_says_so(stranger: Browser) -> None:
    page = stranger.open(f"/?q={quote(HOSTILE + 'x')}")
    assert page.status_code == 200
    assert cards(page) == []
    assert "No results." in text_of(page)
    assert "Show all products" in page.text
    assert "<script>alert" not in page.text


def test_a_shop_without_goods_says_so(shop: Shop) -> None:
    page = shop.browser().open("/")
    assert page.status_code == 200
    assert "There are no products yet." in text_of(page)


@pytest.mark.parametrize("number", ["0", "-1", "3", "999999999", "1e3", "x", "", "٣", "\x00", "1" * 5000])
def test_a_page_of_products_that_does_not_exist(stranger: Browser, number: str) -> None:
    page = stranger.open(f"/?page={quote(number)}")
    assert page.status_code == 404
    assert "no more products" in text_of(page)


@pytest.mark.parametrize(
    "query", ["sort=nonsense", "sort=", "q=%00", "q=%ff%fe", "q=" + "x" * 3000, "page=1&page=2"]
)
def test_other_nonsense_in_the_address_is_ignored(stranger: Browser, query: str) -> None:
    assert stranger.open(f"/?{query}").status_code == 200


def test_a_card_shows_the_cheapest_price_and_that_there_are_others(stranger: Browser) -> None:
    shown = text_of(stranger.open("/?q=mug"))
    assert re.search(r"from\s+€12\.50\s+or every 3 months", shown)
    assert "Out of stock" in text_of(stranger.open("/?q=tray"))


def test_a_shopper_sees_the_linked_customer_and_the_goods(furnished: Shop) -> None:
    browser = furnished.browser()
    page = browser.log_in(path="/")
    assert link_status(page) == "linked"
    assert (shown_customer(page) or "").startswith("cus_")
    assert len(cards(page)) == PAGE_SIZE
    assert page.headers["Cache-Control"] == "private, no-store"


# Money in the reader's notation


@pytest.mark.parametrize(
    ("languages", "written"),
    [
        ("", "€12.50"),
        ("de-DE,de;q=0.9,en;q=0.8", f"12,50{NBSP}€"),
        ("xx,fr-FR;q=0.5", f"12,50{NBSP}€"),
        ("en;q=0.1,de;q=0.9", f"12,50{NBSP}€"),
        ("*", "€12.50"),
        ("../../../etc/passwd", "€12.50"),
        ("de;q=x", "€12.50"),
        ("," * 5000, "€12.50"),
    ],
)
def test_prices_are_written_in_the_notation_of_the_reader(
    furnished: Shop, languages: str, written: str
) -> None:
    page = furnished.http.get(furnished.url + address("mug/blue #1?"), headers={"Accept-Language": languages})
    assert page.status_code == 200
    assert written in html.unescape(page.text)
    assert {"Cookie", "Accept-Language"} <= set(re.split(r",\s*", page.headers["Vary"]))


def test_a_currency_without_a_minor_unit(stranger: Browser) -> None:
    assert f"ISK{NBSP}25,000" in html.unescape(stranger.open("/products/lopapeysa").text)
    assert offers(stranger.open("/products/lopapeysa"))[0]["price"] == "25000"


# A product's page


def data_of(page: httpx.Response) -> dict[str, Any]:
    """The JSON-LD of the page, as a parser of HTML would find it."""
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script', page.text, re.DOTALL)
    assert len(found) == 1
    data: dict[str, Any] = json.loads(found[0])
    return data


def offers(page: httpx.Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data_of(page)["offers"]
    return found


def meta(page: httpx.Response, name: str) -> str | None:
    found = re.search(rf'<meta (?:name|property)="{name}" content="([^"]*)">', page.text)
    return html.unescape(found[1]) if found else None


def test_a_product_has_a_page_of_its_own(furnished: Shop, stranger: Browser) -> None:
    home = stranger.open("/?q=mug")
    link = re.search(r'class="product-name">\s*<a href="([^"]*)"', home.text)
    assert link is not None
    page = stranger.open(html.unescape(link[1]))
    assert page.status_code == 200
    assert "<title>Blue mug · Webstore</title>" in page.text
    canonical = re.search(r'<link rel="canonical" href="([^"]*)">', page.text)
    assert canonical is not None
    assert canonical[1] == str(page.url) == meta(page, "og:url")
    assert meta(page, "description") == meta(page, "og:description") == "Holds coffee. And tea."
    assert (meta(page, "og:title"), meta(page, "og:image")) == ("Blue mug", PICTURE)
    assert furnished.url in canonical[1]
    assert page.text.count('<img src="https://cdn.example/') == 2
    assert "mug/blue #1?" in html.unescape(page.text)


def test_search_engines_read_the_offers(stranger: Browser) -> None:
    page = stranger.open(address("mug/blue #1?"))
    data = data_of(page)
    assert (data["@type"], data["name"], data["sku"]) == ("Product", "Blue mug", "mug/blue #1?")
    assert data["image"] == [PICTURE, "https://cdn.example/back.png"]
    assert [(it["price"], it["priceCurrency"]) for it in data["offers"]] == [
        ("12.50", "EUR"),
        ("15.50", "EUR"),
        ("9.00", "EUR"),
    ]
    assert {it["availability"] for it in data["offers"]} == {"https://schema.org/InStock"}
    rhythm = data["offers"][2]["priceSpecification"]["referenceQuantity"]
    assert (rhythm["value"], rhythm["unitCode"]) == (3, "MON")
    assert offers(stranger.open("/products/tray"))[0]["availability"] == "https://schema.org/OutOfStock"


def test_a_shopper_chooses_a_price_and_a_quantity(stranger: Browser) -> None:
    page = stranger.open(address("mug/blue #1?"))
    prices = re.findall(r'<input type="radio" name="price" value="([^"]*)" required( checked)?>', page.text)
    assert len(prices) == 3
    assert [bool(checked) for _, checked in prices] == [True, False, False]
    assert 'action="/cart/add"' in page.text
    assert 'formaction="/checkout"' in page.text
    assert "every 3 months" in text_of(page)
    assert "csrf_token" not in page.text
    simple = stranger.open("/products/hostile")
    assert 'type="radio"' not in simple.text
    assert re.search(r'<input type="hidden" name="price" value="price_', simple.text)


def test_the_chosen_item_is_put_into_the_cart(shop: Shop) -> None:
    product = put_on_sale(shop, "Mug", 1250)
    browser = shop.browser()
    page = browser.submit(browser.open(address(product)), action="/cart/add", quantity="3")
    assert page.url.path == "/cart"
    assert "Mug" in page.text
    again = browser.open("/")
    assert re.search(r">3<span class=\"visually-hidden\"> items", again.text)
    assert again.headers["Cache-Control"] == "private, no-store"


def test_goods_out_of_stock_cannot_be_chosen(stranger: Browser) -> None:
    page = stranger.open("/products/tray")
    assert page.status_code == 200
    assert "Out of stock. Please check back soon." in text_of(page)
    assert "/cart/add" not in page.text


@pytest.mark.parametrize("path", ["/products/hostile", "/?q=alert", "/?sort=name", "/sitemap.xml"])
def test_markup_in_a_product_is_only_text(stranger: Browser, path: str) -> None:
    page = stranger.open(path)
    assert page.status_code == 200
    for piece in ("<script>alert", "</script><script>", "<img src=x", "onerror=alert(1)>"):
        assert piece not in page.text
    assert ">49<" not in page.text


def test_markup_in_a_product_is_unchanged_in_the_data_block(stranger: Browser) -> None:
    data = data_of(stranger.open("/products/hostile"))
    assert data["name"] == data["description"] == HOSTILE
    raw = re.search(r'ld\+json">(.*?)</script>', stranger.open("/products/hostile").text, re.DOTALL)
    assert raw is not None
    assert "<" not in raw[1]


@pytest.mark.parametrize(
    "path",
    ["/products/nothing", "/products/prod_%00", "/products/%2F", "/products/%ff", "/products/" + "x" * 3000],
)
def test_an_unknown_product_is_a_page_in_plain_words(stranger: Browser, path: str) -> None:
    page = stranger.open(path)
    assert page.status_code == 404
    assert "This product is not available" in text_of(page) or "Page not found" in text_of(page)


@pytest.mark.parametrize("kind", ["product", "collection"])
def test_the_heading_says_what_is_not_found(stranger: Browser, kind: str) -> None:
    page = stranger.open(f"/{kind}s/nothing")
    assert f"<h1>{kind.capitalize()} not found</h1>" in page.text
    assert f"This {kind} is not available." in text_of(page)


def test_an_archived_product_is_gone(shop: Shop) -> None:
    product = put_on_sale(shop, "Mug")
    browser = shop.browser()
    assert browser.open(address(product)).status_code == 200
    shop.stripe("POST", f"/products/{product}", active="false")
    shop.app.extensions["webstore"].catalogue.forget()
    until(lambda: browser.open(address(product)).status_code == 404)


# Bad requests


@pytest.mark.parametrize("path", ["/", "/products/tray", "/terms", "/sitemap.xml", "/robots.txt"])
def test_a_page_does_not_take_a_form(stranger: Browser, path: str) -> None:
    answer = stranger.client.post(path)
    assert answer.status_code == 405
    assert "POST" not in answer.headers["Allow"]


class _Inline(HTMLParser):
    """Collects the parts of a page that a browser would execute."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "style" or (
            tag == "script" and "src" not in given and given.get("type") != "application/ld+json"
        ):
            self.found.append(tag)
        self.found += [name for name in given if name == "style" or name.startswith("on")]
        self.found += [value for value in given.values() if value.strip().lower().startswith("javascript:")]


def inline_code(page: httpx.Response) -> list[str]:
    parser = _Inline()
    parser.feed(page.text)
    return parser.found


def test_the_pages_keep_to_the_content_security_policy(furnished: Shop, stranger: Browser) -> None:
    for path in ("/", "/?q=mug", "/products/tray", address("mug/blue #1?"), "/products/hostile", "/terms"):
        page = stranger.open(path)
        assert inline_code(page) == []
        policy = page.headers["Content-Security-Policy"]
        pictures = re.search(r"img-src ([^;]*);", policy)
        assert pictures is not None
        assert pictures[1].split() == ["'self'", "https:", "data:", furnished.sandbox.stripe_server.url]
