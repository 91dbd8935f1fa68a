"""The JSON API: whose token it takes, which customer it finds, and what it says to bad requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.callers import (
    SCOPES,
    program_token,
    signed,
    signed_by_stranger,
    signed_with_public_key,
    unsigned,
    user_token,
)
from tests.goods import sell
from tests.support import ADA, GRACE, Shop, running_shop, the_customer, until
from webstore.sandbox.stripe import LIVE_KEY

APP = "https://app.example"
BARE = 'Bearer realm="webstore"'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store for the tests that leave nothing behind."""
    state = tmp_path_factory.mktemp("api") / "state"
    with running_shop(state, API_CORS_ORIGINS=APP, LOGIN_RATE_PER_10S="1000000") as running:
        running.stripe("POST", "/products", id="mug", name="A mug")
        for amount, currency in (("1200", "eur"), ("500", "jpy")):
            running.stripe("POST", "/prices", product="mug", unit_amount=amount, currency=currency)
        for number in range(5):
            running.stripe("POST", "/products", id=f"card-{number}", name=f"Card {number}")
            running.stripe("POST", "/prices", product=f"card-{number}", unit_amount="300", currency="eur")
        yield running


def ask(
    shop: Shop,
    path: str,
    token: str | None = None,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> TestResponse:
    """One request, with the token where a token belongs."""
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    return shop.app.test_client().open(path, method=method, headers=sent, base_url=shop.url, **more)


def assert_problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """The members of a problem document (RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.text)
    assert found["status"] == status
    assert found["type"] == "about:blank"
    assert found["title"]
    assert found["detail"]
    assert "Set-Cookie" not in answer.headers
    return found


# Tokens


def test_products_are_for_every_token_of_this_audience(shared: Shop) -> None:
    for token in (user_token(shared), program_token(shared), signed(shared, typ="at+jwt", scope=None)):
        assert ask(shared, "/api/products", token).status_code == 200


BAD: dict[str, Callable[[Shop], str]] = {
    "no JWT": lambda shop: "x",
    "three empty parts": lambda shop: "..",
    "unsigned": unsigned,
    "HS256 with the public key": signed_with_public_key,
    "an unknown key": lambda shop: signed_by_stranger(shop, known_kid=False),
    "another key under a known ID": lambda shop: signed_by_stranger(shop, known_kid=True),
    "a key that it carries": lambda shop: signed_by_stranger(shop, known_kid=True, carries_key=True),
    "another issuer": lambda shop: signed(shop, iss="https://evil.example/"),
    "the issuer without its slash": lambda shop: signed(shop, iss=shop.environment["AUTH0_ISSUER"][:-1]),
    "another audience": lambda shop: signed(shop, aud="https://other.example/"),
    "the audience as a part": lambda shop: signed(shop, aud="https://api.webstore.example/more"),
    "no audience": lambda shop: signed(shop, aud=None),
    "an ID token": lambda shop: signed(shop, aud=shop.environment["AUTH0_CLIENT_ID"], nonce="x", scope=None),
    "a logout token": lambda shop: signed(shop, typ="logout+jwt"),
    "expired": lambda shop: signed(shop, exp=int(time.time()) - 120),
    "no expiry": lambda shop: signed(shop, exp=None),
    "an expiry in words": lambda shop: signed(shop, exp="tomorrow"),
    "an endless expiry": lambda shop: signed(shop, exp=float("inf")),
    "of a time to come": lambda shop: signed(shop, iat=int(time.time()) + 120),
    "not yet": lambda shop: signed(shop, nbf=int(time.time()) + 120),
    "no subject": lambda shop: signed(shop, sub=None),
    "a subject that is no text": lambda shop: signed(shop, sub=["auth0|1"]),
    "an endless subject": lambda shop: signed(shop, sub="x" * 256),
    "too large": lambda shop: signed(shop, filler="x" * 16_000),
    "the end cut off": lambda shop: signed(shop)[:-4],
    "signed for other claims": lambda shop: ".".join(
        (signed(shop).rsplit(".", 1)[0], signed(shop, sub=GRACE).rsplit(".", 1)[1])
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_token_that_cannot_be_believed_is_refused(shared: Shop, kind: str) -> None:
    answer = ask(shared, "/api/products", BAD[kind](shared))

    assert_problem(answer, 401)
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith(f'{BARE}, error="invalid_token", error_description="')


@pytest.mark.parametrize("leeway", [{"exp": -50}, {"iat": 50}, {"nbf": 50}])
def test_clocks_may_differ_by_a_minute(shared: Shop, leeway: dict[str, int]) -> None:
    times: dict[str, Any] = {name: int(time.time()) + seconds for name, seconds in leeway.items()}
    assert ask(shared, "/api/products", signed(shared, **times)).status_code == 200


@pytest.mark.parametrize("path", ["/api/products", "/api/products/mug", "/api/me"])
def test_without_a_token_the_challenge_names_no_error(shared: Shop, path: str) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Token x"}):
        answer = ask(shared, path, headers=headers)
        assert_problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == BARE


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer a b", "Bearer ä", "Bearer a,b", "bearer ==="]
)
def test_a_malformed_header_is_a_bad_request(shared: Shop, header: str) -> None:
    answer = ask(shared, "/api/products", headers={"Authorization": header})
    assert_problem(answer, 400)
    assert answer.headers["WWW-Authenticate"].startswith(f'{BARE}, error="invalid_request", ')


def test_a_token_is_taken_from_the_header_alone(shared: Shop) -> None:
    token = user_token(shared)

    in_query = ask(shared, f"/api/me?access_token={token}")
    assert_problem(in_query, 401)
    assert in_query.headers["WWW-Authenticate"] == BARE
    in_both = ask(shared, f"/api/me?access_token={token}", token)
    assert_problem(in_both, 400)
    assert 'error="invalid_request"' in in_both.headers["WWW-Authenticate"]
    in_body = ask(shared, "/api/checkout", method="POST", data={"access_token": token})
    assert_problem(in_body, 401)


def test_a_session_cookie_is_no_token(shared: Shop) -> None:
    browser = shared.browser()
    browser.log_in()
    assert browser.open("/account").status_code == 200

    answer = browser.open("/api/me")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == BARE
    assert "set-cookie" not in answer.headers


def test_a_key_that_is_new_is_read_and_a_revoked_one_is_not_believed(shop: Shop) -> None:
    keys = shop.sandbox.auth0.state.keys
    old = signed(shop)
    assert ask(shop, "/api/products", old).status_code in (200, 503)
    for _ in range(3):
        keys.rotate()
    assert ask(shop, "/api/products", signed(shop)).status_code != 401
    keys.revoke()
    assert_problem(ask(shop, "/api/products", old), 401)


def test_while_the_keys_cannot_be_had_the_client_is_to_come_back(shop: Shop) -> None:
    token = signed(shop)
    shop.sandbox.auth0.control.add_fault(action="status", status=500, path="/.well-known/.*")

    answer = ask(shop, "/api/products", token)

    assert_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


# Scopes


@pytest.mark.parametrize(
    ("method", "path", "scope"), [("GET", "/api/me", "read:me"), ("POST", "/api/checkout", "create:checkout")]
)
def test_the_scope_is_needed(shared: Shop, method: str, path: str, scope: str) -> None:
    others = SCOPES.replace(scope, "").strip()
    for token in (
        signed(shared, scope=others),
        signed(shared, scope=f"{scope}s"),
        signed(shared, scope=None),
    ):
        answer = ask(shared, path, token, method=method)
        assert_problem(answer, 403)
        challenge = answer.headers["WWW-Authenticate"]
        assert f'error="insufficient_scope", scope="{scope}"' in challenge


def test_a_permission_counts_as_a_scope(shared: Shop) -> None:
    answer = ask(shared, "/api/me", signed(shared, scope="openid", permissions=["read:me"]))
    assert answer.status_code == 200


@pytest.mark.parametrize("permissions", ["no list", [1, None], {"read:me": 1}])
def test_malformed_permissions_grant_nothing(shared: Shop, permissions: object) -> None:
    assert_problem(ask(shared, "/api/me", signed(shared, scope=None, permissions=permissions)), 403)


def test_a_program_has_no_customer(shared: Shop) -> None:
    programs = (
        program_token(shared),
        signed(shared, sub="abc@clients"),
        signed(shared, gty="client-credentials"),
        signed(shared, sub="abc", azp=None, client_id="abc"),
    )
    for token in programs:
        answer = ask(shared, "/api/me", token)
        assert_problem(answer, 403)
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


# The customer


def test_a_user_who_never_logged_in_to_the_store_is_linked(shop: Shop) -> None:
    answer = ask(shop, "/api/me", user_token(shop))

    assert answer.status_code == 200
    customer = the_customer(shop, ADA)
    assert answer.json == {"user_id": ADA, "customer_id": customer["id"], "link_status": "linked"}


def test_the_claim_is_the_same_customer_as_in_the_browser(shop: Shop) -> None:
    shop.sandbox.auth0.state.settings.claim_action = True
    shop.browser().log_in()
    customer = the_customer(shop, ADA)

    token = user_token(shop)

    assert ask(shop, "/api/me", token).get_json()["customer_id"] == customer["id"]


def test_a_stale_claim_is_healed(shop: Shop) -> None:
    claim = f"{shop.environment['BASE_URL']}/stripe_customer_id"
    shop.browser().log_in()
    dead = the_customer(shop, ADA)["id"]
    shop.stripe("DELETE", f"/customers/{dead}")

    answer = ask(shop, "/api/me", signed(shop, **{claim: dead}))

    assert answer.get_json()["customer_id"] == the_customer(shop, ADA)["id"] != dead


def test_a_claim_never_opens_another_users_customer(shop: Shop) -> None:
    shop.browser().log_in("grace@example.com")
    others = the_customer(shop, GRACE)["id"]
    claim = f"{shop.environment['BASE_URL']}/stripe_customer_id"

    answer = ask(shop, "/api/me", signed(shop, **{claim: others}))

    assert answer.status_code == 200
    assert answer.get_json()["customer_id"] != others
    assert shop.app_metadata(ADA)["stripe_customer_id"] == answer.get_json()["customer_id"]


def test_a_verdict_serves_for_a_minute(shop: Shop) -> None:
    token = user_token(shop)
    assert ask(shop, "/api/me", token).status_code == 200
    shop.forget_requests()

    assert ask(shop, "/api/me", token).status_code == 200

    assert not [seen for seen in shop.stripe_requests() if "customers" in seen]
    assert shop.management_requests() == []


def test_a_pending_link_is_to_be_asked_about_again(shop: Shop) -> None:
    shop.sandbox.stripe.control.add_fault(action="status", status=503, path="/v1/customers.*")

    answer = ask(shop, "/api/me", signed(shop))

    assert_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def test_a_link_of_another_set_up_is_refused(shop: Shop) -> None:
    shop.browser().log_in()
    shop.restart(STRIPE_SECRET_KEY=LIVE_KEY)

    assert_problem(ask(shop, "/api/me", signed(shop)), 409)
    assert shop.customers() == []


def test_the_token_of_a_user_who_is_gone_is_worthless(shop: Shop) -> None:
    token = user_token(shop)
    shop.management("DELETE", ADA)

    answer = ask(shop, "/api/me", token)

    assert_problem(answer, 401)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert shop.customers() == []


# Products


def test_a_product_has_all_that_a_client_shows(shared: Shop) -> None:
    answer = ask(shared, "/api/products/mug", signed(shared))

    assert answer.content_type == "application/json"
    found = answer.get_json()
    assert (found["id"], found["name"], found["in_stock"]) == ("mug", "A mug", True)
    assert found["url"] == f"{shared.environment['BASE_URL']}/products/mug"
    prices = {price["currency"]: price for price in found["prices"]}
    assert (prices["eur"]["amount"], prices["eur"]["exponent"]) == (1200, 2)
    assert (prices["jpy"]["amount"], prices["jpy"]["exponent"]) == (500, 0)
    assert prices["eur"]["recurring"] is None


def test_pages_hold_every_product_once(shared: Shop) -> None:
    token, seen, path = signed(shared), [], "/api/products?limit=2"
    for _ in range(4):
        page = ask(shared, path, token).get_json()
        seen += [product["id"] for product in page["data"]]
        if not page["has_more"]:
            break
        path = f"/api/products?limit=2&starting_after={seen[-1]}"
    assert sorted(seen) == sorted(["mug", *(f"card-{number}" for number in range(5))])


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1e9", "ten", "", "1.5", "٣", "9" * 400])
def test_a_limit_is_a_number_up_to_100(shared: Shop, limit: str) -> None:
    assert_problem(ask(shared, f"/api/products?limit={limit}", signed(shared)), 400)


def test_what_is_not_sold_is_not_found(shared: Shop) -> None:
    for path in ("/api/products/nothing", "/api/products?starting_after=nothing", "/api/products/%ff"):
        assert_problem(ask(shared, path, signed(shared)), 404)


def test_a_catalogue_that_was_never_read_is_not_there_yet(shop: Shop) -> None:
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/p.*")

    answer = ask(shop, "/api/products", signed(shop))

    assert_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


# Manners


def test_without_an_audience_there_is_no_api(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", AUTH0_AUDIENCE="") as shop:
        for path in ("/api/products", "/api/me", "/api/openapi.json", "/api"):
            assert_problem(ask(shop, path, signed(shop)), 404)


def test_errors_under_the_api_are_for_programs(shared: Shop) -> None:
    token = signed(shared)
    assert_problem(ask(shared, "/api/nothing", token), 404)
    assert_problem(ask(shared, "/api", token), 404)
    refused = ask(shared, "/api/me", token, method="DELETE")
    assert_problem(refused, 405)
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    large = ask(
        shared, "/api/checkout", token, method="POST", data=b" " * 70_000, content_type="application/json"
    )
    assert_problem(large, 413)


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/*", "application/json;q=0, */*"])
def test_a_client_that_takes_no_json_is_refused(shared: Shop, accept: str) -> None:
    assert_problem(ask(shared, "/api/products", signed(shared), headers={"Accept": accept}), 406)


@pytest.mark.parametrize("accept", ["*/*", "application/*", "application/json", "text/html, */*;q=0.1", ""])
def test_a_client_that_takes_json_is_served(shared: Shop, accept: str) -> None:
    assert ask(shared, "/api/products", signed(shared), headers={"Accept": accept}).status_code == 200


def test_answers_are_nobody_elses(shared: Shop) -> None:
    answer = ask(shared, "/api/products", signed(shared))
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in answer.headers


def test_one_subject_cannot_flood_it(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", LOGIN_RATE_PER_10S="3") as shop:
        mine, others = signed(shop, sub=GRACE), signed(shop)
        statuses = [ask(shop, "/api/products/x", mine).status_code for _ in range(8)]
        assert statuses[-1] == 429
        limited = ask(shop, "/api/products/x", mine)
        assert_problem(limited, 429)
        assert 0 < int(limited.headers["Retry-After"]) <= 10
        assert ask(shop, "/api/products/x", others).status_code == 404
        assert [ask(shop, "/api/me").status_code for _ in range(8)][-1] == 429


# Other origins


def test_an_origin_on_the_list_may_read_answers_and_errors(shared: Shop) -> None:
    paths = {"/api/products": 200, "/api/products/nothing": 404, "/api/nothing": 404}
    for path, status in paths.items():
        answer = ask(shared, path, signed(shared), headers={"Origin": APP, "Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    unknown = ask(shared, "/api/me", headers={"Origin": APP})
    assert "WWW-Authenticate" in unknown.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{APP}.evil.example", "http://app.example", "*"]
)
def test_no_other_origin_may(shared: Shop, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        answer = ask(shared, "/api/products", signed(shared), method=method, headers=headers)
        assert not [name for name in dict(answer.headers) if name.startswith("Access-Control-")]
        assert "Origin" in answer.headers["Vary"]


def test_a_preflight_needs_no_token(shared: Shop) -> None:
    headers = {
        "Origin": APP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        "Sec-Fetch-Site": "cross-site",
    }
    answer = ask(shared, "/api/checkout", method="OPTIONS", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= set(allowed)


def test_a_page_of_another_origin_may_buy(shared: Shop) -> None:
    price = ask(shared, "/api/products/mug", signed(shared)).get_json()["prices"][0]["id"]
    answer = ask(
        shared,
        "/api/checkout",
        signed(shared),
        method="POST",
        json={"lines": [{"price": price, "quantity": 1}]},
        headers={"Origin": APP, "Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 201
    assert answer.headers["Access-Control-Allow-Origin"] == APP


def test_pages_of_the_store_are_not_shared_with_other_origins(shared: Shop) -> None:
    answer = ask(shared, "/healthz", headers={"Origin": APP})
    assert "Access-Control-Allow-Origin" not in answer.headers


# Checkout


def order(shop: Shop, token: str, lines: object, **urls: object) -> TestResponse:
    """Ask for a Checkout Session."""
    return ask(shop, "/api/checkout", token, method="POST", json={"lines": lines, **urls})


def session_of(shop: Shop, answer: TestResponse) -> dict[str, Any]:
    """The Checkout Session as Stripe has it."""
    assert answer.status_code == 201, answer.text
    found = answer.get_json()
    assert set(found) == {"id", "url"}
    session: dict[str, Any] = shop.stripe("GET", f"/checkout/sessions/{found['id']}")
    assert session["url"] == found["url"]
    return session


def test_a_checkout_ends_on_the_linked_customer(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200)

    session = session_of(shop, order(shop, user_token(shop), [{"price": mug.price, "quantity": 3}]))

    assert session["customer"] == the_customer(shop, ADA)["id"]
    assert session["client_reference_id"] == session["metadata"]["auth0_user_id"] == ADA
    assert (session["amount_total"], session["currency"], session["mode"]) == (3600, "eur", "payment")
    base_url = shop.environment["BASE_URL"]
    assert session["success_url"] == f"{base_url}/checkout/success?session_id={{CHECKOUT_SESSION_ID}}"
    assert session["cancel_url"] == f"{base_url}/cart"


def test_a_stale_claim_is_healed_before_money_is_involved(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200)
    token = user_token(shop)
    assert ask(shop, "/api/me", token).status_code == 200
    dead = the_customer(shop, ADA)["id"]
    shop.stripe("DELETE", f"/customers/{dead}")
    stale = signed(shop, **{f"{shop.environment['BASE_URL']}/stripe_customer_id": dead})

    session = session_of(shop, order(shop, stale, [{"price": mug.price, "quantity": 1}]))

    assert session["customer"] == the_customer(shop, ADA)["id"] != dead


def test_the_same_wish_twice_is_one_session_until_it_is_paid(shop: Shop) -> None:
    mug, token = sell(shop, "Mug", 1200), user_token(shop)
    lines = [{"price": mug.price, "quantity": 1}]
    first = session_of(shop, order(shop, token, lines))
    assert session_of(shop, order(shop, token, lines))["id"] == first["id"]

    shop.stripe("POST", f"/checkout/sessions/{first['id']}/expire")

    assert session_of(shop, order(shop, token, lines))["id"] != first["id"]


def test_a_price_in_several_lines_is_added_up(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200)
    lines = [{"price": mug.price, "quantity": 1}, {"price": mug.price, "quantity": 2.0}]
    assert session_of(shop, order(shop, user_token(shop), lines))["amount_total"] == 3600


def test_subscriptions_are_begun_as_such(shop: Shop) -> None:
    tea = sell(shop, "Tea", 900, every="month")
    session = session_of(shop, order(shop, user_token(shop), [{"price": tea.price, "quantity": 1}]))
    assert session["mode"] == "subscription"


def test_the_client_may_say_where_the_shopper_goes_from_there(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", API_CORS_ORIGINS=APP) as shop:
        mug = sell(shop, "Mug", 1200)
        lines = [{"price": mug.price, "quantity": 1}]
        success = f"{APP}/thanks?id={{CHECKOUT_SESSION_ID}}"
        cancel = f"{shop.environment['BASE_URL']}/products/mug#reviews"
        answer = order(shop, user_token(shop), lines, success_url=success, cancel_url=cancel)
        session = session_of(shop, answer)
        assert (session["success_url"], session["cancel_url"]) == (success, cancel)


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example",
    "/cart",
    f"{APP}.evil.example/",
    f"{APP}@evil.example/",
    f"{APP}:8443/",
    f"{APP}\\@evil.example/",
    f" {APP}/",
    f"{APP}/\n",
    f"{APP}/a b",
    "https://appxexample/",
    "http://app.example/",
    "javascript:alert(1)",
    f"{APP}/{'x' * 2000}",
    "",
    7,
    None,
)


@pytest.mark.parametrize("url", ELSEWHERE)
@pytest.mark.parametrize("name", ["success_url", "cancel_url"])
def test_no_other_address_is_taken(shared: Shop, name: str, url: object) -> None:
    price = ask(shared, "/api/products/mug", signed(shared)).get_json()["prices"][0]["id"]
    answer = order(shared, signed(shared), [{"price": price, "quantity": 1}], **{name: url})
    assert name in assert_problem(answer, 400)["detail"]


MALFORMED: tuple[object, ...] = (
    None,
    {},
    [],
    "x",
    [None],
    [[]],
    [{}],
    [{"price": "p"}],
    [{"quantity": 1}],
    [{"price": "", "quantity": 1}],
    [{"price": 1, "quantity": 1}],
    [{"price": "p" * 256, "quantity": 1}],
    *([{"price": "p", "quantity": many}] for many in (0, -1, 1e9, 1000, "1", "one", None, True, 1.5, [1])),
    [{"price": "p", "quantity": 1, "amount": 1}],
    [{"price": f"p{number}", "quantity": 1} for number in range(21)],
)


@pytest.mark.parametrize("lines", MALFORMED)
def test_malformed_lines_are_bad_requests(shared: Shop, lines: object) -> None:
    assert_problem(order(shared, signed(shared), lines), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 60_000,
        b'{"lines": [], "customer": "cus_1"}',
        b'{"lines": [{"price": "p", "quantity": NaN}]}',
        b'{"lines": [{"price": "p", "quantity": 1e999}]}',
        b'{"lines": [{"price": "p", "price": "q", "quantity": 1}]}',
        b'{"lines": [{"price": "p", "quantity": ' + b"9" * 5000 + b"}]}",
    ],
)
def test_a_malformed_body_is_a_bad_request(shared: Shop, body: bytes) -> None:
    answer = ask(
        shared, "/api/checkout", signed(shared), method="POST", data=body, content_type="application/json"
    )
    assert_problem(answer, 400)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_a_body_of_another_type_is_refused(shared: Shop, content_type: str) -> None:
    body = b'{"lines": [{"price": "p", "quantity": 1}]}'
    answer = ask(shared, "/api/checkout", signed(shared), method="POST", data=body, content_type=content_type)
    assert_problem(answer, 415)
    assert answer.headers["Accept"] == "application/json"


def test_a_compressed_body_is_refused(shared: Shop) -> None:
    answer = ask(
        shared,
        "/api/checkout",
        signed(shared),
        method="POST",
        data=b"\x1f\x8b",
        content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )
    assert_problem(answer, 415)


@pytest.mark.parametrize("price", ["price_unknown", "p' OR 1=1", "\ud800", "../customers", "x\0y"])
def test_an_unknown_price_cannot_be_bought(shared: Shop, price: str) -> None:
    assert_problem(order(shared, signed(shared), [{"price": price, "quantity": 1}]), 409)


def test_what_cannot_be_bought_together_is_refused(shared: Shop) -> None:
    prices = ask(shared, "/api/products/mug", signed(shared)).get_json()["prices"]
    lines = [{"price": price["id"], "quantity": 1} for price in prices]
    answer = order(shared, signed(shared), lines)
    assert "JPY" in assert_problem(answer, 409)["detail"]


def test_what_is_out_of_stock_cannot_be_bought(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200, **{"metadata[stock]": "0"})
    answer = order(shop, signed(shop), [{"price": mug.price, "quantity": 1}])
    assert "out of stock" in assert_problem(answer, 409)["detail"]
    assert shop.customers() == []


def test_a_price_that_vanished_meanwhile_is_said_and_the_catalogue_read_again(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200)
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    token = signed(shop)

    answer = order(shop, token, [{"price": mug.price, "quantity": 1}])

    assert "not for sale" in assert_problem(answer, 409)["detail"]
    until(lambda: ask(shop, f"/api/products/{mug.product}", token).status_code == 404, within_s=20)


def test_while_stripe_is_down_nothing_is_sold(shop: Shop) -> None:
    mug, token = sell(shop, "Mug", 1200), signed(shop)
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/(checkout|customers).*")

    answer = order(shop, token, [{"price": mug.price, "quantity": 1}])

    assert_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
