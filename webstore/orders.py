"""A shopper's orders: what Stripe's customer bought, and what dead customers of theirs bought before."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from . import linking
from .budget import PAGE_S
from .commerce import Order
from .errors import NoSuchCustomer, NoSuchObject, StateUnavailable
from .linking import Linker
from .models import LinkOutcome, LinkStatus
from .ports import Orders, OrderSlice, State

#: Orders on a page.
PAGE_SIZE = 10
#: Parts of listings that are read for one page; a page may end early, and the next one goes on.
MAX_READS = 6
#: Seconds that a verdict counts.
VERDICT_S = 60.0

#: What the next page comes after, in plain values of JSON.
Cursor = list[Any]


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Some orders, the newest first, and where the older ones begin if there may be any."""

    orders: tuple[Order, ...]
    older: Cursor | None


class CursorUnknown(ValueError):
    """The cursor belongs to no listing of this shopper."""


def verdict(linker: Linker, state: State, user_id: str, remembered: str | None = None) -> LinkOutcome:
    """The customer to show data of, verified within the last minute; `linking.verified_customer` otherwise.

    `remembered`: the session's copy of the customer's ID.
    """
    key = _verdict_key(user_id)
    with suppress(StateUnavailable, ValueError, KeyError, TypeError):
        stored = json.loads(state.get(key) or "null")
        if stored is not None:
            return LinkOutcome(
                LinkStatus.VERIFIED,
                str(stored["customer"]),
                "verified within the last minute",
                predecessors=tuple(map(str, stored["predecessors"])),
            )
    outcome = linking.verified_customer(linker, user_id, remembered)
    if outcome.customer_id is not None:
        found = {"customer": outcome.customer_id, "predecessors": outcome.predecessors}
        with suppress(StateUnavailable):
            # The way back first: `customer.deleted` takes the verdict back through it.
            state.set(_verdict_of_key(outcome.customer_id), key, 2 * VERDICT_S)
            state.set(key, json.dumps(found), VERDICT_S)
    return outcome


def forget_verdict_of(state: State, customer_id: str) -> None:
    """Let the next look at this customer's data be verified afresh. Raises `StateUnavailable`."""
    key = state.get(_verdict_of_key(customer_id))
    if key:
        state.delete(key)
        state.delete(_verdict_of_key(customer_id))


def forget_verdict(state: State, user_id: str) -> None:
    """Let the next look at this user's data be verified afresh. Raises `StateUnavailable`."""
    state.delete(_verdict_key(user_id))


def page_of_orders(
    orders: Orders, user_id: str, link: LinkOutcome, cursor: Cursor | None, budget_s: float = PAGE_S
) -> OrderPage:
    """A page of the orders of the linked customer, then of its dead predecessors, the last one first.

    After `budget_s` seconds nothing more is read, and the page ends where it is.

    What a predecessor bought is shown only where it names this user itself. Raises `CursorUnknown` and the
    `PaymentsError`s.
    """
    chain = [customer for customer in (link.customer_id, *reversed(link.predecessors)) if customer]
    place = _Place.first(chain) if cursor is None else _Place.parse(cursor, chain)
    found: list[Order] = []
    reads = _Reads(MAX_READS, time.monotonic() + budget_s)
    before = -1
    # A place that is with the same customer as before is where the next page begins.
    while place is not None and place.index != before:
        before, customer = place.index, chain[place.index]
        streams = [
            _Stream(_listing(orders.list_purchases, customer, dead=place.index > 0), place.purchases, reads),
            _Stream(_listing(orders.list_renewals, customer, dead=place.index > 0), place.renewals, reads),
        ]
        while len(found) < PAGE_SIZE and (order := _newest(streams, reads)) is not None:
            if place.index == 0 or order.owner == user_id:
                found.append(order)
        place = place.after(streams, chain)
    return OrderPage(tuple(found), place.cursor(chain) if place else None)


@dataclass(slots=True)
class _Position:
    """How far a listing has been shown: after which ID, or to its end."""

    after: str | None = None
    done: bool = False


@dataclass(slots=True)
class _Place:
    """Which customer's orders are being shown, and how far."""

    index: int
    purchases: _Position
    renewals: _Position

    @classmethod
    def first(cls, chain: list[str]) -> _Place | None:
        return cls(0, _Position(), _Position()) if chain else None

    @classmethod
    def parse(cls, cursor: Cursor, chain: list[str]) -> _Place:
        try:
            customer, purchases, renewals = cursor
            return cls(chain.index(customer), cls._position(purchases), cls._position(renewals))
        except (ValueError, TypeError) as exc:
            raise CursorUnknown from exc

    @staticmethod
    def _position(value: object) -> _Position:
        if value is False:
            return _Position(done=True)
        if value is None or isinstance(value, str):
            return _Position(value)
        raise ValueError("no place in a listing")

    def cursor(self, chain: list[str]) -> Cursor:
        return [
            chain[self.index],
            *(False if position.done else position.after for position in (self.purchases, self.renewals)),
        ]

    def after(self, streams: list[_Stream], chain: list[str]) -> _Place | None:
        """Where it goes on: with this customer, with the one before it, or nowhere."""
        purchases, renewals = (stream.position() for stream in streams)
        if not (purchases.done and renewals.done):
            return _Place(self.index, purchases, renewals)
        if self.index + 1 < len(chain):
            return _Place(self.index + 1, _Position(), _Position())
        return None


@dataclass(slots=True)
class _Reads:
    left: int
    #: When there are none left whatever their number, on the monotonic clock.
    ends: float

    def any(self) -> bool:
        return self.left > 0 and time.monotonic() < self.ends


@dataclass(slots=True)
class _Stream:
    """One listing, read part by part."""

    read: Callable[[str | None], OrderSlice]
    start: _Position
    reads: _Reads
    waiting: list[Order] = field(default_factory=list)
    #: What the first one that waits comes after.
    shown: str | None = None
    read_to: str | None = None
    ended: bool = False

    def __post_init__(self) -> None:
        self.shown = self.read_to = self.start.after
        self.ended = self.start.done

    @property
    def has_to_read(self) -> bool:
        return not self.waiting and not self.ended

    def read_on(self) -> None:
        """Read one more part, of which nothing may be an order."""
        self.reads.left -= 1
        part = self.read(self.read_to)
        self.waiting.extend(part.orders)
        self.ended = not part.more or part.last in (None, self.read_to)
        self.shown, self.read_to = self.read_to, part.last or self.read_to

    def pop(self) -> Order:
        order = self.waiting.pop(0)
        self.shown = order.id
        return order

    def position(self) -> _Position:
        if self.waiting:
            return _Position(self.shown)
        return _Position(self.read_to, self.ended)


def _newest(streams: list[_Stream], reads: _Reads) -> Order | None:
    """The next order; None where there is none, or what was not read may hold a newer one."""
    while unread := [stream for stream in streams if stream.has_to_read]:
        # All of them in turn: a long listing without orders must not keep the other one from being read.
        for stream in unread:
            if not reads.any():
                return None
            stream.read_on()
    heads = [stream for stream in streams if stream.waiting]
    if not heads:
        return None
    return max(heads, key=lambda stream: (stream.waiting[0].created, stream.waiting[0].id)).pop()


def _listing(
    read: Callable[[str, str | None], OrderSlice], customer_id: str, *, dead: bool
) -> Callable[[str | None], OrderSlice]:
    def part(after: str | None) -> OrderSlice:
        try:
            return read(customer_id, after)
        except (NoSuchCustomer, NoSuchObject):
            if not dead:
                raise
            # Nothing is left of it: test data was wiped.
            return OrderSlice((), None, more=False)

    return part


def _verdict_key(user_id: str) -> str:
    return f"verdict:{hashlib.sha256(user_id.encode()).hexdigest()}"


def _verdict_of_key(customer_id: str) -> str:
    return f"verdict-of:{customer_id}"
