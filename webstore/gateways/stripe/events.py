"""Reads Stripe's list of events, and the invoices, refunds, disputes and subscriptions they are about."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import stripe

from webstore.errors import (
    NoSuchCustomer,
    NoSuchObject,
    PaymentsRefused,
    PaymentsUnavailable,
    WebhookRejected,
)
from webstore.shop.models import BoughtLine, CheckoutSession, Money, StripeEvent
from webstore.shop.order_events import Dispute, Invoice, Refund, SubscriptionState

from .checkout import checkout_session, id_of, part, with_all_lines
from .client import amount, moment, text, translated
from .embedded import Item, complete, page_of
from .listing import read_page
from .order_documents import invoice_line
from .order_fields import user_id_of
from .webhooks import event_of

if TYPE_CHECKING:
    # Large modules, of types alone.
    from stripe.params import InvoiceLineItemListParams, RefundListParams

T = TypeVar("T")
log = logging.getLogger(__name__)

#: Events read in one call. Each contains a complete object; if an answer is too large, the next smaller
#: number is tried.
_EVENTS_AT_A_TIME = (100, 30, 5)
#: Maximum number of pages of events that are read.
MAX_PAGES = 2000


class StripeEvents:
    """The events of the API key's account, in the key's mode (live or test)."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def has_event(self, event: StripeEvent) -> bool:
        """Whether the account has this event. Raises `PaymentsError`.

        Sources: https://docs.stripe.com/api/events/retrieve and
        https://docs.stripe.com/api/v2/core/events/retrieve
        """

        def read() -> bool:
            if event.thin:
                return bool(self._client.v2.core.events.retrieve(event.id))
            return bool(self._client.v1.events.retrieve(event.id))

        try:
            return _read(read)
        except NoSuchObject:
            return False

    def list_events(self, types: Sequence[str], since: float) -> Iterator[StripeEvent]:
        """The events of these types since the Unix time, the newest first. Raises `PaymentsError`.

        Source: https://docs.stripe.com/api/events/list
        """
        after: str | None = None
        for _ in range(MAX_PAGES):
            page, more = self._page(types, since, after)
            for found in page:
                try:
                    yield event_of(found)
                except WebhookRejected as exc:
                    log.error("an event in Stripe's list cannot be read: %s", exc)  # noqa: TRY400  # no traceback: it shows nothing more
            last = id_of(page[-1]) if page else None
            if not more or last is None:
                return
            if last == after:
                raise PaymentsUnavailable("Stripe sent the same page of events twice")
            after = last
        log.error("there are more than %d pages of events; the oldest are left out", MAX_PAGES)

    def _page(self, types: Sequence[str], since: float, after: str | None) -> tuple[list[Item], bool]:
        # Any: a TypedDict cannot be made of parts.
        params: dict[str, Any] = {"types": list(types), "created": {"gte": int(since)}}
        if after:
            params["starting_after"] = after
        return read_page(self._client.v1.events.list, params, _EVENTS_AT_A_TIME)


class StripeRecords:
    """What the API key's account says now about payments. Methods raise `PaymentsError`s.

    `NoSuchObject`: the account has no object with this ID.
    """

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def get_invoice(self, invoice_id: str) -> Invoice:
        """One invoice with its lines. Source: https://docs.stripe.com/api/invoices/retrieve"""
        return _read(lambda: self._invoice(self._client.v1.invoices.retrieve(invoice_id).to_dict()))

    def get_refund(self, refund_id: str) -> Refund:
        """One refund. Source: https://docs.stripe.com/api/refunds/retrieve"""
        return _read(lambda: _refund(self._client.v1.refunds.retrieve(refund_id).to_dict()))

    def list_refunds(self, charge_id: str) -> tuple[Refund, ...]:
        """All refunds of a charge, the newest first. Source: https://docs.stripe.com/api/refunds/list"""

        def page(after: str | None) -> tuple[list[Item], bool]:
            params: RefundListParams = {"charge": charge_id, "limit": 100}
            if after:
                params["starting_after"] = after
            return page_of(self._client.v1.refunds.list(params))

        return _read(lambda: tuple(_refund(found) for found in complete({"has_more": True}, page)))

    def get_dispute(self, dispute_id: str) -> Dispute:
        """One dispute. Source: https://docs.stripe.com/api/disputes/retrieve"""
        return _read(lambda: _dispute(self._client.v1.disputes.retrieve(dispute_id).to_dict()))

    def get_subscription(self, subscription_id: str) -> SubscriptionState:
        """One subscription, also an ended one. Source: https://docs.stripe.com/api/subscriptions/retrieve"""
        return _read(lambda: _subscription(self._client.v1.subscriptions.retrieve(subscription_id).to_dict()))

    def session_of_payment(self, payment_id: str) -> CheckoutSession | None:
        """The Checkout Session that was paid with this payment intent, with its lines.

        Source: https://docs.stripe.com/api/checkout/sessions/list
        """
        return self._session(payment_intent=payment_id)

    def session_of_subscription(self, subscription_id: str) -> CheckoutSession | None:
        """The Checkout Session that this subscription began with, with its lines.

        Source: https://docs.stripe.com/api/checkout/sessions/list
        """
        return self._session(subscription=subscription_id)

    def invoice_of_payment(self, payment_id: str) -> Invoice | None:
        """The invoice that was paid with this payment intent, with its lines.

        Source: https://docs.stripe.com/api/invoice-payment/list
        """

        def read() -> Invoice | None:
            listed = self._client.v1.invoice_payments.list(
                {
                    "payment": {"type": "payment_intent", "payment_intent": payment_id},
                    "expand": ["data.invoice"],
                    "limit": 1,
                }
            )
            found, _ = page_of(listed)
            invoice = part(found[0], "invoice") if found else None
            return self._invoice(dict(invoice)) if invoice else None

        return _or_none(read)

    def _session(self, **which: Any) -> CheckoutSession | None:
        """The first session of a filtered list."""

        def read() -> CheckoutSession | None:
            found, _ = read_page(
                self._client.v1.checkout.sessions.list, {**which, "expand": ["data.line_items"]}, (1,)
            )
            return checkout_session(with_all_lines(self._client, found[0])) if found else None

        return _or_none(read)

    def _invoice(self, found: Item) -> Invoice:
        """Convert an invoice, and read the rest of its lines. Raises the SDK's errors.

        Sources: https://docs.stripe.com/api/invoices/object and
        https://docs.stripe.com/api/invoice-line-item/list
        """
        invoice_id, currency = text(found.get("id")), str(found.get("currency") or "").lower()

        def page(after: str | None) -> tuple[list[Item], bool]:
            params: InvoiceLineItemListParams = {"limit": 100}
            if after:
                params["starting_after"] = after
            return page_of(self._client.v1.invoices.line_items.list(invoice_id, params))

        details = part(part(found, "parent"), "subscription_details")
        return Invoice(
            id=invoice_id,
            created=moment(found.get("created")),
            status=text(found.get("status")),
            reason=str(found.get("billing_reason") or ""),
            total=Money(amount(found.get("total")), currency),
            lines=tuple(_bought(line, currency) for line in complete(found.get("lines"), page)),
            attempts=_count(found.get("attempt_count")),
            paid_at=_when(part(found, "status_transitions").get("paid_at")),
            customer_id=id_of(found.get("customer")),
            user_id=user_id_of(details),
            subscription_id=id_of(details.get("subscription")),
        )


def _read(send: Callable[[], T]) -> T:
    """The result of `send`. Like `translated`, but a missing object is a `NoSuchObject`."""
    try:
        return translated(send)
    except NoSuchCustomer as exc:
        raise NoSuchObject(str(exc)) from exc
    except PaymentsRefused as exc:
        # API v2 has another code for it: https://docs.stripe.com/api-v2-overview
        if getattr(exc.__cause__, "http_status", None) == 404:
            raise NoSuchObject(str(exc)) from exc
        raise


def _or_none(send: Callable[[], T | None]) -> T | None:
    """The result of a list; None if the object in its filter does not exist: Stripe may refuse it then."""
    try:
        return _read(send)
    except NoSuchObject:
        return None


def _refund(found: Mapping[str, Any]) -> Refund:
    """Convert a refund. Source: https://docs.stripe.com/api/refunds/object"""
    return Refund(
        id=text(found.get("id")),
        created=moment(found.get("created")),
        # Stripe's older refunds have no status: they succeeded.
        status=str(found.get("status") or "succeeded"),
        money=Money(amount(found.get("amount")), str(found.get("currency") or "").lower()),
        charge_id=id_of(found.get("charge")),
        payment_id=id_of(found.get("payment_intent")),
    )


def _dispute(found: Mapping[str, Any]) -> Dispute:
    """Convert a dispute. Source: https://docs.stripe.com/api/disputes/object"""
    return Dispute(
        id=text(found.get("id")),
        created=moment(found.get("created")),
        status=text(found.get("status")),
        money=Money(amount(found.get("amount")), str(found.get("currency") or "").lower()),
        charge_id=id_of(found.get("charge")),
        payment_id=id_of(found.get("payment_intent")),
    )


def _subscription(found: Mapping[str, Any]) -> SubscriptionState:
    """Convert a subscription. Source: https://docs.stripe.com/api/subscriptions/object"""
    return SubscriptionState(
        id=text(found.get("id")),
        created=moment(found.get("created")),
        status=text(found.get("status")),
        customer_id=id_of(found.get("customer")),
        user_id=user_id_of(found),
        ends=found.get("cancel_at_period_end") is True or _when(found.get("cancel_at")) is not None,
        cancelled_at=_when(found.get("canceled_at")),
        ended_at=_when(found.get("ended_at")),
    )


def _bought(line: Item, currency: str) -> BoughtLine:
    """An invoice's line with the fields that order events have."""
    found = invoice_line(line, currency)
    return BoughtLine(
        description=found.description,
        quantity=found.quantity,
        total=found.total,
        price_id=found.price_id,
        product_id=found.product_id,
        recurrence=found.recurrence,
        variant=found.variant,
    )


def _when(value: object) -> float | None:
    """A Unix time; None if it is missing or is none."""
    try:
        return moment(value)
    except TypeError:
        return None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
