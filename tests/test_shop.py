"""The shop's pages, over the sandbox's Stripe: home, product, texts, what search engines and caches see."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pytest

from tests.support import Browser, Shop, link_status, running_shop, shown_customer, until
from webstore import create_app
from webstore.sandbox.server import Server
from webstore.settings import Settings
from webstore.shop.browsing import PAGE_SIZE

PICTURE = "https://cdn.example/mug.png"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \" ' & {{ 7*7 }}"
NBSP = "\N{NO-BREAK SPACE}"


def put_on_sale(shop: Shop, name: str = "Mug", amount: int = 1250, currency: str = "eur", **form: str) -> str:
    """Make a product with one price, and give its ID."""
    product: str = shop.stripe("POST", "/products", name=name, **form)["id"]
    add_price(shop, product, amount, currency)
    return product


def add_price(shop: Shop, product: str, amount: int, currency: str = "eur", **form: str) -> str:
    """Make one more price of a product, and give its ID."""
    made = shop.stripe("POST", "/prices", product=product, unit_amount=str(amount), currency=currency, **form)
    price: str = made["id"]
    return price


def address(product: str) -> str:
    return f"/products/{quote(product, safe='')}"


def cards(page: httpx.Response) -> list[str]:
    """The names on the product cards, in order."""
    return [
        html.unescape(name) for name in re.findall(r"<h3><a [^>]*><bdi>([^<]*)</bdi></a></h3>", page.text)
    ]


def words(page: httpx.Response) -> str:
    """What one reads on the page."""
    body = re.sub(r"<script.*?</script>", "", page.text, flags=re.DOTALL)
    return re.sub(r"[ \n]+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body)))


def reads(shop: Shop) -> int:
    """How often the catalogue was read from its beginning."""
    return sum(
        seen.path == "/v1/prices" and seen.method == "GET" and "starting_after" not in seen.query
        for seen in shop.sandbox.stripe.control.requests()
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose goods the tests only look at."""
    with running_shop(tmp_path_factory.mktemp("shared") / "state") as shop:
        for number in range(PAGE_SIZE):
            put_on_sale(shop, f"Spoon {number:02}", 100 + number)
        mug = put_on_sale(
            shop,
            "Blue mug",
            1250,
            id="mug/blue #1?",
            description="Holds coffee.\nAnd tea.",
            **{"images[0]": PICTURE, "images[1]": "https://cdn.example/back.png"},
        )
        add_price(shop, mug, 1550)
        add_price(shop, mug, 900, **{"recurring[interval]": "month", "recurring[interval_count]": "3"})
        put_on_sale(shop, "Sold out tray", 5000, id="tray", **{"metadata[stock]": "0"})
        put_on_sale(shop, HOSTILE, 100, id="hostile", description=HOSTILE)
        put_on_sale(shop, "Lopapeysa", 2_500_000, "isk", id="lopapeysa")
        yield shop


@pytest.fixture
def stranger(shared: Shop) -> Browser:
    return shared.browser()


# Home


def test_strangers_see_what_there_is_to_buy_without_a_cookie(stranger: Browser) -> None:
    page = stranger.open("/")
    assert page.status_code == 200
    assert len(cards(page)) == PAGE_SIZE
    assert not stranger.client.cookies
    assert "Set-Cookie" not in page.headers


def test_the_pages_together_show_everything_once(stranger: Browser) -> None:
    first = stranger.open("/?sort=name")
    assert "Page 1 of 2" in words(first)
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


def test_one_finds_things_by_their_words(stranger: Browser) -> None:
    page = stranger.open("/?q=MUG++coffee")
    assert cards(page) == ["Blue mug"]
    assert "1 product for “ MUG coffee ”" in words(page)
    assert 'value="MUG coffee"' in page.text
    assert '<meta name="robots" content="noindex">' in page.text
    assert "4 of" not in page.text
    spoons = stranger.open("/?q=spoon&sort=-price")
    assert cards(spoons)[0] == "Spoon 23"


def test_the_order_and_the_search_stay_when_one_turns_the_page(shop: Shop) -> None:
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
    assert "Nothing has all of these words." in words(page)
    assert "Show all products" in page.text
    assert "<script>alert" not in page.text


def test_a_shop_without_goods_says_so(shop: Shop) -> None:
    page = shop.browser().open("/")
    assert page.status_code == 200
    assert "There is nothing for sale yet." in words(page)


@pytest.mark.parametrize("number", ["0", "-1", "3", "999999999", "1e3", "x", "", "٣", "\x00", "1" * 5000])
def test_a_page_that_does_not_exist_is_said_to_be_none(stranger: Browser, number: str) -> None:
    page = stranger.open(f"/?page={quote(number)}")
    assert page.status_code == 404
    assert "pages of products" in words(page) or "page of products" in words(page)


@pytest.mark.parametrize(
    "query", ["sort=nonsense", "sort=", "q=%00", "q=%ff%fe", "q=" + "x" * 3000, "page=1&page=2"]
)
def test_other_nonsense_in_the_address_does_no_harm(stranger: Browser, query: str) -> None:
    assert stranger.open(f"/?{query}").status_code == 200


def test_a_card_shows_the_cheapest_price_and_that_there_are_others(stranger: Browser) -> None:
    shown = words(stranger.open("/?q=mug"))
    assert re.search(r"from\s+€12\.50\s+more ways to pay", shown)
    assert "Out of stock" in words(stranger.open("/?q=tray"))


def test_a_shopper_sees_the_linked_customer_and_the_goods(shared: Shop) -> None:
    browser = shared.browser()
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
def test_prices_are_written_in_the_readers_notation(shared: Shop, languages: str, written: str) -> None:
    page = shared.http.get(shared.url + address("mug/blue #1?"), headers={"Accept-Language": languages})
    assert page.status_code == 200
    assert written in html.unescape(page.text)
    assert {"Cookie", "Accept-Language"} <= set(re.split(r",\s*", page.headers["Vary"]))


def test_a_krona_is_not_a_hundred(stranger: Browser) -> None:
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


def test_a_product_has_a_page_of_its_own(shared: Shop, stranger: Browser) -> None:
    home = stranger.open("/?q=mug")
    link = re.search(r'<h3><a href="([^"]*)"', home.text)
    assert link is not None
    page = stranger.open(html.unescape(link[1]))
    assert page.status_code == 200
    assert "<title>Blue mug · Webstore</title>" in page.text
    canonical = re.search(r'<link rel="canonical" href="([^"]*)">', page.text)
    assert canonical is not None
    assert canonical[1] == str(page.url) == meta(page, "og:url")
    assert meta(page, "description") == meta(page, "og:description") == "Holds coffee. And tea."
    assert (meta(page, "og:title"), meta(page, "og:image")) == ("Blue mug", PICTURE)
    assert shared.url in canonical[1]
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


def test_one_chooses_a_price_and_a_quantity(stranger: Browser) -> None:
    page = stranger.open(address("mug/blue #1?"))
    prices = re.findall(r'<input type="radio" name="price" value="([^"]*)" required( checked)?>', page.text)
    assert len(prices) == 3
    assert [bool(checked) for _, checked in prices] == [True, False, False]
    assert 'action="/cart/add"' in page.text
    assert 'formaction="/checkout"' in page.text
    assert "every 3 months" in words(page)
    assert "csrf_token" not in page.text
    simple = stranger.open("/products/hostile")
    assert 'type="radio"' not in simple.text
    assert re.search(r'<input type="hidden" name="price" value="price_', simple.text)


def test_what_is_chosen_lands_in_the_cart(shop: Shop) -> None:
    product = put_on_sale(shop, "Mug", 1250)
    browser = shop.browser()
    page = browser.submit(browser.open(address(product)), action="/cart/add", quantity="3")
    assert page.url.path == "/cart"
    assert "Mug" in page.text
    again = browser.open("/")
    assert re.search(r">3<span class=\"visually-hidden\"> in it", again.text)
    assert again.headers["Cache-Control"] == "private, no-store"


def test_what_is_out_of_stock_cannot_be_chosen(stranger: Browser) -> None:
    page = stranger.open("/products/tray")
    assert page.status_code == 200
    assert "out of stock" in words(page)
    assert "/cart/add" not in page.text


@pytest.mark.parametrize("path", ["/products/hostile", "/?q=alert", "/?sort=name", "/sitemap.xml"])
def test_what_somebody_wrote_into_a_product_is_only_text(stranger: Browser, path: str) -> None:
    page = stranger.open(path)
    assert page.status_code == 200
    for piece in ("<script>alert", "</script><script>", "<img src=x", "onerror=alert(1)>"):
        assert piece not in page.text
    assert ">49<" not in page.text


def test_it_comes_out_of_the_data_block_as_it_went_in(stranger: Browser) -> None:
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
    assert "This product is not sold here" in words(page) or "This page does not exist" in words(page)


def test_an_archived_product_is_not_there_any_more(shop: Shop) -> None:
    product = put_on_sale(shop, "Mug")
    browser = shop.browser()
    assert browser.open(address(product)).status_code == 200
    shop.stripe("POST", f"/products/{product}", active="false")
    shop.app.extensions["webstore"].catalogue.forget()
    until(lambda: browser.open(address(product)).status_code == 404)


# Texts, sitemap, robots


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/terms", "Terms of sale"),
        ("/privacy", "Privacy"),
        ("/returns", "Returns and refunds"),
        ("/contact", "Contact"),
    ],
)
def test_the_shops_texts_are_linked_on_every_page(stranger: Browser, path: str, title: str) -> None:
    for other in ("/", "/nowhere", "/products/tray", "/terms"):
        assert f'href="{path}"' in stranger.open(other).text
    page = stranger.open(path)
    assert page.status_code == 200
    assert f"<h1>{title}</h1>" in page.text
    assert f"<title>{title} · Webstore</title>" in page.text
    assert '<mark class="gap">' in page.text


def test_the_sitemap_lists_every_page(shared: Shop, stranger: Browser) -> None:
    answer = stranger.open("/sitemap.xml")
    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
    names = {"": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    listed = [it.text or "" for it in ElementTree.fromstring(answer.text).iterfind(".//loc", names)]  # noqa: S314 (the store's own)
    assert len(listed) == len(set(listed)) == 1 + PAGE_SIZE + 4 + 4
    assert all(it.startswith(f"{shared.url}/") for it in listed)
    for place in (listed[0], listed[1], listed[-1], *(it for it in listed if "mug" in it)):
        assert stranger.open(place).status_code == 200


def test_robots_are_told_where_the_sitemap_is_and_what_is_nobody_elses(
    shared: Shop, stranger: Browser
) -> None:
    answer = stranger.open("/robots.txt")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert f"Sitemap: {shared.url}/sitemap.xml" in answer.text
    assert {"Disallow: /account", "Disallow: /cart", "Disallow: /login"} <= set(answer.text.splitlines())


# Caches


@pytest.mark.parametrize(
    "path", ["/", "/?sort=price", "/products/tray", "/terms", "/sitemap.xml", "/robots.txt"]
)
def test_a_strangers_page_is_not_sent_again_while_nothing_changed(stranger: Browser, path: str) -> None:
    page = stranger.open(path)
    assert page.headers["Cache-Control"] == "public, max-age=0, s-maxage=60"
    again = stranger.client.get(path, headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = stranger.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == page.headers["ETag"]


def test_the_tag_changes_with_the_goods_and_not_with_the_hour(shop: Shop) -> None:
    product = put_on_sale(shop, "Mug", 1250)
    shop.restart(CATALOGUE_TTL_S="1")
    browser = shop.browser()
    tag = browser.open("/").headers["ETag"]
    time.sleep(1.1)
    browser.open("/")
    until(lambda: reads(shop) == 2)
    assert browser.open("/").headers["ETag"] == tag
    shop.stripe("POST", f"/products/{product}", name="Cup")
    until(lambda: cards(browser.open("/")) == ["Cup"])
    assert browser.open("/").headers["ETag"] != tag


def test_a_page_in_another_notation_has_another_tag(stranger: Browser) -> None:
    tag = stranger.open("/").headers["ETag"]
    german = stranger.client.get("/", headers={"Accept-Language": "de", "If-None-Match": tag})
    assert german.status_code == 200


# How often Stripe is asked


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
    shop.restart(CATALOGUE_TTL_S="1")
    browser = shop.browser()
    assert cards(browser.open("/")) == ["Mug"]
    shop.sandbox.stripe_server.stop()
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        assert cards(browser.open("/")) == ["Mug"]
        assert browser.open(address(product)).status_code == 200
    shop.restart()  # a process that has nothing in memory has the shared state
    assert cards(browser.open("/")) == ["Mug"]


def test_a_shop_that_never_read_anything_says_so_at_once(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    browser = shop.browser()
    for path in ("/", "/?q=mug"):
        page = browser.open(path)
        assert page.status_code == 200
        assert page.headers["Retry-After"] == "5"
        assert '<meta name="robots" content="noindex">' in page.text
        assert page.headers["Cache-Control"] == "private, no-store"
        assert "The products are not here yet" in words(page)
    began = time.monotonic()
    for path in ("/products/prod_1", "/sitemap.xml"):
        page = browser.open(path)
        assert page.status_code == 503
        assert "your cart is kept" in words(page)
    assert time.monotonic() - began < 2


def test_whoever_logs_in_then_is_greeted_all_the_same(shop: Shop) -> None:
    body = {"error": {"type": "api_error", "message": "down"}}
    shop.sandbox.stripe.control.add_fault(
        action="status", path="/v1/prices", status=500, times=None, body=body
    )
    page = shop.browser().log_in(path="/")
    assert page.status_code == 200
    assert link_status(page) == "linked"
    assert "The products are not here yet" in words(page)
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


# Bad requests


@pytest.mark.parametrize("path", ["/", "/products/tray", "/terms", "/sitemap.xml", "/robots.txt"])
def test_a_page_takes_no_form(stranger: Browser, path: str) -> None:
    answer = stranger.client.post(path)
    assert answer.status_code == 405
    assert "POST" not in answer.headers["Allow"]


class _Inline(HTMLParser):
    """Collects what a browser would execute of a page's own text."""

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


def test_the_pages_keep_to_the_policy(shared: Shop, stranger: Browser) -> None:
    for path in ("/", "/?q=mug", "/products/tray", address("mug/blue #1?"), "/products/hostile", "/terms"):
        page = stranger.open(path)
        assert inline_code(page) == []
        policy = page.headers["Content-Security-Policy"]
        pictures = re.search(r"img-src ([^;]*);", policy)
        assert pictures is not None
        assert pictures[1].split() == ["'self'", "https:", "data:", shared.sandbox.stripe_server.url]
