"""Two listings, purchases and invoices, read slice by slice and merged, the newest order first."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from webstore import deadline
from webstore.errors import NoSuchCustomer, NoSuchObject, PaymentsRefused

from .order import Order
from .ports import OrderSlice

log = logging.getLogger(__name__)

#: No slice is read when fewer seconds than these are left: the page ends where it is.
RESERVE_S = 1.0

#: The position after which the next page begins, in plain values of JSON.
Cursor = list[Any]


class CursorUnknown(ValueError):
    """The cursor does not belong to a listing of this shopper."""


@dataclass(slots=True)
class _Position:
    """How much of a listing has been shown: up to which ID, or all of it."""

    after: str | None = None
    done: bool = False


@dataclass(slots=True)
class Place:
    """Which customer's orders are being shown, and up to where."""

    index: int
    purchases: _Position
    invoices: _Position

    @classmethod
    def first(cls, chain: list[str]) -> Place | None:
        """The newest orders of the first customer; None without a customer."""
        return cls(0, _Position(), _Position()) if chain else None

    @classmethod
    def parse(cls, cursor: Cursor, chain: list[str]) -> Place:
        """The place that a cursor names. Raises `CursorUnknown`."""
        try:
            customer, purchases, invoices = cursor
            return cls(chain.index(customer), cls._position(purchases), cls._position(invoices))
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
        """The cursor that names this place."""
        return [
            chain[self.index],
            *(False if position.done else position.after for position in (self.purchases, self.invoices)),
        ]

    def after(self, streams: list[Stream], chain: list[str]) -> Place | None:
        """The next place: with this customer, with the one before it, or None at the end."""
        purchases, invoices = (stream.position() for stream in streams)
        # A listing that was refused has no end: an older page tries it again.
        if not (purchases.done and (invoices.done or streams[1].refused)):
            return Place(self.index, purchases, invoices)
        if self.index + 1 < len(chain):
            return Place(self.index + 1, _Position(), _Position())
        return None


@dataclass(slots=True)
class Reads:
    """How many slices may still be read for a page."""

    left: int

    def any(self) -> bool:
        """Whether one more may be read, and there is time for it."""
        return self.left > 0 and deadline.left() > RESERVE_S


@dataclass(slots=True)
class Stream:
    """One listing, read slice by slice."""

    read: Callable[[str | None], OrderSlice]
    start: _Position
    reads: Reads
    #: What it lists, if the page goes on without it when Stripe refuses to list it.
    optional: str | None = None
    waiting: list[Order] = field(default_factory=list)
    #: The ID before the first waiting order.
    shown: str | None = None
    read_to: str | None = None
    ended: bool = False
    refused: bool = False
    #: When the oldest order that was read was created.
    oldest: float = math.inf
    #: The invoices that belong to these orders.
    invoice_ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.shown = self.read_to = self.start.after
        self.ended = self.start.done

    @property
    def has_to_read(self) -> bool:
        """Whether its next order is not known before another slice is read."""
        return not self.waiting and not self.ended

    def read_on(self) -> None:
        """Read one more slice; it may hold no orders."""
        self.reads.left -= 1
        try:
            part = self.read(self.read_to)
        except PaymentsRefused as exc:
            if self.optional is None:
                raise
            log.error("%s cannot be read: %s", self.optional, exc)  # noqa: TRY400  # no bug: no traceback
            self.refused = self.ended = True
            return
        self.oldest = min([self.oldest, *(order.created for order in part.orders)])
        self.waiting.extend(part.orders)
        self.invoice_ids.update(
            order.invoice_id for order in part.orders if order.invoice_id and order.invoice_id != order.id
        )
        self.ended = not part.more or part.last in (None, self.read_to)
        self.shown, self.read_to = self.read_to, part.last or self.read_to

    def read_back_to(self, at: float) -> None:
        """Read all orders that were created since the Unix time, if that many slices may be read."""
        while not self.ended and self.oldest >= at and self.reads.any():
            self.read_on()

    def pop(self) -> Order:
        """Take the next order."""
        order = self.waiting.pop(0)
        self.shown = order.id
        return order

    def position(self) -> _Position:
        """Where the next page goes on."""
        if self.waiting:
            return _Position(self.shown)
        return _Position(self.read_to, self.ended and not self.refused)


def newest(streams: list[Stream], reads: Reads) -> Order | None:
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


def listing_of(
    read: Callable[[str, str | None], OrderSlice], customer_id: str, *, deleted: bool
) -> Callable[[str | None], OrderSlice]:
    """A customer's listing. It is empty if Stripe does not know a deleted customer any more."""

    def part(after: str | None) -> OrderSlice:
        try:
            return read(customer_id, after)
        except (NoSuchCustomer, NoSuchObject):
            if not deleted:
                raise
            # Nothing is left of it: its test data was deleted.
            return OrderSlice((), None, more=False)

    return part
