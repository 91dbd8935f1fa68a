"""One ID for everything that a request does: in its answer, in its lines of the log and at both vendors."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.server.answers import send
from tests.support import Browser, Shop, until
from webstore import logs

ID = "4f2c9e6a-7d1b-4c58-9a55-0d3c6f1e2b7a"


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What the store logs in this block."""
    stream, logger = io.StringIO(), logging.getLogger("webstore")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.TextFormatter())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield stream
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.mark.parametrize(
    "given",
    [ID, "0af7651916cd43dd8448eb211c80319c", "Root=1-67891233-abcdef012345678912345678", "7"],
    ids=["UUID", "nginx", "X-Ray", "short"],
)
@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/callback", "/healthz", "/static/css/store.css", "/api/me"]
)
def test_the_id_of_the_proxy_is_answered(stranger: Browser, path: str, given: str) -> None:
    answer = send(stranger, "GET", path, **{"X-Request-ID": given})
    assert answer.headers.get_list("X-Request-ID") == [given]


@pytest.mark.parametrize(
    "given",
    ["", "a b", "x" * 129, "<b>", 'a"b', "a,b", "a\tb", "-a", "é", "a%0ab"],
    ids=["empty", "space", "long", "markup", "quote", "two", "tab", "option", "not ASCII", "percent"],
)
def test_an_id_that_is_not_well_formed_is_replaced(shared: Shop, given: str) -> None:
    answer = shared.app.test_client().get("/", base_url=shared.url, headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])


def test_each_request_without_an_id_gets_one_of_its_own(stranger: Browser) -> None:
    found = {send(stranger, "GET", "/healthz").headers["X-Request-ID"] for _ in range(5)}
    assert len(found) == 5


def test_every_line_of_a_login_and_every_call_to_both_vendors_carries_its_id(shop: Shop) -> None:
    browser = shop.browser()
    until(lambda: browser.open("/readyz").status_code == 200)
    shop.forget_requests()
    browser.client.headers["X-Request-ID"] = ID
    with logged() as log:
        browser.log_in()
        lines = log.getvalue().splitlines()
    assert [line for line in lines if f" request={ID} " not in line] == []
    calls = [line for line in lines if "call to " in line]
    assert any("webstore.linking" in line and "outcome=created" in line for line in lines)
    assert any("POST /v1/customers status=200" in line for line in calls)
    assert any("call to the Auth0 Management API: PATCH /api/v2/users/" in line for line in calls)
    assert any("call to the login provider: POST /oauth/token status=200" in line for line in calls)
    stripe, auth0 = (vendor.control.requests() for vendor in (shop.sandbox.stripe, shop.sandbox.auth0))
    assert {seen.request_id for seen in stripe} == {ID}
    assert {seen.request_id for seen in auth0 if re.match("/api/v2/|/oauth/token", seen.path)} == {ID}


def test_work_in_the_background_carries_the_id_of_the_request_that_began_it(shop: Shop) -> None:
    with logged() as log:
        send(shop.browser(), "GET", "/readyz", **{"X-Request-ID": ID})
        until(lambda: "GET /v1/prices" in log.getvalue())
    assert f"request={ID} call to Stripe: GET /v1/prices status=200" in log.getvalue()


def test_the_line_of_a_call_has_the_id_that_the_vendor_gave_it_and_no_query(shop: Shop) -> None:
    with logged() as log:
        shop.browser().log_in()
    lines = [line for line in log.getvalue().splitlines() if "call to " in line]
    stripe = [line for line in lines if "call to Stripe:" in line]
    auth0 = [line for line in lines if line not in stripe]
    assert len(stripe) >= 2
    assert len(auth0) >= 3
    assert [line for line in stripe if not re.search(r" vendor_request=req_\w{14}$", line)] == []
    assert [line for line in auth0 if not re.search(r" vendor_request=[0-9a-f]{20}$", line)] == []
    assert "?" not in "".join(lines)


def test_a_call_without_an_answer_has_a_line_too(shop: Shop) -> None:
    shop.sandbox.stripe.control.add_fault(action="reset", path="/v1/customers.*", times=None)
    with logged() as log:
        shop.browser().log_in()
    (first, *_) = [line for line in log.getvalue().splitlines() if "/v1/customers" in line]
    assert "call to Stripe: GET /v1/customers status=none ms=" in first
    assert first.endswith(" vendor_request=-")


def test_a_reason_of_the_provider_cannot_add_a_line(shop: Shop) -> None:
    browser = shop.browser()
    begun = send(browser, "GET", "/login")
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    reason = "no%0A2026-11-26%20forged%E2%80%A8forged%C2%85forged%1B%5B2J"
    with logged() as log:
        send(browser, "GET", f"/callback?state={state}&error=access_denied&error_description={reason}")
    assert "forged" in log.getvalue()
    assert len(log.getvalue().splitlines()) == log.getvalue().count("\n")
    assert [line for line in log.getvalue().splitlines() if not line.isprintable()] == []
    assert all(" request=" in line for line in log.getvalue().splitlines())
