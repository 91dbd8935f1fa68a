"""The linking protocol before a customer is used: read on both sides, replaced if deleted, claimed."""

from __future__ import annotations

from tests.unit.linking.attempts import ADA, DAY_S, Attempt, asked, change, login, policy_of, run, use
from tests.unit.linking.vendors import Vendors
from webstore.linking.calls import (
    CreateCustomer,
    GetCustomer,
    ListByEmail,
    ReadAccount,
    ReadBoth,
    ReadUser,
    RecordLink,
    SearchByOwner,
    UpdateCustomer,
)
from webstore.linking.models import Customer, LinkStatus, User
from webstore.linking.protocol import MAX_CLAIMS, MAX_VERIFIED, before_use


def test_use_of_a_linked_customer_is_one_read_of_both_sides(vendors: Vendors) -> None:
    run(vendors, login(vendors))
    assert run(vendors, use(vendors, "cus_1")).status is LinkStatus.VERIFIED
    assert asked(vendors)[0] is ReadBoth
    assert set(asked(vendors)[1:]) <= {ReadUser, GetCustomer, ReadAccount}


def test_directory_decides_not_the_session(vendors: Vendors) -> None:
    run(vendors, login(vendors))
    vendors.put(Customer("cus_9", owner=ADA))
    outcome = run(vendors, use(vendors, "cus_9"))
    assert outcome.customer_id == "cus_1"
    assert vendors.calls[-1] == GetCustomer("cus_1")


def test_deleted_customer_is_looked_up_then_replaced_and_the_user_read_again(vendors: Vendors) -> None:
    run(vendors, login(vendors))
    vendors.delete("cus_1")
    outcome = run(vendors, use(vendors, "cus_1"))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.HEALED, "cus_2")
    assert asked(vendors)[-5:] == [ListByEmail, SearchByOwner, CreateCustomer, ReadUser, RecordLink]
    (create,) = [call for call in vendors.calls if isinstance(call, CreateCustomer)]
    assert create.draft.metadata["replaces"] == "cus_1"


def test_use_is_pending_when_the_recorded_customer_keeps_changing(vendors: Vendors) -> None:
    """After each healing another worker records a customer, which is deleted before the next read."""
    run(vendors, login(vendors))
    attempt = Attempt(vendors, use(vendors, "cus_1"))
    looks = 0
    while attempt.outcome is None:
        if isinstance(attempt.call, ReadBoth):
            looks += 1
            vendors.delete(str(vendors.users[ADA].customer_id))
        if isinstance(attempt.call, ReadUser):
            change(vendors, customer_id=f"cus_other{looks}")
            vendors.put(Customer(f"cus_other{looks}", owner=ADA))
        attempt.step()
    assert attempt.outcome.status is LinkStatus.PENDING
    assert looks == MAX_VERIFIED


def test_claim_is_made_under_a_key_of_the_customer_alone(vendors: Vendors) -> None:
    keys = []
    for user_id in (ADA, "auth0|grace"):
        vendors.customers["cus_9"] = Customer("cus_9")
        vendors.keys.clear()
        vendors.users[user_id] = User(user_id, customer_id="cus_9")
        vendors.calls.clear()
        run(vendors, before_use(user_id, None, policy_of(vendors), vendors.now))
        keys += [call.key for call in vendors.calls if isinstance(call, UpdateCustomer)]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def unowned(vendors: Vendors) -> None:
    """The user is recorded with a customer that names nobody."""
    vendors.put(Customer("cus_9"))
    change(vendors, customer_id="cus_9", account="acct_1 test")


def failing_claim(vendors: Vendors, fault: str = "500") -> None:
    """An attempt whose claim Stripe answers with a 500, which it keeps under the key."""
    attempt = Attempt(vendors, use(vendors))
    attempt.until(UpdateCustomer)
    attempt.step(fault=fault)
    assert attempt.finish().status is LinkStatus.PENDING


def test_claim_whose_failure_stripe_keeps_succeeds_under_the_next_key(vendors: Vendors) -> None:
    unowned(vendors)
    failing_claim(vendors)
    outcome = run(vendors, use(vendors))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.CLAIMED, "cus_9")
    assert vendors.customers["cus_9"].owner == ADA


def test_customer_of_a_merged_account_is_used_after_a_claim_that_failed(vendors: Vendors) -> None:
    vendors.put(Customer("cus_9", owner="google-oauth2|7", tenant=vendors.tenant))
    change(vendors, customer_id="cus_9", account="acct_1 test", identities=("google-oauth2|7",))
    failing_claim(vendors)
    outcome = run(vendors, use(vendors))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.VERIFIED, "cus_9")
    assert vendors.customers["cus_9"].owner == ADA


def test_another_claimant_does_not_go_on_after_a_claim_that_failed(vendors: Vendors) -> None:
    """The effect of the failed claim may still appear, so only the one who made it repeats it."""
    unowned(vendors)
    failing_claim(vendors)
    vendors.users["auth0|grace"] = User("auth0|grace", customer_id="cus_9")
    outcome = run(vendors, before_use("auth0|grace", None, policy_of(vendors), vendors.now))
    assert outcome.status is LinkStatus.PENDING
    assert vendors.customers["cus_9"].owner is None
    assert run(vendors, use(vendors)).customer_id == "cus_9"


def test_next_key_is_not_used_on_a_customer_that_was_given_away(vendors: Vendors) -> None:
    """Stripe forgets the failure just after it was replayed, and another user claims the customer."""
    unowned(vendors)
    failing_claim(vendors)
    slow = Attempt(vendors, use(vendors))
    slow.until(UpdateCustomer)
    slow.step()
    vendors.advance(DAY_S)
    vendors.users["auth0|grace"] = User("auth0|grace", customer_id="cus_9")
    run(vendors, before_use("auth0|grace", None, policy_of(vendors), vendors.now))
    assert slow.finish().customer_id is None
    assert vendors.customers["cus_9"].owner == "auth0|grace"


def test_claims_that_fail_again_and_again_are_given_up_until_the_day_is_over(vendors: Vendors) -> None:
    unowned(vendors)
    for _ in range(MAX_CLAIMS):
        attempt = Attempt(vendors, use(vendors))
        while attempt.outcome is None:
            attempt.step(fault="500" if isinstance(attempt.call, UpdateCustomer) else None)
        assert attempt.outcome.status is LinkStatus.PENDING
    assert run(vendors, use(vendors)).status is LinkStatus.PENDING
    vendors.advance(DAY_S)
    assert run(vendors, use(vendors)).customer_id == "cus_9"
