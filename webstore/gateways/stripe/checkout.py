"""Checkout Sessions and the billing portal at Stripe."""

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

#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-client_reference_id
MAX_REFERENCE = 200
#: https://docs.stripe.com/error-codes
_OF_THE_AMOUNT = ("amount_too_small", "amount_too_large")
#: What Stripe says of a second currency, for which it has no code.
_OF_THE_CURRENCY = ("combine currencies", "does not match the customer currency")


class StripeCheckouts:
    """Checkout Sessions of one account, in the mode of the key."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def create_session(self, draft: SessionDraft, idempotency_key: str) -> tuple[CheckoutSession, bool]:
        """https://docs.stripe.com/api/checkout/sessions/create"""
        params = session_params(draft)

        def create() -> tuple[CheckoutSession, bool]:
            made = self._client.v1.checkout.sessions.create(params, {"idempotency_key": idempotency_key})
            response = made.last_response
            return checkout_session(made.to_dict()), is_replay(response.headers if response else {})

        try:
            return translated(create)
        except (NoSuchCustomer, PaymentsRefused) as exc:
            raise _meant(exc) from exc

    def get_session(self, session_id: str) -> CheckoutSession:
        """https://docs.stripe.com/api/checkout/sessions/retrieve"""

        def read() -> CheckoutSession:
            found = self._client.v1.checkout.sessions.retrieve(session_id, {"expand": ["line_items"]})
            return checkout_session(with_all_lines(self._client, found.to_dict()))

        try:
            return translated(read)
        except NoSuchCustomer as exc:
            raise NoSuchObject(str(exc)) from exc

    def expire_session(self, session_id: str) -> None:
        """https://docs.stripe.com/api/checkout/sessions/expire"""
        translated(lambda: self._client.v1.checkout.sessions.expire(session_id))

    def portal_url(self, customer_id: str, return_url: str) -> str:
        """https://docs.stripe.com/api/customer_portal/sessions/create"""
        return translated(
            lambda: text(
                self._client.v1.billing_portal.sessions.create(
                    {"customer": customer_id, "return_url": return_url}
                ).url
            )
        )


def session_params(draft: SessionDraft) -> SessionCreateParams:
    """What is asked of Stripe: the purchase, and what the operator wants of a checkout."""
    options = draft.options
    recurring = any(line.price.recurrence is not None for line in draft.lines)
    metadata = {"auth0_user_id": draft.user_id}
    params: SessionCreateParams = {
        "mode": "subscription" if recurring else "payment",
        "customer": draft.customer_id,
        # A price may have several: the one that was shown, wherever the shopper is.
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
    _ask_for_addresses(params, draft, recurring=recurring)
    if options.promotion_codes:
        params["allow_promotion_codes"] = True
    if options.phone:
        params["phone_number_collection"] = {"enabled": True}
    if options.terms:
        params["consent_collection"] = {"terms_of_service": "required"}
    return params


def _ask_for_addresses(params: SessionCreateParams, draft: SessionDraft, *, recurring: bool) -> None:
    """Where it is shipped to, and where it is taxed.

    The customer's name stays what the user directory says. Shipping rates are for payments alone:
    https://docs.stripe.com/payments/during-payment/charge-shipping
    """
    options = draft.options
    shipped = bool(options.shipping_countries) and any(
        line.product.shippable is not False for line in draft.lines
    )
    if shipped:
        # The SDK lists the codes of countries one by one; Stripe says which it does not ship to.
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
    """The session with all of its lines: the first handful comes with it, the rest is asked for.

    Source: https://docs.stripe.com/api/checkout/sessions/line_items
    """
    if part(found, "line_items").get("has_more"):
        rest = client.v1.checkout.sessions.line_items.list(text(found["id"]), {"limit": 100})
        found["line_items"] = rest.to_dict()
    return found


def checkout_session(found: Mapping[str, Any]) -> CheckoutSession:
    """https://docs.stripe.com/api/checkout/sessions/object"""
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
    """https://docs.stripe.com/api/checkout/sessions/line_items"""
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
    """https://docs.stripe.com/api/prices/object#price_object-recurring"""
    if not found:
        return None
    return Recurrence(text(found.get("interval")), amount(found.get("interval_count")) or 1)


def _address(found: object) -> str | None:
    """Where the shopper is sent: over https, or on this machine; `translated` makes an error of the rest."""
    if found is None:
        return None
    address = text(found)
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return address
    raise ValueError("no address to send anybody to")


def part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested object; empty where it is missing, or only its ID is there."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def id_of(value: object) -> str | None:
    """The ID of a field that may have been expanded."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def _meant(exc: PaymentsError) -> PaymentsError:
    """What a refused Checkout Session says about the purchase; other refusals as they are.

    Source: https://docs.stripe.com/error-codes
    """
    cause = exc.__cause__
    if not isinstance(cause, stripe.StripeError):
        return exc
    param, said = str(getattr(cause, "param", None) or ""), (cause.user_message or "").lower()
    meant = exc
    if param.endswith("[receipt_email]"):
        meant = EmailRefused(str(exc))
    elif cause.code in _OF_THE_AMOUNT:
        meant = AmountRefused(str(exc))
    elif any(words in said for words in _OF_THE_CURRENCY):
        meant = CurrencyRefused(str(exc))
    elif param.startswith("line_items") or "no such price" in said or "price specified" in said:
        meant = NoSuchObject(str(exc))
    elif isinstance(exc, NoSuchCustomer) and param != "customer" and "no such customer" not in said:
        meant = PaymentsRefused(str(exc))
    meant.replayed = is_replay(cause.headers or {})
    return meant
