"""Products and prices of the sandbox's Stripe, for its tests."""

from typing import Any

import httpx
import stripe
from stripe.params import PriceCreateParams


def add_price(client: stripe.StripeClient, product: str, cents: int = 1800, **more: Any) -> stripe.Price:
    # Any: a test may send any further parameters of a price.
    sent: PriceCreateParams = {"currency": "eur", "unit_amount": cents, "product": product, **more}  # type: ignore[typeddict-item]  # as above
    return client.v1.prices.create(sent)


def ids_of(page: Any) -> list[str]:  # Any: a list of any objects with an ID
    return [row.id for row in page.data]


def refusal(http: httpx.Client, path: str, **form: str) -> tuple[int, str, str]:
    answer = http.post(f"/v1/{path}", data=form)
    error = answer.json()["error"]
    return answer.status_code, error.get("param"), error["message"]
