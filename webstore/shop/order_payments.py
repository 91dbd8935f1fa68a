"""What became of the payments of orders, from their charges: refunds and disputes.

Nothing here raises a `PaymentsError`: the order then says that the value is not known.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from webstore import deadline
from webstore.errors import NoSuchCustomer, NoSuchObject, PaymentsError

from .order import Charge, Disputed, Order, Payment
from .ports import Orders

log = logging.getLogger(__name__)

#: Nothing more is read when fewer seconds than these are left.
RESERVE_S = 1.0
#: The disputes of so many charges are read one by one. The list of all is the account's, and may miss some.
_DISPUTES_ONE_BY_ONE = 2
#: Seconds between a payment's times and its charge's time.
_CLOCKS_DIFFER_S = 60


@dataclass(slots=True)
class Calls:
    """How many more calls may be made for a page."""

    left: int

    def take(self) -> bool:
        """Take one, if one is left and there is time for it."""
        if self.left <= 0 or deadline.left() <= RESERVE_S:
            return False
        self.left -= 1
        return True


def with_charges(orders: Orders, customer: str, found: list[Order], calls: Calls) -> list[Order]:
    """The customer's orders with the charges of their payments, which one call reads."""
    wanted = [(order, payment) for order in found for payment in _lacks_charge(order)]
    if not wanted:
        return found
    since = min(min(payment.created or order.created, order.created) for order, payment in wanted)
    paid_at = [payment.paid_at for _, payment in wanted]
    # A payment that is not paid may have been tried at any time since.
    until = None if None in paid_at else max(at or 0 for at in paid_at) + _CLOCKS_DIFFER_S
    charges: Iterable[Charge] | None = None
    if calls.take():
        try:
            charges = orders.read_charges(
                customer, max(0, int(since) - _CLOCKS_DIFFER_S), None if until is None else int(until)
            )
        except (NoSuchCustomer, NoSuchObject):
            # Nothing is left of a deleted customer.
            log.info("customer=%s has no charges any more", customer)
        except PaymentsError as exc:
            log.warning("refunds of invoices cannot be read: %s", exc)
    if charges is None:
        return [replace(order, charges_missing=bool(_lacks_charge(order))) for order in found]
    known = _by_payment(charges)
    return [order.with_charges(known) for order in found]


def with_missing_charges(orders: Orders, found: list[Order], calls: Calls) -> list[Order]:
    """The orders with charges that the list did not contain, read one by one while calls are left.

    They were made earlier, or are among too many others. If the list failed, they are not tried.
    """
    known = {}
    wanted = [order for order in found if not order.charges_missing]
    for payment in [it for order in wanted for it in order.payments if it.paid and not it.charge]:
        if payment.id is None or not calls.take():
            continue
        try:
            charge = orders.read_charge(payment.id)
        except PaymentsError as exc:
            log.warning("refunds of invoices cannot be read: %s", exc)
            break
        if charge is not None:
            known[payment.id] = charge
    return [order.with_charges(known) for order in found]


def _by_payment(charges: Iterable[Charge]) -> dict[str, Charge]:
    """Charges by payment intent ID and by their own ID; of several, the one that succeeded or the newest."""
    found: dict[str, Charge] = {}
    for charge in sorted(charges, key=lambda it: (it.status == "succeeded", it.created)):
        found[charge.id] = charge
        if charge.intent_id is not None:
            found[charge.intent_id] = charge
    return found


def with_disputes(orders: Orders, found: list[Order], calls: Calls) -> list[Order]:
    """The orders with the state of each dispute that was found."""
    disputed = [charge for order in found for charge in order.charges if charge.disputed]
    groups = [disputed]
    if len(disputed) <= min(_DISPUTES_ONE_BY_ONE, calls.left):
        groups = [[charge] for charge in disputed]
    states: dict[str, Disputed] = {}
    for group in groups:
        if not group or not calls.take():
            continue
        try:
            states.update(orders.read_disputes(group))
        except PaymentsError as exc:
            log.warning("disputes cannot be read: %s", exc)
            break
    return [order.with_charges(_with_states(order, states)) for order in found]


def _with_states(order: Order, states: Mapping[str, Disputed]) -> dict[str, Charge]:
    """The charges of an order that are disputed, by payment, with the state of their disputes."""
    return {
        payment.id: replace(payment.charge, dispute=states.get(payment.charge.id))
        for payment in order.payments
        if payment.id and payment.charge is not None and payment.charge.disputed
    }


def with_all_payments(orders: Orders, order: Order) -> Order:
    """One order with all of its payments and their charges."""
    try:
        return orders.with_payments(order)
    except PaymentsError as exc:
        log.warning("the payments of order=%s cannot be read: %s", order.number, exc)
        return replace(order, charges_missing=bool(_lacks_charge(order)))


def with_credit_refunds(orders: Orders, order: Order) -> Order:
    """One order with what its credit notes refunded. Makes a call only if that is unclear."""
    if not order.unclear or order.invoice_id is None or deadline.left() <= RESERVE_S:
        return order
    try:
        return replace(order, credit_refunds=orders.read_credit_refunds(order.invoice_id))
    except PaymentsError as exc:
        log.warning("the credit notes of order=%s cannot be read: %s", order.number, exc)
        return order


def _lacks_charge(order: Order) -> list[Payment]:
    """The payments of an order that were made or tried, and whose charge has not been read."""
    return [
        payment
        for payment in order.payments
        if payment.id and payment.charge is None and (payment.paid or order.attempted)
    ]
