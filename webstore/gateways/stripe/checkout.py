"""Creates, reads and expires Stripe's Checkout Sessions, and opens the billing portal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe
from stripe.params.checkout import SessionCreateParams

from webstore.addresses import is_loopback
from webstore.errors import (
    AmountRefused,
    CurrencyRefused,
    EmailRefused,
    NoSuchCustomer,
    NoSuchObject,
    PaymentsError,
    PaymentsRefused,
)
from webstore.shop.models import BoughtLine, CheckoutSession, Money, Recurrence, SessionStatus
from webstore.shop.ports import SessionDraft

from .client import amount, is_replay, moment, text, translated
from .refusals import explained

#: Maximum number of characters of `client_reference_id`:
#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-client_reference_id
MAX_REFERENCE = 200
#: Error codes for an amount that cannot be charged, https://docs.stripe.com/error-codes
_AMOUNT_CODES = ("amount_too_small", "amount_too_large")
#: Phrases in Stripe's messages about a second currency of a customer, which have no error code.
_CURRENCY_PHRASES = ("combine currencies", "does not match the customer currency")
#: What Stripe says about a price that is missing, archived, of an archived product, or without the currency.
_NOT_FOR_SALE_PHRASES = (
    "no such price",
    "price specified is inactive",
    "product is not active",
    "price specified supports currencies",
)


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
            raise _purchase_error(exc) from exc

    def get_session(self, session_id: str) -> CheckoutSession:
        """Read a Checkout Session with its line items. Raises `NoSuchObject` and other `PaymentsError`s.

        Source: https://docs.stripe.com/api/checkout/sessions/retrieve
        """

        def read() -> CheckoutSession:
            found = self._client.v1.checkout.sessions.retrieve(session_id, {"expand": ["line_items"]})
            return checkout_session(with_all_lines(self._client, found.to_dict()))

        try:
            return translated(read)
        except NoSuchCustomer as exc:
            raise NoSuchObject(str(exc)) from exc

    def expire_session(self, session_id: str) -> None:
        """Expire an open Checkout Session, so that it cannot be paid any more. Raises `PaymentsError`.

        Source: https://docs.stripe.com/api/checkout/sessions/expire
        """
        translated(lambda: self._client.v1.checkout.sessions.expire(session_id))

    def portal_url(self, customer_id: str, return_url: str) -> str:
        """Make a billing portal session for the customer and return its URL. Raises `PaymentsError`.

        Source: https://docs.stripe.com/api/customer_portal/sessions/create
        """
        return translated(
            lambda: text(
                self._client.v1.billing_portal.sessions.create(
                    {"customer": customer_id, "return_url": return_url}
                ).url
            )
        )


def session_params(draft: SessionDraft) -> SessionCreateParams:
    """The parameters of a new Checkout Session: the purchase, and the operator's options for checkouts."""
    options = draft.options
    recurring = any(line.price.recurrence is not None for line in draft.lines)
    metadata = {"auth0_user_id": draft.user_id}
    params: SessionCreateParams = {
        "mode": "subscription" if recurring else "payment",
        "customer": draft.customer_id,
        # A price may have several currencies. This is the one that the shopper saw.
        # https://docs.stripe.com/payments/checkout/localize-prices/manual-currency-prices
        "currency": draft.lines[0].price.money.currency,
        "line_items": [{"price": line.price.id, "quantity": line.quantity} for line in draft.lines],
        "success_url": draft.success_url,
        "cancel_url": draft.cancel_url,
        "metadata": metadata,
    }
    if len(draft.user_id) <= MAX_REFERENCE:
        params["client_reference_id"] = draft.user_id
    if recurring:
        params["subscription_data"] = {"metadata": metadata}
    else:
        params["payment_intent_data"] = {"metadata": metadata}
        if options.receipts and draft.email:
            params["payment_intent_data"]["receipt_email"] = draft.email
    _add_addresses(params, draft, recurring=recurring)
    if options.promotion_codes:
        params["allow_promotion_codes"] = True
    if options.phone:
        params["phone_number_collection"] = {"enabled": True}
    if options.terms:
        params["consent_collection"] = {"terms_of_service": "required"}
    return params


def _add_addresses(params: SessionCreateParams, draft: SessionDraft, *, recurring: bool) -> None:
    """Add the parameters for shipping and tax.

    The customer's name is not updated, because it comes from the user directory. Shipping rates are allowed
    for one-time payments only: https://docs.stripe.com/payments/during-payment/charge-shipping
    """
    options = draft.options
    shipped = bool(options.shipping_countries) and any(
        line.product.shippable is not False for line in draft.lines
    )
    if shipped:
        # The SDK's type lists the country codes; Stripe refuses the countries that it does not support.
        countries: Any = list(options.shipping_countries)
        params["shipping_address_collection"] = {"allowed_countries": countries}
        if options.shipping_rates and not recurring:
            params["shipping_options"] = [{"shipping_rate": rate} for rate in options.shipping_rates]
    if options.automatic_tax:
        params["automatic_tax"] = {"enabled": True}
        params["customer_update"] = {"address": "auto"}
        if shipped:
            params["customer_update"]["shipping"] = "auto"


def with_all_lines(client: stripe.StripeClient, found: dict[str, Any]) -> dict[str, Any]:
    """The session with all of its line items. If the session includes only some, the full list is read.

    Source: https://docs.stripe.com/api/checkout/sessions/line_items
    """
    if part(found, "line_items").get("has_more"):
        rest = client.v1.checkout.sessions.line_items.list(text(found["id"]), {"limit": 100})
        found["line_items"] = rest.to_dict()
    return found


def checkout_session(found: Mapping[str, Any]) -> CheckoutSession:
    """Convert Stripe's Checkout Session to the store's `CheckoutSession`.

    Source: https://docs.stripe.com/api/checkout/sessions/object
    """
    currency = str(found.get("currency") or "").lower()
    return CheckoutSession(
        id=text(found["id"]),
        status=SessionStatus(text(found["status"])),
        payment_status=text(found["payment_status"]),
        mode=text(found["mode"]),
        created=moment(found["created"]),
        expires_at=moment(found.get("expires_at") or 0),
        total=Money(amount(found.get("amount_total")), currency),
        url=_address(found.get("url")),
        customer_id=id_of(found.get("customer")),
        owner=part(found, "metadata").get("auth0_user_id") or None,
        lines=session_lines(found, currency),
    )


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
        )
        for line in part(found, "line_items").get("data") or ()
    )


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


def id_of(value: object) -> str | None:
    """The ID in a field that holds an ID or an expanded object; None if it has none."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def _is_missing_price(cause: stripe.StripeError, param: str) -> bool:
    """Whether a price of the purchase does not exist; other refusals about it are for the operator."""
    return cause.code == "resource_missing" and param.startswith("line_items")


def _purchase_error(exc: PaymentsError) -> PaymentsError:
    """The specific error for a refused Checkout Session, such as `AmountRefused`; else the error itself.

    Source: https://docs.stripe.com/error-codes
    """
    cause = exc.__cause__
    if not isinstance(cause, stripe.StripeError):
        return exc
    param, message = str(getattr(cause, "param", None) or ""), (cause.user_message or "").lower()
    error = exc
    if param.endswith("[receipt_email]"):
        error = EmailRefused(str(exc))
    elif cause.code in _AMOUNT_CODES:
        error = AmountRefused(str(exc))
    elif any(words in message for words in _CURRENCY_PHRASES):
        error = CurrencyRefused(str(exc))
    elif any(words in message for words in _NOT_FOR_SALE_PHRASES) or _is_missing_price(cause, param):
        error = NoSuchObject(str(exc))
    elif isinstance(exc, NoSuchCustomer) and param != "customer" and "no such customer" not in message:
        error = PaymentsRefused(explained(cause, str(exc)))
    error.replayed = is_replay(cause.headers or {})
    return error
