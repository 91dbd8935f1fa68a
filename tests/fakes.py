"""Fakes of the store's ports and of time, for tests that need no vendor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from webstore import deadline
from webstore.errors import (
    NoSuchCustomer,
    NoSuchObject,
    PaymentsRefused,
    PaymentsUnavailable,
    StateUnavailable,
    UserGone,
)
from webstore.linking import Linker, Policy, models
from webstore.linking.models import Account, Creation, Customer, CustomerDraft, CustomerPage, User
from webstore.shop.catalogue import CatalogueService
from webstore.shop.models import (
    BoughtLine,
    Catalogue,
    CheckoutSession,
    Money,
    Product,
    Recurrence,
    SessionStatus,
    Subscription,
    SubscriptionItem,
)
from webstore.shop.ports import Availability, Offer, SessionDraft

USER = "auth0|000000000000000000000001"


class Memory:
    """A shared state in memory whose entries never expire; `down`: it cannot be reached."""

    def __init__(self, *, down: bool = False) -> None:
        self.kept: dict[str, str] = {}
        self.down = down

    def get(self, key: str) -> str | None:
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        kept = self._reachable()
        return {key: kept[key] for key in keys if key in kept}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        self._reachable()[key] = value

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        new = key not in self._reachable()
        self.kept.setdefault(key, value)
        return new

    def count(self, key: str, ttl_s: float) -> int:
        self._reachable()[key] = str(int(self.kept.get(key, "0")) + 1)
        return int(self.kept[key])

    def delete(self, key: str) -> None:
        self._reachable().pop(key, None)

    def _reachable(self) -> dict[str, str]:
        if self.down:
            raise StateUnavailable("down")
        return self.kept


# Time


class Clock:
    """A clock that only the test moves, also in the place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class TimedMemory:
    """A shared state whose entries expire by the test's clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self.entries: dict[str, tuple[str, float]] = {}
        self.down = False
        self.calls = 0

    def get(self, key: str) -> str | None:
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        with self._reached():
            found = {key: self.entries[key] for key in keys if key in self.entries}
            return {key: value for key, (value, until) in found.items() if until > self._clock()}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        with self._reached():
            self.entries[key] = value, self._clock() + ttl_s

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        with self._reached():
            if key in self.entries and self.entries[key][1] > self._clock():
                return False
            self.entries[key] = value, self._clock() + ttl_s
            return True

    def count(self, key: str, ttl_s: float) -> int:
        raise NotImplementedError

    def delete(self, key: str) -> None:
        with self._reached():
            self.entries.pop(key, None)

    def _reached(self) -> threading.Lock:
        self.calls += 1
        if self.down:
            raise StateUnavailable("unplugged")
        return self._lock


# Checkout Sessions


def open_session(session_id: str) -> CheckoutSession:
    """A Checkout Session that was made just now, for two mugs."""
    return CheckoutSession(
        id=session_id,
        status=SessionStatus.OPEN,
        payment_status="unpaid",
        mode="payment",
        created=time.time(),
        expires_at=time.time() + 24 * 3600,
        total=Money(1200, "eur"),
        url=f"https://checkout.stripe.com/{session_id}",
        lines=(BoughtLine("Mug", 2, Money(2400, "eur"), "price_mug"),),
    )


@dataclass
class Till:
    """Stripe's Checkout Sessions by idempotency key, and the errors that it answers with first.

    Like the wire, it answers nothing once the caller's time is over.
    """

    made: dict[str, CheckoutSession] = field(default_factory=dict)
    #: Raised by the next calls, one each.
    instead: list[Exception] = field(default_factory=list)
    #: Raised by every attempt to expire a session.
    cannot_expire: Exception | None = None
    stored_failures: dict[str, Exception] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    drafts: list[SessionDraft] = field(default_factory=list)
    #: The products that are not for sale any more, by ID.
    unavailable: dict[str, Availability] = field(default_factory=dict)
    #: The IDs of the archived prices. As Stripe does, it refuses them when a session is made.
    archived: set[str] = field(default_factory=set)
    #: Whether an answer says that it is a replay.
    marks_replays: bool = True
    #: Called by each call before it answers, for instance to let time pass.
    meanwhile: Callable[[], None] = lambda: None
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
            if self.archived & {line.price.id for line in draft.lines}:
                raise NoSuchObject("The price specified is inactive.")
            made = open_session(f"cs_{len(self.made) + 1}")
            self.made[idempotency_key] = replace(
                made,
                owner=draft.user_id,
                customer_id=draft.customer_id,
                noted_number=draft.number or None,
                lines=tuple(
                    BoughtLine(it.product.name, it.quantity, it.total, it.price.id, it.product.id)
                    for it in draft.lines
                ),
                expires_at=draft.expires_at or made.expires_at,
            )
        # A replay shows the first answer.
        return replace(self.made[idempotency_key], status=SessionStatus.OPEN), there and self.marks_replays

    def get_session(self, session_id: str) -> CheckoutSession:
        self._answer()
        if self.instead:
            raise self.instead.pop(0)
        found = [it for it in self.made.values() if it.id == session_id]
        if not found:
            raise NoSuchObject(session_id)
        return found[0]

    def get_offer(self, session_id: str) -> Offer:
        return self._offer(self.get_session(session_id))

    def list_offers(self, customer_id: str) -> tuple[Offer, ...]:
        self._answer()
        found = [it for it in self.made.values() if it.customer_id == customer_id]
        return tuple(self._offer(it) for it in found if it.status is SessionStatus.OPEN)

    def _offer(self, session: CheckoutSession) -> Offer:
        return Offer(session, frozenset(self.archived & {line.price_id for line in session.lines}))

    def availability(self, product_ids: Sequence[str]) -> dict[str, Availability]:
        self._answer()
        return {it: self.unavailable.get(it, Availability.FOR_SALE) for it in product_ids}

    def expire_session(self, session_id: str) -> None:
        if self.cannot_expire is not None:
            raise self.cannot_expire
        if self.get_session(session_id).status is not SessionStatus.OPEN:
            raise PaymentsRefused("not open")
        self.end(session_id, SessionStatus.EXPIRED)

    def change(self, session_id: str, **changes: Any) -> None:
        """Change a session as Stripe or its payer would."""
        for key, it in self.made.items():
            if it.id == session_id:
                self.made[key] = replace(it, **changes)

    def end(self, session_id: str, status: SessionStatus, payment_status: str = "paid") -> None:
        """End a session: paid or expired."""
        self.change(session_id, status=status, payment_status=payment_status, url=None)

    def _answer(self) -> None:
        if deadline.left() <= 0:
            raise PaymentsUnavailable("the time for this request is over")
        self.calls += 1
        self.meanwhile()


# Users and customers


@dataclass
class Accounts:
    """One user and their customers: both ports of linking."""

    user: User | None = field(default_factory=lambda: User(USER, customer_id="cus_1", account="acct_1 test"))
    customers: dict[str, Customer] = field(default_factory=lambda: {"cus_1": Customer("cus_1", owner=USER)})
    #: The reads, in order.
    reads: list[str] = field(default_factory=list)
    down: bool = False

    def linker(self) -> Linker:
        """A linker with these, which works on the caller's thread."""
        return Linker(self, self, Policy(tenant="tenant", livemode=False))

    def delete(self, customer_id: str) -> None:
        """Delete a customer at Stripe."""
        self.customers[customer_id] = Customer(customer_id, deleted=True)

    def read_user(self, user_id: str) -> User:
        self.reads.append(user_id)
        if self.user is None:
            raise UserGone(user_id)
        return as_recorded(self.user)

    def write_records(self, user_id: str, records: Mapping[str, object]) -> None:
        assert self.user is not None
        self.user = written(self.user, records)

    def find_by_email(self, email: str) -> tuple[str, ...]:
        raise NotImplementedError

    def find_by_identity(self, user_id: str) -> tuple[str, ...]:
        raise NotImplementedError

    def list_users(self, page: int, per_page: int) -> tuple[User, ...]:
        raise NotImplementedError

    def delete_user(self, user_id: str) -> None:
        raise NotImplementedError

    def account(self) -> Account:
        return Account("acct_1", livemode=False)

    def known_account(self) -> Account:
        return Account("acct_1", livemode=False)

    def get_customer(self, customer_id: str) -> Customer:
        self.reads.append(customer_id)
        if self.down:
            raise PaymentsUnavailable("down")
        if customer_id not in self.customers:
            raise NoSuchCustomer(customer_id)
        return self.customers[customer_id]

    def create_customer(self, draft: CustomerDraft, idempotency_key: str) -> Creation:
        made = Customer(f"cus_{len(self.customers) + 1}", owner=draft.metadata["auth0_user_id"])
        self.customers[made.id] = made
        return Creation(made, replayed=False)

    def update_customer(
        self, customer_id: str, draft: CustomerDraft, idempotency_key: str | None
    ) -> Customer:
        return self.customers[customer_id]

    def list_by_email(self, email: str) -> tuple[Customer, ...]:
        return ()

    def search_by_owner(self, user_id: str) -> tuple[Customer, ...]:
        return ()

    def search_by_email(self, email: str) -> tuple[Customer, ...]:
        return ()

    def list_running(self, customer_id: str) -> tuple[str, ...]:
        raise NotImplementedError

    def list_created_since(self, since: float) -> CustomerPage:
        return CustomerPage((), complete=True)


def as_recorded(user: User) -> User:
    """The user as the directory gives it: the fields about the link are in `records`."""
    plain = {
        models.ID: user.customer_id,
        models.PIN: user.account,
        models.REPLACED: " ".join(user.replaced) or None,
        models.FAILED_AT: user.link_failed_at,
        models.FAILED_TRY: user.link_failed_try,
        models.MERGED: " ".join(quote(it, safe="|") for it in user.merged) or None,
    }
    records = {**user.records, **plain}
    return replace(user, records={name: value for name, value in records.items() if value is not None})


def written(user: User, changes: Mapping[str, object]) -> User:
    """The user after a PATCH of these root keys of `app_metadata`."""
    records = {**as_recorded(user).records, **changes}
    kept = {name: value for name, value in records.items() if value is not None}
    return replace(user, records=kept).with_keys("")


# The catalogue


@dataclass
class Shelf:
    """The products at Stripe, and how often they were read."""

    products: tuple[Product, ...] = ()
    error: Exception | None = None
    readings: int = 0
    #: What happens in the middle of the next reading.
    during: Callable[[], None] | None = None

    def read_catalogue(self) -> Catalogue:
        self.readings += 1
        products = self.products
        during, self.during = self.during, None
        if during is not None:
            during()
        if self.error is not None:
            raise self.error
        return Catalogue(products, read_at=0.0)


def at_once(work: Callable[[], None]) -> None:
    """Do the work now: in the place of a background thread."""
    work()


@dataclass
class Fleet:
    """The catalogues of several processes on one shared state, by a clock that only the test moves.

    A reading is done where it begins, unless `hold` keeps it back until `release`.
    """

    #: Seconds that a reading counts as fresh.
    ttl_s: float
    stripe: Shelf
    clock: Clock = field(default_factory=Clock)
    state: TimedMemory = field(init=False)
    holds: bool = False
    #: The readings that are kept back.
    begun: list[Callable[[], None]] = field(default_factory=list)
    #: What happens while a shopper waits.
    meanwhile: Callable[[], None] = lambda: None
    #: How often a shopper waited.
    waits: int = 0

    def __post_init__(self) -> None:
        self.state = TimedMemory(self.clock)

    def worker(self) -> CatalogueService:
        """One more process, which has nothing in memory yet."""
        return CatalogueService(
            self.stripe,
            self.state,
            ttl_s=self.ttl_s,
            background=self._begin,
            now=self.clock,
            sleep=self._sleep,
        )

    def hold(self) -> None:
        """Keep back the readings that begin from now on."""
        self.holds = True

    def release(self) -> None:
        """Do the readings that were kept back."""
        self.holds = False
        begun, self.begun = self.begun, []
        for reading in begun:
            reading()

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds

    def wait(self, reading: Future[None], patience_s: float) -> None:
        """Wait for a reading as the store does; it takes no real time."""
        self._waits_once_more()
        if not reading.done():
            self.clock.now += patience_s

    def shown(self, worker: CatalogueService) -> list[str]:
        """What the worker shows once the reading that its request began has ended."""
        worker.current()
        return [product.id for product in worker.current().products]

    def _begin(self, reading: Callable[[], None]) -> None:
        if self.holds:
            self.begun.append(reading)
        else:
            reading()

    def _sleep(self, seconds: float) -> None:
        self._waits_once_more()
        self.clock.now += seconds

    def _waits_once_more(self) -> None:
        self.waits += 1
        assert self.waits < 1000, "a shopper waits without an end"
        self.meanwhile()


class Impatient:
    """A gateway whose calls end within `seconds`; `limits` has what the store would have waited for each."""

    def __init__(self, gateway: object, seconds: float) -> None:
        self._gateway, self._seconds = gateway, seconds
        self.limits: list[float] = []

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._gateway, name)

        def limited(*args: object) -> object:
            self.limits.append(deadline.left())
            with deadline.within(self._seconds):
                return call(*args)

        return limited


# Subscriptions


def a_subscription(subscription_id: str, product: str = "prod_box", **changes: Any) -> Subscription:
    """A running subscription to one box a month for 19 euros, begun at a fixed time."""
    item = SubscriptionItem(f"price_{product}", product, 1, Money(1900, "eur"), Recurrence("month"))
    begun = 1_790_000_000.0
    made = Subscription(subscription_id, "active", begun, (item,), period_end=begun + 30 * 24 * 3600)
    return replace(made, **changes)


@dataclass
class Subscribers:
    """The subscriptions of customers at Stripe, and the errors that it answers with first."""

    #: By customer ID, the newest first. A customer without an entry is unknown.
    running: dict[str, list[Subscription]] = field(default_factory=lambda: {"cus_1": []})
    #: Raised by every listing.
    down: Exception | None = None
    #: Raised by every attempt to end the subscription with this ID.
    stuck: dict[str, Exception] = field(default_factory=dict)
    #: Raised once, after the subscription with this ID was ended: the answer is lost.
    lost: dict[str, Exception] = field(default_factory=dict)
    #: What happens before a call answers, for instance that time passes.
    meanwhile: Callable[[], None] = lambda: None
    #: Every call with the ID that it was about, in order.
    calls: list[str] = field(default_factory=list)

    def list_subscriptions(self, customer_id: str) -> tuple[Subscription, ...]:
        self._answer(f"list {customer_id}")
        if self.down is not None:
            raise self.down
        if customer_id not in self.running:
            raise NoSuchCustomer(customer_id)
        return tuple(self.running[customer_id])

    def cancel_subscription(self, subscription_id: str) -> None:
        self._answer(f"cancel {subscription_id}")
        if subscription_id in self.stuck:
            raise self.stuck[subscription_id]
        for running in self.running.values():
            running[:] = [it for it in running if it.id != subscription_id]
        if subscription_id in self.lost:
            raise self.lost.pop(subscription_id)

    def _answer(self, call: str) -> None:
        if deadline.left() <= 0:
            raise PaymentsUnavailable("the time for this request is over")
        self.calls.append(call)
        self.meanwhile()


@dataclass
class PaymentPages:
    """The open Checkout Sessions of customers at Stripe."""

    #: By customer ID.
    open: dict[str, list[CheckoutSession]] = field(default_factory=dict)
    #: Raised by every attempt to expire the session with this ID.
    stuck: dict[str, Exception] = field(default_factory=dict)
    #: What happens when a session is about to expire: it may be paid just then.
    meanwhile: Callable[[str], None] = lambda _: None
    calls: list[str] = field(default_factory=list)

    def list_open_sessions(self, customer_id: str) -> tuple[CheckoutSession, ...]:
        self.calls.append(f"list {customer_id}")
        return tuple(self.open.get(customer_id, ()))

    def expire_session(self, session_id: str) -> None:
        self.calls.append(f"expire {session_id}")
        self.meanwhile(session_id)
        if session_id in self.stuck:
            raise self.stuck[session_id]
        for sessions in self.open.values():
            sessions[:] = [it for it in sessions if it.id != session_id]
