"""The commands `flask customers list, show, open, link and unlink`, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.linking.operators import Eve, customers, linked_user, made, owner, subscription, written
from tests.linking.steps import USER
from tests.support import ADA, OTHER_ACCOUNT, Shop
from webstore.linking.models import LinkStatus
from webstore.sandbox.stripe import ACCOUNT

LIVE = {"stripe_customer_id": "cus_live", "stripe_account": f"{ACCOUNT} live"}


@pytest.fixture
def eve(shared: Shop) -> Eve:
    """A linked user."""
    return linked_user(shared)


@pytest.fixture
def newcomer(shared: Shop) -> str:
    """The ID of a user whom nobody has linked."""
    linked = linked_user(shared)
    assert customers(shared, "unlink", linked.id, "--yes").exit_code == 0
    shared.management("PATCH", linked.id, {"app_metadata": {"stripe_replaced": None, "stripe_account": None}})
    shared.forget_requests()
    return linked.id


def shown(shop: Shop, *arguments: str) -> dict[str, Any]:
    """The only user of the document that `show --json` prints."""
    done = customers(shop, "show", *arguments, "--json")
    assert done.exit_code == 0, done.output
    users: list[dict[str, Any]] = json.loads(done.stdout)["users"]
    assert len(users) == 1
    return users[0]


def record(eve: Eve, **metadata: object) -> None:
    eve.shop.management("PATCH", eve.id, {"app_metadata": metadata}).raise_for_status()


# Show


@pytest.mark.parametrize("who", ["email", "id", "customer"])
def test_both_sides_are_shown_and_nothing_is_written(eve: Eve, who: str) -> None:
    done = customers(eve.shop, "show", str(getattr(eve, who)))
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["User", eve.id]
    for told in (
        eve.email,
        "linked, both sides agree",
        f"{eve.customer} in app_metadata.stripe_customer_id",
        f"1 living customer: {eve.customer}",
        "How it came about: The store made it for the user.",
        f"nothing to do: {eve.customer} (both sides agree)",
    ):
        assert told in done.stdout
    assert written(eve.shop) == []


def test_the_document_has_what_the_page_has(eve: Eve) -> None:
    found = shown(eve.shop, eve.email)
    history = {it["label"]: it["value"] for it in found.pop("history")}
    assert history["Link generation"] == "0"
    assert found == {
        "user": eve.id,
        "email": eve.email,
        "name": "Eve Example",
        "blocked": False,
        "user_page": found["user_page"],
        "status": "linked",
        "problems": [],
        "recorded": eve.customer,
        "recorded_in": "app_metadata.stripe_customer_id",
        "customer": eve.customer,
        "customer_page": f"{eve.shop.environment['STRIPE_DASHBOARD_URL']}/customers/{eve.customer}",
        "differences": [],
        "named_by": [eve.customer],
        "links": [
            {
                "recorded_in": "app_metadata.stripe_customer_id",
                "customer": eve.customer,
                "account": f"{ACCOUNT} test",
                "page": found["customer_page"],
            }
        ],
        "next_login": f"nothing to do: {eve.customer} (recorded)",
        "next_use": f"nothing to do: {eve.customer} (both sides agree)",
    }


def test_what_linking_would_do_is_explained_and_not_done(shared: Shop, newcomer: str) -> None:
    done = customers(shared, "show", newcomer, "--explain")
    assert done.exit_code == 0, done.output
    assert "not linked" in done.stdout
    assert "POST /v1/customers (not made)" in done.stdout
    assert f"metadata.auth0_user_id: {newcomer}" in done.stdout
    assert "Linking would create a customer." in done.stdout
    assert written(shared) == []
    login = shown(shared, newcomer, "--explain")["login"]
    assert login["calls"][0] == {
        "vendor": "Auth0",
        "request": f"GET /api/v2/users/{newcomer}",
        "answer": "nothing recorded",
    }
    assert login["not_made"]["request"] == "POST /v1/customers"


def test_a_deleted_customer_is_said_to_be_replaced_at_the_next_use(eve: Eve) -> None:
    eve.shop.stripe("DELETE", f"/customers/{eve.customer}")
    found = shown(eve.shop, eve.id)
    assert (found["status"], found["recorded"], found["customer"]) == ("mismatch", eve.customer, None)
    assert "was deleted in Stripe" in found["problems"][0]
    assert found["next_login"].startswith("nothing to do")
    assert found["next_use"] == f"would create a customer in place of {eve.customer}"
    # The history of the customer in its place.
    assert customers(eve.shop, "link", eve.id).exit_code == 0
    history = {it["label"]: it["value"] for it in shown(eve.shop, eve.id)["history"]}
    assert history["Earlier customers"] == eve.customer
    assert history["How it came about"] == f"The store made it in place of {eve.customer}."


def test_what_the_two_sides_say_differently_is_shown(eve: Eve) -> None:
    eve.shop.stripe("POST", f"/customers/{eve.customer}", name="Somebody")
    done = customers(eve.shop, "show", eve.id)
    assert "Name: Auth0 has Eve Example, Stripe has Somebody" in done.stdout
    assert f"would carry the e-mail address or the name over to {eve.customer}" in done.stdout


def test_every_world_is_shown_with_its_page(eve: Eve) -> None:
    other = f"{OTHER_ACCOUNT} test"
    suffix = f"_{OTHER_ACCOUNT}_test"
    record(eve, **{f"stripe_customer_id{suffix}": "cus_other", f"stripe_account{suffix}": other})
    links = shown(eve.shop, eve.id)["links"]
    assert [(it["customer"], it["account"]) for it in links] == [
        (eve.customer, f"{ACCOUNT} test"),
        ("cus_other", other),
    ]
    for link in links:
        # The list of customers of that account and mode; the other customer does not exist.
        assert eve.shop.http.get(link["page"].removesuffix("/cus_other")).status_code == 200
    done = customers(eve.shop, "show", eve.id)
    assert f"cus_other ({other})\n" in done.stdout
    assert f" in app_metadata.stripe_customer_id{suffix}\n" in done.stdout


def test_an_address_of_two_users_shows_both_and_a_blocked_one_is_shown_as_such(eve: Eve) -> None:
    twin = eve.shop.add_user(
        eve.email, user_id="google-oauth2|1043", connection="google-oauth2", blocked=True
    )
    done = customers(eve.shop, "show", eve.email)
    assert done.exit_code == 0, done.output
    assert (eve.id in done.stdout, twin in done.stdout) == (True, True)
    assert "blocked: the user is blocked" in done.stdout


def test_a_customer_that_names_nobody_is_shown_alone(shared: Shop) -> None:
    customer = made(shared, email="nobody@example.com")
    done = customers(shared, "show", customer)
    assert (done.exit_code, "nobody: `customers relink`" in done.stdout) == (0, True)
    document = json.loads(customers(shared, "show", customer, "--json").stdout)
    assert (document["users"], document["customer"]["customer"]) == ([], customer)


@pytest.mark.parametrize("owner", ["customer 17", ".."])
def test_metadata_that_is_no_user_id_is_told_and_auth0_is_not_asked(shared: Shop, owner: str) -> None:
    customer = made(shared, owner)
    shared.forget_requests()
    for command in ("show", "open", "link"):
        done = customers(shared, command, customer)
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"auth0_user_id of {customer} is '{owner}', which is not a user ID" in done.stderr
    assert [it.path for it in shared.sandbox.auth0.control.requests()] == []


def test_a_vendor_that_fails_is_told_without_a_traceback(eve: Eve) -> None:
    eve.shop.sandbox.stripe.control.add_fault(
        action="status", method="GET", path="/v1/customers/.*", status=500, times=None
    )
    done = customers(eve.shop, "show", eve.id)
    assert (done.exit_code, "Stripe cannot be reached just now" in done.stdout) == (1, True)
    eve.shop.sandbox.stripe.control.clear_faults()
    eve.shop.sandbox.auth0.control.add_fault(action="status", method="GET", path=USER, status=503, times=None)
    for command in (["show", eve.id], ["open", eve.id], ["link", eve.id]):
        failed = customers(eve.shop, *command)
        assert (failed.exit_code, "503" in failed.output) == (1, True), failed.output
    eve.shop.sandbox.auth0.control.clear_faults()


# Open


def test_the_pages_are_printed_and_there(eve: Eve) -> None:
    done = customers(eve.shop, "open", eve.email, "--print")
    assert done.exit_code == 0, done.output
    pages = [eve.shop.http.get(line, follow_redirects=True).text for line in done.stdout.splitlines()]
    assert [eve.email in page for page in pages] == [True, True]
    assert json.loads(customers(eve.shop, "open", eve.customer, "--json").stdout) == {
        "pages": done.stdout.split(),
        "other_worlds": [],
    }
    orphan = made(eve.shop)
    assert customers(eve.shop, "open", orphan).stdout.strip().endswith(f"/customers/{orphan}")


# Link


def test_a_user_is_linked_now_as_by_a_login(shared: Shop, newcomer: str) -> None:
    done = customers(shared, "link", newcomer)
    assert done.exit_code == 0, done.output
    customer = shared.app_metadata(newcomer)["stripe_customer_id"]
    assert owner(shared, customer) == newcomer
    assert f"nothing to do: {customer} (both sides agree)" in done.stdout
    shared.forget_requests()
    again = json.loads(customers(shared, "link", newcomer, "--json").stdout)
    assert (again["customer"], again["login"]["status"]) == (customer, "already_linked")
    assert written(shared) == []


def test_a_user_who_cannot_be_linked_now_is_told_why(shared: Shop, newcomer: str) -> None:
    shared.sandbox.stripe.control.add_fault(action="status", method="POST", path="/v1/customers", status=429)
    done = customers(shared, "link", newcomer)
    assert done.exit_code == 1
    assert "pending: PaymentsUnavailable" in done.stdout
    assert done.stdout.endswith("The user is not linked.\n")
    assert customers(shared, "link", newcomer).exit_code == 0


# Unlink


def test_both_sides_are_cleared_after_a_question_and_the_next_login_makes_a_new_customer(eve: Eve) -> None:
    done = customers(eve.shop, "unlink", eve.email, typed="y\n")
    assert done.exit_code == 0, done.output
    for told in (eve.id, eve.customer, "names nobody from then on", "the user gets a new, empty customer"):
        assert told in done.stdout
    assert "Unlink the user? The next login makes a new, empty customer. [y/N]" in done.output
    assert written(eve.shop) == ["POST", "PATCH"]
    metadata = eve.shop.stripe("GET", f"/customers/{eve.customer}")["metadata"]
    # How often a create had failed is no name, and stays.
    assert metadata == {"link_generation": "0"}
    assert eve.shop.app_metadata(eve.id) == {
        "stripe_account": f"{ACCOUNT} test",
        "stripe_replaced": eve.customer,
    }
    used = eve.shop.use(eve.id, eve.customer)
    assert used.customer_id not in (None, eve.customer)
    assert used.predecessors == (eve.customer,)
    # And back.
    assert customers(eve.shop, "relink", eve.id, eve.customer, "--yes").exit_code == 0
    assert eve.shop.use(eve.id).customer_id == eve.customer


def test_it_does_no_harm_to_unlink_again(eve: Eve) -> None:
    assert customers(eve.shop, "unlink", eve.id, "--yes").exit_code == 0
    eve.shop.forget_requests()
    again = customers(eve.shop, "unlink", eve.id, "--yes")
    assert (again.exit_code, again.stdout.splitlines()[-1]) == (
        0,
        "The user is not linked. Nothing was changed.",
    )
    assert written(eve.shop) == []


@pytest.mark.parametrize("typed", ["n\n", ""], ids=["no", "nobody there"])
def test_without_a_yes_the_link_stays(eve: Eve, typed: str) -> None:
    done = customers(eve.shop, "unlink", eve.id, typed=typed)
    assert done.exit_code == 1
    assert ("--yes" in done.stderr) is (typed == "")
    assert written(eve.shop) == []


def test_a_dry_run_and_its_json_say_what_an_unlink_would_change(eve: Eve) -> None:
    running = subscription(eve.shop, eve.customer)
    eve.shop.forget_requests()
    found = json.loads(customers(eve.shop, "unlink", eve.customer, "--dry-run", "--json").stdout)
    assert found["changes"] == [
        f"Stripe: {eve.customer} names nobody from then on",
        f"Auth0: {eve.customer} is removed from app_metadata.stripe_customer_id",
        f"Auth0: {eve.customer} joins the earlier customers: orders stay in sight",
    ]
    assert (found["written"], found["running"]) == (False, {eve.customer: [running]})
    assert written(eve.shop) == []
    assert f"{running} runs on {eve.customer}" in customers(eve.shop, "unlink", eve.id, "--dry-run").stdout


def test_a_fault_in_the_middle_of_an_unlink_is_told_and_the_next_run_finishes(eve: Eve) -> None:
    eve.shop.sandbox.auth0.control.add_fault(action="status", method="PATCH", path=USER, status=500)
    done = customers(eve.shop, "unlink", eve.id, "--yes")
    assert (done.exit_code, "Run the command again" in done.stderr) == (1, True)
    assert customers(eve.shop, "unlink", eve.id, "--yes").exit_code == 0
    assert "stripe_customer_id" not in eve.shop.app_metadata(eve.id)
    assert owner(eve.shop, eve.customer) is None


def test_a_test_store_leaves_the_live_link_alone(shared: Shop) -> None:
    user_id = shared.add_user("live@example.com")
    shared.management("PATCH", user_id, {"app_metadata": LIVE})
    assert shared.use(user_id).status is LinkStatus.CREATED
    assert customers(shared, "unlink", user_id, "--yes").exit_code == 0
    metadata = shared.app_metadata(user_id)
    assert {name: metadata[name] for name in LIVE} == LIVE
    assert f"stripe_customer_id_{ACCOUNT}_test" not in metadata


# List


def test_users_are_listed_newest_first_with_their_customers(eve: Eve) -> None:
    done = customers(eve.shop, "list", "--limit", "1")
    assert done.exit_code == 0, done.output
    header, row = done.stdout.splitlines()
    assert header.split() == ["User", "Customer", "E-mail"]
    assert row.split() == [eve.id, eve.customer, eve.email]
    assert "There are more: see --limit." in done.stderr


def test_users_without_a_customer_are_listed(shared: Shop) -> None:
    fresh = shared.add_user("fresh@example.com")
    failed = shared.add_user("failed@example.com", app_metadata={"stripe_link_failed_at": 1_800_000_000})
    elsewhere = shared.add_user("elsewhere@example.com", app_metadata=LIVE)
    linked = linked_user(shared)
    unlinked = json.loads(customers(shared, "list", "--unlinked", "--json").stdout)
    found = {it["user"]: it["status"] for it in unlinked["users"]}
    assert linked.id not in found
    assert (found[fresh], found[failed], found[elsewhere]) == ("none", "pending", "none")
    assert (unlinked["more"], unlinked["ceiling_reached"]) == (False, False)
    pending = customers(shared, "list", "--pending").stdout
    assert [failed in pending, fresh in pending] == [True, False]
    assert f"{ACCOUNT} live" in customers(shared, "list", "--unlinked").stdout


# Arguments


@pytest.mark.parametrize("command", ["show", "open", "link", "unlink"])
def test_wrong_arguments_are_said_to_be_and_nobody_is_asked(shared: Shop, command: str) -> None:
    shared.forget_requests()
    done = customers(shared, command, "ada")
    assert (done.exit_code, "is not an e-mail address" in done.stderr) == (2, True)
    assert shared.management_requests() == []
    missing = customers(shared, command, "nobody@example.com", *(["--yes"] if command == "unlink" else []))
    assert (missing.exit_code, "Auth0 has no user with the address" in missing.stderr) == (1, True)
    help_text = customers(shared, command, "--help").stdout
    assert f"flask --app wsgi customers {command} " in help_text
    assert "Exit code:" in help_text


def test_an_unlink_with_json_needs_an_answer(shared: Shop) -> None:
    assert customers(shared, "unlink", ADA, "--json").exit_code == 2
