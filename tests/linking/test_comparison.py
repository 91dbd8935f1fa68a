"""The user and the customer side by side, read from both vendors: their differences, and hidden data."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from webstore.errors import UserGone
from webstore.gateways.auth0 import Auth0Directory
from webstore.gateways.state import FileState
from webstore.gateways.stripe import StripePayments
from webstore.gateways.stripe.client import stripe_client
from webstore.gateways.wire import Wire
from webstore.linking import Linker, compare
from webstore.linking.executor import BoundedExecutor
from webstore.linking.models import ComparedField, Comparison, CustomerDraft, RecordedLink
from webstore.linking.protocol import Policy
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY, TEST_KEY
from webstore.sandbox.vendors import Sandbox

ADA = "auth0|000000000000000000000001"
GRACE = "auth0|000000000000000000000002"
TENANT = "shop.eu.auth0.com"
NAMES_ADA = {"auth0_user_id": ADA, "auth0_tenant": TENANT}


@dataclass
class Vendors:
    """Both vendors, and the gateways to them."""

    sandbox: Sandbox
    directory: Auth0Directory
    payments: StripePayments
    live: StripePayments
    policy: Policy

    def compare(self, user_id: str = ADA) -> Comparison:
        return compare(Linker(self.directory, self.payments, self.policy), user_id)

    def user_has(self, metadata: Mapping[str, Any] | None, **fields: Any) -> None:
        """Put something into Ada's record."""
        change = self.sandbox.auth0.state.users.change
        change(ADA, lambda user: replace(user, app_metadata=metadata, **fields))

    def customer(
        self,
        metadata: Mapping[str, str],
        *,
        email: str | None = "ada@example.com",
        name: str | None = "Ada Example",
        live: bool = False,
    ) -> str:
        """Make a customer and give its ID."""
        draft = CustomerDraft(email, name, "of the web store", metadata)
        return (self.live if live else self.payments).create_customer(draft, "key").customer.id

    def linked(self, metadata: Mapping[str, str] = NAMES_ADA, **fields: str | None) -> str:
        """Make a customer and record it for Ada."""
        customer_id = self.customer(metadata, **fields)  # type: ignore[arg-type]  # `live` stays False
        self.user_has({"stripe_customer_id": customer_id, "stripe_account": f"{ACCOUNT} test"})
        return customer_id

    def delete(self, customer_id: str) -> None:
        """Delete a customer as on the dashboard."""
        state = self.sandbox.stripe.state
        world = state.world(ACCOUNT, livemode=False)
        with state.lock:
            kept = world.customers.get(customer_id)
            assert kept is not None
            world.customers.change(replace(kept, deleted=True), state.clock.now())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def vendors(sandbox: Sandbox, tmp_path: Path) -> Iterator[Vendors]:
    sandbox.start()
    sandbox.auth0.control.reset()
    sandbox.stripe.control.reset()
    environment, state = sandbox.environment(), FileState(tmp_path / "state")
    with closing(Wire("the vendors", connect_s=20, total_s=20)) as wire:

        def payments(key: str) -> StripePayments:
            api_base = environment["STRIPE_API_BASE"]
            client = stripe_client(wire, api_key=key, api_base=api_base)
            return StripePayments(client, state, livemode=key == LIVE_KEY, account_key=key)

        directory = Auth0Directory(
            wire,
            state,
            base_url=environment["AUTH0_ISSUER"].rstrip("/"),
            domain=environment["AUTH0_DOMAIN"],
            client_id=environment["AUTH0_MGMT_CLIENT_ID"],
            client_secret=environment["AUTH0_MGMT_CLIENT_SECRET"],
        )
        policy = Policy(tenant=TENANT, livemode=False)
        yield Vendors(sandbox, directory, payments(TEST_KEY), payments(LIVE_KEY), policy)


def rows(found: Comparison) -> dict[str, ComparedField]:
    return {row.label: row for row in found.rows}


def verdicts(found: Comparison) -> dict[str, bool | None]:
    return {row.label: row.matches for row in found.rows}


NOTHING_TO_COMPARE = dict.fromkeys(
    ("Customer ID", "User ID", "E-mail", "Name", "Tenant", "Account and mode", "Description")
)


def test_a_linked_user_and_their_customer_agree_in_every_row(vendors: Vendors) -> None:
    customer_id = vendors.linked()
    found = vendors.compare()
    assert (found.status, found.user_id, found.customer_id, found.problems) == (
        "linked",
        ADA,
        customer_id,
        (),
    )
    assert [(row.label, row.auth0, row.stripe, row.matches) for row in found.rows] == [
        ("Customer ID", customer_id, customer_id, True),
        ("User ID", ADA, ADA, True),
        ("E-mail", "ada@example.com", "ada@example.com", True),
        ("Name", "Ada Example", "Ada Example", True),
        ("Tenant", TENANT, TENANT, True),
        ("Account and mode", f"{ACCOUNT} test", f"{ACCOUNT} test", True),
        ("Description", None, "of the web store", None),
    ]


def test_each_row_names_the_fields_where_an_operator_finds_them(vendors: Vendors) -> None:
    vendors.linked()
    assert [(row.auth0_field, row.stripe_field) for row in vendors.compare().rows] == [
        ("app_metadata.stripe_customer_id", "id"),
        ("user_id", "metadata.auth0_user_id"),
        ("email", "email"),
        ("name", "name"),
        ("domain", "metadata.auth0_tenant"),
        ("app_metadata.stripe_account", "account"),
        ("", "description"),
    ]


@pytest.mark.parametrize("noted", [1_790_000_000_000, 1e300, -1e15], ids=["milliseconds", "huge", "negative"])
def test_a_failure_note_that_is_no_time_counts_as_absent(vendors: Vendors, noted: float) -> None:
    customer_id = vendors.customer(NAMES_ADA)
    vendors.user_has({"stripe_customer_id": customer_id, "stripe_link_failed_at": noted})
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("linked", customer_id)
    assert "A create failed" not in [fact.label for fact in found.facts]


def test_differences_are_reported_and_the_link_is_valid(vendors: Vendors) -> None:
    customer_id = vendors.linked(email="old@example.com", name=None)
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("linked", customer_id)
    assert found.problems == ("E-mail: Auth0 and Stripe differ.", "Name: Auth0 and Stripe differ.")
    assert rows(found)["E-mail"].stripe == "old@example.com"
    assert (rows(found)["Name"].stripe, rows(found)["Name"].matches) == (None, False)


def test_an_email_that_both_sides_lack_is_not_a_difference(vendors: Vendors) -> None:
    customer_id = vendors.customer(NAMES_ADA, email=None)
    vendors.user_has({"stripe_customer_id": customer_id}, email=None)
    found = vendors.compare()
    assert (found.status, found.problems) == ("linked", ())
    assert rows(found)["E-mail"].matches is True


def test_a_link_made_by_hand_without_tenant_and_account_is_not_a_difference(vendors: Vendors) -> None:
    customer_id = vendors.customer({"auth0_user_id": ADA})
    vendors.user_has({"stripe_customer_id": customer_id})
    found = vendors.compare()
    assert (found.status, found.customer_id, found.problems) == ("linked", customer_id, ())
    assert verdicts(found) == {
        **dict.fromkeys(("Customer ID", "User ID", "E-mail", "Name"), True),
        **dict.fromkeys(("Tenant", "Account and mode", "Description")),
    }


def test_a_link_recorded_for_another_account_is_a_difference(vendors: Vendors) -> None:
    customer_id = vendors.customer(NAMES_ADA)
    vendors.user_has({"stripe_customer_id": customer_id, "stripe_account": "acct_another live"})
    found = vendors.compare()
    # It says nothing about this account and mode, which has no link yet.
    assert (found.status, found.customer_id, found.problems) == ("pending", None, ())
    assert found.links == (RecordedLink("app_metadata.stripe_customer_id", customer_id, "acct_another live"),)


def test_the_links_of_every_world_are_told(vendors: Vendors) -> None:
    own, live = vendors.customer(NAMES_ADA), vendors.customer(NAMES_ADA, live=True)
    suffix = f"_{ACCOUNT}_test"
    vendors.user_has(
        {
            "stripe_customer_id": live,
            "stripe_account": f"{ACCOUNT} live",
            f"stripe_customer_id{suffix}": own,
            f"stripe_account{suffix}": f"{ACCOUNT} test",
        }
    )
    found = vendors.compare()
    assert (found.status, found.customer_id, found.problems) == ("linked", own, ())
    assert rows(found)["Customer ID"].auth0_field == f"app_metadata.stripe_customer_id{suffix}"
    assert [(link.customer_id, link.account) for link in found.links] == [
        (live, f"{ACCOUNT} live"),
        (own, f"{ACCOUNT} test"),
    ]


def test_a_link_that_is_refused_is_said_to_be(vendors: Vendors) -> None:
    vendors.payments = vendors.live
    vendors.policy = replace(vendors.policy, livemode=True)
    vendors.user_has({"stripe_customer_id": "cus_1", "stripe_account": "acct_another live"})
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("refused", None)
    assert "acct_another live" in found.problems[0]


def test_a_customer_of_another_tenant_is_said_to_be_refused(vendors: Vendors) -> None:
    customer_id = vendors.customer({**NAMES_ADA, "auth0_tenant": "old.eu.auth0.com"})
    vendors.user_has({"stripe_customer_id": customer_id, "stripe_account": f"{ACCOUNT} test"})
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("refused", None)
    assert "old.eu.auth0.com" in found.problems[0]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_is_no_outage(vendors: Vendors, caplog: pytest.LogCaptureFixture, status: int) -> None:
    vendors.linked()
    body = {"error": {"type": "invalid_request_error", "message": "The key may not do this."}}
    vendors.sandbox.stripe.control.add_fault(
        action="status", path="/v1/customers/.*", status=status, body=body
    )
    found = vendors.compare()
    assert found.status == "unavailable"
    assert found.problems == ("Stripe refuses the store's request. The log says what has to be changed.",)
    assert "The key may not do this." in caplog.text


def test_a_user_without_a_link_is_pending(vendors: Vendors) -> None:
    found = vendors.compare()
    assert (found.status, found.customer_id, found.problems) == ("pending", None, ())
    assert rows(found)["E-mail"].auth0 == "ada@example.com"
    assert verdicts(found) == NOTHING_TO_COMPARE


@pytest.mark.parametrize(
    "garbage", ["", "cus_", "cus_1/../2", "acct_1", "cus_1 cus_2", "cus_ü", 42, {"a": 1}]
)
def test_a_recorded_text_that_is_not_a_customer_id_is_a_mismatch_and_stripe_is_not_asked(
    vendors: Vendors, garbage: object
) -> None:
    vendors.user_has({"stripe_customer_id": garbage})
    vendors.sandbox.stripe.control.clear_requests()
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("mismatch", None)
    shown = garbage if isinstance(garbage, str) else json.dumps(garbage)
    assert found.problems == (f"The ID recorded in Auth0 is not a Stripe customer ID: {shown!r}.",)
    assert vendors.sandbox.stripe.control.requests() == []


def test_a_recorded_customer_that_stripe_does_not_know_is_a_mismatch(vendors: Vendors) -> None:
    vendors.user_has({"stripe_customer_id": "cus_unknown"})
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("mismatch", None)
    assert found.problems == ("Stripe does not know the recorded customer.",)
    assert rows(found)["Customer ID"].auth0 == "cus_unknown"
    assert verdicts(found) == NOTHING_TO_COMPARE


def test_a_recorded_customer_of_the_other_mode_is_a_mismatch_with_its_reason(vendors: Vendors) -> None:
    customer_id = vendors.customer(NAMES_ADA, live=True)
    vendors.user_has({"stripe_customer_id": customer_id})
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("mismatch", None)
    assert found.problems == ("The recorded customer belongs to the other mode (test or live).",)


def test_a_deleted_customer_is_a_mismatch_with_its_reason(vendors: Vendors) -> None:
    vendors.delete(vendors.linked())
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("mismatch", None)
    assert found.problems == (
        "The recorded customer was deleted in Stripe. A new one is made when it is next needed.",
    )
    assert verdicts(found) == NOTHING_TO_COMPARE


@pytest.mark.parametrize(
    "metadata",
    [
        {"auth0_user_id": GRACE, "auth0_tenant": TENANT},
        {"auth0_user_id": ADA.upper()},
        {},
    ],
)
def test_a_customer_that_does_not_name_the_user_is_never_shown(
    vendors: Vendors, metadata: dict[str, str]
) -> None:
    vendors.linked(metadata, email="grace@example.com", name="Grace Hush")
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("mismatch", None)
    assert found.problems == ("The recorded customer does not name this user, so it is not used.",)
    assert all(row.stripe is None for row in found.rows)
    assert "grace@example.com" not in repr(found)
    assert "Hush" not in repr(found)


def test_a_user_who_is_gone_ends_the_comparison(vendors: Vendors) -> None:
    vendors.sandbox.auth0.state.delete_user(ADA)
    with pytest.raises(UserGone):
        vendors.compare()


def test_without_auth0_nothing_is_known(vendors: Vendors) -> None:
    vendors.linked()
    vendors.sandbox.auth0_server.stop()
    found = vendors.compare()
    assert (found.status, found.customer_id, found.rows) == ("unavailable", None, ())
    assert found.problems == ("Auth0 cannot be reached just now. Try again in a minute.",)


def test_without_stripe_the_user_is_shown_and_the_customer_is_not(vendors: Vendors) -> None:
    customer_id = vendors.linked()
    vendors.sandbox.stripe_server.stop()
    found = vendors.compare()
    assert (found.status, found.customer_id) == ("unavailable", None)
    assert found.problems == ("Stripe cannot be reached just now. Try again in a minute.",)
    assert rows(found)["Customer ID"].auth0 == customer_id
    assert all(row.stripe is None for row in found.rows)
    assert verdicts(found) == NOTHING_TO_COMPARE


def test_without_a_free_thread_nothing_is_known(vendors: Vendors) -> None:
    vendors.linked()
    release = threading.Event()
    executor = BoundedExecutor(1, "test")
    executor.submit(lambda: release.wait(20))
    linker = Linker(vendors.directory, vendors.payments, vendors.policy, executor=executor)
    found = compare(linker, ADA)
    release.set()
    assert (found.status, found.customer_id, found.rows) == ("unavailable", None, ())
    assert found.problems == ("No answer in time. Try again in a minute.",)


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_an_error_status_of_stripe_is_not_a_mismatch(vendors: Vendors, status: int) -> None:
    vendors.linked()
    vendors.sandbox.stripe.control.add_fault(action="status", path="/v1/customers/.*", status=status)
    assert vendors.compare().status == "unavailable"


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_an_error_status_of_auth0_is_not_a_missing_link(vendors: Vendors, status: int) -> None:
    vendors.linked()
    vendors.sandbox.auth0.control.add_fault(
        action="status", path="/api/v2/.*", status=status, times=None, body={"statusCode": status}
    )
    assert vendors.compare().status == "unavailable"


def test_both_sides_are_read_each_time_and_nothing_is_written(vendors: Vendors) -> None:
    vendors.linked(email="old@example.com")
    vendors.compare()
    for control in (vendors.sandbox.auth0.control, vendors.sandbox.stripe.control):
        control.clear_requests()
    vendors.compare()
    asked = [*vendors.sandbox.auth0.control.requests(), *vendors.sandbox.stripe.control.requests()]
    assert [seen.method for seen in asked] == ["GET", "GET"]
