"""Lists the Checkout Sessions that a customer could still pay."""

from __future__ import annotations

from typing import Any

import stripe

from webstore.shop.models import CheckoutSession

from .checkout import checkout_session
from .client import translated
from .embedded import Item, complete
from .listing import read_page

#: Sessions read in one call; if an answer is too large, the next smaller number is tried.
_READ_AT_A_TIME = (100, 10)


class StripeOpenSessions:
    """The open Checkout Sessions of the customers of the API key's account."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def list_open_sessions(self, customer_id: str) -> tuple[CheckoutSession, ...]:
        """All of the customer's open Checkout Sessions, without their lines.

        Raises `NoSuchCustomer` and other `PaymentsError`s.
        Source: https://docs.stripe.com/api/checkout/sessions/list
        """

        def page(after: str | None) -> tuple[list[Item], bool]:
            # Any: a TypedDict cannot be made of parts.
            params: dict[str, Any] = {"customer": customer_id, "status": "open"}
            if after:
                params["starting_after"] = after
            return read_page(self._client.v1.checkout.sessions.list, params, _READ_AT_A_TIME)

        return translated(lambda: tuple(map(checkout_session, complete({"has_more": True}, page))))
