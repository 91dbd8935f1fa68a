"""Errors: logins that fail, and requests that the store cannot serve."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import cast
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Request

from tests.goods import put_in
from tests.login.session_content import change_login
from tests.support import ADA, GRACE
from webstore.routes import Services, attach
from webstore.shop.catalogue import CatalogueService

from .visit import Visit


def logins(visit: Visit) -> Iterator[str]:
    """Each page of a login that failed."""
    visit.open("/login?next=/account")
    visit.press("Decline")
    yield "login cancelled"
    reason = "Please verify your email address before you log in."
    visit.open(f"/callback?error=access_denied&error_description={reason}&state={_state(visit)}")
    yield "login refused by the tenant"
    visit.open(f"/callback?error=unauthorized_client&state={_state(visit)}")
    yield "login misconfigured"
    visit.open(f"/callback?error=login_required&state={_state(visit)}")
    yield "login interaction needed"
    visit.open(f"/callback?code=made-up&state={_state(visit)}")
    yield "login rejected"
    visit.open("/callback?code=made-up&state=made-up")
    yield "login expired"
    visit.open("/login?max_age=soon")
    yield "login bad request"
    visit.fail_auth0("/oauth/token")
    visit.open("/login?next=/account")
    visit.type_login()
    yield "login outage"
    visit.mend()
    visit.shop.management("PATCH", ADA, {"blocked": True}).raise_for_status()
    visit.forget()
    visit.open("/login?next=/account")
    visit.type_login()
    yield "login blocked"
    visit.shop.management("PATCH", ADA, {"blocked": False}).raise_for_status()
    ada = visit.log_in()
    # A login of this moment is believed without a look at the user.
    change_login(visit.shop, ada, since=int(time.time()) - 120)
    visit.be(ada)
    visit.shop.management("PATCH", ADA, {"blocked": True}).raise_for_status()
    visit.open("/account/link")
    yield "account blocked"
    grace = visit.log_in("grace@example.com")
    change_login(visit.shop, grace, since=int(time.time()) - 120)
    visit.be(grace)
    visit.shop.management("PATCH", GRACE, {"password": "Another-Password-2"}).raise_for_status()
    visit.open("/account/link")
    yield "password changed"


def _state(visit: Visit) -> str:
    """Begin a login; returns the state that the store sent."""
    seen: list[str] = []

    def note(request: Request) -> None:
        seen.extend(parse_qs(urlsplit(request.url).query).get("state", []))

    visit.forget()
    visit.page.on("request", note)
    visit.open("/login?next=/account")
    visit.page.remove_listener("request", note)
    return seen[0]


class _Broken:
    """A catalogue with a bug."""

    def current(self) -> None:
        raise ZeroDivisionError


def others(visit: Visit) -> Iterator[str]:
    """The page of each status."""
    shop, page = visit.shop, visit.page
    for name, path in {
        "404": "/nothing/here",
        "404 product": "/products/nothing",
        "404 collection": "/collections/nothing",
        "404 page": "/?page=99",
        "405": "/cart/add",
        "400 quantity": f"/checkout?price={visit.good('sencha').price}&quantity=0",
    }.items():
        visit.open(path)
        yield name
    visit.open("/products/sencha")
    page.locator("form.buy").evaluate("it => it.append(document.createElement('textarea'))")
    page.locator("form.buy textarea").evaluate("it => { it.name = 'more'; it.value = 'x'.repeat(70000); }")
    visit.press("Add to cart")
    yield "413"
    # As behind a proxy that replaces the Host header.
    visit.open(f"{shop.url.replace('127.0.0.1', 'localhost')}/products/sencha?host_checked=1")
    with page.expect_navigation():
        page.get_by_role("button", name="Add to cart").click()
    page.get_by_text("usual address").first.wait_for()
    yield "421"
    ada = visit.log_in()
    put_in(ada, visit.good("sencha"))
    visit.be(ada)
    services: Services = shop.app.extensions["webstore"]
    attach(shop.app, replace(services, catalogue=cast(CatalogueService, _Broken())))
    visit.open("/cart")
    yield "500"
    attach(shop.app, services)
    shop.remove_state()
    shop.restart()
    visit.fail("/v1/.*", 403)
    visit.open("/orders")
    yield "409"
    visit.mend()
    visit.fail("/v1/.*", 503)
    visit.open("/orders")
    yield "503"
    visit.mend()
    shop.restart(LOGIN_RATE_PER_10S="1")
    visit.forget()
    for _ in range(5):
        visit.open("/callback?code=x&state=y")
    yield "429"
