"""Reads a customer's orders: completed Checkout Sessions, invoices, and the charges that paid them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import stripe

from webstore.shop.models import BoughtLine
from webstore.shop.order import Charge, Disputed, Order, OrderKind
from webstore.shop.ports import OrderSlice

from .client import text, translated
from .embedded import Item, complete, page_of
from .listing import read_page
from .order_documents import invoice_order, order_line, purchase, purchase_lines
from .order_payments import charge_of, credit_refunds, dispute_of, invoice_payments

#: Sessions or invoices read in one call. Their expanded fields make them large; if an answer is too large,
#: the next smaller number is tried.
READ_AT_A_TIME = (20, 5, 1)
_CHARGES_AT_A_TIME, _DISPUTES_AT_A_TIME = (100, 20), (100, 20)

_SESSION_PARTS = ["data.line_items", "data.payment_intent.latest_charge", "data.invoice.payments"]
_PAYMENT_PARTS = ["data.payment.payment_intent.latest_charge", "data.payment.charge"]
#: An embedded list before its first page is read.
_NOTHING_READ: Mapping[str, object] = {"data": [], "has_more": True}

#: An interval of creation in Unix seconds, the end excluded.
Interval = tuple[int, int]


class StripeOrders:
    """The orders of the customers of the API key's account."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def list_purchases(
        self, customer_id: str, after: str | None, created: Interval | None = None
    ) -> OrderSlice:
        """Some of the customer's purchases, the newest first. `after`: the ID of the last one read before.

        `created`: only those that were created in this interval. Raises `NoSuchObject` if `after` is unknown,
        and other `PaymentsError`s. Source: https://docs.stripe.com/api/checkout/sessions/list
        """
        params = {**_params(customer_id, after, created), "status": "complete", "expand": _SESSION_PARTS}
        sessions, more = read_page(self._client.v1.checkout.sessions.list, params, READ_AT_A_TIME)
        done = [found for found in sessions if found.get("status") == "complete"]
        return translated(lambda: _slice(sessions, more, map(purchase, done)))

    def list_invoices(
        self, customer_id: str, after: str | None, created: Interval | None = None
    ) -> OrderSlice:
        """Some of the customer's invoices, as in `list_purchases`, each with its first payments.

        Those that say they belong to a purchase are left out. Source: https://docs.stripe.com/api/invoices/list
        """
        params = {**_params(customer_id, after, created), "expand": ["data.payments"]}
        invoices, more = read_page(self._client.v1.invoices.list, params, READ_AT_A_TIME)

        return translated(lambda: _slice(invoices, more, map(invoice_order, invoices)))

    def with_all_lines(self, order: Order) -> Order:
        """The order with all of its lines. Makes calls only if some are missing. Raises `PaymentsError`."""
        if order.complete:
            return order
        return replace(order, lines=translated(lambda: self._lines(order)), complete=True)

    def with_payments(self, order: Order) -> Order:
        """The order with the payments of its invoice and their charges. Makes a call only for an invoice.

        Raises `PaymentsError`. Source: https://docs.stripe.com/api/invoice-payment/list
        """
        if order.invoice_id is None or not order.payments:
            return order
        read = self._payments_reader(order.invoice_id, _PAYMENT_PARTS)
        found = translated(lambda: invoice_payments(complete(_NOTHING_READ, read)))
        return replace(order, payments=found, more_payments=False)

    def read_charges(self, customer_id: str, since: int, until: int | None) -> tuple[Charge, ...]:
        """The newest hundred charges of the customer from `since` to `until` (Unix seconds, both included).

        Raises `PaymentsError`. Source: https://docs.stripe.com/api/charges/list
        """
        created = {"gte": since} if until is None else {"gte": since, "lte": until}
        params = {"customer": customer_id, "created": created}
        found, _ = read_page(self._client.v1.charges.list, params, _CHARGES_AT_A_TIME)
        return translated(lambda: tuple(map(charge_of, found)))

    def read_charge(self, payment_id: str) -> Charge | None:
        """The latest charge of a payment intent, or the charge with this ID. Raises `PaymentsError`.

        Sources: https://docs.stripe.com/api/payment_intents/retrieve and
        https://docs.stripe.com/api/charges/retrieve
        """

        def read() -> Charge | None:
            if not payment_id.startswith("pi_"):
                return charge_of(self._client.v1.charges.retrieve(payment_id).to_dict())
            found = self._client.v1.payment_intents.retrieve(payment_id, {"expand": ["latest_charge"]})
            charge = found.to_dict().get("latest_charge")
            return charge_of(charge) if isinstance(charge, dict) else None

        return translated(read)

    def read_disputes(self, charges: Sequence[Charge]) -> Mapping[str, Disputed]:
        """How the disputes about these charges stand, by charge ID, in one call.

        Of several charges, only the account's newest hundred disputes are read. A charge whose dispute is not
        among them is left out. Raises `PaymentsError`. Source: https://docs.stripe.com/api/disputes/list
        """
        only = {"charge": charges[0].id} if len(charges) == 1 else {}
        since = {} if only else {"created": {"gte": int(min(charge.created for charge in charges))}}
        found, _ = read_page(self._client.v1.disputes.list, {**only, **since}, _DISPUTES_AT_A_TIME)

        def states() -> dict[str, Disputed]:
            known = {charge.id: dispute_of(charge, found) for charge in charges}
            return {charge_id: state for charge_id, state in known.items() if state is not None}

        return translated(states)

    def read_credit_refunds(self, invoice_id: str) -> int:
        """What the invoice's credit notes refunded to the payment methods. Raises `PaymentsError`.

        Source: https://docs.stripe.com/api/credit_notes/list
        """

        def notes(after: str | None) -> tuple[list[Item], bool]:
            params: Any = {"invoice": invoice_id, **_following(after)}  # as in `_payments_reader`
            return page_of(self._client.v1.credit_notes.list(params))

        return translated(lambda: credit_refunds(complete(_NOTHING_READ, notes)))

    def _lines(self, order: Order) -> tuple[BoughtLine, ...]:
        """All lines of an order.

        Sources: https://docs.stripe.com/api/checkout/sessions/line_items and
        https://docs.stripe.com/api/invoices/invoice_lines
        """
        currency, v1 = order.total.currency, self._client.v1
        if order.kind is OrderKind.PURCHASE:
            found = complete(
                _NOTHING_READ,
                lambda after: page_of(v1.checkout.sessions.line_items.list(order.id, _following(after))),
            )
            return purchase_lines(found, currency)
        found = complete(
            _NOTHING_READ, lambda after: page_of(v1.invoices.line_items.list(order.id, _following(after)))
        )
        return tuple(order_line(line, currency) for line in found)

    def _payments_reader(
        self, invoice_id: str, expand: Sequence[str] = ()
    ) -> Callable[[str | None], tuple[list[Item], bool]]:
        # Any: the SDK's types of parameters differ for each list.
        def read(after: str | None) -> tuple[list[Item], bool]:
            params: Any = {"invoice": invoice_id, **_following(after)}
            if expand:
                params["expand"] = list(expand)
            return page_of(self._client.v1.invoice_payments.list(params))

        return read


def _params(customer_id: str, after: str | None, created: Interval | None) -> dict[str, Any]:
    """The parameters of a list of the customer's objects."""
    params: dict[str, Any] = {"customer": customer_id}
    if after is not None:
        params["starting_after"] = after
    if created is not None:
        params["created"] = {"gte": created[0], "lt": created[1]}
    return params


def _following(after: str | None) -> Any:  # the parameters have another type for each list
    """The parameters of the page after the item with this ID."""
    return {"limit": 100} if after is None else {"limit": 100, "starting_after": after}


def _slice(
    found: Sequence[Item], more: bool, orders: Iterable[Order | None]
) -> OrderSlice:  # Stripe's `has_more`
    """A slice of a listing; the ID of its last object is the cursor of the next slice."""
    last = text(found[-1].get("id")) if found else None
    return OrderSlice(tuple(order for order in orders if order is not None), last, more)
