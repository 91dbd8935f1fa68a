"""The page of a collection, and what a product's metadata adds to the product's page."""

from __future__ import annotations

import re

import pytest

from tests.shop.pages import address, cards, text_of
from tests.support import Browser, Shop

PATH = "/collections/tea-ware"


def canonical(markup: str) -> str:
    """The page's canonical address, for search engines."""
    (found,) = re.findall(r'<link rel="canonical" href="([^"]*)">', markup)
    return str(found)


def test_a_collection_has_its_products_under_an_address_of_its_own(
    furnished: Shop, stranger: Browser
) -> None:
    assert f'href="{PATH}"' in stranger.open("/").text
    page = stranger.open(PATH)
    assert sorted(cards(page)) == ["Blue mug", "Sold out tray"]
    assert re.findall(r"<h1[^>]*>(.*?)</h1>", page.text) == ["<bdi>tea ware</bdi>"]
    assert canonical(page.text) == f"{furnished.url}{PATH}"
    assert "noindex" not in page.text


def test_its_order_and_search_stay_in_the_collection(furnished: Shop, stranger: Browser) -> None:
    dear = stranger.open(f"{PATH}?sort=-price")
    assert cards(dear) == ["Sold out tray", "Blue mug"]
    assert canonical(dear.text) == f"{furnished.url}{PATH}"
    assert f'href="{PATH}?sort=name"' in dear.text
    found = stranger.open(f"{PATH}?q=mug")
    assert cards(found) == ["Blue mug"]
    assert '<meta name="robots" content="noindex">' in found.text


@pytest.mark.parametrize(
    "path", ["/collections/nothing", "/collections/Tea-ware", f"{PATH}?page=2", f"{PATH}?page=0"]
)
def test_what_does_not_exist_is_not_found(stranger: Browser, path: str) -> None:
    assert stranger.open(path).status_code == 404


def test_a_product_shows_its_facts_and_option_and_nothing_of_the_shops_own(stranger: Browser) -> None:
    page = stranger.open(address("mug/blue #1?"))
    shown = text_of(page)
    assert re.search(r"Material\s+Clay", shown)
    assert re.search(r"<legend><bdi>Size</bdi></legend>", page.text)
    assert "Secret Ltd" not in page.text
    assert f'href="{PATH}"' in page.text
