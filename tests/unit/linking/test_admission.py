"""Who may go on with a login: the user's record decides, before anything else is read or written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import pytest

from tests.fakes import USER, Accounts, Clock, Memory, TimedMemory
from tests.unit.linking.attempts import ADA, NOTHING_CLAIMED, change, policy_of, run, with_a_new_user
from tests.unit.linking.vendors import Vendors
from webstore.errors import StateUnavailable
from webstore.linking import LinkStatus, verified_customer
from webstore.linking.admission import TOLERANCE_S
from webstore.linking.calls import ReadBoth, ReadUser
from webstore.linking.models import LinkOutcome, User
from webstore.linking.protocol import at_login, before_use
from webstore.linking.verdicts import forget_verdict, forget_verdict_of, verdict


@pytest.fixture
def vendors() -> Vendors:
    return with_a_new_user()


def used(vendors: Vendors, since: float | None) -> LinkOutcome:
    return run(vendors, before_use(ADA, None, policy_of(vendors), vendors.now, since))


@pytest.mark.parametrize("since", [None, 0.0, 1e12])
def test_a_blocked_user_has_no_customer_and_gets_none(vendors: Vendors, since: float | None) -> None:
    change(vendors, blocked=True)
    assert used(vendors, since).status is LinkStatus.BLOCKED
    assert [type(call) for call in vendors.calls] == [ReadBoth, ReadUser]


def test_a_blocked_user_who_logs_in_gets_no_customer(vendors: Vendors) -> None:
    change(vendors, blocked=True)
    outcome = run(vendors, at_login(ADA, NOTHING_CLAIMED, policy_of(vendors), vendors.now))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.BLOCKED, None)
    assert [type(call) for call in vendors.calls] == [ReadUser]


@pytest.mark.parametrize("field", ["password_reset_at", "created_at"])
@pytest.mark.parametrize(
    ("before_s", "status"),
    [
        (TOLERANCE_S + 0.1, LinkStatus.OUTDATED),
        (TOLERANCE_S - 0.1, LinkStatus.CREATED),
        (-60.0, LinkStatus.CREATED),
    ],
)
def test_a_login_counts_from_the_last_reset_and_from_the_creation_on(
    vendors: Vendors, field: str, before_s: float, status: LinkStatus
) -> None:
    at = vendors.now - 1000.0
    change(vendors, **{"created_at": at - 5000.0, field: at})
    outcome = used(vendors, at - before_s)
    assert outcome.status is status
    assert outcome.logins_since == (at if status is LinkStatus.CREATED else 0.0)
    assert bool(vendors.customers) == (status is LinkStatus.CREATED)


@dataclass
class _Meanwhile(Accounts):
    """One user and their customer. Something happens while the user is read for the first time."""

    meanwhile: Callable[[], object] = lambda: None

    def read_user(self, user_id: str) -> User:
        found = super().read_user(user_id)
        if self.reads.count(user_id) == 1:
            self.meanwhile()
        return found


@pytest.mark.parametrize("by", ["user", "customer"])
def test_a_verdict_that_was_being_read_while_verdicts_were_forgotten_is_not_used(by: str) -> None:
    state, accounts = Memory(), _Meanwhile()
    verdict(accounts.linker(), state, USER)
    accounts.reads.clear()
    state.delete(next(key for key in state.kept if key.startswith("verdict:")))
    accounts.meanwhile = lambda: (
        forget_verdict(state, USER) if by == "user" else forget_verdict_of(state, "cus_1")
    )
    assert verdict(accounts.linker(), state, USER).customer_id == "cus_1"
    accounts.user = None
    assert verdict(accounts.linker(), state, USER).status is LinkStatus.USER_GONE


class Partly(Memory):
    """A state in which one call fails."""

    failing = ""

    def set(self, key: str, value: str, ttl_s: float) -> None:
        self._fail("set")
        super().set(key, value, ttl_s)

    def delete(self, key: str) -> None:
        self._fail("delete")
        super().delete(key)

    def _fail(self, name: str) -> None:
        if name == self.failing:
            raise StateUnavailable("full")


@pytest.mark.parametrize("failing", ["set", "delete"])
def test_half_of_forgetting_is_enough(failing: str) -> None:
    state, accounts = Partly(), Accounts()
    assert verdict(accounts.linker(), state, USER).customer_id == "cus_1"
    state.failing = failing
    told = pytest.raises(StateUnavailable) if failing == "set" else nullcontext()
    with told:
        forget_verdict(state, USER)
    state.failing, accounts.user = "", None
    assert verdict(accounts.linker(), state, USER).status is LinkStatus.USER_GONE


def test_a_clock_that_is_set_back_gives_a_verdict_no_more_time() -> None:
    state, accounts = Memory(), Accounts()
    linker = replace(accounts.linker(), now=lambda: 10_000.0)
    verdict(linker, state, USER)
    accounts.reads.clear()
    for now, reads in ((9_996.0, 0), (9_990.0, 2)):
        assert verdict(replace(linker, now=partial(float, now)), state, USER).customer_id == "cus_1"
        assert len(accounts.reads) == reads


def test_a_verdict_serves_logins_from_before_it_was_read_alone() -> None:
    state, accounts = Memory(), Accounts()
    linker = replace(accounts.linker(), now=lambda: 2000.0)
    for since, reads in ((1990.0, 2), (1980.0, 2), (2000.5, 4)):
        assert verdict(linker, state, USER, since=since).customer_id == "cus_1"
        assert len(accounts.reads) == reads


def test_a_block_counts_at_once_for_money_and_after_a_minute_at_most_for_data() -> None:
    clock, accounts = Clock(), Accounts()
    state, linker = TimedMemory(clock), replace(accounts.linker(), now=clock)
    assert verdict(linker, state, USER).customer_id == "cus_1"
    assert accounts.user is not None
    accounts.user = replace(accounts.user, blocked=True)
    assert verified_customer(linker, USER, None).status is LinkStatus.BLOCKED
    clock.now += 59.9
    assert verdict(linker, state, USER).status is LinkStatus.VERIFIED
    clock.now += 0.1
    assert verdict(linker, state, USER).status is LinkStatus.BLOCKED


def test_a_verdict_of_another_release_is_not_used() -> None:
    state, accounts = Memory(), Accounts()
    verdict(accounts.linker(), state, USER)
    key = next(key for key in state.kept if key.startswith("verdict:"))
    state.kept[key] = '{"customer": "cus_1", "predecessors": [], "identities": []}'
    accounts.reads.clear()
    assert verdict(accounts.linker(), state, USER).customer_id == "cus_1"
    assert accounts.reads == [USER, "cus_1"]
