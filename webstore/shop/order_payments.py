"""What became of the payments of several orders: their charges know of refunds and disputes."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from webstore import deadline
from webstore.errors import NoSuchCustomer, NoSuchObject, PaymentsRefused

from .order import Charge, Order, Payment
from .ports import Orders

log = logging.getLogger(__name__)

#: Payments that are read one by one, because the list of charges did not contain theirs.
MAX_SINGLE_READS = 5
#: Nothing more is read when fewer seconds than these are left.
RESERVE_S = 1.0
#: Seconds between a payment's times and its charge's time.
_CLOCKS_DIFFER_S = 60


def with_charges(orders: Orders, customer: str, found: list[Order]) -> list[Order]:
    """The customer's orders with the charges of their payments. One call usually reads them all.

    Raises `PaymentsError`. A key that may not read charges is no error: everything else is shown.
    """
    wanted = [(order, payment) for order in found for payment in _lacks_charge(order)]
    if not wanted:
        return found
    since = min(min(payment.created or order.created, order.created) for order, payment in wanted)
    paid_at = [payment.paid_at for _, payment in wanted]
    # A payment that is not paid may have been tried at any time since.
    until = None if None in paid_at else max(at or 0 for at in paid_at) + _CLOCKS_DIFFER_S
    try:
        charges = orders.read_charges(
            customer, max(0, int(since) - _CLOCKS_DIFFER_S), None if until is None else int(until)
        )
        known = _by_payment(charges)
        found = [order.with_charges(known) for order in found]
        known = _one_by_one(orders, found)
    except (NoSuchCustomer, NoSuchObject):
        return found
    except PaymentsRefused as exc:
        log.warning("refunds of invoices cannot be read: %s", exc)
        return found
    return [order.with_charges(known) for order in found]


def _one_by_one(orders: Orders, found: list[Order]) -> dict[str, Charge]:
    """The charges of payments that were not among those listed: made earlier, or among too many others."""
    known = {}
    left = [payment.id for order in found for payment in order.unread if payment.id]
    for payment_id in left[:MAX_SINGLE_READS]:
        if deadline.left() <= RESERVE_S:
            break
        charge = orders.read_charge(payment_id)
        if charge is not None:
            known[payment_id] = charge
    return known


def _by_payment(charges: Iterable[Charge]) -> dict[str, Charge]:
    """Charges by payment intent ID and by their own ID; of several, the one that succeeded or the newest."""
    found: dict[str, Charge] = {}
    for charge in sorted(charges, key=lambda it: (it.status == "succeeded", it.created)):
        found[charge.id] = charge
        if charge.intent_id is not None:
            found[charge.intent_id] = charge
    return found


def with_disputes(orders: Orders, found: list[Order]) -> list[Order]:
    """The orders with the state of each dispute. One call reads them all."""
    disputed = [charge for order in found for charge in order.charges if charge.disputed]
    if not disputed or deadline.left() <= RESERVE_S:
        return found
    try:
        states = orders.read_disputes(disputed)
    except PaymentsRefused as exc:
        log.warning("disputes cannot be read: %s", exc)
        return found
    known = {
        payment.id: replace(payment.charge, dispute=states.get(payment.charge.id))
        for order in found
        for payment in order.payments
        if payment.id and payment.charge is not None and payment.charge.disputed
    }
    return [order.with_charges(known) for order in found]


def _lacks_charge(order: Order) -> list[Payment]:
    """The payments of an order that were made or tried, and whose charge has not been read."""
    return [
        payment
        for payment in order.payments
        if payment.id and payment.charge is None and (payment.paid or order.attempted)
    ]
