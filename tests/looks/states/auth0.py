"""The pages of the local Auth0."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from tests.support import ADA

from .visit import Visit


def pages(visit: Visit) -> Iterator[str]:
    """Login, sign-up, logout, and the dashboard."""
    shop, page = visit.shop, visit.page
    at = shop.sandbox.auth0_server.url
    visit.open("/login?next=/account")
    yield "auth0 login"
    visit.type_login(password="wrong")
    yield "auth0 login wrong password"
    visit.press("Sign up")
    yield "auth0 sign up"
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("Password").fill("short")
    visit.press("Sign up")
    yield "auth0 sign up refused"
    visit.open("/login?next=/account")
    visit.press("Continue with Sandbox Social")
    yield "auth0 social"
    visit.open(f"{at}/authorize?client_id=nobody")
    yield "auth0 unknown application"
    visit.open(f"{at}/u/login?state=nothing")
    yield "auth0 login over"
    visit.open("/login?next=/account")
    visit.type_login()
    visit.open(f"{at}/oidc/logout?client_id={shop.environment['AUTH0_CLIENT_ID']}")
    yield "auth0 log out"
    visit.open(f"{at}/v2/logout")
    yield "auth0 logged out"
    for number in range(60):
        shop.add_user(f"shopper{number}@example.com", name=f"Shopper Number {number}")
    for name, path in {
        "users": "/dashboard/users",
        "users page 2": "/dashboard/users?page=1",
        "users nobody": "/dashboard/users?q=nobody-at-all",
        "user": f"/dashboard/users/{quote(ADA)}",
        "404": "/nothing/here",
        "user unknown": "/dashboard/users/auth0%7Cnobody",
        "controls": "/_sandbox/",
    }.items():
        visit.open(at + path)
        yield f"auth0 {name}"
    visit.open(f"{at}/dashboard/users/{quote(ADA)}")
    page.locator("summary", has_text="Edit").click()
    yield "auth0 user edit"
