"""Which views are marked, and that further decorators keep a mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path

import pytest
from flask import Flask

from tests.unit.offline import offline_store
from webstore.routes.marks import is_public_page, is_signed, public_page, signed

PUBLIC = {"shop.collection", "shop.home", "shop.product", "shop.robots", "shop.sitemap", "shop.text"}
#: What programs with a signature or a bearer token post to. A cookie counts for nothing there.
SIGNED = {"api.begin_checkout", "auth.backchannel_logout", "webhooks.stripe"}

Mark = Callable[[Callable[[], str]], Callable[[], str]]
Marked = Callable[[], bool]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Flask]:
    with offline_store(tmp_path / "state", AUTH0_AUDIENCE="https://shop.example/api") as app:
        yield app


def marked(store: Flask, is_marked: Marked) -> set[str]:
    """The endpoints of the store whose view has the mark."""
    found = set()
    for rule in store.url_map.iter_rules():
        with store.test_request_context() as context:
            context.request.url_rule = rule
            if is_marked():
                found.add(rule.endpoint)
    return found


def test_exactly_the_public_pages_are_marked(store: Flask) -> None:
    assert marked(store, is_public_page) == PUBLIC


def test_exactly_what_programs_post_to_is_marked_as_signed(store: Flask) -> None:
    assert marked(store, is_signed) == SIGNED


def test_no_marked_view_is_both(store: Flask) -> None:
    assert not marked(store, is_public_page) & marked(store, is_signed)


def test_public_pages_are_read_and_signed_views_are_posted_to(store: Flask) -> None:
    methods = {
        rule.endpoint: (rule.methods or set()) - {"OPTIONS", "HEAD"} for rule in store.url_map.iter_rules()
    }
    assert {endpoint: methods[endpoint] for endpoint in PUBLIC} == {endpoint: {"GET"} for endpoint in PUBLIC}
    assert {endpoint: methods[endpoint] for endpoint in SIGNED} == {endpoint: {"POST"} for endpoint in SIGNED}


def test_all_other_views_have_no_mark(store: Flask) -> None:
    others = store.view_functions.keys() - PUBLIC - SIGNED
    assert {"static", "cart.add", "account.show", "auth.login"} <= others
    assert not others & (marked(store, is_public_page) | marked(store, is_signed))


def decorated(view: Callable[[], str]) -> Callable[[], str]:
    """What decorators above a mark do."""

    @wraps(view)
    def wrapped() -> str:
        return view()

    return wrapped


@pytest.mark.parametrize(
    ("mark", "has_it", "other"),
    [(public_page, is_public_page, is_signed), (signed, is_signed, is_public_page)],
)
@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_mark_survives_decorators_around_it(mark: Mark, has_it: Marked, other: Marked, times: int) -> None:
    def view() -> str:
        return f"{has_it()} {other()}"

    app = Flask(__name__)
    made = mark(view)
    for _ in range(times):
        made = decorated(made)
    app.add_url_rule("/marked", "marked", made)
    app.add_url_rule("/plain", "plain", decorated(lambda: f"{has_it()} {other()}"))
    client = app.test_client()
    assert client.get("/marked").text == "True False"
    assert client.get("/plain").text == "False False"


@pytest.mark.parametrize("mark", [public_page, signed])
def test_a_mark_leaves_the_view_as_it_is(mark: Mark) -> None:
    def view() -> str:
        return "a page"

    assert mark(view) is view


@pytest.mark.parametrize("is_marked", [is_public_page, is_signed])
def test_a_request_for_no_view_has_no_mark(is_marked: Marked) -> None:
    app = Flask(__name__)
    with app.test_request_context("/nowhere"):
        assert not is_marked()
