"""Workers of several stores on one tenant, stepped call by call in any order, against the vendors in memory.

A worker is a store's, or a login flow at Auth0 with the Action of one of the stores in it.

Hypothesis looks for an order of calls, faults, crashes, clock moves and interventions after which one of
the protocol's invariants does not hold. `MACHINE_EXAMPLES` sets how many histories it tries.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fakes import as_recorded
from tests.unit.linking.action_model import at_action
from tests.unit.linking.operators import unlinking
from tests.unit.linking.tenant import (
    link_of,
    place_of,
    predecessors,
    record,
    rename_tenant,
    stripe_of,
    without_metadata,
)
from tests.unit.samples import examples
from webstore.linking import protocol
from webstore.linking.attempt import MAX_ATTEMPT_S
from webstore.linking.calls import Call, CreateCustomer, NoteFailure, ReadUser, RecordLink
from webstore.linking.models import ClaimedLink, Customer, LinkOutcome, LinkStatus, User
from webstore.linking.protocol import Policy, Steps

# Ten thousand histories take minutes.
pytestmark = pytest.mark.timeout(3600)

#: One with an ID that Auth0 never gives again, and one whose ID is a social provider's.
USERS = FIRST, SECOND = ("auth0|000000000000000000000001", "google-oauth2|104201337")
#: The stores on the tenant. A second live account is there on purpose.
STORES = st.sampled_from([("test",), ("test", "live"), ("test", "live", "other"), ("live", "second", "test")])
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
#: A login at a store, its use of the customer, or a login flow with its Action.
HOW = st.sampled_from(["login", "use", "action"])
ANY = st.data()


@dataclass
class Worker:
    """A login or a use under way: its steps, and the call whose answer it waits for."""

    world: str
    user_id: str
    steps: Steps[LinkOutcome]
    call: Call[Any]
    for_use: bool
    #: The user and all accounts that were merged with it at any time during the attempt.
    owners: set[str | None]
    #: Whether it is an operator's command.
    unlinks: bool = False
    deleted_since: set[str] = field(default_factory=set)
    saw: str | None = None


class Linking(RuleBasedStateMachine):
    """Three workers, two users, one tenant, one to three stores."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, User] = {}
        self.stripe = stripe_of("test", users=self.users)
        self.policy = Policy(tenant="shop.eu.auth0.com", livemode=False, second_account=True)
        self.workers: dict[int, Worker] = {}
        self.owners: dict[str, str | None] = {}
        #: Unless people delete, unlink or link by hand, a user never has two customers in one world.
        self.calm = True
        #: Likewise unless accounts are merged, or customers imported, in the middle of an attempt.
        self.one_each = True
        self.emails_change = False
        self.merged = self.ever_merged = False
        #: Somebody recorded a live link in suffixed keys, or one that names no account.
        self.live_beside = False

    @initialize(
        names=STORES,
        age_s=st.sampled_from([0.0, 3600.0, 22 * 3600.0, 90 * 86400.0]),
        missing=st.booleans(),
        email=st.sampled_from(["ada@example.com", "refused@example.com", None]),
        calm=st.booleans(),
        lookup_always=st.booleans(),
        before=st.sampled_from(["nothing", "a killed worker", "a failed create"]),
    )
    def begin(  # noqa: PLR0917 (Hypothesis gives them by name)
        self,
        names: tuple[str, ...],
        age_s: float,
        missing: bool,
        email: str | None,
        calm: bool,
        lookup_always: bool,
        before: str,
    ) -> None:
        self.stripe = stripe_of(*names, users=self.users)
        self.calm = self.one_each = calm
        self.policy = replace(self.policy, lookup_always=lookup_always)
        self.emails_change = not calm or email != "refused@example.com"
        for vendors in self.stripe.values():
            vendors.search_missing = missing
        for user_id, address in ((FIRST, email), (SECOND, "grace@example.com")):
            self.users[user_id] = User(user_id, email=address, name="A", created_at=self.now - age_s)
        if before == "a killed worker":
            self.action_a_day_after_a_killed_worker(names[0])
        if before == "a failed create":
            self.create_fails_again_a_day_later(names[0])

    def action_a_day_after_a_killed_worker(self, world: str) -> None:
        """The worker made the first user's customer and did not record it. Stripe has forgotten the key.

        Now the user comes to another application, and the login flow has the Action in it.
        """
        self.begin_attempt(0, world, FIRST, "login")
        while not isinstance(self.workers[0].call, RecordLink):
            self.advance_worker(0, None)
        self.time_passes(25 * 3600)
        self.begin_attempt(0, world, FIRST, "action")
        while 0 in self.workers:
            self.advance_worker(0, None)

    def create_fails_again_a_day_later(self, world: str) -> None:
        """Stripe has forgotten the first failure, and the effect of the second one is late.

        The second worker is killed before it notes the failure, and a third one meets the replay.
        """
        for fault in ("500", "500 late", None):
            self.begin_attempt(0, world, FIRST, "login")
            while 0 in self.workers:
                call = self.workers[0].call
                if fault == "500 late" and isinstance(call, NoteFailure):
                    del self.workers[0]
                    break
                self.advance_worker(0, fault if isinstance(call, CreateCustomer) else None)
            if fault == "500":
                self.time_passes(25 * 3600)

    @property
    def now(self) -> float:
        return next(iter(self.stripe.values())).now

    @property
    def search_missing(self) -> bool:
        return next(iter(self.stripe.values())).search_missing

    def policy_of(self, world: str) -> Policy:
        return replace(self.policy, livemode=self.stripe[world].account.livemode)

    def a_world(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.stripe)))

    # Attempts

    @rule(data=ANY, worker=st.sampled_from(WORKERS), user_id=st.sampled_from(USERS), how=HOW)
    def start(self, data: st.DataObject, worker: int, user_id: str, how: str) -> None:
        self.begin_attempt(worker, self.a_world(data), user_id, how)

    def begin_attempt(self, worker: int, world: str, user_id: str, how: str) -> None:
        if user_id not in self.users:
            return
        vendors, policy = self.stripe[world], self.policy_of(world)
        if how == "use":
            remembered = link_of(vendors, self.users[user_id])
            steps = protocol.before_use(user_id, remembered, policy, self.now)
        elif how == "unlink":
            steps = unlinking(user_id, policy)
        elif how == "action" and not policy.looks_up_everyone:
            steps = at_action(user_id, vendors.account, policy, self.now)
        else:
            steps = protocol.at_login(user_id, ClaimedLink(), policy, self.now)
        owners: set[str | None] = {None, *self.users[user_id].owners}
        call = next(steps)
        self.workers[worker] = Worker(world, user_id, steps, call, how == "use", owners, how == "unlink")

    @rule(
        data=ANY,
        user_id=st.sampled_from(USERS),
        how=HOW.filter(lambda how: how != "use"),
        calls=st.integers(0, 5),
        fault=FAULTS,
        dies=st.booleans(),
    )
    def attempt(  # noqa: PLR0917 (Hypothesis gives them by name)
        self, data: st.DataObject, user_id: str, how: str, calls: int, fault: str | None, dies: bool
    ) -> None:
        """A whole login, with a fault at one of its calls. After the fault the worker may be killed."""
        self.begin_attempt(len(WORKERS), self.a_world(data), user_id, how)
        for number in range(calls + 1):
            if len(WORKERS) in self.workers:
                self.advance_worker(len(WORKERS), fault if number == calls else None)
        if dies:
            self.workers.pop(len(WORKERS), None)
        while len(WORKERS) in self.workers:
            self.advance_worker(len(WORKERS), None)

    @precondition(lambda self: self.workers)
    @rule(data=ANY, fault=FAULTS)
    def step(self, data: st.DataObject, fault: str | None) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        self.advance_worker(worker, fault)

    @precondition(lambda self: self.workers)
    @rule(data=ANY)
    def finish(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        while worker in self.workers:
            self.advance_worker(worker, None)

    @precondition(lambda self: self.workers)
    @rule(data=ANY)
    def crash(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted(self.workers)))
        del self.workers[worker]

    @rule(seconds=st.sampled_from([1.0, 50.0, 90.0, 700.0, 4 * 3600.0, 25 * 3600.0]))
    def time_passes(self, seconds: float) -> None:
        if seconds > MAX_ATTEMPT_S:
            self.workers.clear()  # an attempt that old makes no further call
        for vendors in self.stripe.values():
            vendors.advance(seconds)

    def settle(self) -> None:
        """No attempt is under way, and search has seen everything."""
        self.time_passes(1000)

    # People

    @precondition(lambda self: not self.calm and any(it.customers for it in self.stripe.values()))
    @rule(data=ANY)
    def delete_on_dashboard(self, data: st.DataObject) -> None:
        there = [(world, id) for world, vendors in self.stripe.items() for id in vendors.customers]
        world, customer_id = data.draw(st.sampled_from(sorted(there)))
        self.stripe[world].delete(customer_id)
        for worker in self.workers.values():
            worker.deleted_since.add(customer_id)

    @precondition(lambda self: self.emails_change)
    @rule(user_id=st.sampled_from(USERS), number=st.integers(0, 2))
    def email_changes(self, user_id: str, number: int) -> None:
        if user_id not in self.users:
            return
        email = f"user{USERS.index(user_id)}{number}@example.com"
        self.users[user_id] = replace(self.users[user_id], email=email)

    @precondition(lambda self: not self.search_missing and not self.merged)
    @rule(later_s=st.sampled_from([0.0, 25 * 3600.0]))
    def social_user_is_made_anew(self, later_s: float) -> None:
        """The account is closed; at the next login Auth0 makes the same ID again, with an empty record.

        The old customer, on which a subscription may run, is found in each world.
        """
        self.time_passes(later_s)
        self.users[SECOND] = without_metadata(self.users[SECOND], self.now)
        for world, vendors in self.stripe.items():
            living, made = {it.id for it in vendors.owned_by(SECOND)}, vendors.made
            outcome = self.quiet(world, protocol.at_login, SECOND)
            if living and (later_s or self.one_each):
                assert vendors.made == made
                assert outcome.customer_id in living or outcome.status is LinkStatus.PENDING

    @precondition(lambda self: not self.merged and not self.search_missing)
    @rule(at_rest=st.booleans())
    def accounts_are_merged(self, at_rest: bool) -> None:
        """Auth0 has one user from now on; the second one's record is gone."""
        self.regrouping(at_rest=at_rest)
        self.merged = self.ever_merged = True
        self.users[FIRST] = replace(self.users[FIRST], identities=(SECOND,))
        del self.users[SECOND]

    @precondition(lambda self: self.merged)
    @rule(at_rest=st.booleans())
    def accounts_are_split(self, at_rest: bool) -> None:
        """The second account is a user again, with an empty record."""
        self.regrouping(at_rest=at_rest)
        self.merged = False
        self.users[FIRST] = replace(self.users[FIRST], identities=())
        self.users[SECOND] = User(SECOND, email="grace@example.com", name="A", created_at=self.now)

    def regrouping(self, *, at_rest: bool) -> None:
        if at_rest:
            self.settle()
            return
        self.one_each = False
        for worker in self.workers.values():
            worker.owners |= set(USERS)

    @precondition(lambda self: not self.policy.former_tenants)
    @rule(metadata_lost=st.booleans())
    def tenant_moves(self, metadata_lost: bool) -> None:
        """The stores are set up for another tenant, to which all users were moved."""
        self.settle()
        if metadata_lost and not self.search_missing:
            for user in list(self.users.values()):
                fresh = without_metadata(user, self.now)
                self.users[user.user_id] = replace(fresh, identities=user.identities)
        former, tenant = self.policy.tenant, "new.eu.auth0.com"
        rename_tenant(self.stripe, tenant)
        self.policy = replace(self.policy, tenant=tenant, former_tenants=(former,))
        for user_id in list(self.users):
            for world in self.stripe:
                self.quiet(world, protocol.at_login, user_id)

    @rule(data=ANY, user_id=st.sampled_from(USERS))
    def tenant_is_misnamed(self, data: st.DataObject, user_id: str) -> None:
        """A store is set up for another tenant, and the former one is not named: nothing is written."""
        world = self.a_world(data)
        vendors, user = self.stripe[world], self.users.get(user_id)
        customer = vendors.customers.get((user and link_of(vendors, user)) or "")
        if customer is None or customer.owner != user_id or customer.tenant is None:
            return
        policy = replace(self.policy_of(world), tenant="wrong.eu.auth0.com", former_tenants=())
        before = dict(self.users), dict(vendors.customers)
        steps = protocol.before_use(user_id, customer.id, policy, self.now)
        outcome = protocol.drive(steps, next(steps), vendors.answer)
        assert (outcome.status, outcome.alarm) == (LinkStatus.REFUSED, True)
        assert (self.users, vendors.customers) == before

    @rule(data=ANY, user_id=st.sampled_from(USERS), pinned=st.booleans())
    def import_records_a_customer(self, data: st.DataObject, user_id: str, pinned: bool) -> None:
        """An import makes a customer and records it, perhaps during a create."""
        world = self.a_world(data)
        vendors = self.stripe[world]
        if user_id not in self.users or link_of(vendors, self.users[user_id]) is not None:
            return
        # Without an account, only the message about the other mode tells whose customer it is.
        pinned = pinned or world in ("other", "second") or "second" in self.stripe
        self.one_each = False
        self.live_beside |= not pinned
        self.record_by_hand(world, user_id, self.customer_by_hand(world, user_id), pinned=pinned)

    @precondition(lambda self: not self.calm)
    @rule(data=ANY, user_id=st.sampled_from(USERS))
    def operator_relinks(self, data: st.DataObject, user_id: str) -> None:
        """A new customer made by hand, with both sides written."""
        world = self.a_world(data)
        if user_id in self.users:
            self.record_by_hand(world, user_id, self.customer_by_hand(world, user_id))

    def record_by_hand(self, world: str, user_id: str, customer_id: str, *, pinned: bool = True) -> None:
        vendors = self.stripe[world]
        self.live_beside |= vendors.account.livemode and place_of(vendors, self.users[user_id]) != ""
        record(vendors, user_id, customer_id, pinned=pinned)

    def customer_by_hand(self, world: str, user_id: str) -> str:
        vendors = self.stripe[world]
        vendors.made += 1
        customer = Customer(
            f"{vendors.ids}{vendors.made}", created=self.now, owner=user_id, tenant=vendors.tenant
        )
        vendors.put(customer)
        return customer.id

    @precondition(lambda self: not self.calm)
    @rule(data=ANY, worker=st.sampled_from(WORKERS), user_id=st.sampled_from(USERS))
    def operator_unlinks(self, data: st.DataObject, worker: int, user_id: str) -> None:
        """Begins to run the command, beside the workers of the stores."""
        self.begin_attempt(worker, self.a_world(data), user_id, "unlink")

    @precondition(lambda self: not self.calm)
    @rule(data=ANY, user_id=st.sampled_from(USERS))
    def operator_unlinks_by_hand(self, data: st.DataObject, user_id: str) -> None:
        """Clears both sides in the dashboards."""
        vendors = self.stripe[self.a_world(data)]
        linked = link_of(vendors, self.users[user_id]) if user_id in self.users else None
        if linked is None:
            return
        record(vendors, user_id, None)
        customer = vendors.customers.get(linked)
        if customer is not None and not customer.deleted:
            vendors.put(replace(customer, owner=None, tenant=None))

    @precondition(lambda self: not self.calm and not self.merged)
    @rule(data=ANY)
    def somebody_elses_id_is_recorded(self, data: st.DataObject) -> None:
        """An administrator's mistake: the second user's record names the first one's customer."""
        world = self.a_world(data)
        theirs = sorted(customer.id for customer in self.stripe[world].owned_by(FIRST))
        if theirs:
            self.record_by_hand(world, SECOND, data.draw(st.sampled_from(theirs)))

    # Checks after each call

    def advance_worker(self, number: int, fault: str | None) -> None:
        worker = self.workers[number]
        vendors, asked = self.stripe[worker.world], worker.call
        before = self.users.get(worker.user_id)
        following = protocol.advance(worker.steps, asked, lambda call: vendors.answer(call, fault))
        if isinstance(following, Call):
            worker.call = following
            self.check_record(worker, asked, following)
        else:
            del self.workers[number]
            self.check_outcome(worker, following)
        if before is not None:
            self.check_chain(worker, asked, before)

    def check_record(self, worker: Worker, asked: Call[Any], call: Call[Any]) -> None:
        """Where the user was just read again, a living customer of theirs is never replaced.

        On a tenant with imports the user is always read again.
        """
        if self.policy.lookup_always and isinstance(call, RecordLink):
            assert isinstance(asked, ReadUser)
        if isinstance(asked, ReadUser) and isinstance(call, RecordLink):
            vendors = self.stripe[worker.world]
            recorded = link_of(vendors, self.users[call.user_id])
            own = {customer.id for customer in vendors.owned_by(call.user_id)}
            assert recorded not in own or recorded == call.customer_id, (recorded, call)

    def check_chain(self, worker: Worker, asked: Call[Any], before: User) -> None:
        """A customer that a worker replaces is remembered, if it is deleted or somebody else's.

        No other world's customer is lost, unless both wrote the plain keys without seeing each other.
        """
        vendors, after = self.stripe[worker.world], self.users[before.user_id]
        was, is_now = link_of(vendors, before), link_of(vendors, after)
        if isinstance(asked, ReadUser):
            worker.saw = was
        if not isinstance(asked, RecordLink):
            return
        left_one = vendors.customers.get(was or "")
        here, there = (predecessors(vendors, it) for it in (before, after))
        seen = was != is_now and worker.saw == was and was not in worker.deleted_since
        if (
            seen
            and left_one is not None
            and (left_one.deleted or left_one.owner not in (None, before.user_id))
        ):
            assert left_one.id in there
        # A living one is left only if it names somebody else. An import that names no account leaves the list
        # of another world in the plain keys.
        left = [vendors.customers[it] for it in there if it not in here and it in vendors.customers]
        assert worker.unlinks or set(here) <= {*there, is_now}
        assert worker.unlinks or all(it.deleted or it.owner != before.user_id for it in left)

    def check_outcome(self, worker: Worker, outcome: LinkOutcome) -> None:
        """No user ever pays, or reads data, as another user, or in another world."""
        if not worker.for_use or outcome.customer_id is None:
            return
        customer = self.stripe[worker.world].customers[outcome.customer_id]
        assert outcome.status is not LinkStatus.ALREADY_LINKED
        if outcome.customer_id not in worker.deleted_since:
            assert not customer.deleted, outcome
            assert customer.owner in worker.owners, (outcome, customer)

    @invariant()
    def nobody_is_relabelled(self) -> None:
        """A customer that names one user never names another one later, unless it was unlinked in between."""
        for vendors in self.stripe.values():
            for customer in vendors.customers.values():
                before = self.owners.get(customer.id)
                was_merged = self.ever_merged and (before, customer.owner) == (SECOND, FIRST)
                assert before is None or customer.owner in (before, None) or was_merged, (before, customer)
                self.owners[customer.id] = customer.owner

    @invariant()
    def undisturbed_histories_make_one(self) -> None:
        """Crashes, lost calls and answers, and any interleaving of workers never make a second customer."""
        if self.one_each:
            for vendors in self.stripe.values():
                for user_id in USERS:
                    assert len(vendors.owned_by(user_id)) <= 1

    def teardown(self) -> None:
        """At the end each user gets exactly one customer a world by undisturbed attempts, and keeps it."""
        if not self.users:
            return
        self.settle()
        for user_id in list(self.users):
            for world in self.stripe:
                self.link_undisturbed(world, user_id)
        linked = {}
        for user_id in self.users:
            for world, vendors in self.stripe.items():
                recorded = self.quiet(world, protocol.before_use, user_id).customer_id
                assert recorded is not None
                assert not self.one_each or len(vendors.owned_by(user_id)) == 1
                assert vendors.customers[recorded].owner == user_id
                linked[user_id, world] = recorded
        records = {user_id: as_recorded(user).records for user_id, user in self.users.items()}
        made = {world: vendors.made for world, vendors in self.stripe.items()}
        for (user_id, world), recorded in linked.items():
            login = self.quiet(world, protocol.at_login, user_id)
            assert (login.status, login.customer_id) == (LinkStatus.ALREADY_LINKED, recorded)
            again = self.quiet(world, protocol.before_use, user_id)
            assert (again.status, again.customer_id) == (LinkStatus.VERIFIED, recorded)
            assert link_of(self.stripe[world], self.users[user_id]) == recorded
        # The static state: nothing is written any more, and a live world has the plain keys.
        assert {user_id: as_recorded(user).records for user_id, user in self.users.items()} == records
        assert {world: vendors.made for world, vendors in self.stripe.items()} == made
        if "live" in self.stripe and not (self.live_beside and "second" in self.stripe):
            assert all(str(it["stripe_account"]).endswith(" live") for it in records.values())

    def link_undisturbed(self, world: str, user_id: str) -> None:
        outcome = LinkOutcome(LinkStatus.PENDING, None, "")
        for _ in range(3):
            outcome = self.quiet(world, protocol.before_use, user_id)
            if outcome.status in LINKED:
                return
            # After a day Stripe forgets a key that keeps a failure, or a request with older details.
            self.time_passes(25 * 3600)
        raise AssertionError(outcome)

    def quiet(self, world: str, entry: Callable[..., Steps[LinkOutcome]], user_id: str) -> LinkOutcome:
        """One attempt, undisturbed and alone; `entry`: one of the protocol's two."""
        told = ClaimedLink() if entry is protocol.at_login else None
        steps = entry(user_id, told, self.policy_of(world), self.now)
        return protocol.drive(steps, next(steps), self.stripe[world].answer)


TestLinking = Linking.TestCase
TestLinking.settings = settings(
    max_examples=int(os.environ.get("MACHINE_EXAMPLES", examples(300, 40))),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
