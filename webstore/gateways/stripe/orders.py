"""Reads a customer's orders: completed Checkout Sessions, and the invoices of subscription renewals."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import stripe

from webstore.errors import NoSuchCustomer, NoSuchObject, PaymentsRefused
from webstore.shop.models import BoughtLine, Money, Order, OrderStatus
from webstore.shop.ports import OrderSlice

from .checkout import id_of, part, session_lines, with_all_lines
from .client import amount, moment, text, translated

log = logging.getLogger(__name__)

#: Sessions or invoices read in one call. Their expanded fields make them large and slow to read.
READ_AT_A_TIME = 20
#: Seconds from an invoice to its payment: a renewal's payment may be retried for weeks,
#: https://docs.stripe.com/billing/revenue-recovery
_PAID_WITHIN_S = 35 * 24 * 3600

#: An object in Stripe's answer. Any of its fields may be missing.
Found = Mapping[str, Any]

#: Statuses of a payment intent whose payment failed.
_PAYMENT_FAILED = ("requires_payment_method", "canceled")


class StripeOrders:
    """The purchases and renewals of the customers of the API key's account."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def list_purchases(self, customer_id: str, after: str | None) -> OrderSlice:
        """Some of the customer's purchases, the newest first. `after`: the ID of the last one read before.

        Raises `NoSuchObject` if `after` is unknown, and other `PaymentsError`s.
        Source: https://docs.stripe.com/api/checkout/sessions/list
        """
        sessions, more = self._read(
            lambda: self._client.v1.checkout.sessions.list(
                {
                    "customer": customer_id,
                    "status": "complete",
                    "limit": READ_AT_A_TIME,
                    "expand": [
                        "data.line_items",
                        "data.payment_intent.latest_charge",
                        "data.invoice.payments",
                    ],
                    **({"starting_after": after} if after else {}),
                }
            )
        )

        def purchases() -> OrderSlice:
            done = [found for found in sessions if found.get("status") == "complete"]
            refunds = self._refunds(customer_id, [part(found, "invoice") for found in done])
            orders = tuple(_purchase(with_all_lines(self._client, found), refunds) for found in done)
            return OrderSlice(orders, _last(sessions), more)

        return translated(purchases)

    def list_renewals(self, customer_id: str, after: str | None) -> OrderSlice:
        """Some of the customer's renewals, as in `list_purchases`.

        Source: https://docs.stripe.com/api/invoices/list
        """
        invoices, more = self._read(
            lambda: self._client.v1.invoices.list(
                {
                    "customer": customer_id,
                    "limit": READ_AT_A_TIME,
                    "expand": ["data.payments"],
                    **({"starting_after": after} if after else {}),
                }
            )
        )

        def renewals() -> OrderSlice:
            due = [
                found
                for found in invoices
                if found.get("billing_reason") == "subscription_cycle"
                and found.get("status") in ("open", "paid", "uncollectible")
            ]
            refunds = self._refunds(customer_id, due)
            return OrderSlice(tuple(_renewal(found, refunds) for found in due), _last(invoices), more)

        return translated(renewals)

    def _read(self, read: Any) -> tuple[list[dict[str, Any]], bool]:  # the lists have no common type
        """Read one page of a list, and whether there are more pages. Raises `PaymentsError`."""

        def page() -> tuple[list[dict[str, Any]], bool]:
            found = read()
            # The SDK does not check answers against its annotations, so that is done here.
            if not isinstance(found.data, list) or not isinstance(found.has_more, bool):
                raise TypeError("the answer is not a page of a list")
            return [item.to_dict() for item in found.data], found.has_more

        try:
            return translated(page)
        except NoSuchCustomer as exc:
            cause = exc.__cause__
            if getattr(cause, "param", None) == "starting_after":
                raise NoSuchObject(str(exc)) from exc
            raise

    def _refunds(self, customer_id: str, invoices: Sequence[Found]) -> Mapping[str, Found]:
        """The charges of these invoices, by payment intent ID. An invoice does not show its refunds itself.

        Source: https://docs.stripe.com/api/charges/list
        """
        paid = [found for found in invoices if payment_intents(found)]
        if not paid:
            return {}
        made = [int(moment(found["created"])) for found in paid]
        try:
            charges, _ = self._read(
                lambda: self._client.v1.charges.list(
                    {
                        "customer": customer_id,
                        "created": {"gte": min(made), "lte": max(made) + _PAID_WITHIN_S},
                        "limit": 100,
                    }
                )
            )
        except PaymentsRefused as exc:
            # A restricted key may lack the permission to read charges. Everything else is shown.
            log.warning("refunds of invoices cannot be read: %s", exc)
            return {}
        return {
            intent: charge
            for charge in charges
            if charge.get("status") == "succeeded" and (intent := id_of(charge.get("payment_intent")))
        }


def payment_intents(invoice: Found) -> list[str]:
    """The IDs of the payment intents of an invoice.

    Source: https://docs.stripe.com/api/invoice-payment/object
    """
    payments = part(invoice, "payments").get("data") or ()
    found = (id_of(part(payment, "payment").get("payment_intent")) for payment in payments)
    return [intent for intent in found if intent]


def _purchase(found: Found, charges: Mapping[str, Found]) -> Order:
    """Convert a completed Checkout Session to an order.

    Source: https://docs.stripe.com/api/checkout/sessions/object
    """
    currency = str(found.get("currency") or "").lower()
    intent, invoice = part(found, "payment_intent"), part(found, "invoice")
    refunded, in_full = _refunded([part(intent, "latest_charge")], charges, invoice)
    if found.get("payment_status") == "unpaid":
        status = _status_unpaid(intent, invoice)
    else:
        status = _status_paid(refunded, in_full)
    return Order(
        id=text(found["id"]),
        created=moment(found["created"]),
        status=status,
        total=Money(amount(found.get("amount_total")), currency),
        refunded=Money(refunded, currency),
        lines=session_lines(found, currency),
        document_url=part(intent, "latest_charge").get("receipt_url")
        or invoice.get("hosted_invoice_url")
        or None,
        owner=part(found, "metadata").get("auth0_user_id") or None,
    )


def _renewal(found: Found, charges: Mapping[str, Found]) -> Order:
    """Convert a renewal's invoice to an order.

    Source: https://docs.stripe.com/api/invoices/object
    """
    currency = str(found.get("currency") or "").lower()
    refunded, in_full = _refunded([], charges, found)
    status = {"open": OrderStatus.DUE, "uncollectible": OrderStatus.FAILED}.get(
        str(found["status"]), _status_paid(refunded, in_full)
    )
    subscription = part(part(found, "parent"), "subscription_details")
    return Order(
        id=text(found["id"]),
        created=moment(found["created"]),
        status=status,
        total=Money(amount(found.get("total")), currency),
        refunded=Money(refunded, currency),
        lines=tuple(_invoice_line(line, currency) for line in part(found, "lines").get("data") or ()),
        renewal=True,
        document_url=found.get("hosted_invoice_url") or None,
        owner=part(subscription, "metadata").get("auth0_user_id") or None,
    )


def _invoice_line(line: Found, currency: str) -> BoughtLine:
    """Convert an invoice's line item. `currency`: used for a line that has none.

    Source: https://docs.stripe.com/api/invoice-line-item/object
    """
    priced = part(part(line, "pricing"), "price_details")
    return BoughtLine(
        description=str(line.get("description") or "Item"),
        quantity=amount(line.get("quantity")) or 1,
        total=Money(amount(line.get("amount")), str(line.get("currency") or currency).lower()),
        price_id=id_of(priced.get("price")),
        product_id=id_of(priced.get("product")),
    )


def _refunded(own: list[Found], charges: Mapping[str, Found], invoice: Found) -> tuple[int, bool]:
    """The refunded amount in minor units, and whether it is the full payment."""
    made = [*own, *(charges[intent] for intent in payment_intents(invoice) if intent in charges)]
    refunded = sum(amount(charge.get("amount_refunded")) for charge in made)
    paid = sum(amount(charge.get("amount_captured") or charge.get("amount")) for charge in made)
    return refunded, refunded >= paid


def _status_paid(refunded: int, in_full: bool) -> OrderStatus:
    """The status of a paid order, from its refunded amount in minor units."""
    if refunded <= 0:
        return OrderStatus.PAID
    return OrderStatus.REFUNDED if in_full else OrderStatus.PARTLY_REFUNDED


def _status_unpaid(intent: Found, invoice: Found) -> OrderStatus:
    """The status of an unpaid Checkout Session: its payment may take days, or has failed.

    Source: https://docs.stripe.com/payments/checkout/fulfillment#delayed-notification
    """
    if intent.get("status") in _PAYMENT_FAILED or invoice.get("status") in ("void", "uncollectible"):
        return OrderStatus.FAILED
    if intent.get("status") == "succeeded" or invoice.get("status") == "paid":
        return OrderStatus.PAID
    return OrderStatus.PROCESSING


def _last(found: list[dict[str, Any]]) -> str | None:
    """The ID of the last object, which is the cursor of the next page."""
    return text(found[-1].get("id")) if found else None
