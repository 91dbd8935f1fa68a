"""A shopper's orders: those of their Stripe customer, and of deleted customers that it replaced."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from webstore.linking import LinkOutcome

from .cart import MAX_QUANTITY
from .models import BoughtLine, Catalogue
from .numbers import WhereToLook, where_to_look
from .order import InvoiceLine, Order, OrderKind
from .order_payments import (
    Calls,
    with_all_payments,
    with_charges,
    with_credit_refunds,
    with_disputes,
    with_missing_charges,
)
from .order_streams import Cursor, CursorUnknown, Place, Reads, Stream, listing_of, newest
from .ports import Orders

__all__ = [
    "Cursor",
    "CursorUnknown",
    "OrderPage",
    "bought_again",
    "find_order",
    "page_of_orders",
    "with_variants",
]

#: Orders on a page.
PAGE_SIZE = 10
#: Slices of listings that are read for one page. A page may end early; the next one continues there.
MAX_READS = 6
#: Calls for a page: usually two slices, the charges and the disputes. More slices take more.
MAX_CALLS, _MIN_SIDE_CALLS = 4, 2
#: Calls for the page of one order.
MAX_CALLS_FOR_ONE = 3
#: Seconds from a Checkout Session's creation to its invoice. A session ends after a day at the latest.
_SESSION_LASTS_S = 25 * 3600.0
#: Slices that are read for the orders of one day.
_MAX_SLICES_A_DAY = 10


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Some orders, the newest first, and where the older ones begin, if there may be more."""

    orders: tuple[Order, ...]
    older: Cursor | None
    #: The store's key may not read invoices, so none are shown.
    without_invoices: bool = False


def page_of_orders(orders: Orders, user_id: str, link: LinkOutcome, cursor: Cursor | None) -> OrderPage:
    """A page of the orders of the linked customer, then of its deleted predecessors, the latest one first.

    A predecessor's order is shown only if the order itself names this user, or an account merged into it.
    Near the deadline nothing more is read, and the page ends where it is. Raises `CursorUnknown` and the
    `PaymentsError`s.
    """
    chain, owners = _chain(link), (user_id, *link.identities)
    place = Place.first(chain) if cursor is None else Place.parse(cursor, chain)
    found: dict[str, list[Order]] = {customer: [] for customer in chain}
    count = 0
    reads = Reads(MAX_READS)
    before, refused = -1, False
    # A place with the same customer as before is where the next page begins.
    while place is not None and place.index != before:
        before, customer = place.index, chain[place.index]
        deleted = place.index > 0
        streams = [
            Stream(listing_of(orders.list_purchases, customer, deleted=deleted), place.purchases, reads),
            Stream(
                listing_of(orders.list_invoices, customer, deleted=deleted), place.invoices, reads, "invoices"
            ),
        ]
        while count < PAGE_SIZE and (order := newest(streams, reads)) is not None:
            if order.maybe_of_purchase:
                streams[0].read_back_to(order.created - _SESSION_LASTS_S)
            of_a_purchase = order.id in streams[0].invoice_ids
            if (place.index == 0 or order.owner in owners) and not of_a_purchase:
                found[customer].append(order)
                count += 1
        # A purchase that was read later may show that one of them is its invoice.
        found[customer] = [it for it in found[customer] if it.id not in streams[0].invoice_ids]
        refused = refused or streams[1].refused
        place = place.after(streams, chain)
    shown = _with_payments(orders, found, MAX_READS - reads.left)
    return OrderPage(tuple(shown), place.cursor(chain) if place else None, refused)


def _with_payments(orders: Orders, found: dict[str, list[Order]], slices: int) -> list[Order]:
    """The customers' orders with what became of their payments, after so many slices were read."""
    customers = {customer: its for customer, its in found.items() if its}
    calls = Calls(max(_MIN_SIDE_CALLS, MAX_CALLS - slices) + max(0, len(customers) - 1))
    shown = [it for customer, its in customers.items() for it in with_charges(orders, customer, its, calls)]
    return with_missing_charges(orders, with_disputes(orders, shown, calls), calls)


def find_order(orders: Orders, user_id: str, link: LinkOutcome, number: str) -> Order | None:
    """The shopper's order with this number, with all that is known about it; None if there is none.

    Raises the `PaymentsError`s.
    """
    owners = (user_id, *link.identities)
    look = where_to_look(number)
    if look is None:
        return None
    for index, customer in enumerate(_chain(link)):
        for order in _of_the_day(orders, customer, look, deleted=index > 0):
            if order.number == number and (index == 0 or order.owner in owners):
                return _in_full(orders, order)
    return None


def with_variants(order: Order, catalogue: Catalogue) -> Order:
    """The order with the variants of its lines, as the catalogue knows them. Invoices do not name them."""
    return replace(order, lines=tuple(_with_variant(line, catalogue) for line in order.lines))


def bought_again(order: Order, catalogue: Catalogue) -> list[BoughtLine]:
    """The lines that can be bought again: each price once, if it is still sold and not a proration."""
    found: dict[str, BoughtLine] = {}
    for line in order.lines:
        offer = catalogue.priced(line.price_id or "")
        is_credit = line.total.amount < 0 or (line.total.amount == 0 and order.kind is not OrderKind.PURCHASE)
        is_proration = isinstance(line, InvoiceLine) and line.proration
        if offer is None or not offer[0].in_stock or line.quantity > MAX_QUANTITY:
            continue
        if not is_credit and not is_proration:
            found.setdefault(offer[1].id, line)
    return list(found.values())


def _chain(link: LinkOutcome) -> list[str]:
    chain = (link.customer_id, *reversed(link.predecessors))
    return list(dict.fromkeys(customer for customer in chain if customer))


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
    """The order with what became of its payments, and with all lines, as far as three calls go.

    The first call found the order. Money goes before items: those that are missing are on the invoice, too.
    """
    left = MAX_CALLS_FOR_ONE - 1
    paid = with_all_payments(orders, order)
    left -= paid is not order
    (told,) = with_disputes(orders, [paid], Calls(_MIN_SIDE_CALLS))
    left -= any(charge.disputed for charge in paid.charges)
    if left > 0:
        credited = with_credit_refunds(orders, told)
        left -= credited is not told
        told = credited
    return orders.with_all_lines(told) if left > 0 else told


def _with_variant(line: BoughtLine, catalogue: Catalogue) -> BoughtLine:
    """The line with its variant. Stripe writes the words of an invoice's line, which may name it already."""
    found = catalogue.priced(line.price_id or "")
    variant = line.variant or (found[1].nickname if found else None)
    if variant and isinstance(line, InvoiceLine) and _names(line.description, variant):
        variant = None
    return replace(line, variant=variant)


def _names(text: str, variant: str) -> bool:
    """Whether the text contains the variant as words of its own: "T-Shirt" does not name "T"."""
    return re.search(rf"(?<![\w-]){re.escape(variant)}(?![\w-])", text) is not None
