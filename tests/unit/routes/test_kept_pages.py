"""Pages of strangers are made once; nothing of a shopper is ever in them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, session
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import Clock, Subscribers, TimedMemory, a_subscription
from tests.unit.offline import offline_store
from tests.unit.routes.kept_pages import (
    CART,
    SESSION,
    Counter,
    Visitor,
    shopper,
    sold,
    with_a_cart,
    with_accounts,
)
from tests.unit.samples import examples
from webstore.errors import PaymentsUnavailable
from webstore.gateways.oidc.login_client import LoginClient
from webstore.routes import kept_pages
from webstore.shop.catalogue import CatalogueService
from webstore.shop.models import Catalogue

PUBLIC = [
    "/",
    "/?page=1",
    "/?sort=price",
    "/?q=thing",
    "/products/prod_1",
    "/terms",
    "/sitemap.xml",
    "/robots.txt",
]
PERSONAL = ["/cart", "/healthz", "/nowhere", "/products/none", "/?page=99"]
TAGS = ["en-US,en;q=0.9", "de", "fr-CH, fr;q=0.9", "x" * 300, ""]


@pytest.fixture
def stranger(store: Flask, counter: Counter) -> Visitor:
    assert counter.app is store
    return Visitor(store)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that Flask has answered since."""
    found: list[str] = []
    wsgi_app = Flask.wsgi_app

    def noting(self: Flask, environ: dict[str, Any], start_response: Any) -> Any:  # as Flask's own
        found.append(f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}".rstrip("?"))
        return wsgi_app(self, environ, start_response)

    monkeypatch.setattr(Flask, "wsgi_app", noting)
    return found


@pytest.fixture
def watched(made: list[str], tmp_path: Path) -> Iterator[tuple[Visitor, Counter, list[str]]]:
    """A stranger at a store, its catalogue, and the addresses that Flask has answered."""
    with offline_store(tmp_path / "state") as app:
        counter = Counter(app)
        counter.sell(sold(5))
        made.clear()
        yield Visitor(app), counter, made


Watched = tuple[Visitor, Counter, list[str]]


def test_a_strangers_page_is_made_once(watched: Watched) -> None:
    stranger, _, made = watched
    for number, path in enumerate(PUBLIC, 1):
        first = stranger.ask(path)
        again = stranger.ask(path)
        assert len(made) == number
        assert (again.status, again.data) == (first.status, first.data)
        assert dict(again.headers) | {"X-Request-ID": ""} == dict(first.headers) | {"X-Request-ID": ""}
        assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]


def test_a_kept_page_is_what_flask_would_answer(stranger: Visitor) -> None:
    for path, language in product(PUBLIC, ("en-US", "de")):
        stranger.ask(path, Accept_Language=language)
        kept = stranger.ask(path, Accept_Language=language)
        # A request with If-Match goes to Flask.
        fresh = stranger.ask(path, Accept_Language=language, If_Match="*")
        assert kept.data == fresh.data
        ignored = {"X-Request-ID": "", "Vary": "", "Date": ""}
        assert dict(kept.headers) | ignored == dict(fresh.headers) | ignored
        vary = set(re.split(r",\s*", kept.headers["Vary"]))
        assert vary == set(re.split(r",\s*", fresh.headers["Vary"])) >= {"Cookie", "Accept-Encoding"}


def test_other_products_make_a_page_anew(watched: Watched) -> None:
    stranger, counter, made = watched
    for amount, path in enumerate(["/", "/?q=thing", "/products/prod_1", "/sitemap.xml"], 700):
        made.clear()
        before = stranger.ask(path)
        counter.sell(counter.shelf.products)
        assert stranger.ask(path).data == before.data
        assert made == [path], "read again, but the same"
        counter.sell((*sold(5, amount=amount), *sold(amount)[-1:]))
        after = stranger.ask(path)
        assert made == [path, path]
        assert after.data != before.data
        assert after.data == stranger.ask(path, If_Match="*").data


def test_every_public_page_that_shows_products_follows_the_catalogue(watched: Watched) -> None:
    """A view that reads the catalogue in another way would be kept with products that are not sold."""
    stranger, counter, _ = watched
    for path in PUBLIC:
        stranger.ask(path)
    counter.sell(sold(3, amount=555))
    for path in PUBLIC:
        assert stranger.ask(path).data == stranger.ask(path, If_Match="*").data, path


def test_while_nothing_was_read_nothing_is_kept(watched: Watched) -> None:
    stranger, counter, made = watched
    counter.shelf.error = PaymentsUnavailable("Stripe is down")
    empty = Counter(counter.app, counter.shelf)
    for _ in range(2):
        assert "Retry-After" in stranger.ask("/").headers
    counter.shelf.error = None
    empty.clock.now += 60
    assert "Thing 1" in stranger.ask("/").text
    assert made == ["/"] * 3


def test_a_kept_page_asks_for_the_catalogue_as_a_view_does(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that nobody makes any more must not keep the store from reading its catalogue again."""
    stranger, counter, _ = watched
    asked: list[str] = []
    current = CatalogueService.current

    def counted(self: CatalogueService) -> Catalogue:
        asked.append("")
        return current(self)

    monkeypatch.setattr(CatalogueService, "current", counted)
    stranger.ask("/")
    stranger.ask("/")
    assert len(asked) == 2
    assert counter.service.current().products


@pytest.mark.parametrize(("accepted", "decode"), [("gzip", gzip.decompress), ("identity", bytes)])
def test_conditions_methods_and_codings(stranger: Visitor, accepted: str, decode: Any) -> None:
    stranger.ask("/")
    page = stranger.ask("/", Accept_Encoding=accepted)
    assert b"Thing 1" in decode(page.data)
    tag = page.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = stranger.ask("/", Accept_Encoding=accepted, If_None_Match=known)
        assert (same.status_code, same.data) == (304, b"")
        assert (same.headers["ETag"], same.headers["Vary"]) == (tag, page.headers["Vary"])
        assert same.headers["Cache-Control"] == page.headers["Cache-Control"]
        assert "Content-Security-Policy" in same.headers
        assert not {"Content-Length", "Content-Type", "Content-Encoding"} & set(same.headers.keys())
    assert stranger.ask("/", Accept_Encoding=accepted, If_None_Match='"other"').status_code == 200
    head = stranger.ask("/", "HEAD", Accept_Encoding=accepted)
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", str(len(page.data)))
    part = stranger.ask("/", Accept_Encoding=accepted, Range="bytes=0-9")
    assert (part.status_code, part.data) == (200, page.data)
    assert stranger.ask("/", "POST").status_code == 405
    assert stranger.ask("/", "OPTIONS").status_code == 200


def test_the_policy_is_that_of_the_moment(stranger: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "login.example" not in stranger.ask("/").headers["Content-Security-Policy"]
    monkeypatch.setattr(LoginClient, "known_origins", lambda _: ("https://login.example",))
    assert "https://login.example" in stranger.ask("/").headers["Content-Security-Policy"]


def test_a_made_up_query_crowds_out_no_page_without_one(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_pages, "MOST_BYTES", 400_000)
    monkeypatch.setattr(kept_pages, "MOST_BYTES_OF_QUERIES", 100_000)
    with offline_store(tmp_path / "state") as app:
        Counter(app).sell(sold(5))
        stranger = Visitor(app)
        paths = ["/", "/products/prod_1", "/terms"]
        for path in paths:
            stranger.ask(path)
        for number in range(40):
            stranger.ask(f"/?q={number}")
            stranger.ask(f"/products/prod_1?utm={number}")
        made.clear()
        for path in paths:
            stranger.ask(path)
        assert made == []
        stranger.ask("/?q=0")
        assert made == ["/?q=0"], "the memory of queries is bounded"


def test_other_answers_are_not_kept(watched: Watched) -> None:
    stranger, _, made = watched
    for path in (*PERSONAL, "/account", "/orders"):
        made.clear()
        stranger.ask(path)
        stranger.ask(path)
        assert made == [path, path]


def test_a_visit_under_another_host_name_is_neither_kept_nor_answered_from_memory(watched: Watched) -> None:
    stranger, _, made = watched
    others = [
        {"Host": "www.example"},
        {"Host": "www.example", "Cookie": "webstore-8000-host=1"},
        {"Host": "10.0.0.1"},
        {"Host": "www.example", "X-Forwarded-Host": "evil.example"},
    ]
    for headers in others:
        other = stranger.ask("/", **headers)
        assert stranger.ask("/", **headers).status == other.status
    assert len(made) == 2 * len(others)
    page = stranger.ask("/")
    assert (page.status_code, page.headers.get("Set-Cookie")) == (200, None)
    for headers in others:
        stranger.ask("/", **headers)
    assert len(made) == 3 * len(others) + 1


def test_only_a_session_or_a_cart_of_any_kind_makes_a_visitor_no_stranger(watched: Watched) -> None:
    stranger, _, made = watched
    page = stranger.ask("/")
    for cookie in ("", "other=1", "_ga=x; _gid=y", "a=b; c"):
        assert stranger.ask("/", Cookie=cookie).data == page.data
    assert len(made) == 1
    of_shoppers = (f"{SESSION}=x", f"{CART}=", f"a=1;{CART}=x", f'b="{SESSION}=1"', SESSION)
    for cookie in of_shoppers:
        stranger.ask("/", Cookie=cookie)
    assert len(made) == 1 + len(of_shoppers)


# What is personal

NAMES = ("Ada", "Grace", "Edsger", "Twin")
#: What shoppers have seen, and comes from memory the second time.
OF_SHOPPERS = ["/account"]
VISITS = st.lists(
    st.tuples(
        st.sampled_from([*NAMES, "a stranger", "a cart"]),
        st.sampled_from([*PUBLIC, *PERSONAL, *OF_SHOPPERS]),
        st.sampled_from(["GET", "GET", "HEAD"]),
        st.sampled_from(TAGS),
        st.sampled_from(["identity", "gzip"]),
    ),
    min_size=2,
    max_size=12,
)


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    # As in a live store: only the CSRF token tells the header of the twins apart.
    with offline_store(tmp_path_factory.mktemp("visited") / "state", DASHBOARD_LINKS="0") as app:
        Counter(app).sell(sold(5))
        boxes = {
            f"cus_of{name}": [a_subscription(f"sub_{name}", description=f"Box-of-{name}")] for name in NAMES
        }
        with_accounts(app, TimedMemory(Clock()), Subscribers(boxes))
        yield app


@pytest.fixture(scope="module")
def visitors(visited: Flask) -> dict[str, Visitor]:
    people = {name: shopper(visited, name, pieces=71 + n) for n, name in enumerate(NAMES[:-1])}
    # An account of another person with Ada's name and address, and as many pieces in the cart.
    people["Twin"] = shopper(visited, "Twin", pieces=71, shown_as="Ada")
    return people | {"a stranger": Visitor(visited), "a cart": with_a_cart(visited, 80)}


def text_of(answer: Any) -> str:
    body = answer.data
    return (
        gzip.decompress(body).decode() if answer.headers.get("Content-Encoding") == "gzip" else body.decode()
    )


@settings(max_examples=examples(30, 8), deadline=None)
@given(visits=VISITS)
def test_nobody_ever_sees_anything_of_another_shopper(
    visitors: dict[str, Visitor], visits: list[tuple[str, str, str, str, str]]
) -> None:
    """In any order of visits: no name, no CSRF token, no customer and no count of a cart of anybody else."""
    for who, path, method, tags, coding in visits:
        answer = visitors[who].ask(path, method, Accept_Language=tags, Accept_Encoding=coding)
        shown = text_of(answer) + str(answer.headers)
        for other, visitor in visitors.items():
            if other != who:
                others = set(visitor.secrets) - set(visitors[who].secrets)
                assert not [it for it in others if it in shown], (who, other)
        count = re.search(r'class="badge">(\d+)', shown)
        expected = {"Ada": "71", "Grace": "72", "Edsger": "73", "Twin": "71", "a cart": "80"}.get(who)
        assert count is None or count[1] == expected
        if who == "a stranger":
            assert "Log out" not in shown
            continue
        assert answer.headers["Cache-Control"] == "private, no-store"
        if path == "/account" and method == "GET" and who != "a cart":
            assert f"Box-of-{who}" in shown
        if path in PUBLIC[:6] and method == "GET":
            assert count is not None, "the page has the cart"
            if who != "a cart":
                assert visitors[who].secrets[1] in shown


def test_each_shopper_sees_the_bar_of_their_own_customer(store: Flask, counter: Counter) -> None:
    assert counter.app is store
    people = [shopper(store, "Ada"), shopper(store, "Twin", shown_as="Ada")]
    for visitor in people * 2:
        shown = visitor.ask("/").text
        assert [it.secrets[2] in shown for it in people] == [it is visitor for it in people]


def test_the_parts_that_everybody_shares_cannot_see_the_session(store: Flask) -> None:
    """Neither the context of a page nor Flask's own globals reach a part's template."""
    environment = store.jinja_env
    for name in ("request", "session", "g", "viewer", "csrf_token", "current_cart"):
        assert name not in environment.globals
    with store.test_request_context("/"):
        template = environment.from_string("{{ session }}{{ viewer }}{{ request }}{{ csrf_token }}")
        assert template.render() == ""


def test_an_answer_that_sets_a_cookie_after_the_offer_is_not_kept(watched: Watched) -> None:
    """Flask adds the session's cookie last."""
    stranger, _, made = watched
    # Flask runs these functions in reverse order: this one runs after the one that offers the page.
    stranger.app.after_request_funcs[None].insert(0, with_a_late_session)
    for _ in range(2):
        assert "Set-Cookie" in stranger.ask("/").headers
    assert made == ["/", "/"]


def with_a_late_session(response: Response) -> Response:
    session["late"] = "1"
    return response
