"""The calls that pages make to Stripe for carts: few for every visitor, and never at the cost of shoppers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.goods import Good, content, go_to_payment, in_cart, put_in, session_of
from tests.support import Browser, Shop, in_background, running_shop, until
from webstore.routes import Services
from webstore.shop.session_readings import (
    REMEMBERED_S,
    SESSION_CALLS,
    WINDOW_S,
    _answer_key,  # what passing time makes the store forget
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store behind a proxy. Its pages may make two calls to Stripe at a time."""
    with running_shop(tmp_path / "state", TRUSTED_PROXY_HOPS="1", WEB_THREADS="8") as shop:
        yield shop


@pytest.fixture
def sessions(shop: Shop, mug: Good) -> tuple[str, ...]:
    """Three open sessions that one cart led to, each of another user."""
    owner = shop.browser()
    made = []
    for number in range(3):
        put_in(owner, mug)
        email = f"{number}@example.com"
        shop.add_user(email)
        owner.log_in(email, path="/cart")
        made.append(session_of(go_to_payment(owner)))
        owner.log_out()
    services: Services = shop.app.extensions["webstore"]
    for session_id in made:
        services.state.delete(_answer_key(session_id))
    shop.forget_requests()
    return tuple(made)


def copied(shop: Shop, address: int | None = None) -> Browser:
    """A new browser with a copy of the cookie of the cart that led to the sessions, at an address."""
    thief = shop.browser()
    name = shop.cookie("cart")
    thief.client.cookies.set(name, shop.browsers[0].cookies[name])
    if address is not None:
        thief.client.headers["X-Forwarded-For"] = f"192.0.2.{address}"
    return thief


def asked(shop: Shop, session_id: str) -> int:
    """How often Stripe was asked about this session."""
    return shop.stripe_requests().count(f"GET /v1/checkout/sessions/{session_id}")


def test_a_burst_with_a_copied_cookie_makes_a_handful_of_calls(shop: Shop, sessions: tuple[str, ...]) -> None:
    thieves = [copied(shop, number) for number in range(8)]
    shopper = shop.browser()
    shopper.log_in("ada@example.com")

    def burst(thief: Browser) -> list[int]:
        return [thief.open(path).status_code for path in ("/cart", "/checkout") * 8]

    began = time.monotonic()
    with ThreadPoolExecutor(len(thieves)) as pool:
        bursts = [pool.submit(burst, thief) for thief in thieves]
        assert shopper.open("/orders").status_code == 200
        statuses = [status for answers in bursts for status in answers.result(60)]
    seconds = time.monotonic() - began
    assert statuses == [200] * 128
    for session_id in sessions:
        assert 1 <= asked(shop, session_id) <= 1 + seconds / REMEMBERED_S


def test_beyond_the_budget_a_stranger_sees_the_cart_without_a_call(
    shop: Shop, sessions: tuple[str, ...]
) -> None:
    services: Services = shop.app.extensions["webstore"]
    for session_id in sessions:
        for _ in range(SESSION_CALLS):
            services.state.count(f"session-calls:session:{session_id}", WINDOW_S)
    page = copied(shop).open("/cart?done=canceled")
    assert page.status_code == 200
    assert in_cart(page) == [("Blue mug", 3)]
    assert "You have not been charged" not in content(page)
    assert [asked(shop, session_id) for session_id in sessions] == [0, 0, 0]
    # A shopper has a budget of their own.
    shopper = copied(shop)
    shopper.log_in("ada@example.com")
    assert "You have not been charged" in content(shopper.open("/cart?done=canceled"))


def test_while_stripe_is_slow_strangers_leave_a_call_to_shoppers(
    shop: Shop, sessions: tuple[str, ...]
) -> None:
    shopper = shop.browser()
    shopper.log_in("ada@example.com")
    control = shop.sandbox.stripe.control
    slow = [
        control.add_fault(
            action="latency", method="GET", path=f"/v1/checkout/sessions/{it}", seconds=30, times=None
        )
        for it in sessions
    ]

    def hold_up() -> httpx.Response:
        return copied(shop).open("/cart")

    strangers = [in_background(hold_up) for _ in range(4)]

    def they_hold_all_that_they_can() -> bool:
        inside = sum(int(str(fault["hits"])) for fault in control.faults() if fault["id"] in slow)
        return inside >= 2 or (inside == 1 and any(stranger.done() for stranger in strangers))

    until(they_hold_all_that_they_can)
    assert shopper.open("/orders").status_code == 200
    assert {stranger.result(60).status_code for stranger in strangers} == {200}
