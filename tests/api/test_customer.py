"""The customer that the JSON API finds for a user."""

from __future__ import annotations

from tests.callers import ask, assert_problem, signed, user_token
from tests.support import ADA, GRACE, SECOND_LIVE_KEY, Shop, the_customer
from webstore.sandbox.stripe import LIVE_KEY


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
    shop.browser().log_in(path="/")
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


def test_a_verdict_counts_for_a_minute(shop: Shop) -> None:
    token = user_token(shop)
    assert ask(shop, "/api/me", token).status_code == 200
    shop.forget_requests()

    assert ask(shop, "/api/me", token).status_code == 200

    assert not [seen for seen in shop.stripe_requests() if "customers" in seen]
    assert shop.management_requests() == []


def test_a_pending_link_asks_the_client_to_come_back(shop: Shop) -> None:
    shop.sandbox.stripe.control.add_fault(action="status", status=503, path="/v1/customers.*")

    answer = ask(shop, "/api/me", signed(shop))

    assert_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def test_a_link_of_another_live_account_is_refused(shop: Shop) -> None:
    shop.restart(STRIPE_SECRET_KEY=LIVE_KEY)
    shop.browser().log_in(path="/")
    shop.restart(STRIPE_SECRET_KEY=SECOND_LIVE_KEY)

    assert_problem(ask(shop, "/api/me", signed(shop)), 409)
    assert shop.customers() == []


def test_the_token_of_a_user_who_is_gone_is_refused(shop: Shop) -> None:
    token = user_token(shop)
    shop.management("DELETE", ADA)

    answer = ask(shop, "/api/me", token)

    assert_problem(answer, 401)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert shop.customers() == []
