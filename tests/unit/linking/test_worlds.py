"""Several stores on one tenant: test and live keys, second accounts, restricted keys, unpinned links."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import as_recorded, written
from tests.unit.linking.attempts import ADA, DAY_S, NOTHING_CLAIMED, Attempt, claim
from tests.unit.linking.tenant import WORLDS, stripe_of
from tests.unit.samples import examples
from webstore.errors import PaymentsUnavailable
from webstore.linking import protocol
from webstore.linking.calls import CreateCustomer, GetCustomer, NoteFailure, ReadAccount, RecordLink
from webstore.linking.models import ClaimedLink, Customer, LinkOutcome, LinkStatus, User
from webstore.linking.protocol import Policy
from webstore.linking.worlds import in_world, metadata_of

KEYS = {name: f"stripe_customer_id_{world.id}_{world.mode}" for name, world in WORLDS.items()}


class Tenant:
    """One tenant, and the Stripe of each world."""

    def __init__(self, *names: str) -> None:
        self.users: dict[str, User] = {}
        self.stripe = stripe_of(*names, users=self.users)
        self.second_account = False
        self.now = next(iter(self.stripe.values())).now
        self.users[ADA] = User(ADA, email="ada@example.com", name="Ada", created_at=self.now)

    def policy(self, name: str) -> Policy:
        vendors = self.stripe[name]
        return Policy(
            tenant=vendors.tenant,
            livemode=vendors.account.livemode,
            second_account=self.second_account,
        )

    def advance(self, seconds: float) -> None:
        for vendors in self.stripe.values():
            vendors.advance(seconds)

    def attempt(
        self, name: str, *, use: bool = False, user_id: str = ADA, claimed: ClaimedLink = NOTHING_CLAIMED
    ) -> Attempt:
        vendors, policy = self.stripe[name], self.policy(name)
        vendors.calls.clear()
        steps = (
            protocol.before_use(user_id, None, policy, vendors.now)
            if use
            else protocol.at_login(user_id, claimed, policy, vendors.now)
        )
        return Attempt(vendors, steps)

    def log_in(self, name: str, **how: Any) -> LinkOutcome:
        return self.attempt(name, **how).finish()

    def use(self, name: str) -> LinkOutcome:
        return self.log_in(name, use=True)

    def writes(self, name: str) -> int:
        return sum(isinstance(call, RecordLink) for call in self.stripe[name].calls)

    def records(self, user_id: str = ADA) -> dict[str, object]:
        return dict(as_recorded(self.users[user_id]).records)

    def record(self, **records: str) -> None:
        self.users[ADA] = replace(self.users[ADA], records=records).with_keys("")


@pytest.mark.parametrize("order", [("test", "live"), ("live", "test")])
def test_a_test_and_a_live_store_each_have_their_customer_and_live_has_the_plain_keys(
    order: tuple[str, str],
) -> None:
    tenant = Tenant("test", "live")
    for name in order:
        assert tenant.log_in(name).customer_id == f"cus_{name}1"
    # One settling login, then nothing is written any more.
    for _ in range(2):
        for name in order:
            assert tenant.log_in(name).customer_id == f"cus_{name}1"
            assert tenant.use(name).status is LinkStatus.VERIFIED
            assert tenant.writes(name) == 0
    assert tenant.records() == {
        "stripe_customer_id": "cus_live1",
        "stripe_account": "acct_1 live",
        "stripe_customer_id_acct_1_test": "cus_test1",
        "stripe_account_acct_1_test": "acct_1 test",
    }


def test_a_switch_from_the_test_key_to_the_live_key_refuses_nobody() -> None:
    tenant = Tenant("test", "live")
    tenant.use("test")
    tenant.stripe["test"].delete("cus_test1")
    assert tenant.use("test").predecessors == ("cus_test1",)
    outcome = tenant.use("live")
    assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.CREATED, "cus_live1", False)
    # The test world keeps its own, its predecessors included.
    assert tenant.records()["stripe_replaced_acct_1_test"] == "cus_test1"
    assert "stripe_replaced" not in tenant.records()
    assert tenant.use("test").predecessors == ("cus_test1",)


def test_a_third_test_account_has_keys_of_its_own() -> None:
    tenant = Tenant("test", "live", "other")
    for name in ("other", "test", "live", "other", "test"):
        assert tenant.use(name).customer_id == f"cus_{name}1"
    assert tenant.records()["stripe_account"] == "acct_1 live"
    assert (tenant.records()[KEYS["test"]], tenant.records()[KEYS["other"]]) == ("cus_test1", "cus_other1")


def test_both_at_once_for_one_user_end_with_one_each() -> None:
    """Both find nothing and write the plain keys: the later one keeps them."""
    for first, later in (("test", "live"), ("live", "test")):
        tenant = Tenant("test", "live")
        one, two = tenant.attempt(first), tenant.attempt(later)
        one.until(RecordLink)
        two.until(RecordLink)
        assert one.finish().customer_id == f"cus_{first}1"
        assert two.finish().customer_id == f"cus_{later}1"
        for name in (first, later, first, later):
            assert tenant.use(name).customer_id == f"cus_{name}1"
        assert [tenant.stripe[name].made for name in (first, later)] == [1, 1]
        assert tenant.records()["stripe_customer_id"] == "cus_live1" or later == "test"


# A second live account


def test_a_second_live_account_is_refused_and_nothing_is_written() -> None:
    tenant = Tenant("live", "second")
    tenant.use("live")
    before = tenant.records()
    for outcome in (tenant.log_in("second"), tenant.use("second")):
        assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.REFUSED, None, True)
    assert tenant.records() == before
    assert tenant.stripe["second"].made == 0


def test_a_second_live_account_on_purpose_is_a_world_like_any_other() -> None:
    tenant = Tenant("live", "second")
    tenant.second_account = True
    for name in ("live", "second", "live", "second"):
        assert tenant.use(name).customer_id == f"cus_{name}1"
    assert tenant.records()["stripe_customer_id"] == "cus_live1"
    assert tenant.records()[KEYS["second"]] == "cus_second1"


# Links that name no account


def test_a_link_without_an_account_is_pinned_in_passing() -> None:
    tenant = Tenant("test", "live")
    tenant.stripe["test"].put(Customer("cus_hand", email="ada@example.com", name="Ada", owner=ADA))
    tenant.record(stripe_customer_id="cus_hand")
    assert tenant.log_in("test").customer_id == "cus_hand"
    assert tenant.writes("test") == 0
    assert tenant.use("test").customer_id == "cus_hand"
    assert tenant.records() == {"stripe_customer_id": "cus_hand", "stripe_account": "acct_1 test"}


@pytest.mark.parametrize(
    "pin", ["nonsense", "", "acct_1", "acct_1 TEST", "acct_1  test", "live", "a.$b test"]
)
@pytest.mark.parametrize("store", ["test", "live", "restricted"])
def test_a_link_whose_account_is_none_counts_as_one_without_an_account(store: str, pin: str) -> None:
    tenant = Tenant(store)
    tenant.stripe[store].put(Customer("cus_hand", email="ada@example.com", name="Ada", owner=ADA))
    tenant.record(stripe_customer_id="cus_hand", stripe_account=pin)
    assert tenant.log_in(store).customer_id == "cus_hand"
    assert tenant.use(store).customer_id == "cus_hand"
    assert (tenant.stripe[store].made, tenant.records()["stripe_customer_id"]) == (0, "cus_hand")
    assert tenant.records().get("stripe_account") == WORLDS[store].pin


@pytest.mark.parametrize(("store", "belongs"), [("test", "live"), ("live", "test")])
def test_a_link_without_an_account_that_exists_in_the_other_mode_is_left_alone(
    store: str, belongs: str
) -> None:
    tenant = Tenant("test", "live")
    tenant.stripe[belongs].put(Customer("cus_hand", owner=ADA))
    tenant.record(stripe_customer_id="cus_hand")
    outcome = tenant.use(store)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.CREATED, f"cus_{store}1")
    assert tenant.records()["stripe_customer_id"] == "cus_hand"
    assert "stripe_account" not in tenant.records()
    assert tenant.log_in(store).customer_id == f"cus_{store}1"
    assert tenant.writes(store) == 0


def test_a_missing_customer_without_an_account_proves_nothing_in_live_mode() -> None:
    tenant = Tenant("live")
    tenant.record(stripe_customer_id="cus_lost")
    outcome = tenant.use("live")
    assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.PENDING, None, True)
    assert tenant.records() == {"stripe_customer_id": "cus_lost"}
    assert tenant.stripe["live"].made == 0


def test_a_missing_customer_without_an_account_leads_to_keys_of_its_own_in_test_mode() -> None:
    tenant = Tenant("test")
    tenant.record(stripe_customer_id="cus_lost")
    assert tenant.use("test").customer_id == "cus_test1"
    assert tenant.records()["stripe_customer_id"] == "cus_lost"
    assert tenant.use("test").customer_id == "cus_test1"


def test_an_earlier_customer_is_adopted_beside_a_link_of_another_world() -> None:
    """The user is read again before the record, and the plain keys still name no account."""
    tenant = Tenant("test", "live")
    tenant.users[ADA] = replace(tenant.users[ADA], created_at=tenant.now - 90 * DAY_S)
    tenant.stripe["live"].put(Customer("cus_hand", owner=ADA))
    tenant.stripe["test"].put(Customer("cus_mine", email="ada@example.com", owner=ADA))
    tenant.record(stripe_customer_id="cus_hand")
    outcome = tenant.use("test")
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ADOPTED, "cus_mine")
    assert (tenant.records()["stripe_customer_id"], tenant.records()[KEYS["test"]]) == (
        "cus_hand",
        "cus_mine",
    )


def test_predecessors_move_to_the_plain_keys_with_the_live_link() -> None:
    tenant = Tenant("test", "live")
    tenant.use("test")
    tenant.users[ADA] = written(tenant.users[ADA], {"stripe_replaced_acct_1_live": "cus_old"})
    tenant.users[ADA] = replace(tenant.users[ADA], created_at=tenant.now - 90 * DAY_S)
    tenant.stripe["live"].put(Customer("cus_mine", email="ada@example.com", owner=ADA))
    assert tenant.use("live").customer_id == "cus_mine"
    assert tenant.records()["stripe_replaced"] == "cus_old"
    assert "stripe_replaced_acct_1_live" not in tenant.records()


# A key that may not read its account


def test_the_mode_decides_for_a_key_that_may_not_read_its_account() -> None:
    tenant = Tenant("live", "restricted")
    tenant.use("live")
    assert tenant.use("restricted").customer_id == "cus_restricted1"
    assert tenant.records()["stripe_customer_id_test"] == "cus_restricted1"
    assert tenant.log_in("restricted").customer_id == "cus_restricted1"
    assert tenant.writes("restricted") == 0


def test_a_key_that_may_not_read_its_account_keeps_the_account_that_is_recorded() -> None:
    tenant = Tenant("test")
    tenant.use("test")
    vendors = tenant.stripe["test"]
    vendors.account = WORLDS["restricted"]
    vendors.delete("cus_test1")
    assert tenant.use("test").customer_id == "cus_test2"
    assert tenant.records()["stripe_customer_id"] == "cus_test2"
    assert tenant.records()["stripe_account"] == "acct_1 test"


def test_a_missing_customer_in_keys_of_its_own_without_an_account_is_an_alarm() -> None:
    """The test data was deleted; nothing says whether it was this account's."""
    tenant = Tenant("live", "restricted")
    tenant.use("live")
    tenant.use("restricted")
    tenant.stripe["restricted"].customers.clear()
    outcome = tenant.use("restricted")
    assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.PENDING, None, True)
    assert "flask customers relink" in outcome.reason
    assert tenant.records()["stripe_customer_id_test"] == "cus_restricted1"


def test_once_the_account_can_be_read_the_next_record_moves_the_link() -> None:
    tenant = Tenant("live", "restricted")
    tenant.use("live")
    tenant.use("restricted")
    vendors = tenant.stripe["restricted"]
    vendors.account = WORLDS["test"]
    assert tenant.use("restricted").customer_id == "cus_restricted1"
    assert tenant.writes("restricted") == 0
    vendors.delete("cus_restricted1")
    healed = tenant.use("restricted")
    assert (healed.customer_id, healed.predecessors) == ("cus_restricted2", ("cus_restricted1",))
    assert tenant.records()["stripe_customer_id_acct_1_test"] == "cus_restricted2"
    assert "stripe_customer_id_test" not in tenant.records()


def test_an_account_that_cannot_be_read_in_time_does_not_cost_a_linked_user_the_link() -> None:
    tenant = Tenant("test", "live")
    for name in ("test", "live", "test"):
        tenant.use(name)
    for name in ("test", "live"):
        attempt = tenant.attempt(name)
        attempt.until(ReadAccount)
        attempt.step(PaymentsUnavailable("no answer in time"))
        assert attempt.finish().customer_id == f"cus_{name}1"
        assert tenant.writes(name) == 0


# Claims


def test_the_claims_of_every_world_are_read() -> None:
    tenant = Tenant("test", "live", "other")
    told = claim(
        "cus_live7",
        "acct_1 live",
        stripe_customer_id_acct_1_test="cus_test7",
        stripe_account_acct_1_test="acct_1 test",
    )
    for name, linked in (("live", "cus_live7"), ("test", "cus_test7")):
        assert tenant.log_in(name, claimed=told).customer_id == linked
        assert tenant.stripe[name].made == 0
    assert tenant.log_in("other", claimed=told).customer_id == "cus_other1"


# Failed creates


def fails(tenant: Tenant, name: str, fault: str | None = "500 late", *, noted: bool = True) -> LinkOutcome:
    """A login whose create fails. `noted`: the worker lives to note it."""
    attempt = tenant.attempt(name)
    attempt.until(CreateCustomer)
    attempt.step(fault=fault)
    if not noted:
        assert isinstance(attempt.call, NoteFailure)
        return LinkOutcome(LinkStatus.PENDING, None, "killed")
    return attempt.finish()


def test_the_failure_note_of_one_world_does_not_count_in_another() -> None:
    """Another world's older note would let a create count as failed before its effect can appear."""
    tenant = Tenant("test", "live")
    fails(tenant, "test")
    tenant.advance(590)
    fails(tenant, "live", noted=False)
    tenant.advance(60)
    assert tenant.log_in("live").status is LinkStatus.PENDING
    tenant.advance(400)
    for name in ("live", "test"):
        assert tenant.use(name).customer_id == f"cus_{name}1"
        assert tenant.stripe[name].made == 1
    assert not [name for name in tenant.records() if "failed" in name]


def test_each_world_settles_by_its_own_note_beside_another_ones() -> None:
    tenant = Tenant("test", "live", "other")
    names = ("other", "test", "live")
    for name in names:
        assert fails(tenant, name, "500").status is LinkStatus.PENDING
    tenant.advance(300)
    for name in names:
        assert tenant.log_in(name).status is LinkStatus.PENDING
    tenant.advance(301)
    for name in names:
        assert tenant.use(name).status is LinkStatus.CREATED, name
    assert not [name for name in tenant.records() if "failed" in name]


def test_a_live_create_that_fails_for_good_beside_a_test_link_is_replaced_after_the_settling_time() -> None:
    """The plain keys are still the test world's, and the note must be found again."""
    tenant = Tenant("test", "live")
    tenant.use("test")
    assert fails(tenant, "live", "500").status is LinkStatus.PENDING
    assert "stripe_link_failed_at" not in tenant.records()
    tenant.advance(601)
    assert tenant.log_in("live").status is LinkStatus.CREATED
    assert tenant.records() == {
        "stripe_customer_id": "cus_live2",
        "stripe_account": "acct_1 live",
        "stripe_customer_id_acct_1_test": "cus_test1",
        "stripe_account_acct_1_test": "acct_1 test",
    }


# A live link that has suffixed keys, while the plain ones are a test world's


@pytest.fixture
def beside() -> Tenant:
    """An ID without an account was the live world's reason to take suffixed keys. Then test pinned it."""
    tenant = Tenant("test", "live")
    tenant.stripe["test"].put(Customer("cus_hand", email="ada@example.com", name="Ada", owner=ADA))
    tenant.record(stripe_customer_id="cus_hand")
    assert tenant.use("live").customer_id == "cus_live1"
    assert tenant.use("test").customer_id == "cus_hand"
    assert (tenant.records()["stripe_account"], tenant.records()[KEYS["live"]]) == (
        "acct_1 test",
        "cus_live1",
    )
    return tenant


def assert_moved(tenant: Tenant) -> None:
    """The live link has the plain keys, and the test world's is kept."""
    records = tenant.records()
    assert (records["stripe_customer_id"], records["stripe_account"]) == ("cus_live1", "acct_1 live")
    assert records[KEYS["test"]] == "cus_hand"
    assert KEYS["live"] not in records
    assert tenant.use("test").customer_id == "cus_hand"


def test_noting_a_merge_moves_the_test_worlds_link_instead_of_losing_it(beside: Tenant) -> None:
    beside.users[ADA] = replace(beside.users[ADA], identities=("google-oauth2|1",))
    assert beside.use("live").customer_id == "cus_live1"
    assert_moved(beside)


def test_pinning_a_live_link_moves_the_test_worlds_link_instead_of_losing_it(beside: Tenant) -> None:
    """The live link was recorded by a key that could not read its account."""
    beside.users[ADA] = written(beside.users[ADA], {"stripe_account_acct_1_live": None})
    assert beside.use("live").customer_id == "cus_live1"
    assert_moved(beside)


def test_using_a_live_link_moves_it_to_the_plain_keys_once(beside: Tenant) -> None:
    assert beside.use("live").customer_id == "cus_live1"
    assert beside.writes("live") == 1
    assert_moved(beside)
    assert beside.use("live").customer_id == "cus_live1"
    assert beside.writes("live") == 0


def test_a_link_recorded_without_an_account_never_stands_beside_another_worlds() -> None:
    """Both stores find nothing, and the one that cannot read its account is the later one to record."""
    tenant = Tenant("test", "live")
    tenant.stripe["test"].account = WORLDS["restricted"]
    restricted = tenant.attempt("test")
    restricted.until(RecordLink)
    assert tenant.log_in("live").customer_id == "cus_live1"
    assert restricted.finish().customer_id == "cus_test1"
    assert tenant.records() == {"stripe_customer_id": "cus_test1"}
    assert tenant.use("live").customer_id == "cus_live1"
    assert tenant.use("test").customer_id == "cus_test1"


# Many users


def test_users_that_switch_between_worlds_in_random_order_with_crashes_settle() -> None:
    """No world uses another one's customer, nobody is refused, and live ends in the plain keys.

    The static state is reached with at most one write a world, and then nothing is written any more.
    """
    draw = random.Random(20261126)  # noqa: S311  # not for secrets
    names = ("test", "live", "other")
    for _ in range(int(os.environ.get("WORLD_USERS", examples(200, 50)))):
        tenant = Tenant(*names)
        for _ in range(draw.randint(3, 12)):
            name = draw.choice(names)
            attempt = tenant.attempt(name, use=draw.random() < 0.5)
            for _ in range(draw.randint(0, 8)):
                if attempt.outcome is None:
                    attempt.step()
            if draw.random() < 0.6:
                outcome = attempt.outcome or attempt.finish()
                assert outcome.customer_id == f"cus_{name}1", outcome
        settling = dict.fromkeys(names, 0)
        for _ in range(2):
            for name in draw.sample(names, 3):
                assert tenant.use(name).customer_id == f"cus_{name}1"
                settling[name] += tenant.writes(name)
        assert max(settling.values()) <= 1, settling
        for name in draw.sample(names, 3):
            assert tenant.log_in(name).customer_id == f"cus_{name}1"
            assert tenant.writes(name) == 0
            assert not [call for call in tenant.stripe[name].calls if isinstance(call, GetCustomer)]
        assert [tenant.stripe[name].made for name in names] == [1, 1, 1]
        assert tenant.records()["stripe_account"] == "acct_1 live"


def test_an_unlinked_test_world_keeps_its_keys_and_predecessors_beside_empty_plain_ones() -> None:
    place = KEYS["test"].removeprefix("stripe_customer_id")
    records = {f"stripe_account{place}": WORLDS["test"].pin, f"stripe_replaced{place}": "cus_before"}
    user = User(ADA, records=records)
    found = in_world(user, WORLDS["test"], second_account=False)
    assert (found.suffix, found.customer_id, found.replaced) == (place, None, ("cus_before",))
    # Another world begins in the plain keys.
    assert in_world(user, WORLDS["live"], second_account=False).suffix == ""


def test_an_unlinked_live_world_takes_its_predecessors_and_its_failure_note_along_into_the_plain_keys() -> (
    None
):
    live, test = (KEYS[it].removeprefix("stripe_customer_id") for it in ("live", "test"))
    left = {
        f"stripe_account{live}": WORLDS["live"].pin,
        f"stripe_replaced{live}": "cus_before",
        f"stripe_link_failed_at{live}": 1000,
        f"stripe_link_failed_try{live}": f"cus_before 1{live}",
    }
    users = [User(ADA, records=left), User(ADA, records=left | {"stripe_replaced": "cus_imported"})]
    found = [in_world(user, WORLDS["live"], second_account=False) for user in users]
    assert [it.replaced for it in found] == [("cus_before",), ("cus_imported", "cus_before")]
    for it in found:
        assert (it.suffix, it.customer_id, it.link_failed_at, it.note_suffix) == ("", None, 1000.0, live)
        patch = metadata_of(RecordLink(ADA, "cus_now", WORLDS["live"].pin, it.replaced, moved=it.moved))
        assert {key: patch[key] for key in left} == dict.fromkeys(left)
    # Another world's failure note in the plain keys goes to keys of its own.
    noted = left | {"stripe_link_failed_at": 2000, "stripe_link_failed_try": f"0{test}"}
    it = in_world(User(ADA, records=noted), WORLDS["live"], second_account=False)
    assert it.link_failed_at == 1000.0
    assert (f"stripe_link_failed_at{test}", 2000) in it.moved
