"""Creates, reads and expires Stripe's Checkout Sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import stripe

from webstore.addresses import is_loopback
from webstore.errors import NoSuchCustomer, NoSuchObject, PaymentsRefused
from webstore.shop.models import BoughtLine, CheckoutSession, Money, Recurrence, SessionStatus
from webstore.shop.ports import Availability, Offer, SessionDraft

from .client import amount, is_replay, moment, text, translated
from .embedded import Item, complete, page_of
from .listing import read_page
from .purchase_errors import purchase_error
from .session_params import session_params

if TYPE_CHECKING:
    # Large modules, of types alone.
    from stripe.params.checkout import SessionLineItemListParams

#: Open sessions read in one call; if an answer is too large, the next smaller number is tried.
_OPEN_AT_A_TIME = (100, 30, 5)
#: Statuses of a payment intent, an invoice and a subscription whose (first) payment failed.
_FAILED_INTENT = ("requires_payment_method", "canceled")
_FAILED_INVOICE = ("void", "uncollectible")
_FAILED_SUBSCRIPTION = ("past_due", "unpaid", "canceled", "incomplete_expired")


class StripeCheckouts:
    """The Checkout Sessions of the API key's account, in the key's mode (live or test)."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def create_session(self, draft: SessionDraft, idempotency_key: str) -> tuple[CheckoutSession, bool]:
        """Create a Checkout Session. The bool: whether the answer was stored under the idempotency key.

        Raises `PaymentsError`. Source: https://docs.stripe.com/api/checkout/sessions/create
        """
        params = session_params(draft)

        def create() -> tuple[CheckoutSession, bool]:
            made = self._client.v1.checkout.sessions.create(params, {"idempotency_key": idempotency_key})
            response = made.last_response
            return checkout_session(made.to_dict()), is_replay(response.headers if response else {})

        try:
            return translated(create)
        except (NoSuchCustomer, PaymentsRefused) as exc:
            raise purchase_error(exc) from exc

    def get_session(self, session_id: str) -> CheckoutSession:
        """Read a Checkout Session with its line items and the state of its payment.

        Raises `NoSuchObject` and other `PaymentsError`s.
        """
        return self.get_offer(session_id).session

    def get_offer(self, session_id: str) -> Offer:
        """Read a Checkout Session, and which of its prices are archived: its line items include the prices.

        Raises `NoSuchObject` and other `PaymentsError`s.
        Source: https://docs.stripe.com/api/checkout/sessions/retrieve
        """

        def read() -> Offer:
            found = self._client.v1.checkout.sessions.retrieve(
                session_id, {"expand": ["line_items", "payment_intent", "invoice", "subscription"]}
            )
            return _offer(with_all_lines(self._client, found.to_dict()))

        try:
            return translated(read)
        except NoSuchCustomer as exc:
            raise NoSuchObject(str(exc)) from exc

    def list_offers(self, customer_id: str) -> tuple[Offer, ...]:
        """Read the customer's newest open Checkout Sessions, at most a page of them, with their line items.

        Raises `NoSuchCustomer` and other `PaymentsError`s.
        Source: https://docs.stripe.com/api/checkout/sessions/list
        """
        # Any: a TypedDict cannot be made of parts.
        params: dict[str, Any] = {"customer": customer_id, "status": "open", "expand": ["data.line_items"]}
        found, _ = read_page(self._client.v1.checkout.sessions.list, params, _OPEN_AT_A_TIME)
        return translated(lambda: tuple(_offer(with_all_lines(self._client, it)) for it in found))

    def availability(self, product_ids: Sequence[str]) -> Mapping[str, Availability]:
        """Whether these products (at most 100) can be bought. Raises `PaymentsError`.

        Stripe itself refuses an archived price when a session is created.
        Source: https://docs.stripe.com/api/products/list
        """
        wanted = list(dict.fromkeys(product_ids))

        def read() -> dict[str, Availability]:
            found, _ = page_of(self._client.v1.products.list({"ids": wanted, "limit": 100}))
            return {text(product.get("id")): _availability(product) for product in found}

        return dict.fromkeys(wanted, Availability.GONE) | translated(read)

    def expire_session(self, session_id: str) -> None:
        """Expire an open Checkout Session, so that it cannot be paid any more.

        Raises `PaymentsRefused` if it is not open, `NoSuchObject`, and other `PaymentsError`s.
        Source: https://docs.stripe.com/api/checkout/sessions/expire
        """
        try:
            translated(lambda: self._client.v1.checkout.sessions.expire(session_id))
        except NoSuchCustomer as exc:
            raise NoSuchObject(str(exc)) from exc


def _availability(product: Item) -> Availability:
    """Whether a product can be bought. A listed product without `active` is for sale, as in the catalogue.

    Source: https://docs.stripe.com/api/products/object
    """
    if product.get("active") is False or product.get("deleted"):
        return Availability.GONE
    stock = part(product, "metadata").get("stock")
    return Availability.OUT_OF_STOCK if str(stock).strip() == "0" else Availability.FOR_SALE


def with_all_lines(client: stripe.StripeClient, found: dict[str, Any]) -> dict[str, Any]:
    """The session with all of its line items. If the session includes only some, the others are read.

    Source: https://docs.stripe.com/api/checkout/sessions/line_items
    """

    def page(after: str | None) -> tuple[list[Item], bool]:
        params: SessionLineItemListParams = {"limit": 100}
        if after:
            params["starting_after"] = after
        return page_of(client.v1.checkout.sessions.line_items.list(text(found.get("id")), params))

    lines = part(found, "line_items")
    if lines:
        found["line_items"] = {**lines, "data": complete(lines, page), "has_more": False}
    return found


def checkout_session(found: Mapping[str, Any]) -> CheckoutSession:
    """Convert Stripe's Checkout Session to the store's `CheckoutSession`.

    Source: https://docs.stripe.com/api/checkout/sessions/object
    """
    currency = str(found.get("currency") or "").lower()
    status, payment_status = SessionStatus(text(found["status"])), text(found["payment_status"])
    unpaid = status is SessionStatus.COMPLETE and payment_status == "unpaid"
    return CheckoutSession(
        id=text(found["id"]),
        status=status,
        payment_status="paid" if unpaid and _was_paid_since(found) else payment_status,
        mode=text(found["mode"]),
        created=moment(found["created"]),
        expires_at=moment(found.get("expires_at") or 0),
        total=Money(amount(found.get("amount_total")), currency),
        url=_address(found.get("url")),
        customer_id=id_of(found.get("customer")),
        owner=part(found, "metadata").get("auth0_user_id") or None,
        lines=session_lines(found, currency),
        noted_number=_words(part(found, "metadata").get("order_number")),
        failed=unpaid and _has_failed(found),
        invoice_url=_invoice_url(part(found, "invoice")),
    )


def _offer(found: Mapping[str, Any]) -> Offer:
    """A Checkout Session and its archived prices. A price without `active` is for sale.

    Source: https://docs.stripe.com/api/prices/object#price_object-active
    """
    prices = [part(line, "price") for line in part(found, "line_items").get("data") or ()]
    archived = {id_of(price) for price in prices if price.get("active") is False or price.get("deleted")}
    return Offer(checkout_session(found), frozenset(price_id for price_id in archived if price_id))


def _was_paid_since(found: Mapping[str, Any]) -> bool:
    """Whether the payment of a session that was completed unpaid has succeeded: a session may say so late.

    Source: https://docs.stripe.com/payments/checkout/fulfillment#delayed-notification
    """
    return (
        part(found, "payment_intent").get("status") == "succeeded"
        or part(found, "invoice").get("status") == "paid"
    )


def _has_failed(found: Mapping[str, Any]) -> bool:
    """Whether the payment of a session that was completed unpaid has failed.

    The invoice is open and `attempted` while a bank debit is still under way. What tells a failed debit apart
    is the state of the subscription: https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
    """
    if part(found, "payment_intent").get("status") in _FAILED_INTENT:
        return True
    invoice = part(found, "invoice").get("status")
    return invoice in _FAILED_INVOICE or (
        invoice == "open" and part(found, "subscription").get("status") in _FAILED_SUBSCRIPTION
    )


def _invoice_url(invoice: Mapping[str, Any]) -> str | None:
    """The page on which an open invoice can be paid; None if there is none, or a browser may not go there.

    Source: https://docs.stripe.com/api/invoices/object#invoice_object-hosted_invoice_url
    """
    if invoice.get("status") != "open":
        return None
    try:
        return _address(invoice.get("hosted_invoice_url"))
    except (TypeError, ValueError):
        return None


def session_lines(found: Mapping[str, Any], currency: str) -> tuple[BoughtLine, ...]:
    """Convert the line items of a Checkout Session. `currency`: used for lines that have none.

    Source: https://docs.stripe.com/api/checkout/sessions/line_items
    """
    return tuple(
        BoughtLine(
            description=str(line.get("description") or "Item"),
            quantity=amount(line.get("quantity")) or 1,
            total=Money(amount(line.get("amount_total")), str(line.get("currency") or currency).lower()),
            price_id=id_of(line.get("price")),
            product_id=id_of(part(line, "price").get("product")),
            recurrence=_recurrence(part(part(line, "price"), "recurring")),
            variant=_variant(line),
        )
        for line in part(found, "line_items").get("data") or ()
    )


def _variant(line: Mapping[str, Any]) -> str | None:
    """What the shopper chose: the price's nickname at the time of the purchase, else the present one."""
    return _words(part(line, "metadata").get("variant")) or _words(part(line, "price").get("nickname"))


def _recurrence(found: Mapping[str, Any]) -> Recurrence | None:
    """Convert the recurrence of a price; None for a one-time price.

    Source: https://docs.stripe.com/api/prices/object#price_object-recurring
    """
    if not found:
        return None
    return Recurrence(text(found.get("interval")), amount(found.get("interval_count")) or 1)


def _address(found: object) -> str | None:
    """The URL of the payment page; None if the session has none.

    Raises `ValueError` unless it is https, or http on this machine. `translated` turns this into
    `PaymentsUnavailable`.
    """
    if found is None:
        return None
    address = text(found)
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return address
    raise ValueError("the URL of the payment page is not https")


def part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested object; empty if it is missing or not expanded (only its ID is there)."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _words(value: object) -> str | None:
    """A text for shoppers; None if it is missing or empty."""
    return (value.strip() or None) if isinstance(value, str) else None


def id_of(value: object) -> str | None:
    """The ID in a field that holds an ID or an expanded object; None if it has none."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None
