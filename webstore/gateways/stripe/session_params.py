"""The parameters of a new Checkout Session, and the description of its payment."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from webstore.shop.models import Purchase
from webstore.shop.ports import SessionDraft

if TYPE_CHECKING:
    # Large modules, of types alone.
    from stripe.params.checkout import SessionCreateParams, SessionCreateParamsLineItem

#: Maximum number of characters of `client_reference_id`:
#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-client_reference_id
MAX_REFERENCE = 200
#: Maximum numbers of characters of the descriptions:
#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-payment_intent_data-description
MAX_PAYMENT_DESCRIPTION, MAX_SUBSCRIPTION_DESCRIPTION = 1000, 500
#: Maximum number of characters of a value in `metadata`: https://docs.stripe.com/api/metadata
MAX_VALUE = 500
#: Characters of a price's ID, from its end, in the name of its variant in a subscription's metadata.
_PRICE_END = 12


def session_params(draft: SessionDraft) -> SessionCreateParams:
    """The parameters of a new Checkout Session: the purchase, and the operator's options for checkouts."""
    options = draft.options
    recurring = any(line.price.recurrence is not None for line in draft.lines)
    metadata = {"auth0_user_id": draft.user_id}
    if draft.number:
        metadata["order_number"] = draft.number
    params: SessionCreateParams = {
        "mode": "subscription" if recurring else "payment",
        "customer": draft.customer_id,
        # A price may have several currencies. This is the one that the shopper saw.
        # https://docs.stripe.com/payments/checkout/localize-prices/manual-currency-prices
        "currency": draft.lines[0].price.money.currency,
        "line_items": [_line(line) for line in draft.lines],
        "success_url": draft.success_url,
        "cancel_url": draft.cancel_url,
        "metadata": metadata,
    }
    if draft.expires_at:
        params["expires_at"] = draft.expires_at
    if len(draft.user_id) <= MAX_REFERENCE:
        params["client_reference_id"] = draft.user_id
    if recurring:
        params["subscription_data"] = {
            "metadata": {**metadata, **_variants(draft.lines)},
            "description": description(draft, MAX_SUBSCRIPTION_DESCRIPTION),
        }
    else:
        params["payment_intent_data"] = {
            "metadata": metadata,
            "description": description(draft, MAX_PAYMENT_DESCRIPTION),
        }
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


def description(draft: SessionDraft, maximum: int) -> str:
    """What was bought, for receipts and the dashboard: "Order 261126-7K3QMX: Mug x 2; Tea (250 g)".

    It has at most `maximum` characters: if the items do not fit, it ends with how many more there are.
    """
    order = f"Order {draft.number}: " if draft.number else "Order: "
    items = [_item(line) for line in draft.lines]
    for shown in range(len(items), 0, -1):
        more = f"; and {len(items) - shown} more" if shown < len(items) else ""
        written = f"{order}{'; '.join(items[:shown])}{more}"
        if len(written) <= maximum:
            return written
    more = f"; and {len(items) - 1} more" if len(items) > 1 else ""
    return f"{order}{_cut(items[0], maximum - len(order) - len(more))}{more}"


def _line(line: Purchase) -> SessionCreateParamsLineItem:
    """A line item. Its metadata keep the variant that the shopper chose, as it was called then."""
    made: SessionCreateParamsLineItem = {"price": line.price.id, "quantity": line.quantity}
    if line.price.nickname:
        made["metadata"] = {"variant": _cut(line.price.nickname, MAX_VALUE)}
    return made


def variant_key(price_id: str) -> str:
    """The name of this price's variant in the metadata of a subscription, such as "variant_u7ixZhnattbh".

    Stripe copies the metadata to the subscription's invoices, as `parent.subscription_details.metadata`:
    https://docs.stripe.com/api/invoices/object#invoice_object-parent-subscription_details-metadata
    """
    return f"variant_{price_id[-_PRICE_END:]}"


def _variants(lines: Sequence[Purchase]) -> dict[str, str]:
    """The variants that the shopper subscribes to, as they are called now. The lines of invoices have none.

    A subscription has at most 20 prices, and metadata have room for 50 values.
    """
    return {
        variant_key(line.price.id): _cut(line.price.nickname, MAX_VALUE)
        for line in lines
        if line.price.nickname and line.price.nickname.strip() and line.price.recurrence is not None
    }


def _item(line: Purchase) -> str:
    """The line in words, such as "Tea (250 g) x 2". The variant is left out if the name ends with it."""
    name, variant = " ".join(line.product.name.split()), " ".join((line.price.nickname or "").split())
    quantity = f" x {line.quantity}" if line.quantity > 1 else ""
    shown = f" ({variant})" if variant and not name.endswith(f"({variant})") else ""
    return f"{name}{shown}{quantity}"


def _cut(text: str, maximum: int) -> str:
    """The text if it has at most `maximum` characters; otherwise its beginning and an ellipsis.

    It is not cut between a letter and its accents, or within an emoji of several code points.
    """
    if len(text) <= maximum:
        return text
    end = maximum - 1
    while end > 0 and (_continues(text[end]) or text[end - 1] == _JOINER):
        end -= 1
    return f"{text[:end].rstrip()}…"


_JOINER = "\N{ZERO WIDTH JOINER}"


def _continues(character: str) -> bool:
    """Whether the character belongs to the one before it."""
    return character == _JOINER or unicodedata.category(character).startswith("M")


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
