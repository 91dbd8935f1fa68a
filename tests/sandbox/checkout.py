"""Helpers for tests of Checkout: prices, sessions, and a shopper who fills in the payment page."""

from collections.abc import Mapping
from typing import Any

import httpx
import stripe

SUCCESS_URL = "http://store.test/checkout/success?session_id={CHECKOUT_SESSION_ID}"
CANCEL_URL = "http://store.test/cart"
CARD = {"cardNumber": "4242 4242 4242 4242", "cardExpiry": "12 / 34", "cardCvc": "123", "billingName": "Ada"}
DECLINED = {**CARD, "cardNumber": "4000000000000002"}
DEBIT = {"paymentMethod": "debit", "billingName": "Ada"}


def price(client: stripe.StripeClient, cents: int = 1800, currency: str = "eur", **more: Any) -> str:
    """The ID of a one-time price of a new product. `more` has further parameters of the price."""
    made = client.v1.prices.create(
        {"currency": currency, "unit_amount": cents, "product_data": {"name": "Mug"}, **more}  # type: ignore[typeddict-item]  # the tests' own
    )
    return made.id


def monthly(client: stripe.StripeClient, cents: int = 1200, **recurring: Any) -> str:
    """The ID of a recurring price of a new product, monthly by default."""
    return price(client, cents, recurring={"interval": "month", **recurring})


# Any: a test may try any parameters.
def params(*prices: str, **more: Any) -> Any:
    """The parameters of a session in payment mode, with a quantity of one for each price."""
    return {
        "mode": "payment",
        "line_items": [{"price": one, "quantity": 1} for one in prices],
        "success_url": SUCCESS_URL,
        "cancel_url": CANCEL_URL,
        **more,
    }


def session(client: stripe.StripeClient, *prices: str, **more: Any) -> stripe.checkout.Session:
    """Create a session."""
    return client.v1.checkout.sessions.create(params(*prices, **more))


def refused(
    client: stripe.StripeClient, *prices: str, **more: Any
) -> tuple[int | None, str | None, str | None]:
    """The status, code and parameter of the error that the creation of a session raises."""
    try:
        session(client, *prices, **more)
    except stripe.StripeError as error:
        return error.http_status, error.code, getattr(error, "param", None)
    raise AssertionError("it was not refused")


def page_of(session: stripe.checkout.Session) -> str:
    """The URL of the payment page without its fragment, as a browser requests it."""
    return str(session.url).partition("#")[0]


def pay(
    http: httpx.Client, session: stripe.checkout.Session, form: Mapping[str, str] = CARD, /, **more: str
) -> httpx.Response:
    """Fill in and submit the payment page."""
    return http.post(page_of(session), data={"email": "ada@example.com", **form, **more})


def again(
    client: stripe.StripeClient, session: stripe.checkout.Session, *expand: str
) -> stripe.checkout.Session:
    """Retrieve the session's current state."""
    return client.v1.checkout.sessions.retrieve(session.id, {"expand": list(expand)})


def events(client: stripe.StripeClient, *prefixes: str) -> list[str]:
    """The types of the events that begin with one of the prefixes, oldest first."""
    types = [event.type for event in client.v1.events.list({"limit": 100}).data][::-1]
    return [type_ for type_ in types if type_.startswith(prefixes or ("",))]
