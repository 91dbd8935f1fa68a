"""The pages that are measured, as prepared requests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from tests.support import NO_AUTHORITIES, Browser

from .collector import MOST_TRIES
from .figures import Goal
from .logins import Person, new_person
from .raw import Client, cookie_header, request
from .wire import resources

#: The store lets one shopper open the account page so often in ten seconds: `webstore/routes/limits.py`.
SHOPPER_LIMIT, LIMIT_S = 30, 10.0
#: Account pages a second that a worker may be expected to answer at most.
_MOST_PER_S = 1200
PRODUCT = "/products/harbour-mug"
HELLO = "hello"


@dataclass(frozen=True)
class Page:
    """A kind of page."""

    name: str
    requests: tuple[bytes, ...]
    #: Of the rate of "hello".
    goal: float | None = None
    status: int = 200

    @property
    def limit(self) -> Goal | None:
        """The goal of its rate."""
        return None if self.goal is None else Goal(self.goal, at_least=True)


def people(host: str, seconds: float) -> list[Person]:
    """Enough shoppers for the account pages of a window of so many seconds, and for its repetition."""
    asked = _MOST_PER_S * min(MOST_TRIES * (seconds + 1), LIMIT_S)
    count = max(20, math.ceil(asked / (SHOPPER_LIMIT - 5)))
    return [new_person(host, f"reader-{number}@example.com") for number in range(count)]


def pages(host: str, logged_in: Sequence[Person]) -> list[Page]:
    """All kinds of pages of the store at this host."""
    with Client(host) as stranger:
        home = stranger.get("/")
    assert home.status == 200, home.head.decode()
    etag, stylesheet = home.header("ETag"), _stylesheet(host)
    sessions = [cookie_header(person.session_cookies) for person in logged_in]
    one = sessions[0]
    return [
        Page("home, 24 products", (request("/", host),), 0.8),
        Page("home, not changed (304)", (request("/", host, {"If-None-Match": etag}),), 0.9, 304),
        Page("product", (request(PRODUCT, host),), 0.8),
        Page("search", (request("/?q=tea", host),)),
        Page("home, logged in", (request("/", host, one),), 0.5),
        Page("account", tuple(request("/account", host, session) for session in sessions), 0.5),
        Page("cart, two products", (request("/cart", host, cookie_header(_cart(host))),)),
        Page("stylesheet", (request(stylesheet, host),)),
        Page("/healthz", (request("/healthz", host),)),
    ]


def _stylesheet(host: str) -> str:
    """The address of the home page's first stylesheet."""
    with Client(host) as browser:
        markup = browser.get("/", {"Accept-Encoding": "identity"}).body.decode()
    return next(resource.address for resource in resources(markup) if resource.blocking)


def _cart(host: str) -> dict[str, str]:
    """The cookies of a stranger with two products in the cart."""
    with httpx.Client(
        base_url=f"http://{host}", follow_redirects=True, timeout=30, verify=NO_AUTHORITIES, trust_env=False
    ) as client:
        browser = Browser(client)
        for product in (PRODUCT, "/products/linden-teapot"):
            page = browser.submit(browser.open(product), action="/cart/add")
            assert page.status_code == 200
        return dict(client.cookies)
