"""A shopper's orders: those of their Stripe customer, and of deleted customers that it replaced."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from webstore.errors import PaymentsRefused
from webstore.linking import LinkOutcome

from .models import BoughtLine, Catalogue
from .numbers import WhereToLook, where_to_look
from .order import Order
from .order_payments import with_charges, with_disputes
from .order_streams import Cursor, CursorUnknown, Place, Reads, Stream, listing_of, newest
from .ports import Orders

__all__ = ["Cursor", "CursorUnknown", "OrderPage", "find_order", "page_of_orders", "with_variants"]

log = logging.getLogger(__name__)

#: Orders on a page.
PAGE_SIZE = 10
#: Slices of listings that are read for one page. A page may end early; the next one continues there.
MAX_READS = 6
#: Slices that are read for the orders of one day.
_MAX_SLICES_A_DAY = 10


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Some orders, the newest first, and where the older ones begin, if there may be more."""

    orders: tuple[Order, ...]
    older: Cursor | None


def page_of_orders(orders: Orders, user_id: str, link: LinkOutcome, cursor: Cursor | None) -> OrderPage:
    """A page of the orders of the linked customer, then of its deleted predecessors, the latest one first.

    A predecessor's order is shown only if the order itself names this user. Near the deadline nothing more is
    read, and the page ends where it is. Raises `CursorUnknown` and the `PaymentsError`s.
    """
    chain = _chain(link)
    place = Place.first(chain) if cursor is None else Place.parse(cursor, chain)
    found: dict[str, list[Order]] = {customer: [] for customer in chain}
    count = 0
    reads = Reads(MAX_READS)
    before = -1
    # A place with the same customer as before is where the next page begins.
    while place is not None and place.index != before:
        before, customer = place.index, chain[place.index]
        deleted = place.index > 0
        streams = [
            Stream(listing_of(orders.list_purchases, customer, deleted=deleted), place.purchases, reads),
            Stream(listing_of(orders.list_invoices, customer, deleted=deleted), place.invoices, reads),
        ]
        while count < PAGE_SIZE and (order := newest(streams, reads)) is not None:
            of_a_purchase = order.id in streams[0].invoice_ids
            if (place.index == 0 or order.owner == user_id) and not of_a_purchase:
                found[customer].append(order)
                count += 1
        place = place.after(streams, chain)
    shown = [it for customer, its in found.items() for it in with_charges(orders, customer, its)]
    return OrderPage(tuple(with_disputes(orders, shown)), place.cursor(chain) if place else None)


def find_order(orders: Orders, user_id: str, link: LinkOutcome, number: str) -> Order | None:
    """The shopper's order with this number, with all that is known about it; None if there is none.

    Raises the `PaymentsError`s.
    """
    look = where_to_look(number)
    if look is None:
        return None
    for index, customer in enumerate(_chain(link)):
        for order in _of_the_day(orders, customer, look, deleted=index > 0):
            if order.number == number and (index == 0 or order.owner == user_id):
                return _in_full(orders, order)
    return None


def with_variants(order: Order, catalogue: Catalogue) -> Order:
    """The order with the variants of its lines, as the catalogue knows them. Invoices do not name them."""
    return replace(order, lines=tuple(_with_variant(line, catalogue) for line in order.lines))


def _chain(link: LinkOutcome) -> list[str]:
    return [customer for customer in (link.customer_id, *reversed(link.predecessors)) if customer]


def _of_the_day(orders: Orders, customer: str, look: WhereToLook, *, deleted: bool) -> Iterable[Order]:
    """The customer's orders that were created on the day of an order number."""
    read = orders.list_invoices if look.invoice else orders.list_purchases
    listing = listing_of(
        lambda of, after: read(of, after, (look.since, look.until)), customer, deleted=deleted
    )
    after = None
    for _ in range(_MAX_SLICES_A_DAY):
        found = listing(after)
        yield from found.orders
        if not found.more or found.last in (None, after):
            return
        after = found.last


def _in_full(orders: Orders, order: Order) -> Order:
    """The order with all lines, and with what became of its payments."""
    order = orders.with_all_lines(order)
    try:
        order = orders.with_payments(order)
    except PaymentsRefused as exc:
        log.warning("the charges of order=%s cannot be read: %s", order.number, exc)
    (order,) = with_disputes(orders, [order])
    return order


def _with_variant(line: BoughtLine, catalogue: Catalogue) -> BoughtLine:
    found = catalogue.priced(line.price_id or "")
    if line.variant is not None or found is None:
        return line
    return replace(line, variant=found[1].nickname)
