"""Reads what a price sells, and lists the open Checkout Sessions."""

from __future__ import annotations

from typing import Any

import stripe

from webstore.errors import NoSuchCustomer
from webstore.shop.models import CheckoutSession

from .checkout import checkout_session, part, with_all_lines
from .client import text, translated
from .embedded import Item, complete
from .listing import read_page

#: Open sessions that are looked at: a shop has few, because they end within the hour.
MAX_SESSIONS = 200
#: Sessions read in one call; if an answer is too large, the next smaller number is tried.
_SESSIONS_AT_A_TIME = (100, 30, 5)


class StripeSales:
    """The prices and the open Checkout Sessions of the API key's account."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def product_at(self, price_id: str) -> str | None:
        """The product that is sold at this price; None if the price is archived or does not exist.

        Raises `PaymentsError`. Source: https://docs.stripe.com/api/prices/retrieve
        """

        def read() -> str | None:
            price = self._client.v1.prices.retrieve(price_id).to_dict()
            return None if price.get("active") is False else text(price.get("product"))

        try:
            return translated(read)
        except NoSuchCustomer:
            return None

    def list_open_since(self, since: float) -> tuple[CheckoutSession, ...]:
        """The newest of the store's open sessions that were created since the Unix time, with their lines.

        Raises `PaymentsError`. Source: https://docs.stripe.com/api/checkout/sessions/list
        """

        def page(after: str | None) -> tuple[list[Item], bool]:
            # Any: a TypedDict cannot be made of parts.
            params: dict[str, Any] = {
                "status": "open",
                "created": {"gte": int(since)},
                "expand": ["data.line_items"],
            }
            if after:
                params["starting_after"] = after
            return read_page(self._client.v1.checkout.sessions.list, params, _SESSIONS_AT_A_TIME)

        def read() -> tuple[CheckoutSession, ...]:
            found = complete({"has_more": True, "url": "sessions"}, page, maximum=MAX_SESSIONS)
            return tuple(checkout_session(with_all_lines(self._client, it)) for it in found if _is_own(it))

        return translated(read)


def _is_own(session: Item) -> bool:
    """Whether the store made the session. The lines of others need not be completed."""
    return bool(part(session, "metadata").get("auth0_user_id")) and session.get("status") == "open"
