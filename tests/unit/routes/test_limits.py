"""For whom a request is made, and how often a shopper may make it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, g
from werkzeug.exceptions import TooManyRequests

from tests.fakes import Clock
from tests.support import put_file_at
from tests.unit.offline import offline_store
from webstore.routes import attach, limits
from webstore.routes.limits import SHOPPER_LIMIT, WINDOW_S, is_stranger, limited_per_shopper
from webstore.routes.session_cookie import Shopper
from webstore.sessions.revocation import SessionMark

MARK = SessionMark("id", "https://auth.example/", "auth0|1", None, 0.0, "epoch")
ADA = Shopper("auth0|1", "Ada", None, None, None, None, MARK)


@limited_per_shopper
def view() -> str:
    return "shown"


@pytest.mark.parametrize(
    ("method", "path", "stranger"),
    [
        ("GET", "/cart", True),
        ("GET", "/nowhere", True),
        ("POST", "/webhooks/stripe", False),
        ("POST", "/api/checkout", False),
        ("GET", "/api/me", True),
    ],
)
def test_a_request_without_a_login_is_a_strangers_unless_it_is_signed(
    tmp_path: Path, method: str, path: str, stranger: bool
) -> None:
    with (
        offline_store(tmp_path, AUTH0_AUDIENCE="https://store.example/api") as app,
        app.test_request_context(path, method=method),
    ):
        assert is_stranger() is stranger


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


PROCESSES = 3


@pytest.fixture(params=["with the counters", "without the counters"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """A store of three processes, of which this is one; its counters can be used, or they cannot."""
    folder = tmp_path / "state"
    with offline_store(folder, WEB_CONCURRENCY=f"{PROCESSES}") as app:
        if request.param == "without the counters":
            put_file_at(folder)
        yield app


@pytest.fixture
def allowed(request: pytest.FixtureRequest) -> int:
    """The requests that this process lets through in a window: its share when it counts alone."""
    return SHOPPER_LIMIT // (PROCESSES if "without the counters" in request.node.name else 1)


def test_a_logged_in_shopper_is_no_stranger(app: Flask) -> None:
    with app.test_request_context("/cart"):
        g.shopper = ADA
        assert not is_stranger()


def test_the_stores_own_work_is_no_strangers() -> None:
    assert not is_stranger()


def test_a_shopper_who_asks_too_often_is_refused_until_the_next_window(
    app: Flask, allowed: int, clock: Clock
) -> None:
    with app.test_request_context("/orders"):
        g.shopper = ADA
        for _ in range(allowed):
            assert view() == "shown"
        with pytest.raises(TooManyRequests):
            view()
    with app.test_request_context("/account"):
        g.shopper = ADA
        assert view() == "shown"
    clock.now += WINDOW_S
    with app.test_request_context("/orders"):
        g.shopper = ADA
        assert view() == "shown"


@pytest.mark.usefixtures("clock")
def test_a_request_that_is_refused_anyway_is_not_counted(tmp_path: Path) -> None:
    with offline_store(tmp_path) as app, app.test_request_context("/orders"):
        counted = Counted()
        attach(app, replace(app.extensions["webstore"], counters=counted))
        g.shopper = ADA
        for _ in range(SHOPPER_LIMIT):
            view()
        for _ in range(50):
            with pytest.raises(TooManyRequests):
                view()
        assert counted.number == SHOPPER_LIMIT + 1


class Counted:
    """Counters that know how often they were used, for one key."""

    number = 0

    def count(self, key: str, ttl_s: float) -> int:
        self.number += 1
        return self.number
