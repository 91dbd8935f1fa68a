"""An operator links a user and a customer, call by call: other writers in between, crashes, other worlds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import pytest

from tests.unit.linking.attempts import ADA, change, policy_of, run, use
from tests.unit.linking.vendors import Vendors
from webstore.errors import DirectoryUnavailable
from webstore.linking import protocol
from webstore.linking.calls import Call, RecordLink, UpdateCustomer
from webstore.linking.models import Account, Customer
from webstore.linking.protocol import Steps
from webstore.linking.relink import CannotRelink, Relink, carry_out, plan

T = TypeVar("T")
GRACE = "auth0|000000000000000000000002"
TENANT = "shop.eu.auth0.com"


@pytest.fixture
def linked(vendors: Vendors) -> Vendors:
    """Ada with a customer, and one that names nobody."""
    vendors.put(Customer("cus_1", owner=ADA, tenant=TENANT, email="ada@example.com", name="Ada Example"))
    vendors.put(Customer("cus_2", email="ada@example.com", name="Ada Example"))
    change(vendors, customer_id="cus_1", account="acct_1 test")
    return vendors


def drive(vendors: Vendors, steps: Steps[T], before: Any = lambda _: None) -> T:
    """Answer all calls; `before` is called with each one first, and may raise."""
    vendors.calls.clear()

    def answer(call: Call[Any]) -> object:
        before(call)
        return vendors.answer(call)

    return protocol.drive(steps, next(steps), answer)


def planned(vendors: Vendors, customer_id: str = "cus_2", **policy: Any) -> Relink:
    return drive(vendors, plan(ADA, customer_id, policy_of(vendors, **policy)))


def done(
    vendors: Vendors, shown: Relink, before: Any = lambda _: None, *, take_over: bool = False, **policy: Any
) -> Relink:
    return drive(vendors, carry_out(shown, policy_of(vendors, **policy), take_over=take_over), before)


def writes(vendors: Vendors) -> list[type[Call[Any]]]:
    return [type(call) for call in vendors.calls if isinstance(call, RecordLink | UpdateCustomer)]


def test_a_plan_writes_nothing_and_its_execution_one_claim_and_one_record(linked: Vendors) -> None:
    shown = planned(linked)
    assert writes(linked) == []
    assert (shown.claims, shown.records, shown.foreign, shown.left) == (True, True, False, "cus_1")
    finished = done(linked, shown)
    assert (finished.claims, finished.records, finished.left) == (False, False, "cus_1")
    assert writes(linked) == [UpdateCustomer, RecordLink]
    used = run(linked, use(linked))
    assert (used.customer_id, used.predecessors) == ("cus_2", ("cus_1",))


def test_what_changes_between_the_question_and_the_answer_is_not_overwritten(linked: Vendors) -> None:
    shown = planned(linked)
    change(linked, customer_id="cus_7")
    with pytest.raises(CannotRelink, match="has just changed"):
        done(linked, shown)
    change(linked, customer_id="cus_1")
    linked.put(replace(linked.customers["cus_2"], owner=GRACE))
    with pytest.raises(CannotRelink, match="has just changed"):
        done(linked, shown)
    assert writes(linked) == []


def test_a_customer_that_somebody_else_claims_at_the_last_moment_is_not_recorded(linked: Vendors) -> None:
    shown = planned(linked)

    def claimed_first(call: Call[Any]) -> None:
        if isinstance(call, UpdateCustomer) and call.draft.metadata["auth0_user_id"] == ADA:
            hers = replace(call.draft, metadata={**call.draft.metadata, "auth0_user_id": GRACE})
            linked.answer(UpdateCustomer(call.customer_id, hers, call.key))

    with pytest.raises(CannotRelink, match=r"Somebody else has just linked cus_2: it names auth0.*2\b"):
        done(linked, shown, claimed_first)
    assert linked.customers["cus_2"].owner == GRACE
    assert linked.users[ADA].customer_id == "cus_1"


def test_a_run_that_was_cut_short_after_the_claim_is_finished_by_the_next(linked: Vendors) -> None:
    def crash(call: Call[Any]) -> None:
        if isinstance(call, RecordLink):
            raise DirectoryUnavailable("killed")

    with pytest.raises(DirectoryUnavailable):
        done(linked, planned(linked), crash)
    # Between the two runs the old customer is used as before.
    assert run(linked, use(linked)).customer_id == "cus_1"
    done(linked, planned(linked))
    assert writes(linked) == [RecordLink]
    assert run(linked, use(linked)).customer_id == "cus_2"


def test_another_users_customer_is_not_taken_without_saying_so(linked: Vendors) -> None:
    linked.put(replace(linked.customers["cus_2"], owner=GRACE, tenant=TENANT))
    shown = planned(linked)
    assert shown.foreign
    with pytest.raises(CannotRelink, match=f"cus_2 names {GRACE.replace('|', '.')}"):
        done(linked, shown)
    assert linked.calls == []
    done(linked, shown, take_over=True)
    assert linked.customers["cus_2"].owner == ADA


def test_a_second_take_over_within_a_day_says_why_it_has_no_effect_and_what_has(linked: Vendors) -> None:
    linked.users[GRACE] = replace(linked.users[ADA], user_id=GRACE, customer_id=None, account=None)
    linked.put(replace(linked.customers["cus_2"], owner=GRACE, tenant=TENANT))
    done(linked, planned(linked), take_over=True)
    back = drive(linked, plan(GRACE, "cus_2", policy_of(linked)))
    drive(linked, carry_out(back, policy_of(linked), take_over=True))
    with pytest.raises(CannotRelink) as told:
        done(linked, planned(linked), take_over=True)
    assert f"cus_2 still names {GRACE}" in str(told.value)
    assert "within the last day" in str(told.value)
    assert f"auth0_user_id = {ADA}" in str(told.value)
    assert writes(linked) == [UpdateCustomer]
    # What the message says, done by hand.
    linked.put(replace(linked.customers["cus_2"], owner=ADA))
    done(linked, planned(linked))
    assert run(linked, use(linked)).customer_id == "cus_2"


def test_the_customer_of_a_merged_account_is_no_strangers(linked: Vendors) -> None:
    change(linked, identities=("google-oauth2|7",))
    linked.put(replace(linked.customers["cus_2"], owner="google-oauth2|7", tenant=TENANT))
    shown = planned(linked)
    assert (shown.foreign, shown.claims) == (False, True)
    done(linked, shown)
    assert linked.customers["cus_2"].owner == ADA


def test_earlier_customers_are_listed_once_and_never_the_one_in_use(linked: Vendors) -> None:
    change(linked, replaced=("cus_0", "cus_2", "cus_1"))
    done(linked, planned(linked))
    assert linked.users[ADA].replaced == ("cus_0", "cus_1")


def test_a_link_of_another_world_that_names_no_account_is_left_alone(linked: Vendors) -> None:
    linked.other_mode = Vendors(customers={"cus_9": Customer("cus_9")})
    change(linked, customer_id="cus_9", account=None)
    shown = planned(linked)
    assert (shown.field, shown.left) == ("app_metadata.stripe_customer_id_acct_1_test", None)
    done(linked, shown)
    records = linked.users[ADA].records
    assert records["stripe_customer_id"] == "cus_9"
    assert records["stripe_customer_id_acct_1_test"] == "cus_2"


def test_a_live_link_moves_the_test_worlds_keys_aside(linked: Vendors) -> None:
    linked.account = Account("acct_1", livemode=True)
    change(linked, replaced=("cus_0",))
    done(linked, planned(linked, livemode=True), livemode=True)
    records = linked.users[ADA].records
    assert (records["stripe_customer_id"], records["stripe_account"]) == ("cus_2", "acct_1 live")
    assert records["stripe_customer_id_acct_1_test"] == "cus_1"
    assert records["stripe_replaced_acct_1_test"] == "cus_0"


def test_a_link_made_by_hand_is_pinned_to_its_account(linked: Vendors) -> None:
    change(linked, account=None)
    shown = planned(linked, "cus_1")
    assert (shown.claims, shown.records, shown.left) == (False, True, None)
    done(linked, shown)
    assert linked.users[ADA].account == "acct_1 test"
