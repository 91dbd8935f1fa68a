"""A shopper's orders: those of their Stripe customer, and of deleted customers that it replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from webstore import deadline
from webstore.errors import NoSuchCustomer, NoSuchObject
from webstore.linking import LinkOutcome

from .models import Order
from .ports import Orders, OrderSlice

#: Orders on a page.
PAGE_SIZE = 10
#: Slices of listings that are read for one page. A page may end early; the next one continues there.
MAX_READS = 6
#: No slice is read when fewer seconds than these are left: the page ends where it is.
RESERVE_S = 1.0

#: The position after which the next page begins, in plain values of JSON.
Cursor = list[Any]


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Some orders, the newest first, and where the older ones begin, if there may be more."""

    orders: tuple[Order, ...]
    older: Cursor | None


class CursorUnknown(ValueError):
    """The cursor does not belong to a listing of this shopper."""


def page_of_orders(orders: Orders, user_id: str, link: LinkOutcome, cursor: Cursor | None) -> OrderPage:
    """A page of the orders of the linked customer, then of its deleted predecessors, the latest one first.

    A predecessor's order is shown only if the order itself names this user. Near the deadline nothing more is
    read, and the page ends where it is. Raises `CursorUnknown` and the `PaymentsError`s.
    """
    chain = [customer for customer in (link.customer_id, *reversed(link.predecessors)) if customer]
    place = _Place.first(chain) if cursor is None else _Place.parse(cursor, chain)
    found: list[Order] = []
    reads = _Reads(MAX_READS)
    before = -1
    # A place with the same customer as before is where the next page begins.
    while place is not None and place.index != before:
        before, customer = place.index, chain[place.index]
        streams = [
            _Stream(
                _listing(orders.list_purchases, customer, deleted=place.index > 0), place.purchases, reads
            ),
            _Stream(_listing(orders.list_renewals, customer, deleted=place.index > 0), place.renewals, reads),
        ]
        while len(found) < PAGE_SIZE and (order := _newest(streams, reads)) is not None:
            if place.index == 0 or order.owner == user_id:
                found.append(order)
        place = place.after(streams, chain)
    return OrderPage(tuple(found), place.cursor(chain) if place else None)


@dataclass(slots=True)
class _Position:
    """How much of a listing has been shown: up to which ID, or all of it."""

    after: str | None = None
    done: bool = False


@dataclass(slots=True)
class _Place:
    """Which customer's orders are being shown, and up to where."""

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
        raise ValueError("not a place in a listing")

    def cursor(self, chain: list[str]) -> Cursor:
        return [
            chain[self.index],
            *(False if position.done else position.after for position in (self.purchases, self.renewals)),
        ]

    def after(self, streams: list[_Stream], chain: list[str]) -> _Place | None:
        """The next place: with this customer, with the one before it, or None at the end."""
        purchases, renewals = (stream.position() for stream in streams)
        if not (purchases.done and renewals.done):
            return _Place(self.index, purchases, renewals)
        if self.index + 1 < len(chain):
            return _Place(self.index + 1, _Position(), _Position())
        return None


@dataclass(slots=True)
class _Reads:
    left: int

    def any(self) -> bool:
        return self.left > 0 and deadline.left() > RESERVE_S


@dataclass(slots=True)
class _Stream:
    """One listing, read slice by slice."""

    read: Callable[[str | None], OrderSlice]
    start: _Position
    reads: _Reads
    waiting: list[Order] = field(default_factory=list)
    #: The ID before the first waiting order.
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
        """Read one more slice; it may hold no orders."""
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
    """The next order; None if there is none, or an unread slice may hold a newer one."""
    while unread := [stream for stream in streams if stream.has_to_read]:
        # Each in turn: a long listing without orders must not keep the other one from being read.
        for stream in unread:
            if not reads.any():
                return None
            stream.read_on()
    heads = [stream for stream in streams if stream.waiting]
    if not heads:
        return None
    return max(heads, key=lambda stream: (stream.waiting[0].created, stream.waiting[0].id)).pop()


def _listing(
    read: Callable[[str, str | None], OrderSlice], customer_id: str, *, deleted: bool
) -> Callable[[str | None], OrderSlice]:
    def part(after: str | None) -> OrderSlice:
        try:
            return read(customer_id, after)
        except (NoSuchCustomer, NoSuchObject):
            if not deleted:
                raise
            # Nothing is left of it: its test data was deleted.
            return OrderSlice((), None, more=False)

    return part
