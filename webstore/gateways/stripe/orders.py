"""What a customer bought: completed Checkout Sessions, and the invoices of a subscription's renewals."""

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

#: Sessions or invoices read at a time. Expanding makes them large and slow.
READ_AT_A_TIME = 20
#: A renewal's payment may be tried again for weeks, https://docs.stripe.com/billing/revenue-recovery
_PAID_WITHIN_S = 35 * 24 * 3600

#: What Stripe answered, of which any field may be missing.
Found = Mapping[str, Any]

_PAYMENT_FAILED = ("requires_payment_method", "canceled")


class StripeOrders:
    """Purchases and renewals of the customers of one account."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def list_purchases(self, customer_id: str, after: str | None) -> OrderSlice:
        """https://docs.stripe.com/api/checkout/sessions/list"""
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
        """https://docs.stripe.com/api/invoices/list"""
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

    def _read(self, read: Any) -> tuple[list[dict[str, Any]], bool]:  # the lists have no type in common
        def page() -> tuple[list[dict[str, Any]], bool]:
            found = read()
            # What is annotated is not what has been checked: the SDK takes whatever the answer holds.
            if not isinstance(found.data, list) or not isinstance(found.has_more, bool):
                raise TypeError("no page of a list")
            return [item.to_dict() for item in found.data], found.has_more

        try:
            return translated(page)
        except NoSuchCustomer as exc:
            cause = exc.__cause__
            if getattr(cause, "param", None) == "starting_after":
                raise NoSuchObject(str(exc)) from exc
            raise

    def _refunds(self, customer_id: str, invoices: Sequence[Found]) -> Mapping[str, Found]:
        """The charges that paid these invoices, by payment intent: an invoice does not tell its refunds.

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
            # A restricted key that may not read charges shows everything else.
            log.warning("refunds of invoices cannot be read: %s", exc)
            return {}
        return {
            intent: charge
            for charge in charges
            if charge.get("status") == "succeeded" and (intent := id_of(charge.get("payment_intent")))
        }


def payment_intents(invoice: Found) -> list[str]:
    """What the invoice was paid with. https://docs.stripe.com/api/invoice-payment/object"""
    payments = part(invoice, "payments").get("data") or ()
    found = (id_of(part(payment, "payment").get("payment_intent")) for payment in payments)
    return [intent for intent in found if intent]


def _purchase(found: Found, charges: Mapping[str, Found]) -> Order:
    """https://docs.stripe.com/api/checkout/sessions/object"""
    currency = str(found.get("currency") or "").lower()
    intent, invoice = part(found, "payment_intent"), part(found, "invoice")
    refunded, whole = _refunded([part(intent, "latest_charge")], charges, invoice)
    if found.get("payment_status") == "unpaid":
        status = _status_unpaid(intent, invoice)
    else:
        status = _status_paid(refunded, whole)
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
    """https://docs.stripe.com/api/invoices/object"""
    currency = str(found.get("currency") or "").lower()
    refunded, whole = _refunded([], charges, found)
    status = {"open": OrderStatus.DUE, "uncollectible": OrderStatus.FAILED}.get(
        str(found["status"]), _status_paid(refunded, whole)
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
    """https://docs.stripe.com/api/invoice-line-item/object"""
    priced = part(part(line, "pricing"), "price_details")
    return BoughtLine(
        description=str(line.get("description") or "Item"),
        quantity=amount(line.get("quantity")) or 1,
        total=Money(amount(line.get("amount")), str(line.get("currency") or currency).lower()),
        price_id=id_of(priced.get("price")),
        product_id=id_of(priced.get("product")),
    )


def _refunded(own: list[Found], charges: Mapping[str, Found], invoice: Found) -> tuple[int, bool]:
    """What was paid back, and whether that was all."""
    made = [*own, *(charges[intent] for intent in payment_intents(invoice) if intent in charges)]
    refunded = sum(amount(charge.get("amount_refunded")) for charge in made)
    paid = sum(amount(charge.get("amount_captured") or charge.get("amount")) for charge in made)
    return refunded, refunded >= paid


def _status_paid(refunded: int, whole: bool) -> OrderStatus:
    if refunded <= 0:
        return OrderStatus.PAID
    return OrderStatus.REFUNDED if whole else OrderStatus.PARTLY_REFUNDED


def _status_unpaid(intent: Found, invoice: Found) -> OrderStatus:
    """A payment that takes days is under way, or has failed.

    Source: https://docs.stripe.com/payments/checkout/fulfillment#delayed-notification
    """
    if intent.get("status") in _PAYMENT_FAILED or invoice.get("status") in ("void", "uncollectible"):
        return OrderStatus.FAILED
    if intent.get("status") == "succeeded" or invoice.get("status") == "paid":
        return OrderStatus.PAID
    return OrderStatus.PROCESSING


def _last(found: list[dict[str, Any]]) -> str | None:
    return text(found[-1].get("id")) if found else None
