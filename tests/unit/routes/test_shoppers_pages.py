"""A page of a shopper is rendered again as soon as anything in it is another, and only then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, template_rendered

from tests.unit.routes.kept_pages import CART, SESSION, Counter, Visitor, shopper, sold
from webstore.routes.session_changes import end_session
from webstore.routes.session_cookie import Sessions

PAGES = ["/", "/?sort=price", "/products/prod_1"]


@pytest.fixture
def ada(counter: Counter) -> Visitor:
    return shopper(counter.app, "Ada", pieces=1)


@pytest.fixture
def rendered(store: Flask) -> Iterator[list[str]]:
    """The templates of the pages that were rendered since."""
    found: list[str] = []

    def note(_app: Flask, template: Any, **_more: Any) -> None:
        found.append(template.name)

    with template_rendered.connected_to(note, store):
        yield found


def pieces(page: str) -> str:
    """The number of pieces at the link to the cart."""
    (found,) = re.findall(r'class="badge">(\d+)', page)
    return str(found)


def test_made_up_queries_crowd_out_no_page_without_one(ada: Visitor, rendered: list[str]) -> None:
    ada.ask("/")
    for number in range(200):
        ada.ask(f"/?made={number}")
    rendered.clear()
    ada.ask("/")
    assert rendered == []


@pytest.mark.parametrize("path", PAGES)
def test_going_back_renders_nothing(ada: Visitor, rendered: list[str], path: str) -> None:
    first = ada.ask(path)
    rendered.clear()
    again = ada.ask(path)
    assert (again.data, rendered) == (first.data, [])
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("path", PAGES)
def test_the_cart_is_that_of_the_request(store: Flask, ada: Visitor, path: str) -> None:
    more = Visitor(store, ada.cookies | {CART: shopper(store, "Ada", pieces=5).cookies[CART]})
    for _ in range(2):
        assert pieces(ada.ask(path).text) == "1"
        assert pieces(more.ask(path).text) == "5"


@pytest.mark.parametrize("path", PAGES)
def test_the_products_are_those_of_now(counter: Counter, ada: Visitor, path: str) -> None:
    assert "10.00" in ada.ask(path).text
    counter.sell(sold(3, amount=777))
    shown = ada.ask(path).text
    assert "7.77" in shown
    assert "10.00" not in shown


@pytest.mark.parametrize("path", PAGES)
def test_amounts_are_written_for_the_reader_of_the_request(ada: Visitor, path: str) -> None:
    for _ in range(2):
        assert "€10.00" in ada.ask(path, Accept_Language="en").text
        assert "10,00\N{NO-BREAK SPACE}€" in ada.ask(path, Accept_Language="de").text


def test_the_end_of_a_session_counts_at_once(store: Flask, ada: Visitor) -> None:
    assert "Log out" in ada.ask("/").text
    cookies = "; ".join(f"{name}={value}" for name, value in ada.cookies.items())
    with store.test_request_context("/", headers={"Cookie": cookies}):
        assert end_session()
    assert "Log out" not in ada.ask("/").text


def test_strangers_with_a_cart_get_their_pages_rendered(
    store: Flask, counter: Counter, rendered: list[str]
) -> None:
    stranger = Visitor(store, {CART: shopper(counter.app, "Ada", pieces=2).cookies[CART]})
    for _ in range(2):
        assert pieces(stranger.ask("/").text) == "2"
    assert rendered.count("shop/home.html") == 2


def test_a_cookie_that_was_made_longer_takes_no_memory(
    store: Flask, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signature's decoder passes over characters that are not its own."""
    kept: list[str] = []
    sessions = store.session_interface
    assert isinstance(sessions, Sessions)
    monkeypatch.setattr(sessions._checked, "put", lambda cookie, _session: kept.append(cookie))  # noqa: SLF001
    for more in ("", "*" * 1000):
        longer = Visitor(store, ada.cookies | {SESSION: ada.cookies[SESSION] + more})
        assert "Log out" in longer.ask("/").text
    assert kept == [ada.cookies[SESSION]]
