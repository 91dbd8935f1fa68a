"""The linking protocol's creates: one customer a user, through replays, refusals and failures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.linking.attempts import ADA, DAY_S, Attempt, asked, change, login, run, use
from tests.unit.linking.vendors import Vendors
from webstore.errors import DirectoryUnavailable, EmailRefused, KeyInFlight, KeyReused, PaymentsFailed
from webstore.linking.calls import (
    CreateCustomer,
    GetCustomer,
    NoteFailure,
    Pause,
    ReadAccount,
    ReadUser,
    RecordLink,
    SearchByOwner,
)
from webstore.linking.models import Customer, LinkStatus


def test_replayed_create_is_read_and_the_user_read_again_before_recording(vendors: Vendors) -> None:
    run(vendors, login(vendors), errors=[(RecordLink, DirectoryUnavailable("lost"))])
    assert run(vendors, login(vendors)).customer_id == "cus_1"
    assert asked(vendors) == [ReadUser, ReadAccount, CreateCustomer, GetCustomer, ReadUser, RecordLink]


def test_create_in_flight_is_waited_for_with_the_same_key_and_then_left_pending(vendors: Vendors) -> None:
    outcome = run(vendors, login(vendors), errors=[(CreateCustomer, KeyInFlight("409"))] * 5)
    assert outcome.status is LinkStatus.PENDING
    pauses = [call.seconds for call in vendors.calls if isinstance(call, Pause)]
    assert pauses == [0.1, 0.2, 0.4, 0.8]
    assert len({call.key for call in vendors.calls if isinstance(call, CreateCustomer)}) == 1


def creates(vendors: Vendors) -> list[tuple[str | None, str]]:
    """E-mail and key of each create."""
    return [(call.draft.email, call.key) for call in vendors.calls if isinstance(call, CreateCustomer)]


def test_refused_email_is_left_out_under_the_same_key(vendors: Vendors) -> None:
    change(vendors, email="refused@example.com")
    run(vendors, login(vendors))
    assert asked(vendors)[2:] == [CreateCustomer, CreateCustomer, RecordLink]
    (given, key), (bare, same_key) = creates(vendors)
    assert (given, bare, same_key) == ("refused@example.com", None, key)


def test_refusal_that_stripe_keeps_under_the_key_leads_to_a_key_of_its_own(vendors: Vendors) -> None:
    errors = [EmailRefused("400"), KeyReused("other parameters"), EmailRefused("400", replayed=True)]
    outcome = run(vendors, login(vendors), errors=[(CreateCustomer, error) for error in errors])
    assert outcome.status is LinkStatus.CREATED
    *same, last = creates(vendors)
    assert len({key for _, key in same}) == 1
    assert last[0] is None
    assert last[1] != same[0][1]


def test_refused_email_after_an_attempt_with_another_one_never_makes_a_second_customer(
    vendors: Vendors,
) -> None:
    run(vendors, login(vendors), errors=[(RecordLink, DirectoryUnavailable("lost"))])
    change(vendors, email="refused@example.com")
    assert run(vendors, login(vendors)).status is LinkStatus.PENDING
    assert len({key for _, key in creates(vendors)}) == 1
    vendors.advance(vendors.search_lag_s)
    assert run(vendors, login(vendors)).customer_id == "cus_1"
    assert vendors.made == 1


def test_create_that_fails_is_noted(vendors: Vendors) -> None:
    outcome = run(vendors, login(vendors), errors=[(CreateCustomer, PaymentsFailed("500"))])
    assert outcome.status is LinkStatus.PENDING
    assert vendors.calls[-1] == NoteFailure(ADA, vendors.now, "0_acct_1_test")


def test_next_generation_does_not_overwrite_what_another_worker_recorded_meanwhile(vendors: Vendors) -> None:
    """The effect of the failed create appears after one worker's look-up and before another one's."""
    failing = Attempt(vendors, login(vendors))
    failing.until(CreateCustomer)
    failing.step(fault="500 late")
    assert failing.finish().status is LinkStatus.PENDING
    vendors.advance(299)
    slow = Attempt(vendors, login(vendors, settle_s=250))
    slow.until(CreateCustomer)
    vendors.advance(2)
    adopted = run(vendors, use(vendors))
    assert (adopted.status, vendors.users[ADA].customer_id) == (LinkStatus.ADOPTED, "cus_1")
    slow.finish()
    assert vendors.users[ADA].customer_id == "cus_1"


def test_a_note_older_than_the_keys_says_nothing_about_a_replayed_failure(vendors: Vendors) -> None:
    """After a day the key runs again, and fails for one worker. Another one has read the old note."""
    run(vendors, login(vendors), errors=[(CreateCustomer, PaymentsFailed("500"))])
    vendors.advance(DAY_S + 1)
    other = Attempt(vendors, login(vendors))
    other.until(CreateCustomer)
    failing = Attempt(vendors, login(vendors))
    failing.until(CreateCustomer)
    failing.step(fault="500 late")
    assert other.finish().status is LinkStatus.PENDING
    assert vendors.calls[-1] == NoteFailure(ADA, vendors.now, "0_acct_1_test")
    assert failing.finish().status is LinkStatus.PENDING
    vendors.advance(599)
    assert run(vendors, login(vendors)).status is LinkStatus.ADOPTED
    assert vendors.made == 1


def test_endless_chain_of_dead_predecessors_is_given_up_with_an_alarm(vendors: Vendors) -> None:
    for _ in range(12):
        run(vendors, login(vendors))
        vendors.delete(str(vendors.users[ADA].customer_id))
        change(vendors, customer_id=None)
    outcome = run(vendors, login(vendors))
    assert (outcome.status, outcome.alarm) == (LinkStatus.PENDING, True)
    assert "deleted predecessors" in outcome.reason
    assert vendors.made == 12


def fail(vendors: Vendors, fault: str = "500") -> None:
    """A login whose first create that is not replayed fails like this."""
    attempt = Attempt(vendors, login(vendors))
    while attempt.outcome is None:
        attempt.step(fault=fault if isinstance(attempt.call, CreateCustomer) else None)
    assert attempt.outcome.status is LinkStatus.PENDING


def test_a_later_failure_that_a_killed_worker_could_not_note_counts_from_its_replay(vendors: Vendors) -> None:
    fail(vendors)
    vendors.advance(601)
    killed = Attempt(vendors, login(vendors))
    killed.until(CreateCustomer)
    killed.step()
    killed.until(CreateCustomer)
    killed.step(fault="500")
    killed.until(NoteFailure)
    vendors.advance(601)
    assert run(vendors, login(vendors)).status is LinkStatus.PENDING
    assert vendors.calls[-1] == NoteFailure(ADA, vendors.now, "1_acct_1_test")
    vendors.advance(599)
    assert run(vendors, login(vendors)).status is LinkStatus.PENDING
    vendors.advance(2)
    assert run(vendors, login(vendors)).status is LinkStatus.CREATED
    assert len(vendors.customers) == 1


def test_the_thirteenth_generation_is_tried_like_the_second(vendors: Vendors) -> None:
    for _ in range(12):
        fail(vendors)
        vendors.advance(601)
    assert run(vendors, login(vendors)).status is LinkStatus.CREATED
    assert [customer.generation for customer in vendors.owned_by(ADA)] == [12]


def test_a_forgotten_generation_before_the_noted_one_is_not_tried_again(vendors: Vendors) -> None:
    """Where one worker tries it and fails, another one must not go on to the next."""
    fail(vendors)
    vendors.advance(20 * 3600)
    fail(vendors)
    vendors.advance(5 * 3600)
    assert run(vendors, login(vendors)).status is LinkStatus.CREATED
    assert [customer.generation for customer in vendors.owned_by(ADA)] == [2]


def test_two_workers_never_begin_at_different_generations(vendors: Vendors) -> None:
    """One comes just before the note is too old to count, the other one just after."""
    fail(vendors)
    vendors.advance(2 * 3600)
    fail(vendors)
    vendors.advance(23 * 3600 - 1)
    early = Attempt(vendors, login(vendors))
    early.until(CreateCustomer)
    vendors.advance(2)
    assert run(vendors, login(vendors)).status is LinkStatus.PENDING
    assert early.finish().status is LinkStatus.CREATED
    assert len(vendors.owned_by(ADA)) == 1


def test_after_a_day_it_begins_anew(vendors: Vendors) -> None:
    for hours in (2, 25):
        fail(vendors)
        vendors.advance(hours * 3600)
    assert run(vendors, login(vendors)).status is LinkStatus.CREATED
    assert [customer.generation for customer in vendors.owned_by(ADA)] == [0]


@pytest.mark.parametrize(
    ("email", "owner"),
    [("ada@example.com", "auth0|grace"), ("grace@example.com", None)],
    ids=["given away", "another address"],
)
def test_existing_customer_that_changes_after_the_list_was_read_is_not_claimed(
    vendors: Vendors, email: str, owner: str | None
) -> None:
    change(vendors, email_verified=True)
    vendors.put(Customer("cus_9", email="ada@example.com"))
    attempt = Attempt(vendors, login(vendors, adopt_by_email=True))
    attempt.until(SearchByOwner)
    vendors.put(Customer("cus_9", email=email, owner=owner))
    assert attempt.finish().customer_id == "cus_1"
    assert vendors.customers["cus_9"].owner == owner


def test_customer_that_the_search_still_shows_and_stripe_no_longer_knows_is_passed_over(
    vendors: Vendors,
) -> None:
    """The account's test data was deleted a moment ago."""
    change(vendors, created_at=vendors.now - DAY_S)
    vendors.put(Customer("cus_9", owner=ADA))
    vendors.advance(vendors.search_lag_s)
    del vendors.customers["cus_9"]
    assert run(vendors, login(vendors)).customer_id == "cus_1"


@pytest.mark.parametrize(("livemode", "expected"), [(True, None), (False, "cus_2")])
def test_replay_of_a_customer_that_stripe_does_not_know_proves_its_end_in_test_mode_alone(
    vendors: Vendors, livemode: bool, expected: str | None
) -> None:
    vendors.account = replace(vendors.account, livemode=livemode)
    lost = [(RecordLink, DirectoryUnavailable("lost"))]
    run(vendors, login(vendors, livemode=livemode), errors=lost)
    del vendors.customers["cus_1"]
    assert run(vendors, login(vendors, livemode=livemode)).customer_id == expected


def test_other_customers_of_the_user_are_reported(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S)
    for number, (generation, created) in enumerate([(0, 1.0), (1, 3.0), (1, 2.0)]):
        customer = Customer(f"cus_{number}", email="ada@example.com", owner=ADA)
        vendors.put(replace(customer, generation=generation, created=created))
    outcome = run(vendors, login(vendors))
    assert (outcome.customer_id, outcome.others) == ("cus_2", ("cus_1", "cus_0"))
