"""Checkout: from a choice to Stripe's page and back, whatever happens on the way."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
import pytest

from tests.goods import Good, add_price, content, in_cart, notice, pay, put_in, sell, send_payment
from tests.support import (
    ADA,
    GRACE,
    PASSWORD,
    Browser,
    Shop,
    held,
    in_background,
    running_shop,
    shown_customer,
    the_customer,
    until,
)
from webstore.errors import (
    AmountRefused,
    CurrencyRefused,
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchObject,
    OverBudget,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
    StateUnavailable,
)
from webstore.gateways.stripe import StripeCheckouts
from webstore.gateways.stripe.checkout import checkout_session, session_params
from webstore.gateways.wire import Answer, Wire
from webstore.linking.executor import BoundedExecutor
from webstore.routes.limits import SHOPPER_LIMIT
from webstore.settings import CheckoutOptions
from webstore.shop import checkout
from webstore.shop.models import (
    BoughtLine,
    Cart,
    CartLine,
    CheckoutSession,
    Money,
    Price,
    Product,
    Purchase,
    Recurrence,
    SessionStatus,
)
from webstore.shop.ports import SessionDraft

EUR = Money(1200, "eur")
TIMES = "\N{MULTIPLICATION SIGN}"
PRICE = Price("price_mug", "prod_mug", EUR)
MUG = Product("prod_mug", "Mug", (PRICE,))
MONTHLY = Price("price_box", "prod_box", EUR, Recurrence("month"))
DRAFT = SessionDraft(
    customer_id="cus_1",
    user_id=ADA,
    lines=(Purchase(MUG, PRICE, 2),),
    success_url="https://shop.example/checkout/success?session_id={CHECKOUT_SESSION_ID}",
    cancel_url="https://shop.example/cart",
)
ALL_OPTIONS = CheckoutOptions(
    automatic_tax=True,
    shipping_countries=("DE", "FR"),
    shipping_rates=("shr_1",),
    promotion_codes=True,
    phone=True,
    terms=True,
    receipts=True,
)


@dataclass
class Till:
    """Stripe's Checkout Sessions with their idempotency keys, and what it answers instead."""

    made: dict[str, CheckoutSession] = field(default_factory=dict)
    instead: list[Exception] = field(default_factory=list)
    stored_failures: dict[str, Exception] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    drafts: list[SessionDraft] = field(default_factory=list)
    #: Whether an answer tells that it is a replay.
    tells: bool = True
    #: Seconds that each call takes.
    slow_s: float = 0.0
    calls: int = 0

    def create_session(self, draft: SessionDraft, idempotency_key: str) -> tuple[CheckoutSession, bool]:
        self._answer()
        self.keys.append(idempotency_key)
        self.drafts.append(draft)
        if idempotency_key in self.stored_failures:
            raise self.stored_failures[idempotency_key]
        if self.instead:
            raise self.instead.pop(0)
        there = idempotency_key in self.made
        if not there:
            number = len(self.made) + 1
            self.made[idempotency_key] = session(f"cs_{number}")
        # A replay shows what was answered first.
        return replace(self.made[idempotency_key], status=SessionStatus.OPEN), there and self.tells

    def get_session(self, session_id: str) -> CheckoutSession:
        self._answer()
        if self.instead:
            raise self.instead.pop(0)
        found = [it for it in self.made.values() if it.id == session_id]
        if not found:
            raise NoSuchObject(session_id)
        return found[0]

    def expire_session(self, session_id: str) -> None:
        if self.get_session(session_id).status is not SessionStatus.OPEN:
            raise PaymentsRefused("not open")
        self.end(session_id, SessionStatus.EXPIRED)

    def portal_url(self, customer_id: str, return_url: str) -> str:
        raise NotImplementedError

    def change(self, session_id: str, **changes: Any) -> None:
        for key, it in self.made.items():
            if it.id == session_id:
                self.made[key] = replace(it, **changes)

    def _answer(self) -> None:
        self.calls += 1
        time.sleep(self.slow_s)

    def end(self, session_id: str, status: SessionStatus, payment_status: str = "paid") -> None:
        self.change(session_id, status=status, payment_status=payment_status, url=None)


def session(session_id: str) -> CheckoutSession:
    return CheckoutSession(
        id=session_id,
        status=SessionStatus.OPEN,
        payment_status="unpaid",
        mode="payment",
        created=time.time(),
        expires_at=time.time() + 24 * 3600,
        total=EUR,
        url=f"https://checkout.stripe.com/{session_id}",
        lines=(BoughtLine("Mug", 2, Money(2400, "eur"), "price_mug"),),
    )


def opened(till: Till, draft: SessionDraft = DRAFT) -> str:
    pauses: list[float] = []
    return checkout.open_session(till, draft, pauses.append).id


# The idempotency key


def test_the_same_purchase_leads_to_the_same_session_while_it_is_open() -> None:
    till = Till()
    assert [opened(till) for _ in range(3)] == ["cs_1"] * 3


@pytest.mark.parametrize("end", [SessionStatus.COMPLETE, SessionStatus.EXPIRED])
def test_the_same_purchase_makes_a_new_session_once_the_former_is_over(end: SessionStatus) -> None:
    till = Till()
    for number in range(1, 6):
        assert opened(till) == f"cs_{number}"
        assert opened(till) == f"cs_{number}"
        till.end(f"cs_{number}", end)


@pytest.mark.parametrize(
    "other",
    [
        {"customer_id": "cus_2"},
        {"user_id": GRACE},
        {"lines": (Purchase(MUG, PRICE, 3),)},
        {"lines": (Purchase(MUG, PRICE, 2), Purchase(MUG, MONTHLY, 1))},
        {"lines": (Purchase(replace(MUG, shippable=False), PRICE, 2),)},
        {"cancel_url": "https://shop.example/products/prod_mug"},
        {"success_url": "https://shop.example/done"},
        {"options": ALL_OPTIONS},
    ],
)
def test_whatever_differs_in_the_request_is_another_purchase(other: dict[str, Any]) -> None:
    till = Till()
    assert opened(till) == "cs_1"
    assert opened(till, replace(DRAFT, **other)) == "cs_2"


def test_an_address_counts_where_receipts_go_there() -> None:
    till, receipts = Till(), replace(DRAFT, options=CheckoutOptions(receipts=True))
    assert opened(till, replace(DRAFT, email="a@example.com")) == opened(till) == "cs_1"
    assert opened(till, replace(receipts, email="a@example.com")) == "cs_2"
    assert opened(till, replace(receipts, email="b@example.com")) == "cs_3"


def test_keys_fit_and_name_nobody() -> None:
    key = checkout.session_key(DRAFT, None)
    assert len(key) <= 255
    assert ADA not in key
    assert checkout.session_key(DRAFT, "cs_1") != key


def test_while_the_same_request_is_under_way_it_is_waited_for() -> None:
    till = Till(instead=[KeyInFlight("409"), KeyInFlight("409")])
    assert opened(till) == "cs_1"
    assert len(set(till.keys)) == 1
    with pytest.raises(KeyInFlight):
        opened(Till(instead=[KeyInFlight("409")] * 20))


def test_a_failure_is_raised_and_a_failure_that_stripe_repeats_is_walked_past() -> None:
    till = Till(instead=[PaymentsFailed("500")])
    with pytest.raises(PaymentsFailed):
        opened(till)
    till.stored_failures[till.keys[0]] = PaymentsFailed("500", replayed=True)
    assert opened(till) == "cs_1"
    assert opened(till) == "cs_1"
    till.stored_failures[till.keys[-2]] = PaymentsFailed("500", replayed=True)
    assert len(set(till.keys)) == 2


def test_a_key_that_was_used_for_something_else_is_walked_past() -> None:
    till = Till()
    till.stored_failures[checkout.session_key(DRAFT, None)] = KeyReused("400")
    assert opened(till) == "cs_1"


def test_an_address_that_stripe_refuses_gets_no_receipt() -> None:
    till = Till(instead=[EmailRefused("400")])
    draft = replace(DRAFT, email="a@b", options=CheckoutOptions(receipts=True))
    assert opened(till, draft) == "cs_1"
    assert till.drafts[-1].email is None
    with pytest.raises(EmailRefused):
        opened(Till(instead=[EmailRefused("400")]))


def test_a_refused_amount_stays_refused_in_the_same_words() -> None:
    till, refused = Till(), AmountRefused("400")
    refused.replayed = True
    for attempt in range(checkout.MAX_PREDECESSORS):
        till.stored_failures[checkout.session_key(DRAFT, f"failed {attempt}")] = refused
    till.stored_failures[checkout.session_key(DRAFT, None)] = refused
    with pytest.raises(AmountRefused):
        opened(till)


def test_a_currency_that_was_refused_is_tried_again_and_refused_in_its_words() -> None:
    till, refused = Till(), CurrencyRefused("in another currency")
    refused.replayed = True
    till.stored_failures[checkout.session_key(DRAFT, None)] = refused
    assert opened(till) == "cs_1"
    for attempt in range(checkout.MAX_PREDECESSORS):
        till.stored_failures[checkout.session_key(DRAFT, f"failed {attempt}")] = refused
    with pytest.raises(CurrencyRefused, match="another currency"):
        opened(till)


def test_an_answer_that_is_old_is_a_replay_whatever_it_says() -> None:
    till = Till(tells=False)
    assert opened(till) == "cs_1"
    till.end("cs_1", SessionStatus.COMPLETE)
    till.change("cs_1", created=time.time() - 61)
    assert opened(till) == "cs_2"


@pytest.mark.parametrize(("left_s", "wanted"), [(540, "cs_2"), (660, "cs_1")])
def test_a_session_that_ends_within_minutes_is_over(left_s: float, wanted: str) -> None:
    till = Till()
    opened(till)
    till.change("cs_1", expires_at=time.time() + left_s)
    assert opened(till) == wanted
    assert till.get_session("cs_1").status is (
        SessionStatus.OPEN if wanted == "cs_1" else SessionStatus.EXPIRED
    )


def test_a_session_without_an_end_is_open() -> None:
    till = Till()
    opened(till)
    till.change("cs_1", expires_at=0.0)
    assert opened(till) == "cs_1"


def test_after_its_time_a_page_asks_nothing_more() -> None:
    till, one_thread = Till(), BoundedExecutor(1, "shop", patience_s=5)
    for number in range(1, 11):
        till.end(opened(till), SessionStatus.COMPLETE)
        assert len(till.made) == number
    till.slow_s, till.calls, started = 0.1, 0, time.monotonic()
    ends = started + 0.25
    with pytest.raises(OverBudget):
        one_thread.run(lambda: checkout.open_session(till, DRAFT, ends=ends), 0.25)
    assert one_thread.run(time.monotonic, 5) - started < 0.6
    assert till.calls == 3
    with pytest.raises(OverBudget):
        checkout.open_session(Till(instead=[KeyInFlight("409")] * 9), DRAFT, ends=time.monotonic() + 0.2)


def test_somebody_who_buys_the_same_all_day_is_stopped_in_the_end() -> None:
    till = Till()
    for number in range(checkout.MAX_PREDECESSORS):
        till.end(opened(till), SessionStatus.COMPLETE)
        assert len(till.made) == number + 1
    with pytest.raises(PaymentsUnavailable):
        opened(till)


# The parameters


def test_a_payment() -> None:
    assert session_params(DRAFT) == {
        "mode": "payment",
        "customer": "cus_1",
        "currency": "eur",
        "line_items": [{"price": "price_mug", "quantity": 2}],
        "client_reference_id": ADA,
        "metadata": {"auth0_user_id": ADA},
        "payment_intent_data": {"metadata": {"auth0_user_id": ADA}},
        "success_url": DRAFT.success_url,
        "cancel_url": DRAFT.cancel_url,
    }


def test_a_currency_that_the_price_has_lost_is_like_a_price_that_is_gone() -> None:
    said = "The price specified supports currencies of `usd` which doesn't include the expected currency of"
    error = {"error": {"type": "invalid_request_error", "message": said}}
    with pytest.raises(NoSuchObject):
        asked(400, error).create_session(DRAFT, "key")


def test_a_subscription_with_something_bought_once() -> None:
    box = Purchase(Product("prod_box", "Box", (MONTHLY,)), MONTHLY, 1)
    params = session_params(
        replace(DRAFT, lines=(*DRAFT.lines, box), options=ALL_OPTIONS, email="a@example.com")
    )
    assert params["mode"] == "subscription"
    assert params["subscription_data"] == {"metadata": {"auth0_user_id": ADA}}
    assert "payment_intent_data" not in params
    # Stripe has shipping rates for payments alone.
    assert "shipping_options" not in params
    assert params["shipping_address_collection"] == {"allowed_countries": ["DE", "FR"]}


def test_all_that_an_operator_may_want() -> None:
    params = session_params(replace(DRAFT, options=ALL_OPTIONS, email="a@example.com"))
    wanted: dict[str, Any] = {
        "automatic_tax": {"enabled": True},
        "customer_update": {"address": "auto", "shipping": "auto"},
        "shipping_address_collection": {"allowed_countries": ["DE", "FR"]},
        "shipping_options": [{"shipping_rate": "shr_1"}],
        "allow_promotion_codes": True,
        "phone_number_collection": {"enabled": True},
        "consent_collection": {"terms_of_service": "required"},
    }
    assert {name: value for name, value in params.items() if name in wanted} == wanted
    assert params["payment_intent_data"]["receipt_email"] == "a@example.com"


def test_what_is_not_shipped_needs_no_address() -> None:
    download = (Purchase(replace(MUG, shippable=False), PRICE, 1),)
    params = session_params(replace(DRAFT, lines=download, options=ALL_OPTIONS))
    assert "shipping_address_collection" not in params
    assert "shipping_options" not in params
    assert params["customer_update"] == {"address": "auto"}
    both = session_params(replace(DRAFT, lines=(*download, *DRAFT.lines), options=ALL_OPTIONS))
    assert "shipping_address_collection" in both


def test_a_user_id_that_is_too_long_for_a_reference_is_in_the_metadata_alone() -> None:
    params = session_params(replace(DRAFT, user_id=f"auth0|{'x' * 195}"))
    assert "client_reference_id" not in params
    assert "client_reference_id" in session_params(replace(DRAFT, user_id=f"auth0|{'x' * 194}"))


# What Stripe answers

ANSWER: dict[str, Any] = {
    "id": "cs_1",
    "object": "checkout.session",
    "status": "open",
    "payment_status": "unpaid",
    "mode": "payment",
    "created": 1,
    "url": "https://checkout.stripe.com/c/pay/cs_1",
}


@pytest.mark.parametrize(
    "url", [None, "https://pay.shop.example/x", "http://127.0.0.1:9/x", "http://localhost/x"]
)
def test_where_a_shopper_may_be_sent(url: str | None) -> None:
    assert checkout_session({**ANSWER, "url": url}).url == url


@dataclass
class Says:
    """A wire on which Stripe answers one thing."""

    status: int
    body: object

    def send(self, *_: object) -> Answer:
        return Answer(self.status, httpx.Headers(), json.dumps(self.body).encode())


def asked(status: int, body: object) -> StripeCheckouts:
    return StripeCheckouts(cast(Wire, Says(status, body)), api_key="sk_test_x", api_base="http://127.0.0.1:1")


@pytest.mark.parametrize(
    "url", ["http://evil.example/", "javascript:alert(1)", "//evil.example", "/x", "", 5, "https", [], {}]
)
def test_nobody_is_sent_anywhere_else(url: object) -> None:
    with pytest.raises(PaymentsUnavailable):
        asked(200, {**ANSWER, "url": url}).get_session("cs_1")


@pytest.mark.parametrize(
    "said",
    [
        "You cannot combine currencies on a single customer. This customer has had a subscription, coupon, "
        "or invoice item with currency eur",
        "The currency of the selected prices (usd) does not match the customer currency (eur).",
    ],
)
def test_a_second_currency_is_refused_in_plain_words(said: str) -> None:
    error = {"error": {"type": "invalid_request_error", "message": said}}
    with pytest.raises(CurrencyRefused, match="cancel that one first"):
        asked(400, error).create_session(DRAFT, "key")


# The cart afterwards


class Memory:
    """A shared state in memory whose times do not pass; `down`: it cannot be reached."""

    def __init__(self, *, down: bool = False) -> None:
        self.kept: dict[str, str] = {}
        self._down = down

    def get(self, key: str) -> str | None:
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        return {key: self._there()[key] for key in keys if key in self._there()}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        self._there()[key] = value

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        new = key not in self._there()
        self.kept.setdefault(key, value)
        return new

    def count(self, key: str, ttl_s: float) -> int:
        raise NotImplementedError

    def delete(self, key: str) -> None:
        self._there().pop(key, None)

    def _there(self) -> dict[str, str]:
        if self._down:
            raise StateUnavailable("down")
        return self.kept


CART = Cart((CartLine("price_mug", 3, EUR), CartLine("price_pen", 1, EUR)), ("cs_1",))


def till_with(status: SessionStatus, payment_status: str = "paid") -> Till:
    till = Till()
    opened(till)
    till.end("cs_1", status, payment_status)
    return till


def test_what_was_paid_for_is_taken_out() -> None:
    state = Memory()
    cart = checkout.settle(CART, ("cs_1",), till_with(SessionStatus.COMPLETE), state).cart
    assert [(line.price_id, line.quantity) for line in cart.lines] == [("price_mug", 1), ("price_pen", 1)]
    assert cart.sessions == ()
    assert state.kept == {"paid:cs_1": "1"}


def test_what_a_bank_still_works_on_is_taken_out_and_is_not_paid() -> None:
    state = Memory()
    cart = checkout.settle(CART, ("cs_1",), till_with(SessionStatus.COMPLETE, "unpaid"), state).cart
    assert cart.count == 2
    assert state.kept == {}


def test_an_open_session_leaves_the_cart_as_it_is() -> None:
    till = till_with(SessionStatus.OPEN)
    settled = checkout.settle(CART, ("cs_1",), till, Memory())
    assert settled == checkout.Settled(CART, (till.get_session("cs_1"),), known=True)


def test_an_expired_or_unknown_session_is_forgotten() -> None:
    forgotten = replace(CART, sessions=())
    till = till_with(SessionStatus.EXPIRED, "unpaid")
    assert checkout.settle(CART, ("cs_1",), till, Memory()) == checkout.Settled(forgotten)
    assert checkout.settle(CART, ("cs_1",), Till(), Memory()) == checkout.Settled(forgotten)


def test_stripe_down_leaves_the_cart_as_it_is() -> None:
    till = Till(instead=[PaymentsUnavailable("down")])
    assert checkout.settle(CART, ("cs_1",), till, Memory()) == checkout.Settled(CART, known=False)


def test_a_failure_about_one_session_hides_no_other_one() -> None:
    till = till_with(SessionStatus.COMPLETE)
    till.instead = [PaymentsFailed("500")]
    cart = replace(CART, sessions=("cs_0", "cs_1"))
    settled = checkout.settle(cart, cart.sessions, till, Memory())
    assert (settled.cart.count, settled.cart.sessions, settled.known) == (2, ("cs_0",), False)


def test_out_of_time_leaves_the_cart_as_it_is() -> None:
    till = till_with(SessionStatus.COMPLETE)
    settled = checkout.settle(CART, ("cs_1",), till, Memory(), ends=time.monotonic())
    assert settled == checkout.Settled(CART, known=False)


def test_what_was_bought_past_the_cart_stays_in_it() -> None:
    cart = replace(CART, sessions=())
    till = till_with(SessionStatus.COMPLETE)
    assert checkout.after_purchase(cart, till.get_session("cs_1"), Memory()) == cart


def test_a_session_is_asked_about_now_and_then_and_always_where_it_matters() -> None:
    state = Memory()

    def due(*, closely: bool = False) -> bool:
        return checkout.to_ask_about(CART, state, closely=closely) == ("cs_1",)

    assert [due(), due(), due(closely=True), due(closely=True)] == [True, False, True, True]
    checkout.remember_paid(state, "cs_1")
    assert [due(), due(), due(closely=True)] == [True, True, True]
    state = Memory(down=True)
    assert [due(), due()] == [True, True]


# Real pages


@pytest.fixture
def mug(shop: Shop) -> Good:
    return sell(shop, "Blue mug", 1250)


@pytest.fixture
def ada(shop: Shop, mug: Good) -> Browser:
    """Ada, logged in, with two mugs in the cart."""
    browser = shop.browser()
    put_in(browser, mug, 2)
    browser.log_in(path="/checkout")
    return browser


def go_to_payment(browser: Browser, path: str = "/checkout") -> httpx.Response:
    return browser.submit(browser.open(path), action="/checkout")


def session_of(page: httpx.Response) -> str:
    found = re.search(r"cs_[A-Za-z0-9_]+", str(page.url))
    assert found is not None, page.url
    return found[0]


def sessions_made(shop: Shop) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = shop.stripe("GET", "/checkout/sessions", limit="100")["data"]
    return listed


def test_a_stranger_logs_in_on_the_way_and_pays(shop: Shop, mug: Good) -> None:
    browser = shop.browser()
    put_in(browser, mug, 2)
    page = browser.open("/checkout")
    assert "Pay with Stripe" not in content(page)
    (login,) = re.findall(r'href="(/login[^"]*)">Log in to purchase', page.text)
    page = browser.submit(browser.open(login), email="ada@example.com", password=PASSWORD)
    assert page.url.path == "/checkout"
    assert "Total €25.00" in content(page)
    page = pay(browser, browser.submit(page, action="/checkout"))
    assert page.url.path == "/checkout/success"
    assert "Thank you for your order" in content(page)
    assert f"Blue mug {TIMES} 2 €25.00" in content(page)
    assert "There is nothing in your cart yet." in content(browser.open("/cart"))
    (made,) = sessions_made(shop)
    assert made["customer"] == the_customer(shop, ADA)["id"]
    assert made["client_reference_id"] == made["metadata"]["auth0_user_id"] == ADA
    paid = shop.stripe("GET", f"/payment_intents/{made['payment_intent']}")
    assert (paid["status"], paid["amount"]) == ("succeeded", 2500)
    assert (paid["customer"], paid["metadata"]) == (made["customer"], {"auth0_user_id": ADA})


def test_a_stranger_who_buys_now_comes_back_to_that_very_thing(shop: Shop, mug: Good) -> None:
    browser = shop.browser()
    address = f"/checkout?price={mug.price}&quantity=3"
    page = browser.open(address)
    (login,) = re.findall(r'href="(/login[^"]*)">Log in to purchase', page.text)
    page = browser.submit(
        browser.open(login.replace("&amp;", "&")), email="ada@example.com", password=PASSWORD
    )
    assert str(page.url) == shop.url + address
    page = browser.submit(page, action="/checkout")
    assert f"/products/{mug.product}" in page.text  # where Stripe's page leads back to
    page = pay(browser, page)
    assert f"Blue mug {TIMES} 3 €37.50" in content(page)


def test_buying_one_thing_now_leaves_the_cart_alone(shop: Shop, ada: Browser) -> None:
    lamp = sell(shop, "Lamp", 900)
    page = pay(ada, go_to_payment(ada, f"/checkout?price={lamp.price}"))
    assert "Lamp €9.00" in content(page)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_two_clicks_at_once_make_one_session(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    with ThreadPoolExecutor(2) as clicks:
        pages = list(clicks.map(lambda _: ada.submit(page, action="/checkout"), range(2)))
    assert session_of(pages[0]) == session_of(pages[1])
    assert len(sessions_made(shop)) == 1


def test_a_click_while_the_first_is_still_under_way_waits_for_it(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    with held(shop.sandbox.stripe.control, "POST", "/v1/checkout/sessions") as came:
        first = in_background(lambda: ada.submit(page, action="/checkout"))
        until(came)
        shop.sandbox.stripe.control.clear_faults()
        second = ada.submit(page, action="/checkout")
    assert session_of(first.result(20)) == session_of(second)
    assert len(sessions_made(shop)) == 1


def test_going_back_and_on_again_is_the_same_session(shop: Shop, ada: Browser) -> None:
    first = go_to_payment(ada)
    again = go_to_payment(ada)
    assert session_of(again) == session_of(first)
    assert [made["id"] for made in sessions_made(shop)] == [session_of(first)]


def test_the_same_purchase_right_after_paying_is_a_new_one(shop: Shop, mug: Good, ada: Browser) -> None:
    paid = []
    for _ in range(3):
        if not in_cart(ada.open("/cart")):
            put_in(ada, mug, 2)
        page = go_to_payment(ada)
        paid.append(session_of(page))
        assert "Thank you" in content(pay(ada, page))
    assert len(set(paid)) == 3
    charges = shop.stripe("GET", "/charges", limit="100")["data"]
    assert [charge["amount"] for charge in charges] == [2500] * 3


def test_a_canceled_checkout_leaves_the_cart(ada: Browser) -> None:
    page = go_to_payment(ada)
    (back,) = re.findall(r'id="back" href="([^"]*)"', page.text)
    page = ada.open(back)
    assert "You have not paid. Your cart is as you left it." in content(page)
    assert in_cart(page) == [("Blue mug", 2)]


def test_a_declined_card_can_be_followed_by_a_good_one(ada: Browser) -> None:
    page = go_to_payment(ada)
    declined = pay(ada, page, cardNumber="4000000000000002")
    assert declined.status_code == 402
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    assert "Thank you" in content(pay(ada, page))


# The cart, when the success page was never opened


def pay_without_coming_back(browser: Browser, page: httpx.Response) -> None:
    answer = send_payment(browser, page)
    assert answer.status_code == 303
    assert "/checkout/success" in answer.headers["Location"]


@pytest.mark.parametrize("path", ["/cart", "/", "/checkout"])
def test_paid_and_never_come_back_empties_the_cart_on_the_next_visit(ada: Browser, path: str) -> None:
    pay_without_coming_back(ada, go_to_payment(ada))
    ada.open(path)
    assert "There is nothing in your cart yet." in content(ada.open("/cart"))


def test_it_is_empty_after_a_logout_as_well(ada: Browser) -> None:
    page = go_to_payment(ada)
    ada.log_out()
    pay_without_coming_back(ada, page)
    assert "There is nothing in your cart yet." in content(ada.open("/cart"))


def test_what_was_put_in_since_stays(shop: Shop, mug: Good, ada: Browser) -> None:
    lamp = sell(shop, "Lamp", 900)
    page = go_to_payment(ada)
    put_in(ada, lamp)
    put_in(ada, mug)
    pay_without_coming_back(ada, page)
    left = ada.open("/cart")
    assert in_cart(left) == [("Blue mug", 1), ("Lamp", 1)]
    assert "What you have bought is out of your cart; it is among your orders." in content(left)


@pytest.mark.parametrize("path", ["/", "/cart", "/checkout"])
def test_a_look_that_came_too_early_hides_no_payment(ada: Browser, path: str) -> None:
    page = go_to_payment(ada)
    ada.open(path)
    pay_without_coming_back(ada, page)
    assert in_cart(ada.open("/cart")) == []


def test_a_look_that_failed_hides_no_payment(shop: Shop, ada: Browser) -> None:
    pay_without_coming_back(ada, go_to_payment(ada))
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*")
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    assert in_cart(ada.open("/cart")) == []


def test_an_old_page_sells_nothing_that_is_paid_for(shop: Shop, ada: Browser) -> None:
    old = ada.open("/checkout")
    pay_without_coming_back(ada, go_to_payment(ada))
    page = ada.submit(old, action="/checkout")
    assert page.status_code == 409
    assert "You have already paid for this; it is among your orders." in content(page)
    assert in_cart(page) == in_cart(ada.open("/cart")) == []
    assert len(sessions_made(shop)) == 1


def test_an_old_page_sells_nothing_while_nobody_can_tell(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    pay_without_coming_back(ada, go_to_payment(ada))
    shop.sandbox.stripe.control.add_fault(
        action="status", status=500, method="GET", path="/v1/checkout/.*", times=1
    )
    down = ada.submit(page, action="/checkout")
    assert down.status_code == 503
    assert "your cart is kept" in content(down)
    assert len(sessions_made(shop)) == 1


def test_a_session_that_another_one_takes_the_place_of_cannot_be_paid(shop: Shop, ada: Browser) -> None:
    first = go_to_payment(ada)
    put_in(ada, sell(shop, "Pen", 300))
    second = go_to_payment(ada)
    assert send_payment(ada, first).status_code >= 400
    assert "Thank you" in content(pay(ada, second))
    assert {made["id"]: made["status"] for made in sessions_made(shop)} == {
        session_of(first): "expired",
        session_of(second): "complete",
    }
    assert in_cart(ada.open("/cart")) == []


def test_a_session_that_cannot_be_expired_stays_with_the_cart(shop: Shop, ada: Browser) -> None:
    first = go_to_payment(ada)
    put_in(ada, sell(shop, "Pen", 300))
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*/expire")
    second = go_to_payment(ada)
    assert session_of(second) != session_of(first)
    pay_without_coming_back(ada, first)
    assert in_cart(ada.open("/cart")) == [("Pen", 1)]


def test_somebody_elses_session_in_the_same_browser_stays_as_it_is(shop: Shop, ada: Browser) -> None:
    hers = session_of(go_to_payment(ada))
    ada.log_out()
    put_in(ada, sell(shop, "Pen", 300))
    ada.log_in("grace@example.com")
    assert session_of(go_to_payment(ada)) != hers
    assert {made["status"] for made in sessions_made(shop)} == {"open"}


def test_however_many_sessions_the_last_one_empties_the_cart(shop: Shop, ada: Browser) -> None:
    page = go_to_payment(ada)
    for number in range(3):
        put_in(ada, sell(shop, f"Pen {number}", 300))
        page = go_to_payment(ada)
    put_in(ada, sell(shop, "Pen 3", 300))
    assert sorted(made["status"] for made in sessions_made(shop)) == ["expired"] * 3 + ["open"]
    pay_without_coming_back(ada, page)
    assert in_cart(ada.open("/cart")) == [("Pen 3", 1)]


def test_what_was_paid_at_a_former_price_is_taken_out(shop: Shop, mug: Good, ada: Browser) -> None:
    page = go_to_payment(ada)
    add_price(shop, mug.product, 1500)
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    notice(shop)
    ada.submit(ada.open("/cart"), action="/cart/change")
    pay_without_coming_back(ada, page)
    assert in_cart(ada.open("/cart")) == []


def test_what_was_paid_at_a_former_monthly_price_is_taken_out(shop: Shop) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    browser = shop.browser()
    put_in(browser, box)
    browser.log_in(path="/checkout")
    page = go_to_payment(browser)
    add_price(shop, box.product, 2100, every="month")
    shop.stripe("POST", f"/prices/{box.price}", active="false")
    notice(shop)
    browser.submit(browser.open("/cart"), action="/cart/change")
    pay_without_coming_back(browser, page)
    assert in_cart(browser.open("/cart")) == []


def test_coming_back_after_paying_is_not_told_as_not_having_paid(ada: Browser) -> None:
    pay_without_coming_back(ada, go_to_payment(ada))
    for _ in range(2):
        assert "You have not paid" not in content(ada.open("/cart?done=canceled"))


def test_while_stripe_is_down_nobody_is_told_that_they_have_not_paid(shop: Shop, ada: Browser) -> None:
    pay_without_coming_back(ada, go_to_payment(ada))
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*", times=None)
    page = ada.open("/cart?done=canceled")
    assert in_cart(page) == [("Blue mug", 2)]
    assert "You have not paid" not in content(page)


def test_stripe_is_not_asked_at_every_page(shop: Shop, ada: Browser) -> None:
    page = go_to_payment(ada)
    shop.forget_requests()
    for _ in range(5):
        ada.open("/")
    asked = [seen for seen in shop.stripe_requests() if "/checkout/sessions/" in seen]
    assert asked == [f"GET /v1/checkout/sessions/{session_of(page)}"]


def test_while_stripe_hangs_the_cart_is_kept_and_the_page_comes_soon(shop: Shop, ada: Browser) -> None:
    go_to_payment(ada)
    shop.sandbox.stripe.control.add_fault(action="hang", path="/v1/checkout/.*", times=None)
    page = ada.open("/cart")
    assert page.elapsed.total_seconds() < 2.5
    assert in_cart(page) == [("Blue mug", 2)]


def test_while_stripe_hangs_a_page_in_passing_hardly_waits(shop: Shop, ada: Browser) -> None:
    go_to_payment(ada)
    shop.sandbox.stripe.control.add_fault(action="hang", path="/v1/checkout/.*", times=None)
    assert ada.open("/").elapsed.total_seconds() < 1


def test_an_expired_session_is_forgotten_and_the_cart_kept(shop: Shop, ada: Browser) -> None:
    made = session_of(go_to_payment(ada))
    shop.stripe("POST", f"/checkout/sessions/{made}/expire")
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    shop.forget_requests()
    shop.remove_state()
    ada.open("/cart")
    assert f"GET /v1/checkout/sessions/{made}" not in shop.stripe_requests()
    assert session_of(go_to_payment(ada)) != made


# The success page


def test_the_success_page_is_its_owners_alone(shop: Shop, ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada))
    grace = shop.browser()
    grace.log_in("grace@example.com")
    hers = grace.open(str(page.url))
    assert hers.status_code == 404
    for secret in ("Blue mug", "€25.00", session_of(page)):
        assert secret not in content(hers)
    stranger = shop.browser().open(str(page.url))
    assert stranger.url.path == "/u/login"


def test_reloading_the_success_page_is_harmless(shop: Shop, mug: Good, ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada))
    put_in(ada, mug)
    for _ in range(3):
        again = ada.open(str(page.url))
        assert "Thank you" in content(again)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 1)]
    assert len(sessions_made(shop)) == 1


@pytest.mark.parametrize(
    "session_id",
    [
        "",
        "x",
        "cs_test_unknown",
        "cs_test_../../balance",
        "cs_test_%2e%2e",
        "pi_123",
        "cs_" + "x" * 300,
        "cs_é",
    ],
)
def test_a_session_that_does_not_exist(shop: Shop, session_id: str) -> None:
    browser = shop.browser()
    browser.log_in()
    page = browser.client.get("/checkout/success", params={"session_id": session_id})
    assert page.status_code == 404
    assert browser.client.get("/checkout/success").status_code == 404


def test_an_open_and_an_expired_session_are_told_apart(shop: Shop, ada: Browser) -> None:
    made = session_of(go_to_payment(ada))
    address = f"/checkout/success?session_id={made}"
    page = ada.open(address)
    assert "This purchase is not finished" in content(page)
    (address_of_payment,) = re.findall(r'href="([^"]*)">Continue to payment', page.text)
    assert made in address_of_payment
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    shop.stripe("POST", f"/checkout/sessions/{made}/expire")
    page = ada.open(address)
    assert "This purchase has expired" in content(page)
    assert "nothing was charged" in content(page)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_a_payment_that_takes_days_is_said_to_be_under_way(ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada), paymentMethod="debit")
    assert "Your order is placed" in content(page)
    assert "still working on the payment" in content(page)
    assert "There is nothing in your cart yet." in content(ada.open("/cart"))


def test_stripe_down_at_the_success_page(shop: Shop, ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada))
    shop.sandbox.stripe_server.stop()
    down = ada.open(str(page.url))
    assert down.status_code == 503
    assert "please do not pay again" in content(down)
    shop.sandbox.stripe_server.start()
    assert "Thank you" in content(ada.open(str(page.url)))


# What stands in the way


@pytest.mark.parametrize("quantity", ["0", "-1", "1e9", "1000000000", "two", "1000"])
def test_bad_quantities(shop: Shop, mug: Good, quantity: str) -> None:
    page = shop.browser().open(f"/checkout?price={mug.price}&quantity={quantity}")
    assert page.status_code == 400
    assert "whole number from 1 to 999" in content(page)


@pytest.mark.usefixtures("mug")
@pytest.mark.parametrize("price", ["", "price_unknown", "x" * 3000, "%00", "%FF"])
def test_unknown_prices(shop: Shop, price: str) -> None:
    page = shop.browser().open(f"/checkout?price={price}")
    assert page.status_code == 400
    assert "not sold any more" in content(page)


@pytest.mark.usefixtures("mug")
def test_an_empty_cart_has_no_checkout(shop: Shop) -> None:
    browser = shop.browser()
    assert browser.open("/checkout").url.path == "/cart"
    browser.log_in()
    page = browser.open("/account")
    answer = browser.submit(page, action="/account/portal")
    assert answer.status_code == 200
    token = re.findall(r'name="csrf_token" value="([^"]*)"', page.text)[0]
    assert browser.client.post("/checkout", data={"csrf_token": token}).url.path == "/cart"


@pytest.mark.parametrize("token", [{}, {"csrf_token": ""}, {"csrf_token": "x"}])
def test_a_purchase_needs_the_forms_token(shop: Shop, ada: Browser, token: Mapping[str, str]) -> None:
    page = ada.client.post("/checkout", data=token)
    assert page.status_code == 400
    assert sessions_made(shop) == []


def test_a_stranger_who_posts_is_sent_to_the_login_and_comes_back(shop: Shop, mug: Good) -> None:
    browser = shop.browser()
    page = browser.client.post("/checkout", data={"price": mug.price, "quantity": "2"})
    assert page.url.path == "/u/login"
    page = browser.submit(page, email="ada@example.com", password=PASSWORD)
    assert str(page.url) == f"{shop.url}/checkout?price={mug.price}&quantity=2"


def test_a_price_that_changed_since_the_page_was_opened_is_shown_before_paying(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    page = ada.open("/checkout")
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    add_price(shop, mug.product, 1400)
    notice(shop)
    changed = ada.submit(page, action="/checkout")
    assert changed.status_code == 409
    assert "Something has changed since you opened this page" in content(changed)
    assert "Blue mug now costs €14.00 instead of €12.50." in content(changed)
    assert sessions_made(shop) == []
    page = pay(ada, ada.submit(changed, action="/checkout"))
    assert "Total €28.00" in content(page)
    assert "There is nothing in your cart yet." in content(ada.open("/cart"))


def test_a_price_that_was_just_archived_is_said_plainly_and_the_cart_kept(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    page = ada.open("/checkout")
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    gone = ada.submit(page, action="/checkout")
    assert gone.status_code == 409
    assert "taken off the shelf" in content(gone)
    assert [quantity for _, quantity in in_cart(ada.open("/cart"))] == [2]
    notice(shop)
    assert "An item that is not sold any more cannot be bought." in content(ada.open("/checkout"))


def test_what_cannot_be_bought_stays_in_the_cart_and_the_rest_is_bought(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    lamp = sell(shop, "Lamp", 900)
    put_in(ada, lamp)
    shop.stripe("POST", f"/products/{mug.product}", **{"metadata[stock]": "0"})
    notice(shop)
    page = ada.open("/checkout")
    assert "Blue mug is out of stock." in content(page)
    assert "Total €9.00" in content(page)
    assert "Lamp €9.00" in content(pay(ada, ada.submit(page, action="/checkout")))
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_an_amount_that_stripe_does_not_take_is_said_plainly(shop: Shop) -> None:
    sticker = sell(shop, "Sticker", 10)
    browser = shop.browser()
    browser.log_in()
    page = go_to_payment(browser, f"/checkout?price={sticker.price}")
    assert page.status_code == 409
    assert "too small or too large" in content(page)


def test_a_second_currency_is_said_plainly_on_the_page(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    said = "You cannot combine currencies on a single customer."
    shop.sandbox.stripe.control.add_fault(
        action="status",
        method="POST",
        path="/v1/checkout/sessions",
        status=400,
        body={"error": {"type": "invalid_request_error", "message": said}},
    )
    refused = ada.submit(page, action="/checkout")
    assert refused.status_code == 409
    assert "in another currency" in content(refused)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_a_flood_of_purchases_is_refused_in_plain_words(shop: Shop, mug: Good, ada: Browser) -> None:
    page = ada.open(f"/checkout?price={mug.price}")
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*", times=None)
    sent = {"quantity": "1", "csrf_token": "wrong"}
    answers = [ada.submit(page, action="/checkout", **sent) for _ in range(2 * SHOPPER_LIMIT + 1)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert answers[0].status_code == 400
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 10
    assert "wait a moment, then try again" in content(refused[0])
    grace = shop.browser()
    grace.log_in("grace@example.com")
    assert go_to_payment(grace, f"/checkout?price={mug.price}").status_code == 503


@pytest.mark.parametrize(
    "fault", [{"action": "status", "status": 500}, {"action": "reset"}, {"action": "hang"}]
)
@pytest.mark.parametrize("path", ["/v1/customers.*", "/v1/checkout/sessions"])
def test_stripe_failing_at_each_step_keeps_the_cart(
    shop: Shop, ada: Browser, path: str, fault: dict[str, Any]
) -> None:
    page = ada.open("/checkout")
    shop.sandbox.stripe.control.add_fault(path=path, times=None, **fault)
    down = ada.submit(page, action="/checkout")
    assert down.status_code == 503
    assert down.elapsed.total_seconds() < 12
    assert "your cart is kept" in content(down)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    shop.sandbox.stripe.control.clear_faults()
    until(lambda: go_to_payment(ada).status_code == 200, within_s=15)
    assert len(sessions_made(shop)) == 1


def test_a_refused_key_keeps_the_cart(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    shop.sandbox.stripe.control.add_fault(
        action="status", path="/v1/checkout/.*", status=403, body={"error": {"type": "invalid_request_error"}}
    )
    assert ada.submit(page, action="/checkout").status_code == 503
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_a_link_of_another_set_up_is_refused(shop: Shop, ada: Browser) -> None:
    metadata = {"stripe_customer_id": "cus_live", "stripe_account": "acct_1Sandbox00000001 live"}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    page = go_to_payment(ada)
    assert page.status_code == 503
    assert "belongs to another set-up of this store" in content(page)
    assert "Try again" not in content(page)
    assert sessions_made(shop) == []


def test_a_user_who_is_gone_is_logged_out(shop: Shop, ada: Browser) -> None:
    shop.management("DELETE", ADA).raise_for_status()
    page = go_to_payment(ada)
    assert page.url.path == "/"
    assert ada.open("/account").url.path == "/u/login"
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    assert sessions_made(shop) == []


def test_a_customer_deleted_in_between_is_healed_and_pays(shop: Shop, ada: Browser) -> None:
    old = the_customer(shop, ADA)["id"]
    page = ada.open("/checkout")
    shop.stripe("DELETE", f"/customers/{old}")
    page = pay(ada, ada.submit(page, action="/checkout"))
    assert "Thank you" in content(page)
    (made,) = sessions_made(shop)
    assert made["customer"] == the_customer(shop, ADA)["id"] != old


def test_a_phone_whose_session_remembers_another_customer_pays_on_the_recorded_one(
    shop: Shop, ada: Browser
) -> None:
    page = ada.open("/checkout")
    form = {"email": "ada@example.com", "metadata[auth0_user_id]": ADA}
    recorded = shop.stripe("POST", "/customers", **form)["id"]
    metadata = {"stripe_customer_id": recorded}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    pay(ada, ada.submit(page, action="/checkout"))
    (made,) = sessions_made(shop)
    assert made["customer"] == recorded == shown_customer(ada.open("/account"))


def test_a_customer_deleted_while_stripe_makes_the_session_is_healed(shop: Shop, ada: Browser) -> None:
    old = the_customer(shop, ADA)["id"]
    page = ada.open("/checkout")
    with held(shop.sandbox.stripe.control, "POST", "/v1/checkout/sessions") as came:
        answer = in_background(lambda: ada.submit(page, action="/checkout"))
        until(came)
        shop.stripe("DELETE", f"/customers/{old}")
    assert "Thank you" in content(pay(ada, answer.result(30)))
    assert the_customer(shop, ADA)["id"] != old


# Subscriptions and options


def test_a_subscription_with_something_along(shop: Shop, ada: Browser) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    assert put_in(ada, box).status_code == 200
    page = ada.open("/checkout")
    assert "charged again at each interval" in content(page)
    page = pay(ada, ada.submit(page, action="/checkout"))
    assert "Thank you" in content(page)
    (made,) = sessions_made(shop)
    assert made["mode"] == "subscription"
    bought = shop.stripe("GET", f"/subscriptions/{made['subscription']}")
    assert bought["customer"] == the_customer(shop, ADA)["id"]
    assert bought["metadata"] == {"auth0_user_id": ADA}


def test_what_cannot_be_paid_together_is_said_when_it_is_put_in(shop: Shop, ada: Browser) -> None:
    tea = sell(shop, "Tea", 300, currency="usd")
    page = put_in(ada, tea)
    assert page.status_code == 400
    assert "cannot be paid together" in content(page)
    assert in_cart(page) == [("Blue mug", 2)]


@pytest.fixture
def with_options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Shop]]:
    running = []

    def make(**environment: str) -> Shop:
        context = running_shop(tmp_path_factory.mktemp("options") / "state", **environment)
        running.append(context)
        return context.__enter__()

    yield make
    for context in running:
        context.__exit__(None, None, None)


def test_the_operators_wishes_reach_stripe(with_options: Callable[..., Shop]) -> None:
    shop = with_options(
        CHECKOUT_AUTOMATIC_TAX="1",
        CHECKOUT_SHIPPING_COUNTRIES="de,fr",
        CHECKOUT_PROMOTION_CODES="1",
        CHECKOUT_PHONE="1",
        CHECKOUT_TERMS="1",
        CHECKOUT_RECEIPTS="1",
    )
    rate = shop.stripe(
        "POST",
        "/shipping_rates",
        **{
            "display_name": "Post",
            "type": "fixed_amount",
            "fixed_amount[amount]": "490",
            "fixed_amount[currency]": "eur",
        },
    )["id"]
    shop.restart(CHECKOUT_SHIPPING_RATES=rate)
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    browser.log_in()
    page = go_to_payment(browser, f"/checkout?price={mug.price}")
    assert page.status_code == 200, content(page)
    (made,) = sessions_made(shop)
    assert made["automatic_tax"]["enabled"] is True
    assert made["shipping_address_collection"]["allowed_countries"] == ["DE", "FR"]
    assert [option["shipping_rate"] for option in made["shipping_options"]] == [rate]
    assert made["allow_promotion_codes"] is True
    assert made["phone_number_collection"] == {"enabled": True}
    assert made["consent_collection"]["terms_of_service"] == "required"
    page = pay(
        browser,
        page,
        phoneNumber="+49 30 1234567",
        termsOfServiceConsentCheckbox="on",
        shippingRate=rate,
        **{
            f"{kind}{name}": value
            for kind in ("shipping", "billing")
            for name, value in {
                "Name": "Ada Example",
                "AddressLine1": "Main Street 1",
                "Locality": "Berlin",
                "PostalCode": "10115",
                "Country": "DE",
            }.items()
        },
    )
    assert "Thank you" in content(page), content(page)
    charge = shop.stripe("GET", "/charges")["data"][0]
    assert charge["receipt_email"] == "ada@example.com"
