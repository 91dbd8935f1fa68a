"""The shop's texts, the sitemap, and what caches may keep."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from tests.support import Browser, Shop
from webstore.shop.browsing import PAGE_SIZE


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


def test_the_sitemap_lists_every_page(furnished: Shop, stranger: Browser) -> None:
    answer = stranger.open("/sitemap.xml")
    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
    names = {"": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    listed = [it.text or "" for it in ElementTree.fromstring(answer.text).iterfind(".//loc", names)]  # noqa: S314 (the store's own)
    assert len(listed) == len(set(listed)) == 1 + 1 + PAGE_SIZE + 4 + 4
    assert all(it.startswith(f"{furnished.url}/") for it in listed)
    for place in (listed[0], listed[1], listed[-1], *(it for it in listed if "mug" in it)):
        assert stranger.open(place).status_code == 200


def test_robots_learn_where_the_sitemap_is_and_which_pages_are_private(
    furnished: Shop, stranger: Browser
) -> None:
    answer = stranger.open("/robots.txt")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert f"Sitemap: {furnished.url}/sitemap.xml" in answer.text
    assert {"Disallow: /account", "Disallow: /cart", "Disallow: /login"} <= set(answer.text.splitlines())


# Caches


@pytest.mark.parametrize(
    "path",
    ["/", "/?sort=price", "/collections/tea-ware", "/products/tray", "/terms", "/sitemap.xml", "/robots.txt"],
)
def test_a_strangers_page_is_not_sent_again_while_nothing_changed(stranger: Browser, path: str) -> None:
    page = stranger.open(path)
    assert page.headers["Cache-Control"] == "public, max-age=0, s-maxage=60"
    again = stranger.client.get(path, headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = stranger.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == page.headers["ETag"]


def test_a_page_in_another_notation_has_another_tag(stranger: Browser) -> None:
    tag = stranger.open("/").headers["ETag"]
    german = stranger.client.get("/", headers={"Accept-Language": "de", "If-None-Match": tag})
    assert german.status_code == 200


# What a visit transfers

#: Bytes of the home page with a full shelf, and of all that it links except pictures.
HOME_BYTES = 12 * 1024


def test_the_home_page_is_small_and_one_stylesheet_blocks_it(stranger: Browser) -> None:
    page = stranger.open("/")
    linked = re.findall(r'<(?:link rel="stylesheet"|script)[^>]*>', page.text)
    blocking = [it for it in linked if "defer" not in it]
    assert len(blocking) == 1
    files = re.findall(r'"(/static/[^"]+[.](?:css|js))"', page.text)
    sizes = {path: on_the_wire(stranger, path) for path in ("/", *files)}
    assert len(sizes) == 1 + len(linked)
    assert sum(sizes.values()) <= HOME_BYTES, sizes


def on_the_wire(browser: Browser, path: str) -> int:
    """The bytes of a body as a browser gets it."""
    answer = browser.client.get(path, headers={"Accept-Encoding": "gzip, deflate, br"})
    return int(answer.headers["Content-Length"])


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_a_strangers_page_is_compressed_and_not_sent_again(stranger: Browser, coding: str) -> None:
    plain = stranger.client.get("/", headers={"Accept-Encoding": "identity"})
    page = stranger.client.get("/", headers={"Accept-Encoding": coding})
    assert (page.headers["Content-Encoding"], page.text) == (coding, plain.text)
    assert page.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in page.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    known = {"Accept-Encoding": coding, "If-None-Match": page.headers["ETag"]}
    assert stranger.client.get("/", headers=known).status_code == 304


@pytest.mark.parametrize("path", ["/", "/?q=mug", "/cart", "/account", "/nowhere"])
def test_no_page_with_something_of_the_shopper_is_compressed(furnished: Shop, path: str) -> None:
    # Its length would tell another site whether a word of the address is also in the page.
    browser = furnished.browser()
    browser.log_in()
    answer = browser.client.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert "csrf_token" in answer.text
    assert "Content-Encoding" not in answer.headers
