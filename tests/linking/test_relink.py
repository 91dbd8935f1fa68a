"""The command `flask customers relink`, over HTTP: both sides, the questions it asks, and what it refuses."""

from __future__ import annotations

import json

import pytest
from click.testing import Result

from tests.linking.operators import Eve, customers, linked_user, made, owner, subscription, written
from tests.linking.steps import USER
from tests.support import ADA, GRACE, OTHER_ACCOUNT, RESTRICTED_KEY, SECOND_LIVE_KEY, Shop
from webstore.linking.models import LinkStatus
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY


@pytest.fixture
def eve(shared: Shop) -> Eve:
    """A linked user."""
    return linked_user(shared)


@pytest.fixture
def ada(shop: Shop) -> str:
    """Ada's customer."""
    outcome = shop.use(ADA)
    assert outcome.customer_id is not None, outcome
    return outcome.customer_id


def relink(shop: Shop, *arguments: str, typed: str | None = None) -> Result:
    return customers(shop, "relink", *arguments, typed=typed)


def test_both_sides_are_shown_asked_about_and_written(eve: Eve) -> None:
    new = made(eve.shop, email="ada@work.example", name="Ada at work")
    eve.shop.forget_requests()
    done = relink(eve.shop, eve.email, new, typed="y\n")
    assert done.exit_code == 0, done.output
    for told in (eve.id, eve.email, eve.customer, new, "ada@work.example", "names nobody", f"{ACCOUNT} test"):
        assert told in done.stdout
    assert "Link the two? [y/N]" in done.output
    # One claim and one PATCH, no more.
    assert written(eve.shop) == ["POST", "PATCH"]
    assert owner(eve.shop, new) == eve.id
    assert eve.shop.app_metadata(eve.id) | {
        "stripe_customer_id": new,
        "stripe_replaced": eve.customer,
    } == eve.shop.app_metadata(eve.id)
    used = eve.shop.use(eve.id, eve.customer)
    assert (used.status, used.customer_id, used.predecessors) == (LinkStatus.VERIFIED, new, (eve.customer,))


def test_it_does_no_harm_to_run_it_again(eve: Eve) -> None:
    new = made(eve.shop)
    assert relink(eve.shop, eve.id, new, "--yes").exit_code == 0
    before = eve.shop.app_metadata(eve.id)
    eve.shop.forget_requests()
    again = relink(eve.shop, eve.id, new, "--yes")
    assert (again.exit_code, again.stdout.splitlines()[-1]) == (
        0,
        "They are linked already. Nothing was changed.",
    )
    assert written(eve.shop) == []
    # And back: the list of earlier customers names each other one once.
    assert relink(eve.shop, new, eve.customer, "--yes").exit_code == 0
    assert eve.shop.app_metadata(eve.id) == {
        **before,
        "stripe_customer_id": eve.customer,
        "stripe_replaced": new,
    }


@pytest.mark.parametrize("typed", ["n\n", ""], ids=["no", "nobody there"])
def test_without_a_yes_nothing_is_written(eve: Eve, typed: str) -> None:
    new = made(eve.shop)
    before = eve.shop.app_metadata(eve.id)
    eve.shop.forget_requests()
    done = relink(eve.shop, eve.id, new, typed=typed)
    assert done.exit_code == 1
    assert "othing was changed" in done.stderr
    assert ("--yes" in done.stderr) is (typed == "")
    assert (written(eve.shop), eve.shop.app_metadata(eve.id), owner(eve.shop, new)) == ([], before, None)


def test_a_dry_run_and_its_json_say_what_would_change(eve: Eve) -> None:
    new = made(eve.shop)
    eve.shop.forget_requests()
    done = relink(eve.shop, eve.customer, new, "--dry-run", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "user": eve.id,
        "customer": new,
        "account": f"{ACCOUNT} test",
        "recorded_in": "app_metadata.stripe_customer_id",
        "recorded_before": eve.customer,
        "named_before": None,
        "changes": [
            f"{new} in Stripe gets the metadata auth0_user_id = {eve.id}",
            f"app_metadata.stripe_customer_id in Auth0: {eve.customer} becomes {new}",
            f"{eve.customer} is kept among the earlier customers, so that its orders stay in sight",
        ],
        "running_on_the_former_customer": [],
        "written": False,
    }
    assert written(eve.shop) == []
    assert json.loads(relink(eve.shop, eve.customer, new, "--yes", "--json").stdout)["written"] is True
    assert eve.shop.use(eve.id).customer_id == new


def test_another_users_customer_is_refused_unless_it_is_taken_over(eve: Eve) -> None:
    graces = eve.shop.use(GRACE).customer_id or ""
    eve.shop.forget_requests()
    refused = relink(eve.shop, eve.id, graces, "--yes")
    assert refused.exit_code == 1
    assert f"{graces} names {GRACE}" in refused.stderr
    assert "--take-over" in refused.stderr
    assert written(eve.shop) == []
    done = relink(eve.shop, eve.id, graces, "--take-over", "--yes")
    assert done.exit_code == 0, done.output
    assert f"takes {graces} away from {GRACE}" in done.stdout
    assert eve.shop.use(eve.id).customer_id == graces
    # The other user gets a customer of their own, and the operator an alarm.
    others = eve.shop.use(GRACE)
    assert others.customer_id not in (None, graces, eve.customer)
    assert others.alarm


def test_a_customer_of_another_tenant_is_taken_over_only_on_purpose(eve: Eve) -> None:
    eve.shop.stripe("POST", f"/customers/{eve.customer}", **{"metadata[auth0_tenant]": "old.eu.auth0.com"})
    assert eve.shop.use(eve.id).status is LinkStatus.REFUSED
    assert relink(eve.shop, eve.id, eve.customer, "--yes").exit_code == 1
    assert relink(eve.shop, eve.id, eve.customer, "--yes", "--take-over").exit_code == 0
    assert eve.shop.use(eve.id).customer_id == eve.customer


def test_a_recorded_text_that_is_no_customer_id_is_replaced(eve: Eve) -> None:
    garbage = "\x07\x1b[31mno customer"
    eve.shop.management("PATCH", eve.id, {"app_metadata": {"stripe_customer_id": garbage, "plan": "gold"}})
    assert eve.shop.use(eve.id).alarm
    new = made(eve.shop)
    done = relink(eve.shop, eve.id, new, "--yes")
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    assert "\x07" not in done.output
    metadata = eve.shop.app_metadata(eve.id)
    assert (metadata["plan"], metadata["stripe_customer_id"]) == ("gold", new)
    assert "stripe_replaced" not in metadata
    assert eve.shop.use(eve.id).customer_id == new


def test_a_live_link_whose_customer_is_unknown_is_replaced(shop: Shop) -> None:
    shop.restart(STRIPE_SECRET_KEY=LIVE_KEY)
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": "cus_unknown"}})
    outcome = shop.use(ADA)
    assert outcome.alarm
    assert "flask customers relink" in outcome.reason
    new = made(shop)
    assert relink(shop, ADA, new, "--yes").exit_code == 0
    assert shop.use(ADA).customer_id == new
    assert shop.app_metadata(ADA) == {
        "stripe_customer_id": new,
        "stripe_account": f"{ACCOUNT} live",
        "stripe_replaced": "cus_unknown",
    }


def test_a_test_store_writes_its_own_keys_beside_a_live_link(eve: Eve) -> None:
    live = {"stripe_customer_id": "cus_live", "stripe_account": f"{ACCOUNT} live"}
    eve.shop.management("PATCH", eve.id, {"app_metadata": live})
    new = made(eve.shop)
    assert relink(eve.shop, eve.id, new, "--yes").exit_code == 0
    suffix = f"_{ACCOUNT}_test"
    assert eve.shop.app_metadata(eve.id) == {
        **live,
        f"stripe_customer_id{suffix}": new,
        f"stripe_account{suffix}": f"{ACCOUNT} test",
    }


def test_a_link_of_a_second_live_account_is_not_overwritten(shop: Shop) -> None:
    metadata = {"stripe_customer_id": "cus_1", "stripe_account": f"{ACCOUNT} live"}
    shop.management("PATCH", ADA, {"app_metadata": metadata})
    shop.restart(STRIPE_SECRET_KEY=SECOND_LIVE_KEY)
    done = relink(shop, ADA, made(shop), "--yes")
    assert done.exit_code == 1
    assert "LINK_SECOND_ACCOUNT=1" in done.stderr
    assert OTHER_ACCOUNT in done.stderr
    assert shop.app_metadata(ADA) == metadata


def test_subscriptions_that_run_on_the_customer_that_is_left_are_named(eve: Eve) -> None:
    running = subscription(eve.shop, eve.customer)
    done = relink(eve.shop, eve.id, made(eve.shop), "--dry-run")
    assert f"{running} runs on {eve.customer}" in done.stdout


def test_an_address_of_several_users_asks_for_the_id(eve: Eve) -> None:
    twin = eve.shop.add_user(eve.email, user_id="google-oauth2|1042", connection="google-oauth2")
    done = relink(eve.shop, eve.email.upper(), eve.customer, "--yes")
    assert done.exit_code == 1
    assert eve.id in done.stderr
    assert twin in done.stderr


@pytest.mark.parametrize(
    ("who", "customer", "said"),
    [
        ("ada", "cus_1", "'ada' is not an e-mail address, user ID (auth0|...) or customer ID"),
        ("auth0|", "cus_1", "'auth0|' is not an e-mail address"),
        (ADA, "acct_1", "'acct_1' is not a customer ID"),
        (ADA, "cus_1/../2", "is not a customer ID"),
    ],
)
def test_wrong_arguments_are_said_to_be_and_nobody_is_asked(
    shared: Shop, who: str, customer: str, said: str
) -> None:
    shared.forget_requests()
    done = relink(shared, who, customer, "--yes")
    assert done.exit_code == 2
    assert said in done.stderr
    assert shared.management_requests() == []


def test_json_without_an_answer_is_refused(shared: Shop) -> None:
    done = relink(shared, ADA, "cus_1", "--json")
    assert (done.exit_code, "add --yes or --dry-run" in done.stderr) == (2, True)


def test_what_does_not_exist_is_said_in_the_operators_words(shared: Shop) -> None:
    customer, orphan = made(shared), made(shared)
    said = {
        ("nobody@example.com", customer): "Auth0 has no user with the address nobody@example.com.",
        ("auth0|000000000000000000000099", customer): "Auth0 has no such user.",
        (orphan, customer): f"{orphan} names no user: give the user.",
        ("cus_unknown", customer): "Stripe does not know this customer.",
        (ADA, "cus_unknown"): "Stripe does not know cus_unknown. Check the ID",
    }
    for (who, which), words in said.items():
        done = relink(shared, who, which, "--yes")
        assert (done.exit_code, words in done.stderr) == (1, True), done.stderr
    gone = json.loads(relink(shared, ADA, "cus_unknown", "--yes", "--json").stdout)
    assert "cus_unknown" in gone["error"]


def test_a_deleted_customer_is_refused(shared: Shop) -> None:
    customer = made(shared)
    shared.stripe("DELETE", f"/customers/{customer}")
    done = relink(shared, ADA, customer, "--yes")
    assert (done.exit_code, "was deleted in Stripe" in done.stderr) == (1, True)


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"status": 429}], ids=str)
def test_a_fault_at_auth0_is_told_and_the_next_run_finishes(
    eve: Eve, method: str, fault: dict[str, int]
) -> None:
    new = made(eve.shop)
    eve.shop.sandbox.auth0.control.add_fault(action="status", method=method, path=USER, times=None, **fault)
    done = relink(eve.shop, eve.id, new, "--yes")
    assert done.exit_code == 1
    told = "set-up has to be corrected" if fault["status"] == 403 else "Run the command again"
    assert told in done.stderr
    eve.shop.sandbox.auth0.control.clear_faults()
    assert relink(eve.shop, eve.id, new, "--yes").exit_code == 0
    assert eve.shop.use(eve.id).customer_id == new
    assert owner(eve.shop, new) == eve.id


def test_a_claim_that_stripe_lost_is_not_recorded(eve: Eve) -> None:
    new = made(eve.shop)
    eve.shop.sandbox.stripe.control.add_fault(
        action="status", method="POST", path=f"/v1/customers/{new}", status=500
    )
    assert relink(eve.shop, eve.id, new, "--yes").exit_code == 1
    assert eve.shop.app_metadata(eve.id)["stripe_customer_id"] == eve.customer


def test_a_key_that_may_not_read_subscriptions_says_so(shop: Shop, ada: str) -> None:
    shop.restart(STRIPE_SECRET_KEY=RESTRICTED_KEY)
    shop.sandbox.stripe.control.change_settings({"denied_permissions": ["subscription_read"]})
    done = relink(shop, ADA, made(shop), "--yes")
    assert done.exit_code == 0, done.output
    assert f"the subscriptions of {ada} cannot be read" in done.stdout
