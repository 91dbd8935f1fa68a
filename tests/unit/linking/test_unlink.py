"""An operator unlinks a user, call by call: logins in between, crashes, other worlds, and the next login."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, TypeVar

import pytest

from tests.fakes import as_recorded
from tests.unit.linking.attempts import (
    ADA,
    DAY_S,
    NOTHING_CLAIMED,
    Attempt,
    change,
    login,
    policy_of,
    run,
    use,
    with_a_new_user,
)
from tests.unit.linking.vendors import Vendors
from tests.unit.samples import sample
from webstore.errors import DirectoryUnavailable, WebstoreError
from webstore.linking import protocol, relink
from webstore.linking.calls import Call, GetCustomer, Pause, ReadAccount, ReadUser, RecordLink, UpdateCustomer
from webstore.linking.models import Account, Customer, LinkOutcome, LinkStatus
from webstore.linking.protocol import Steps
from webstore.linking.unlink import CannotUnlink, Unlink, carry_out, plan

T = TypeVar("T")
GRACE = "auth0|000000000000000000000002"
TENANT = "shop.eu.auth0.com"


@pytest.fixture
def linked(vendors: Vendors) -> Vendors:
    """Ada with a customer that the store made at her first login, a day ago."""
    assert run(vendors, login(vendors)).customer_id == "cus_1"
    vendors.advance(DAY_S + 1)
    return vendors


def drive(vendors: Vendors, steps: Steps[T], before: Callable[[Call[Any]], None] = lambda _: None) -> T:
    """Answer all calls; `before` is called with each one first, and may raise."""
    vendors.calls.clear()

    def answer(call: Call[Any]) -> object:
        before(call)
        return vendors.answer(call)

    return protocol.drive(steps, next(steps), answer)


def planned(vendors: Vendors, **policy: Any) -> Unlink:
    return drive(vendors, plan(ADA, policy_of(vendors, **policy)))


def unlinked(vendors: Vendors, before: Callable[[Call[Any]], None] = lambda _: None, **policy: Any) -> Unlink:
    return drive(vendors, carry_out(planned(vendors, **policy), policy_of(vendors, **policy)), before)


def writes(vendors: Vendors) -> list[type[Call[Any]]]:
    return [type(call) for call in vendors.calls if isinstance(call, RecordLink | UpdateCustomer)]


def records(vendors: Vendors) -> dict[str, object]:
    return dict(as_recorded(vendors.users[ADA]).records)


def test_a_plan_writes_nothing_and_its_execution_one_update_and_one_record(linked: Vendors) -> None:
    shown = planned(linked)
    assert writes(linked) == []
    assert (shown.recorded, [it.id for it in shown.customers], shown.left) == ("cus_1", ["cus_1"], ("cus_1",))
    done = drive(linked, carry_out(shown, policy_of(linked)))
    assert writes(linked) == [UpdateCustomer, RecordLink]
    assert (done.recorded, done.customers) == (None, ())
    kept = linked.customers["cus_1"]
    assert (kept.owner, kept.tenant, kept.email) == (None, None, "ada@example.com")
    # The account stays: it says whose predecessors these are.
    assert records(linked) == {"stripe_account": "acct_1 test", "stripe_replaced": "cus_1"}
    assert planned(linked).changes == ()


@pytest.mark.parametrize("later_s", [0.0, 2 * DAY_S])
@pytest.mark.parametrize("adopts", [False, True], ids=["as is", "adoption by address"])
def test_the_next_login_makes_a_new_customer_whose_predecessor_stays(
    vendors: Vendors, later_s: float, adopts: bool
) -> None:
    change(vendors, email_verified=True)
    first = run(vendors, login(vendors, adopt_by_email=adopts)).customer_id
    unlinked(vendors, adopt_by_email=adopts)
    vendors.advance(later_s)
    outcome = run(vendors, login(vendors, adopt_by_email=adopts))
    assert outcome.customer_id not in (None, first)
    assert vendors.users[ADA].replaced == (first,)
    used = run(vendors, use(vendors, first, adopt_by_email=adopts))
    assert (used.status, used.customer_id, used.predecessors) == (
        LinkStatus.VERIFIED,
        outcome.customer_id,
        (first,),
    )
    assert vendors.customers[str(first)].owner is None


def test_another_user_with_the_address_may_adopt_it_where_that_is_allowed(linked: Vendors) -> None:
    unlinked(linked, adopt_by_email=True)
    linked.advance(100)
    ada = linked.users[ADA]
    linked.users[GRACE] = replace(ada, user_id=GRACE, email_verified=True, records={}).with_keys("")
    policy = policy_of(linked, adopt_by_email=True)
    found = run(linked, protocol.at_login(GRACE, NOTHING_CLAIMED, policy, linked.now))
    assert (found.status, found.customer_id) == (LinkStatus.ADOPTED, "cus_1")


def test_a_customer_can_be_given_back_once_a_day(linked: Vendors) -> None:
    policy = policy_of(linked)

    def give_back() -> None:
        drive(
            linked,
            relink.carry_out(drive(linked, relink.plan(ADA, "cus_1", policy)), policy, take_over=False),
        )

    unlinked(linked)
    give_back()
    assert run(linked, use(linked)).customer_id == "cus_1"
    unlinked(linked)
    # Stripe repeats its answer to the first claim, which has no effect now.
    with pytest.raises(relink.CannotRelink, match="linked within the last day while it named nobody"):
        give_back()
    linked.advance(DAY_S + 1)
    give_back()
    assert run(linked, use(linked)).customer_id == "cus_1"


def test_every_customer_that_names_the_user_is_let_go(linked: Vendors) -> None:
    for number, owner in ((7, ADA), (8, "google-oauth2|7")):
        linked.put(Customer(f"cus_{number}", owner=owner, tenant=TENANT, email="old@example.com"))
    change(linked, identities=("google-oauth2|7",), replaced=("cus_0",))
    linked.advance(100)
    shown = planned(linked)
    assert [it.id for it in shown.customers] == ["cus_1", "cus_7", "cus_8"]
    unlinked(linked)
    assert linked.users[ADA].replaced == ("cus_0", "cus_7", "cus_8", "cus_1")
    assert run(linked, login(linked)).status is LinkStatus.CREATED


@pytest.mark.parametrize(
    ("recorded", "joins"),
    [
        (Customer("cus_9", owner=GRACE, tenant=TENANT), ("cus_9",)),
        (Customer("cus_9", owner=ADA, tenant="other.eu.auth0.com"), ("cus_9",)),
        (Customer("cus_9", owner=None), ("cus_9",)),
        (Customer("cus_9", deleted=True), ("cus_9",)),
        (Customer("garbage"), ()),
    ],
    ids=["another user's", "another tenant's", "nobody's", "deleted", "garbage"],
)
def test_a_record_of_what_is_not_the_users_is_removed_and_the_customer_left_alone(
    vendors: Vendors, recorded: Customer, joins: tuple[str, ...]
) -> None:
    vendors.put(recorded)
    change(vendors, customer_id=recorded.id, account="acct_1 test")
    shown = planned(vendors)
    assert shown.customers == ()
    unlinked(vendors)
    assert writes(vendors) == [RecordLink]
    assert vendors.customers[recorded.id] == recorded
    assert (vendors.users[ADA].customer_id, vendors.users[ADA].replaced) == (None, joins)
    outcome = run(vendors, use(vendors))
    assert outcome.status is LinkStatus.CREATED
    assert not outcome.alarm


def test_a_live_customer_that_stripe_does_not_know_is_removed_all_the_same(vendors: Vendors) -> None:
    vendors.account = Account("acct_1", livemode=True)
    change(vendors, customer_id="cus_lost", account="acct_1 live")
    unlinked(vendors, livemode=True)
    assert records(vendors) == {"stripe_account": "acct_1 live", "stripe_replaced": "cus_lost"}


def test_the_link_of_another_world_is_left_alone(vendors: Vendors) -> None:
    live = {"stripe_customer_id": "cus_live", "stripe_account": "acct_1 live"}
    change(vendors, records=live, customer_id="cus_live", account="acct_1 live")
    assert planned(vendors).changes == ()
    run(vendors, login(vendors))
    unlinked(vendors)
    assert records(vendors) == {
        **live,
        "stripe_account_acct_1_test": "acct_1 test",
        "stripe_replaced_acct_1_test": "cus_1",
    }


def test_the_link_of_another_world_that_names_no_account_is_left_alone(vendors: Vendors) -> None:
    vendors.other_mode = Vendors(customers={"cus_9": Customer("cus_9")})
    change(vendors, customer_id="cus_9", account=None)
    assert planned(vendors).changes == ()


def test_a_second_live_accounts_link_is_refused(vendors: Vendors) -> None:
    vendors.account = Account("acct_1", livemode=True)
    change(vendors, customer_id="cus_2", account="acct_2 live")
    with pytest.raises(CannotUnlink, match="LINK_SECOND_ACCOUNT=1"):
        planned(vendors, livemode=True)


def test_without_search_the_plan_says_that_it_may_be_incomplete(linked: Vendors) -> None:
    linked.search_missing = True
    shown = planned(linked)
    assert ([it.id for it in shown.customers], shown.complete) == (["cus_1"], False)


def test_what_changes_between_the_question_and_the_answer_is_left_alone(linked: Vendors) -> None:
    shown = planned(linked)
    change(linked, customer_id="cus_7")
    with pytest.raises(CannotUnlink, match="has just changed"):
        drive(linked, carry_out(shown, policy_of(linked)))
    assert writes(linked) == []


def test_a_run_that_was_cut_short_is_finished_by_the_next(linked: Vendors) -> None:
    def crash(call: Call[Any]) -> None:
        if isinstance(call, RecordLink):
            raise DirectoryUnavailable("killed")

    with pytest.raises(DirectoryUnavailable):
        unlinked(linked, crash)
    assert (linked.users[ADA].customer_id, linked.customers["cus_1"].owner) == ("cus_1", None)
    unlinked(linked)
    assert writes(linked) == [RecordLink]
    assert run(linked, login(linked)).customer_id == "cus_2"


def test_a_login_that_found_the_customer_before_does_not_record_it_again(linked: Vendors) -> None:
    change(linked, customer_id=None)
    late = Attempt(linked, login(linked))
    late.until(GetCustomer)
    late.step()
    unlinked(linked)
    assert late.finish().customer_id is None
    assert linked.users[ADA].customer_id is None
    assert run(linked, use(linked)).customer_id == "cus_2"


def test_a_page_that_takes_the_customer_back_in_the_middle_does_not_keep_it(linked: Vendors) -> None:
    taken_back: list[LinkOutcome] = []

    def use_it(call: Call[Any]) -> None:
        if isinstance(call, RecordLink) and not taken_back:
            taken_back.append(run(linked, use(linked)))

    unlinked(linked, use_it)
    assert (taken_back[0].status, taken_back[0].customer_id) == (LinkStatus.CLAIMED, "cus_1")
    assert (linked.users[ADA].customer_id, linked.customers["cus_1"].owner) == (None, None)


def test_a_page_that_takes_the_customer_back_a_moment_later_does_not_keep_it(linked: Vendors) -> None:
    pauses: list[float] = []

    def name_it_again(call: Call[Any]) -> None:
        if isinstance(call, Pause):
            pauses.append(call.seconds)
            if len(pauses) == 1:
                linked.put(replace(linked.customers["cus_1"], owner=ADA, tenant=TENANT))
                change(linked, customer_id="cus_1")

    unlinked(linked, name_it_again)
    assert (linked.users[ADA].customer_id, linked.customers["cus_1"].owner) == (None, None)
    assert pauses == [1.0, 1.0]


def test_the_record_is_removed_right_after_it_was_read(linked: Vendors) -> None:
    """A link without an account is asked for at Stripe before: an import may write at any time."""
    change(linked, account=None)
    unlinked(linked)
    number = next(it for it, call in enumerate(linked.calls) if isinstance(call, RecordLink))
    assert isinstance(linked.calls[number - 1], ReadUser)


def test_a_link_that_comes_back_every_time_is_told(linked: Vendors) -> None:
    def name_it_again(call: Call[Any]) -> None:
        if isinstance(call, ReadAccount):
            linked.put(replace(linked.customers["cus_1"], owner=ADA, tenant=TENANT))

    with pytest.raises(CannotUnlink, match="again and again"):
        unlinked(linked, name_it_again)


def test_another_customer_that_is_recorded_in_the_middle_stays(linked: Vendors) -> None:
    linked.put(Customer("cus_7", owner=None, email="other@example.com"))

    def relinked(call: Call[Any]) -> None:
        if isinstance(call, UpdateCustomer):
            linked.put(replace(linked.customers["cus_7"], owner=ADA, tenant=TENANT))
            change(linked, customer_id="cus_7")

    assert unlinked(linked, relinked).recorded == "cus_7"
    assert (linked.users[ADA].customer_id, linked.customers["cus_7"].owner) == ("cus_7", ADA)
    assert linked.customers["cus_1"].owner is None


@dataclass
class Unlinking:
    """An operator's command, stopped before one of its calls."""

    vendors: Vendors
    steps: Steps[Unlink]
    call: Call[Any] | None = field(init=False)
    refused: WebstoreError | None = None

    def __post_init__(self) -> None:
        self.call = next(self.steps)

    def until_it_writes(self) -> None:
        """Go on to the end of the reading before the first write."""
        while isinstance(self.call, Call) and not isinstance(self.call, UpdateCustomer | RecordLink):
            self.step()

    def step(self) -> None:
        """Answer the call as the vendors do."""
        assert self.call is not None
        try:
            following = protocol.advance(self.steps, self.call, self.vendors.answer)
        except CannotUnlink as exc:
            self.call, self.refused = None, exc
            return
        self.call = following if isinstance(following, Call) else None


def orders(mine: int, theirs: int) -> Iterator[list[bool]]:
    """Every order of so many calls of one side and of the other; True: the operator's."""
    for places in combinations(range(mine + theirs), mine):
        yield [number in places for number in range(mine + theirs)]


@pytest.mark.parametrize(
    ("state", "how"),
    [("linked", login), ("linked", use), ("deleted", use), ("not recorded", login), ("young", use)],
)
def test_an_unlink_in_any_order_with_a_login_leaves_one_customer_in_use(
    state: str, how: Callable[[Vendors], Steps[LinkOutcome]]
) -> None:
    """The operator's three writing calls in every order with the shopper's; then both go on to their end."""
    for order in sample(list(orders(3, 7)), 5):
        vendors = with_a_new_user()
        run(vendors, login(vendors))
        if state != "young":
            vendors.advance(DAY_S + 1)
        if state == "not recorded":
            change(vendors, customer_id=None)
        if state == "deleted":
            vendors.delete("cus_1")
        operator = Unlinking(vendors, carry_out(planned(vendors), policy_of(vendors)))
        shopper = Attempt(vendors, how(vendors))
        operator.until_it_writes()
        for operators in (*order, *[True] * 40):
            if operators and operator.call is not None:
                operator.step()
            elif not operators and shopper.outcome is None:
                shopper.step()
        shopper.finish()
        vendors.advance(120)
        used = run(vendors, use(vendors))
        assert [it.id for it in vendors.owned_by(ADA)] == [used.customer_id], (order, shopper.outcome)
        assert run(vendors, login(vendors)).customer_id == used.customer_id
        # The record and the name say the same from now on.
        assert run(vendors, use(vendors)).status is LinkStatus.VERIFIED
