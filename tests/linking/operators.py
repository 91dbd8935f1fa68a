"""An operator at the command line, and what tests of `flask customers` look at."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from click.testing import Result

from tests.support import Shop
from webstore.sandbox.stripe import TEST_KEY

_numbers = count(1)


@dataclass(frozen=True)
class Eve:
    """A linked user of the shared store, in one test alone."""

    shop: Shop
    id: str
    email: str
    customer: str


def linked_user(shop: Shop) -> Eve:
    """A new user, and the customer that the store made at the first use."""
    email = f"eve{next(_numbers)}@example.com"
    user_id = shop.add_user(email)
    customer = shop.use(user_id).customer_id
    assert customer is not None
    shop.forget_requests()
    return Eve(shop, user_id, email, customer)


def customers(shop: Shop, *arguments: str, typed: str | None = None) -> Result:
    """Run `flask customers` with these arguments. It shows neither a traceback nor a secret."""
    done = shop.app.test_cli_runner().invoke(args=["customers", *arguments], input=typed)
    assert "Traceback" not in done.output
    for secret in (TEST_KEY, shop.environment["AUTH0_MGMT_CLIENT_SECRET"]):
        assert secret not in done.output
    return done


def made(shop: Shop, owner: str | None = None, **form: str) -> str:
    """A customer that an operator made."""
    names = {"metadata[auth0_user_id]": owner} if owner else {}
    return str(shop.stripe("POST", "/customers", **names, **form)["id"])


def owner(shop: Shop, customer: str) -> str | None:
    """The user whom the customer names."""
    found: dict[str, Any] = shop.stripe("GET", f"/customers/{customer}")["metadata"]
    return found.get("auth0_user_id")


def subscription(shop: Shop, customer: str) -> str:
    """A subscription that runs on the customer."""
    product = shop.stripe("POST", "/products", name="Tea box")["id"]
    form = {"product": product, "unit_amount": "900", "currency": "eur", "recurring[interval]": "month"}
    price = shop.stripe("POST", "/prices", **form)["id"]
    return str(shop.sandbox.stripe.subscribe(customer=customer, prices=[price])["id"])


def written(shop: Shop) -> list[str]:
    """The methods of the requests that were no reads."""
    asked = [*shop.stripe_requests(), *shop.management_requests()]
    return [request.split()[0] for request in asked if not request.startswith("GET")]
