"""Workers of the linking protocol, stepped call by call in any order, against both vendors in memory.

A worker is a store's, or a login flow at Auth0 with the tenant's Action in it.

Hypothesis looks for an order of calls, faults, crashes, clock moves and interventions after which one of
the protocol's invariants does not hold. `MACHINE_EXAMPLES` sets how many histories it tries.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.linking.action_model import at_action
from tests.unit.linking.vendors import Vendors
from webstore.linking import protocol
from webstore.linking.attempt import MAX_ATTEMPT_S
from webstore.linking.calls import Call, ReadUser, RecordLink
from webstore.linking.models import ClaimedLink, Customer, LinkOutcome, LinkStatus, User
from webstore.linking.protocol import Policy, Steps

# Ten thousand histories take minutes.
pytestmark = pytest.mark.timeout(1800)

#: One with an ID that Auth0 never gives again, and one whose ID is a social provider's.
USERS = ("auth0|000000000000000000000001", "google-oauth2|104201337")
WORKERS = range(3)
LINKED = {
    LinkStatus.ALREADY_LINKED,
    LinkStatus.CREATED,
    LinkStatus.ADOPTED,
    LinkStatus.CLAIMED,
    LinkStatus.HEALED,
    LinkStatus.VERIFIED,
}
FAULTS = st.sampled_from([None, None, None, "before", "after", "500", "500 late", "500 effect"])


@dataclass
class Worker:
    """A login or a use under way: its steps, and the call whose answer it waits for."""

    user_id: str
    steps: Steps[LinkOutcome]
    call: Call[Any]
    for_use: bool
    deleted_since: set[str] = field(default_factory=set)
    #: The customer that was recorded when it last read the user.
    saw: str | None = None


class Linking(RuleBasedStateMachine):
    """Three workers, two users, one tenant, one account."""

    def __init__(self) -> None:
        super().__init__()
        self.vendors = Vendors()
        self.policy = Policy(tenant=self.vendors.tenant, livemode=False)
        self.workers: dict[int, Worker] = {}
        self.owners: dict[str, str | None] = {}
        #: Unless people delete, unlink or link by hand, a user never has two customers.
        self.calm = True
        self.emails_change = False
        self.merged = False

    @initialize(
        age_s=st.sampled_from([0.0, 3600.0, 22 * 3600.0, 90 * 86400.0]),
        missing=st.booleans(),
        email=st.sampled_from(["ada@example.com", "refused@example.com", None]),
        calm=st.booleans(),
        lookup_always=st.booleans(),
    )
    def begin(self, age_s: float, missing: bool, email: str | None, calm: bool, lookup_always: bool) -> None:
        self.calm = calm
        self.policy = replace(self.policy, lookup_always=lookup_always)
        self.emails_change = not calm or email != "refused@example.com"
        self.vendors.search_missing = missing
        for number, user_id in enumerate(USERS):
            address = email if number == 0 else "grace@example.com"
            self.vendors.users[user_id] = User(
                user_id, email=address, name="A", created_at=self.vendors.now - age_s
            )

    @rule(
        worker=st.sampled_from(WORKERS),
        user_id=st.sampled_from(USERS),
        for_use=st.booleans(),
        in_action=st.booleans(),
    )
    def start(self, worker: int, user_id: str, for_use: bool, in_action: bool = False) -> None:
        if user_id not in self.vendors.users:
            return
        now = self.vendors.now
        if in_action and not self.policy.looks_up_everyone:
            for_use = False
            steps = at_action(user_id, self.vendors.account, self.policy, now)
        elif for_use:
            remembered = self.vendors.users[user_id].customer_id
            steps = protocol.before_use(user_id, remembered, self.policy, now)
        else:
            steps = protocol.at_login(user_id, ClaimedLink(), self.policy, now)
        self.workers[worker] = Worker(user_id, steps, next(steps), for_use)

    @rule(
        user_id=st.sampled_from(USERS),
        calls=st.integers(0, 5),
        fault=FAULTS,
        dies=st.booleans(),
        in_action=st.booleans(),
    )
    def attempt(self, user_id: str, calls: int, fault: str | None, dies: bool, in_action: bool) -> None:
        """A whole login, with a fault at one of its calls. After the fault the worker may be killed."""
        self.start(len(WORKERS), user_id, for_use=False, in_action=in_action)
        for number in range(calls + 1):
            if len(WORKERS) in self.workers:
                self.advance_worker(len(WORKERS), fault if number == calls else None)
        if dies:
            self.workers.pop(len(WORKERS), None)
        while len(WORKERS) in self.workers:
            self.advance_worker(len(WORKERS), None)

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), fault=FAULTS)
    def step(self, data: st.DataObject, fault: str | None) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        self.advance_worker(worker, fault)

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        while worker in self.workers:
            self.advance_worker(worker, None)

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        del self.workers[worker]

    @rule(seconds=st.sampled_from([1.0, 50.0, 90.0, 700.0, 4 * 3600.0, 25 * 3600.0]))
    def time_passes(self, seconds: float) -> None:
        if seconds > MAX_ATTEMPT_S:
            self.workers.clear()  # an attempt that old makes no further call
        self.vendors.advance(seconds)

    @precondition(lambda self: not self.calm and self.vendors.customers)
    @rule(data=st.data())
    def delete_on_dashboard(self, data: st.DataObject) -> None:
        customer_id = data.draw(st.sampled_from(sorted(self.vendors.customers)))
        self.vendors.delete(customer_id)
        for worker in self.workers.values():
            worker.deleted_since.add(customer_id)

    @precondition(lambda self: self.emails_change)
    @rule(user_id=st.sampled_from(USERS), number=st.integers(0, 2))
    def email_changes(self, user_id: str, number: int) -> None:
        if user_id not in self.vendors.users:
            return
        user = self.vendors.users[user_id]
        self.vendors.users[user_id] = replace(user, email=f"user{USERS.index(user_id)}{number}@example.com")

    @precondition(lambda self: not self.vendors.search_missing and not self.merged)
    @rule(later_s=st.sampled_from([0.0, 25 * 3600.0]))
    def social_user_is_made_anew(self, later_s: float) -> None:
        """The account is closed; at the next login Auth0 makes the same ID again, with an empty record."""
        user_id = USERS[1]
        self.workers.clear()
        self.vendors.advance(later_s)
        self.vendors.users[user_id] = User(
            user_id, email=self.vendors.users[user_id].email, name="A", created_at=self.vendors.now
        )
        self.quiet(protocol.at_login(user_id, ClaimedLink(), self.policy, self.vendors.now))

    @precondition(lambda self: not self.merged and not self.vendors.search_missing)
    @rule()
    def accounts_are_merged(self) -> None:
        """Auth0 has one user from now on; the second one's record is gone."""
        self.settle()
        first, second = USERS
        self.merged = True
        self.vendors.users[first] = replace(self.vendors.users[first], identities=(second,))
        del self.vendors.users[second]

    @precondition(lambda self: self.merged)
    @rule()
    def accounts_are_split(self) -> None:
        """The second account is a user again, with an empty record."""
        self.settle()
        first, second = USERS
        self.merged = False
        self.vendors.users[first] = replace(self.vendors.users[first], identities=())
        self.vendors.users[second] = User(
            second, email="grace@example.com", name="A", created_at=self.vendors.now
        )

    def settle(self) -> None:
        """No attempt is under way, and search has seen everything."""
        self.workers.clear()
        self.vendors.advance(1000)

    @precondition(lambda self: not self.policy.former_tenants)
    @rule(metadata_lost=st.booleans())
    def tenant_moves(self, metadata_lost: bool) -> None:
        """The store is set up for another tenant, to which all users were moved, perhaps without metadata."""
        self.workers.clear()
        self.vendors.advance(1000)
        if metadata_lost and not self.vendors.search_missing:
            for user in list(self.vendors.users.values()):
                self.vendors.users[user.user_id] = User(
                    user.user_id,
                    email=user.email,
                    name=user.name,
                    created_at=self.vendors.now,
                    identities=user.identities,
                )
        former, self.vendors.tenant = self.vendors.tenant, "new.eu.auth0.com"
        self.policy = replace(self.policy, tenant=self.vendors.tenant, former_tenants=(former,))
        for user_id in list(self.vendors.users):
            self.quiet(protocol.at_login(user_id, ClaimedLink(), self.policy, self.vendors.now))

    @precondition(lambda self: not self.calm)
    @rule(user_id=st.sampled_from(USERS))
    def operator_relinks(self, user_id: str) -> None:
        """A new customer made by hand, with both sides written."""
        if user_id not in self.vendors.users:
            return
        vendors = self.vendors
        vendors.made += 1
        vendors.put(
            Customer(f"cus_{vendors.made}", created=vendors.now, owner=user_id, tenant=vendors.tenant)
        )
        vendors.users[user_id] = replace(
            vendors.users[user_id], customer_id=f"cus_{vendors.made}", account=vendors.account.pin
        )

    @precondition(
        lambda self: not self.calm and any(user.customer_id for user in self.vendors.users.values())
    )
    @rule(data=st.data())
    def operator_unlinks(self, data: st.DataObject) -> None:
        """Clears both sides."""
        linked = sorted(u.user_id for u in self.vendors.users.values() if u.customer_id)
        user = self.vendors.users[data.draw(st.sampled_from(linked))]
        customer = self.vendors.customers.get(user.customer_id or "")
        self.vendors.users[user.user_id] = replace(user, customer_id=None, account=None)
        if customer is not None and not customer.deleted:
            self.vendors.put(replace(customer, owner=None, tenant=None))

    @precondition(lambda self: not self.calm and not self.merged and self.vendors.owned_by(USERS[0]))
    @rule(data=st.data())
    def somebody_elses_id_is_recorded(self, data: st.DataObject) -> None:
        """An administrator's mistake: the second user's record names the first one's customer."""
        theirs = data.draw(st.sampled_from(sorted(c.id for c in self.vendors.owned_by(USERS[0]))))
        user = self.vendors.users[USERS[1]]
        self.vendors.users[USERS[1]] = replace(user, customer_id=theirs, account=self.vendors.account.pin)

    def advance_worker(self, number: int, fault: str | None) -> None:
        worker = self.workers[number]
        asked = worker.call
        before = self.vendors.users[worker.user_id]
        following = protocol.advance(worker.steps, asked, lambda call: self.vendors.answer(call, fault))
        if isinstance(following, Call):
            worker.call = following
            self.check_record(asked, following)
        else:
            del self.workers[number]
            self.check_outcome(worker, following)
        self.check_chain(worker, asked, before)

    def check_record(self, asked: Call[Any], call: Call[Any]) -> None:
        """Where the user was just read again, a living customer of theirs is never replaced.

        On a tenant with imports the user is always read again.
        """
        if self.policy.lookup_always and isinstance(call, RecordLink):
            assert isinstance(asked, ReadUser)
        if isinstance(asked, ReadUser) and isinstance(call, RecordLink):
            recorded = self.vendors.users[call.user_id].customer_id
            own = {customer.id for customer in self.vendors.owned_by(call.user_id)}
            assert recorded not in own or recorded == call.customer_id, (recorded, call)

    def check_chain(self, worker: Worker, asked: Call[Any], before: User) -> None:
        """A customer that a worker replaces is remembered, if it is deleted or somebody else's."""
        after, customers = self.vendors.users[before.user_id], self.vendors.customers
        if isinstance(asked, ReadUser):
            worker.saw = before.customer_id
        elif isinstance(asked, RecordLink) and before.customer_id not in (None, after.customer_id):
            seen = worker.saw == before.customer_id and before.customer_id not in worker.deleted_since
            left_one = customers[before.customer_id]
            if seen and (left_one.deleted or left_one.owner not in (None, before.user_id)):
                assert before.customer_id in after.replaced
        # A living one is left only if it names somebody else.
        left = [customers[it] for it in after.replaced if it not in before.replaced]
        assert all(it.deleted or it.owner != before.user_id for it in left)

    def check_outcome(self, worker: Worker, outcome: LinkOutcome) -> None:
        """No user ever pays, or reads data, as another user."""
        if worker.for_use and outcome.customer_id is not None:
            customer = self.vendors.customers[outcome.customer_id]
            assert outcome.status is not LinkStatus.ALREADY_LINKED
            if outcome.customer_id not in worker.deleted_since:
                assert not customer.deleted, outcome
                owners = self.vendors.users[worker.user_id].owners
                assert customer.owner in (*owners, None), (outcome, customer)

    @invariant()
    def nobody_is_relabelled(self) -> None:
        """A customer that names one user never names another one later, unless it was unlinked in between."""
        for customer in self.vendors.customers.values():
            before = self.owners.get(customer.id)
            was_merged = self.merged and (before, customer.owner) == (USERS[1], USERS[0])
            assert before is None or customer.owner in (before, None) or was_merged, (before, customer)
            self.owners[customer.id] = customer.owner

    @invariant()
    def undisturbed_histories_make_one(self) -> None:
        """Crashes, lost calls and answers, and any interleaving of workers never make a second customer."""
        if self.calm:
            for user_id in USERS:
                assert len(self.vendors.owned_by(user_id)) <= 1

    def teardown(self) -> None:
        """At the end each user gets exactly one customer by undisturbed attempts, and keeps it."""
        self.workers.clear()
        if not self.vendors.users:
            return
        self.vendors.advance(1000)
        there = list(self.vendors.users)
        for user_id in there:
            self.link_undisturbed(user_id)
        for user_id in there:
            recorded = self.vendors.users[user_id].customer_id
            assert recorded is not None
            assert not self.calm or len(self.vendors.owned_by(user_id)) == 1
            assert self.vendors.customers[recorded].owner in self.vendors.users[user_id].owners
            made = self.vendors.made
            again = self.quiet(protocol.before_use(user_id, None, self.policy, self.vendors.now))
            login = self.quiet(protocol.at_login(user_id, ClaimedLink(), self.policy, self.vendors.now))
            assert (again.status, again.customer_id) == (LinkStatus.VERIFIED, recorded)
            assert (login.status, login.customer_id) == (LinkStatus.ALREADY_LINKED, recorded)
            assert self.vendors.made == made

    def link_undisturbed(self, user_id: str) -> None:
        for _ in range(2):
            outcome = self.quiet(protocol.before_use(user_id, None, self.policy, self.vendors.now))
            if outcome.status in LINKED:
                return
            # After a day Stripe forgets a key that keeps a failure, or a request with older details.
            self.vendors.advance(25 * 3600)
        outcome = self.quiet(protocol.before_use(user_id, None, self.policy, self.vendors.now))
        assert outcome.status in LINKED, outcome

    def quiet(self, steps: Steps[LinkOutcome]) -> LinkOutcome:
        """One attempt, undisturbed and alone."""
        return protocol.drive(steps, next(steps), self.vendors.answer)


TestLinking = Linking.TestCase
TestLinking.settings = settings(
    max_examples=int(os.environ.get("MACHINE_EXAMPLES", "300")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
