"""What the tests of Checkout share: something to sell, a session, and a shopper who fills in the page."""

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
    """A one-time price of a new product; `more` goes into the price."""
    made = client.v1.prices.create(
        {"currency": currency, "unit_amount": cents, "product_data": {"name": "Mug"}, **more}  # type: ignore[typeddict-item]  # the tests' own
    )
    return made.id


def monthly(client: stripe.StripeClient, cents: int = 1200, **recurring: Any) -> str:
    """A price that is due each month, if nothing else is said."""
    return price(client, cents, recurring={"interval": "month", **recurring})


# Any: whatever parameters a test wants to try.
def params(*prices: str, **more: Any) -> Any:
    """The parameters of a session in payment mode, one of each of these prices."""
    return {
        "mode": "payment",
        "line_items": [{"price": one, "quantity": 1} for one in prices],
        "success_url": SUCCESS_URL,
        "cancel_url": CANCEL_URL,
        **more,
    }


def session(client: stripe.StripeClient, *prices: str, **more: Any) -> stripe.checkout.Session:
    """A new session."""
    return client.v1.checkout.sessions.create(params(*prices, **more))


def refused(
    client: stripe.StripeClient, *prices: str, **more: Any
) -> tuple[int | None, str | None, str | None]:
    """Status, code and parameter of the error that a creation ends with."""
    try:
        session(client, *prices, **more)
    except stripe.StripeError as error:
        return error.http_status, error.code, getattr(error, "param", None)
    raise AssertionError("it was not refused")


def page_of(session: stripe.checkout.Session) -> str:
    """The address of the payment page, as a browser asks for it."""
    return str(session.url).partition("#")[0]


def pay(
    http: httpx.Client, session: stripe.checkout.Session, form: Mapping[str, str] = CARD, /, **more: str
) -> httpx.Response:
    """Fill in the payment page and send it."""
    return http.post(page_of(session), data={"email": "ada@example.com", **form, **more})


def again(
    client: stripe.StripeClient, session: stripe.checkout.Session, *expand: str
) -> stripe.checkout.Session:
    """The session as it is now."""
    return client.v1.checkout.sessions.retrieve(session.id, {"expand": list(expand)})


def events(client: stripe.StripeClient, *prefixes: str) -> list[str]:
    """The types of the events so far, oldest first, of those that begin like this."""
    types = [event.type for event in client.v1.events.list({"limit": 100}).data][::-1]
    return [type_ for type_ in types if type_.startswith(prefixes or ("",))]
