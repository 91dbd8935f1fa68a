"""Buying: from a choice of items to an open Checkout Session, without Flask and without a vendor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.fakes import USER, Accounts, Fleet, Memory, Subscribers, Till, a_subscription
from tests.unit.purchases import EUR, MONTHLY, MUG, PRICE
from webstore import deadline
from webstore.errors import (
    AmountRefused,
    CurrencyRefused,
    NoSuchCustomer,
    NoSuchObject,
    PaymentsError,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
)
from webstore.linking.models import LinkStatus
from webstore.shop.cart import Problem
from webstore.shop.checkout import Opened, Reason, Refused, Wanted, buy, digest, second_digest
from webstore.shop.models import (
    Cart,
    CartLine,
    Catalogue,
    Money,
    Product,
    Purchase,
    SessionStatus,
    Subscription,
)
from webstore.shop.ports import Availability

PEN = replace(PRICE, id="price_pen", product_id="prod_pen")
MUGS = Purchase(MUG, PRICE, 2)
PENS = Purchase(Product("prod_pen", "Pen", (PEN,)), PEN, 1)
CATALOGUE = Catalogue((MUG, PENS.product), 0.0)
CART = Cart((CartLine("price_mug", 2, EUR, "prod_mug", name="Mug"),))
BOTH = Cart((*CART.lines, CartLine("price_pen", 1, EUR, "prod_pen", name="Pen")))


@dataclass
class Store:
    """What `buy` needs, all of it fake."""

    fleet: Fleet
    till: Till = field(default_factory=Till)
    accounts: Accounts = field(default_factory=Accounts)
    subscribers: Subscribers = field(default_factory=lambda: Subscribers({"cus_1": [], "cus_2": []}))
    state: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.catalogue = self.fleet.worker()
        self.catalogue.current()

    def buy(self, *lines: Purchase, **terms: Any) -> Opened | Refused:
        """Buy these lines, by default two mugs as a single item."""
        wanted = Wanted(
            user_id=USER,
            lines=lines or (MUGS,),
            success_url="https://shop.example/checkout/success",
            cancel_url="https://shop.example/cart",
        )
        return buy(
            replace(wanted, **terms),
            linker=self.accounts.linker(),
            checkouts=self.till,
            subscriptions=self.subscribers,
            catalogue=self.catalogue,
            state=self.state,
        )

    def buy_cart(self, cart: Cart, *lines: Purchase, **terms: Any) -> Opened | Refused:
        """Buy the cart, whose lines cost these today."""
        return self.buy(*(lines or (MUGS,)), cart=cart, priced_by=CATALOGUE, **terms)

    def opened(self, cart: Cart, *lines: Purchase, **terms: Any) -> Opened:
        """Buy the cart; a session has to be open after that."""
        result = self.buy_cart(cart, *lines, **terms)
        assert isinstance(result, Opened)
        return result


@pytest.fixture
def store(fleet: Fleet) -> Store:
    return Store(fleet)


# Opened


def test_a_single_item_is_bought_and_the_cart_stays_out_of_it(store: Store) -> None:
    result = store.buy()
    assert isinstance(result, Opened)
    assert (result.session.id, result.customer_id, result.cart) == ("cs_1", "cus_1", Cart())
    assert result.url == "https://checkout.stripe.com/cs_1"
    (draft,) = store.till.drafts
    assert (draft.customer_id, draft.user_id, draft.lines) == ("cus_1", USER, (MUGS,))


def test_the_cart_to_keep_remembers_the_session(store: Store) -> None:
    assert store.opened(CART).cart == replace(CART, sessions=("cs_1",))


def test_the_cart_to_keep_has_todays_prices(store: Store) -> None:
    yesterday = Cart((CartLine("price_mug", 2, Money(1000, "eur"), "prod_mug"),))
    assert store.opened(yesterday).cart.lines == CART.lines


def test_the_terms_reach_stripe(store: Store) -> None:
    store.buy(email="ada@example.com", cancel_url="https://shop.example/products/prod_mug")
    (draft,) = store.till.drafts
    assert (draft.email, draft.cancel_url) == ("ada@example.com", "https://shop.example/products/prod_mug")
    assert draft.success_url == "https://shop.example/checkout/success"


def test_the_same_cart_again_leads_to_the_same_session(store: Store) -> None:
    first = store.opened(CART)
    again = store.opened(first.cart)
    assert (again.session.id, again.cart) == ("cs_1", first.cart)
    assert store.till.get_session("cs_1").status is SessionStatus.OPEN


def test_a_new_session_expires_the_open_one_of_the_same_cart(store: Store) -> None:
    first = store.opened(CART)
    second = store.opened(replace(BOTH, sessions=first.cart.sessions), MUGS, PENS)
    assert second.cart.sessions == ("cs_2",)
    assert store.till.get_session("cs_1").status is SessionStatus.EXPIRED


def test_a_single_item_expires_no_session(store: Store) -> None:
    store.opened(CART)
    assert isinstance(store.buy(PENS), Opened)
    assert store.till.get_session("cs_1").status is SessionStatus.OPEN


@pytest.mark.parametrize("failure", [PaymentsFailed("500"), PaymentsRefused("paid a moment ago")])
def test_a_session_that_cannot_be_expired_stays_with_the_cart(store: Store, failure: PaymentsError) -> None:
    first = store.opened(CART)
    store.till.cannot_expire = failure
    second = store.opened(replace(BOTH, sessions=first.cart.sessions), MUGS, PENS)
    assert second.cart.sessions == ("cs_1", "cs_2")


def test_the_session_of_another_user_of_the_browser_is_left_alone(store: Store) -> None:
    first = store.opened(CART)
    store.till.change("cs_1", owner="auth0|somebody else")
    second = store.opened(replace(BOTH, sessions=first.cart.sessions), MUGS, PENS)
    assert second.cart.sessions == ("cs_1", "cs_2")
    assert store.till.get_session("cs_1").status is SessionStatus.OPEN


def test_expiring_other_sessions_has_little_time(store: Store) -> None:
    first = store.opened(CART)
    left: list[float] = []
    store.till.meanwhile = lambda: left.append(deadline.left())
    store.opened(replace(BOTH, sessions=first.cart.sessions), MUGS, PENS)
    # The session and the product are read, the new session made, and the former one expired.
    assert [seconds <= 1.5 for seconds in left] == [False, False, False, True]
    assert store.till.get_session("cs_1").status is SessionStatus.EXPIRED


# Refused


def refused(result: Opened | Refused) -> Refused:
    assert isinstance(result, Refused)
    return result


def test_a_cart_that_was_paid_is_not_sold_again(store: Store) -> None:
    cart = store.opened(CART).cart
    store.till.end("cs_1", SessionStatus.COMPLETE)
    result = refused(store.buy_cart(cart))
    assert result == Refused(Reason.ALREADY_PAID, Cart())
    assert len(store.till.made) == 1


def test_items_that_were_put_in_since_the_payment_stay_in_the_cart(store: Store) -> None:
    cart = store.opened(CART).cart
    store.till.end("cs_1", SessionStatus.COMPLETE)
    result = refused(store.buy_cart(replace(BOTH, sessions=cart.sessions), MUGS, PENS))
    assert (result.reason, result.cart) == (Reason.ALREADY_PAID, Cart(BOTH.lines[1:]))


def test_a_cart_that_may_be_paid_is_not_sold_again(store: Store) -> None:
    cart = store.opened(CART).cart
    store.till.instead = [PaymentsFailed("500")]
    with pytest.raises(PaymentsUnavailable):
        store.buy_cart(cart)
    assert len(store.till.made) == len(store.till.drafts) == 1


def test_an_expired_session_is_dropped_from_the_cart_and_a_new_one_opened(store: Store) -> None:
    cart = store.opened(CART).cart
    store.till.end("cs_1", SessionStatus.EXPIRED, "unpaid")
    assert store.opened(cart).cart.sessions == ("cs_2",)


def test_a_price_that_changed_since_the_page_was_opened_is_not_charged(store: Store) -> None:
    result = refused(store.buy_cart(CART, shown=digest([PENS])))
    assert result == Refused(Reason.CHANGED, CART)
    assert store.till.drafts == []
    assert store.accounts.reads == []


def test_the_open_session_at_the_earlier_price_cannot_be_paid_after_that(store: Store) -> None:
    cart = store.opened(CART).cart
    assert refused(store.buy_cart(cart, shown=digest([PENS]))).cart == CART
    assert store.till.get_session("cs_1").status is SessionStatus.EXPIRED


@pytest.mark.parametrize("shown", ["", digest([MUGS])])
def test_the_page_that_was_seen_is_bought(store: Store, shown: str) -> None:
    assert store.opened(CART, shown=shown).session.id == "cs_1"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NoSuchObject("price_mug"), Reason.NOT_FOR_SALE),
        (AmountRefused("too small"), Reason.TOO_SMALL),
        (AmountRefused("too large", too_large=True), Reason.TOO_LARGE),
        (CurrencyRefused("usd"), Reason.CURRENCY),
    ],
)
def test_a_refusal_of_stripe_says_why(store: Store, error: PaymentsError, reason: Reason) -> None:
    store.till.instead = [error]
    assert refused(store.buy_cart(CART)) == Refused(reason, CART)
    assert store.till.made == {}


def test_the_catalogue_is_read_again_after_a_price_was_not_for_sale(store: Store) -> None:
    assert store.fleet.stripe.readings == 1
    store.till.instead = [AmountRefused("too small")]
    store.buy()
    assert store.fleet.stripe.readings == 1
    store.till.instead = [NoSuchObject("price_mug")]
    store.buy()
    assert store.fleet.stripe.readings == 2


def test_a_price_that_is_not_for_sale_is_refused_also_without_the_shared_state(store: Store) -> None:
    store.fleet.state.down = True
    store.till.instead = [NoSuchObject("price_mug")]
    assert refused(store.buy()).reason is Reason.NOT_FOR_SALE


def gone(accounts: Accounts) -> None:
    accounts.user = None


def stripe_down(accounts: Accounts) -> None:
    accounts.down = True


@pytest.mark.parametrize(
    ("happens", "status"), [(gone, LinkStatus.USER_GONE), (stripe_down, LinkStatus.PENDING)]
)
def test_nothing_is_sold_without_a_customer(
    store: Store, happens: Callable[[Accounts], None], status: LinkStatus
) -> None:
    happens(store.accounts)
    result = refused(store.buy_cart(CART))
    assert (result.reason, result.cart) == (Reason.UNLINKED, CART)
    assert result.link is not None
    assert result.link.status is status
    assert store.till.drafts == []


@pytest.mark.parametrize(
    "error", [PaymentsUnavailable("down"), PaymentsFailed("500"), PaymentsRefused("403")]
)
def test_errors_that_say_nothing_about_the_purchase_are_raised(store: Store, error: PaymentsError) -> None:
    store.till.instead = [error]
    with pytest.raises(type(error)):
        store.buy()


# Between verifying and buying


class Register(Till):
    """A till that knows the living customers."""

    def __init__(self, accounts: Accounts) -> None:
        super().__init__()
        self.accounts = accounts
        #: Customers that are deleted just before their session is made.
        self.deletes: list[str] = []

    def create_session(self, draft: Any, idempotency_key: str) -> Any:
        if draft.customer_id in self.deletes:
            self.accounts.delete(draft.customer_id)
        if self.accounts.customers[draft.customer_id].deleted:
            self.drafts.append(draft)
            raise NoSuchCustomer(draft.customer_id)
        return super().create_session(draft, idempotency_key)


@pytest.mark.parametrize("remembered", [None, "cus_1"])
def test_a_customer_that_was_deleted_in_between_is_verified_once_more(
    store: Store, remembered: str | None
) -> None:
    store.till = till = Register(store.accounts)
    till.deletes = ["cus_1"]
    result = store.opened(CART, remembered=remembered)
    assert (result.customer_id, result.session.customer_id) == ("cus_2", "cus_2")
    assert [draft.customer_id for draft in till.drafts] == ["cus_1", "cus_2"]
    assert store.accounts.user is not None
    assert (store.accounts.user.customer_id, store.accounts.user.replaced) == ("cus_2", ("cus_1",))
    assert store.accounts.reads.count(USER) >= 2


def test_a_customer_that_keeps_disappearing_is_not_tried_a_third_time(store: Store) -> None:
    store.till = till = Register(store.accounts)
    till.deletes = ["cus_1", "cus_2", "cus_3"]
    with pytest.raises(PaymentsUnavailable, match="keeps disappearing"):
        store.buy_cart(CART)
    assert [draft.customer_id for draft in till.drafts] == ["cus_1", "cus_2"]


def test_an_open_session_without_an_address_is_a_failure(store: Store) -> None:
    cart = store.opened(CART).cart
    store.till.change("cs_1", url=None)
    with pytest.raises(PaymentsUnavailable, match="without an address"):
        store.buy_cart(cart)


def test_a_subscription_is_bought_the_same_way(store: Store) -> None:
    box = Purchase(Product("prod_box", "Box", (MONTHLY,)), MONTHLY, 1)
    assert isinstance(store.buy(box), Opened)
    assert store.till.drafts[0].lines == (box,)


def test_the_cart_forgets_the_session_of_the_subscription_that_is_replaced(store: Store) -> None:
    one, two = (Purchase(Product("prod_box", "Box", (MONTHLY,)), MONTHLY, quantity) for quantity in (1, 2))
    first = store.opened(CART, one)
    assert store.opened(first.cart, two).cart.sessions == ("cs_2",)
    assert store.till.get_session("cs_1").status is SessionStatus.EXPIRED


# A second subscription

BOX = Purchase(Product("prod_box", "Box", (MONTHLY,)), MONTHLY, 1)


def subscribed(store: Store, *subscriptions: Subscription) -> None:
    store.subscribers.running["cus_1"] = list(subscriptions)


@pytest.mark.parametrize("status", ["active", "trialing", "past_due", "unpaid", "incomplete", "paused"])
def test_a_running_subscription_is_told_before_a_second_one_is_sold(store: Store, status: str) -> None:
    running = a_subscription("sub_1", status=status)
    subscribed(store, running, a_subscription("sub_2", product="prod_other"))
    assert refused(store.buy(BOX)) == Refused(Reason.SUBSCRIBED, Cart(), subscriptions=(running,))
    assert store.till.calls == 0


def test_a_second_one_is_sold_to_who_was_told_about_the_first(store: Store) -> None:
    subscribed(store, a_subscription("sub_1"))
    told = second_digest(refused(store.buy(BOX)).subscriptions)
    assert isinstance(store.buy(BOX, second=told), Opened)


@pytest.mark.parametrize("second", ["", "1", second_digest([]), second_digest([a_subscription("sub_0")])])
def test_another_pages_form_leads_to_the_page_again(store: Store, second: str) -> None:
    subscribed(store, a_subscription("sub_1"))
    assert refused(store.buy(BOX, second=second)).reason is Reason.SUBSCRIBED


def test_a_form_that_knew_one_subscription_buys_no_third_one(store: Store) -> None:
    subscribed(store, a_subscription("sub_1"))
    told = second_digest(refused(store.buy(BOX)).subscriptions)
    subscribed(store, a_subscription("sub_2"), a_subscription("sub_1"))
    result = refused(store.buy(BOX, second=told))
    assert [it.id for it in result.subscriptions] == ["sub_2", "sub_1"]


def test_the_order_of_the_subscriptions_does_not_matter() -> None:
    both = [a_subscription("sub_1"), a_subscription("sub_2")]
    assert second_digest(both) == second_digest(both[::-1])


def test_what_is_bought_once_asks_for_no_subscriptions(store: Store) -> None:
    subscribed(store, a_subscription("sub_1", product="prod_mug"))
    assert isinstance(store.buy(MUGS), Opened)
    assert store.subscribers.calls == []


@pytest.mark.parametrize("error", [PaymentsUnavailable("down"), PaymentsRefused("no permission")])
def test_nothing_is_sold_blindly_if_the_subscriptions_cannot_be_read(
    store: Store, error: PaymentsError
) -> None:
    store.subscribers.down = error
    with pytest.raises(type(error)):
        store.buy(BOX)
    assert store.till.drafts == []


def test_a_customer_deleted_before_the_subscriptions_are_read_is_verified_once_more(store: Store) -> None:
    del store.subscribers.running["cus_1"]
    store.accounts.delete("cus_1")
    result = store.buy(BOX)
    assert isinstance(result, Opened)
    assert result.customer_id == "cus_2"


# What is for sale now


@pytest.mark.parametrize(
    ("availability", "reason"),
    [(Availability.GONE, Reason.NOT_FOR_SALE), (Availability.OUT_OF_STOCK, Reason.OUT_OF_STOCK)],
)
def test_the_products_are_read_once_more_before_a_session_is_made(
    store: Store, availability: Availability, reason: Reason
) -> None:
    store.till.unavailable["prod_pen"] = availability
    result = refused(store.buy_cart(BOTH, MUGS, PENS))
    assert result == Refused(reason, BOTH, names=("Pen",))
    assert store.till.drafts == []
    assert store.fleet.stripe.readings == 2


def test_a_product_that_is_gone_is_named_before_one_that_is_sold_out(store: Store) -> None:
    store.till.unavailable = {"prod_mug": Availability.OUT_OF_STOCK, "prod_pen": Availability.GONE}
    result = refused(store.buy_cart(BOTH, MUGS, PENS))
    assert result.names == ("Pen",)
    assert result.unavailable == {"prod_mug": Problem.OUT_OF_STOCK, "prod_pen": Problem.GONE}


def test_an_open_session_for_what_has_been_sold_out_since_cannot_be_paid(store: Store) -> None:
    cart = store.opened(CART).cart
    store.till.unavailable["prod_mug"] = Availability.OUT_OF_STOCK
    assert refused(store.buy_cart(cart)).cart == CART
    assert store.till.get_session("cs_1").status is SessionStatus.EXPIRED


@pytest.mark.parametrize("lines", [(MUGS,), (replace(MUGS, quantity=1),), (MUGS, PENS)])
@pytest.mark.parametrize(
    ("off", "reason"), [("stock", Reason.OUT_OF_STOCK), ("gone", Reason.NOT_FOR_SALE), ("price", None)]
)
def test_a_single_items_open_session_cannot_be_paid_once_the_item_is_off_the_shelf(
    store: Store, lines: tuple[Purchase, ...], off: str, reason: Reason | None
) -> None:
    assert isinstance(store.buy(*lines), Opened)
    assert isinstance(store.buy(PENS), Opened)
    if off == "price":
        store.till.archived.add(PRICE.id)
    else:
        found = Availability.GONE if off == "gone" else Availability.OUT_OF_STOCK
        store.till.unavailable["prod_mug"] = found
    assert refused(store.buy(MUGS)).reason is (reason or Reason.NOT_FOR_SALE)
    assert store.till.get_session("cs_1").status is SessionStatus.EXPIRED
    assert store.till.get_session("cs_2").status is SessionStatus.OPEN


def test_sessions_of_another_user_are_left_alone_when_an_item_is_off_the_shelf(store: Store) -> None:
    store.buy()
    store.till.change("cs_1", owner="auth0|somebody else")
    store.till.archived.add(PRICE.id)
    assert refused(store.buy(replace(MUGS, quantity=1))).reason is Reason.NOT_FOR_SALE
    assert store.till.get_session("cs_1").status is SessionStatus.OPEN


def test_the_refusal_is_shown_also_if_the_open_sessions_cannot_be_expired(store: Store) -> None:
    store.buy()
    store.till.unavailable["prod_mug"] = Availability.OUT_OF_STOCK
    store.till.cannot_expire = PaymentsFailed("500")
    assert refused(store.buy()).reason is Reason.OUT_OF_STOCK


# Calls and the log


def test_a_plain_purchase_is_two_calls(store: Store) -> None:
    store.opened(BOTH, MUGS, PENS)
    assert store.till.calls == 2


def test_an_opened_session_is_logged_with_its_number_and_without_the_address(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "webstore.shop.checkout"):
        result = store.opened(CART, email="ada@example.com")
    assert caplog.messages == [f"checkout number={result.session.number} session=cs_1 customer=cus_1"]
