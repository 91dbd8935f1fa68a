"""The linking protocol call by call, without any input or output: which call comes next, and with what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.model import Vendors
from webstore.errors import (
    DirectoryRefused,
    DirectoryUnavailable,
    EmailRefused,
    KeyInFlight,
    KeyReused,
    OverBudget,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
    SearchUnavailable,
    UserGone,
    WebstoreError,
)
from webstore.linking.models import Account, Customer, CustomerPage, LinkOutcome, LinkStatus, User
from webstore.linking.protocol import (
    MAX_VERIFIED,
    Call,
    CreateCustomer,
    GetCustomer,
    ListByEmail,
    ListCreatedSince,
    NoteFailure,
    Pause,
    Policy,
    ReadAccount,
    ReadBoth,
    ReadUser,
    RecordLink,
    SearchByOwner,
    Steps,
    UpdateCustomer,
    at_login,
    before_use,
    customer_draft,
    link_key,
    names,
)
from webstore.sessions.models import Identity

ADA = "auth0|ada"
DAY_S = 86_400.0
LOGIN = Identity("https://shop.eu.auth0.com/", ADA)
UNLINKED = (LinkStatus.PENDING, LinkStatus.REFUSED, LinkStatus.USER_GONE)
#: Answers that prove nothing, at least not about a customer.
ERRORS = (
    UserGone("gone"),
    DirectoryRefused("403"),
    DirectoryUnavailable("429"),
    PaymentsRefused("401"),
    SearchUnavailable("no search"),
    KeyInFlight("409"),
    KeyReused("idempotency_error"),
    PaymentsUnavailable("time-out"),
    PaymentsFailed("500"),
    PaymentsFailed("500", replayed=True),
    OverBudget("too old"),
)


def a_new_user() -> Vendors:
    """Both vendors, with one new user."""
    made = Vendors()
    made.users[ADA] = User(ADA, email="ada@example.com", name="Ada Example", created_at=made.now)
    return made


@pytest.fixture
def vendors() -> Vendors:
    return a_new_user()


def policy_of(vendors: Vendors, **changes: Any) -> Policy:
    return replace(Policy(tenant=vendors.tenant, livemode=False), **changes)


def change(vendors: Vendors, **changes: Any) -> None:
    """Change the user's record."""
    vendors.users[ADA] = replace(vendors.users[ADA], **changes)


def login(vendors: Vendors, identity: Identity = LOGIN, **policy: Any) -> Steps[LinkOutcome]:
    return at_login(identity, policy_of(vendors, **policy), vendors.now)


def use(vendors: Vendors, remembered: str | None = None, **policy: Any) -> Steps[LinkOutcome]:
    return before_use(ADA, remembered, policy_of(vendors, **policy), vendors.now)


@dataclass
class Attempt:
    """One attempt, stopped before one of its calls, until it has an outcome."""

    vendors: Vendors
    steps: Steps[LinkOutcome]
    call: Call[Any] | None = None
    outcome: LinkOutcome | None = None

    def __post_init__(self) -> None:
        self.call = next(self.steps)

    def step(
        self, error: WebstoreError | None = None, *, answer: object = None, fault: str | None = None
    ) -> None:
        """Answer the call as the vendors do, or with an error or another answer in its place."""
        assert self.call is not None
        try:
            try:
                if error is not None:
                    self.vendors.calls.append(self.call)
                    raise error
                answer = answer or self.vendors.answer(self.call, fault)
            except WebstoreError as exc:
                self.call = self.steps.throw(exc)
            else:
                self.call = self.steps.send(answer)
        except StopIteration as stop:
            self.call, self.outcome = None, stop.value

    def until(self, kind: type[Call[Any]]) -> None:
        """Go on until the attempt would make such a call."""
        while not isinstance(self.call, kind):
            self.step()

    def finish(self) -> LinkOutcome:
        """Go on to the end, undisturbed."""
        while self.outcome is None:
            self.step()
        return self.outcome


def run(
    vendors: Vendors,
    steps: Steps[LinkOutcome],
    *,
    errors: Sequence[tuple[type[Call[Any]], WebstoreError]] = (),
) -> LinkOutcome:
    """One attempt from its begin to its end, with these errors in the place of answers."""
    vendors.calls.clear()
    try:
        attempt = Attempt(vendors, steps)
    except StopIteration as stop:
        at_once: LinkOutcome = stop.value
        return at_once
    for kind, error in errors:
        attempt.until(kind)
        attempt.step(error)
    return attempt.finish()


def asked(vendors: Vendors) -> list[type[Call[Any]]]:
    return [type(call) for call in vendors.calls]


# At login


def test_claim_in_the_id_token_costs_no_call(vendors: Vendors) -> None:
    outcome = run(vendors, login(vendors, replace(LOGIN, claimed_customer_id="cus_1")))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ALREADY_LINKED, "cus_1")
    assert asked(vendors) == []


def test_claim_with_its_account_costs_the_account_read(vendors: Vendors) -> None:
    identity = replace(LOGIN, claimed_customer_id="cus_1", claimed_account="acct_1 test")
    assert run(vendors, login(vendors, identity)).customer_id == "cus_1"
    assert asked(vendors) == [ReadAccount]


@pytest.mark.parametrize("account", ["acct_1 live", "acct_2 test"])
def test_claim_of_another_account_is_refused(vendors: Vendors, account: str) -> None:
    identity = replace(LOGIN, claimed_customer_id="cus_1", claimed_account=account)
    outcome = run(vendors, login(vendors, identity))
    assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.REFUSED, None, True)


def test_claim_that_is_no_customer_id_is_not_believed(vendors: Vendors) -> None:
    run(vendors, login(vendors, replace(LOGIN, claimed_customer_id="garbage")))
    assert asked(vendors)[0] is ReadUser


def test_recorded_user_costs_one_read_and_the_account(vendors: Vendors) -> None:
    change(vendors, customer_id="cus_1", account="acct_1 test")
    assert run(vendors, login(vendors)).customer_id == "cus_1"
    assert asked(vendors) == [ReadUser, ReadAccount]


def test_new_account_costs_a_read_a_create_and_a_record(vendors: Vendors) -> None:
    assert run(vendors, login(vendors)).status is LinkStatus.CREATED
    assert asked(vendors) == [ReadUser, ReadAccount, CreateCustomer, RecordLink]
    assert vendors.calls[-1] == RecordLink(ADA, "cus_1", "acct_1 test")


def test_old_account_is_looked_up_by_email_then_by_search(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S)
    run(vendors, login(vendors))
    assert asked(vendors)[2:5] == [ListByEmail, SearchByOwner, CreateCustomer]


def test_old_account_without_email_is_looked_up_by_search_alone(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S, email=None)
    run(vendors, login(vendors))
    assert asked(vendors)[2:4] == [SearchByOwner, CreateCustomer]


def test_search_is_not_asked_when_the_list_shows_an_own_customer(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S)
    vendors.put(Customer("cus_9", email="ada@example.com", owner=ADA))
    assert run(vendors, login(vendors)).customer_id == "cus_9"
    assert asked(vendors) == [ReadUser, ReadAccount, ListByEmail, GetCustomer, ReadUser, RecordLink]


def test_without_search_the_customers_since_the_users_creation_are_listed(vendors: Vendors) -> None:
    vendors.search_missing = True
    change(vendors, created_at=vendors.now - DAY_S)
    run(vendors, login(vendors))
    assert vendors.calls[2:5] == [
        ListByEmail("ada@example.com"),
        SearchByOwner(ADA),
        ListCreatedSince(vendors.now - DAY_S),
    ]


@pytest.mark.parametrize("reason", ["lookup_always", "adopt_by_email", "an earlier failure"])
def test_new_account_is_looked_up_where_there_is_a_reason(vendors: Vendors, reason: str) -> None:
    failed = reason == "an earlier failure"
    change(vendors, link_failed_at=vendors.now - 1000 if failed else None)
    run(vendors, login(vendors, LOGIN, **({} if failed else {reason: True})))
    assert asked(vendors)[2:4] == [ListByEmail, SearchByOwner]


def test_key_window_ends_before_stripe_forgets_the_key(vendors: Vendors) -> None:
    for age_s, looked_up in ((22.9 * 3600, False), (23 * 3600, True)):
        vendors.users[ADA] = User(ADA, email="ada@example.com", created_at=vendors.now - age_s)
        run(vendors, login(vendors))
        assert (ListByEmail in asked(vendors)) is looked_up


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
    assert vendors.calls[-1] == NoteFailure(ADA, vendors.now, "0")


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


def test_endless_chain_of_dead_predecessors_is_given_up_with_an_alarm(vendors: Vendors) -> None:
    for _ in range(12):
        run(vendors, login(vendors))
        vendors.delete(str(vendors.users[ADA].customer_id))
        change(vendors, customer_id=None)
    outcome = run(vendors, login(vendors))
    assert (outcome.status, outcome.alarm) == (LinkStatus.PENDING, True)
    assert vendors.made == 12


def test_existing_customer_that_is_given_away_after_the_list_was_read_is_not_claimed(
    vendors: Vendors,
) -> None:
    change(vendors, email_verified=True)
    vendors.put(Customer("cus_9", email="ada@example.com"))
    attempt = Attempt(vendors, login(vendors, adopt_by_email=True))
    attempt.until(SearchByOwner)
    vendors.put(Customer("cus_9", email="ada@example.com", owner="auth0|grace"))
    assert attempt.finish().customer_id == "cus_1"
    assert vendors.customers["cus_9"].owner == "auth0|grace"


def test_other_customers_of_the_user_are_reported(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S)
    for number, (generation, created) in enumerate([(0, 1.0), (1, 3.0), (1, 2.0)]):
        customer = Customer(f"cus_{number}", email="ada@example.com", owner=ADA)
        vendors.put(replace(customer, generation=generation, created=created))
    outcome = run(vendors, login(vendors))
    assert (outcome.customer_id, outcome.others) == ("cus_2", ("cus_1", "cus_0"))


# Before use


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
    assert vendors.customers["cus_2"].replaces == "cus_1"


def test_customer_that_keeps_changing_under_a_use_leaves_it_pending(vendors: Vendors) -> None:
    """Each time it has healed, another worker has recorded a customer that is dead by the next look."""
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


# Whatever fails


SITUATIONS = [
    "new account",
    "old account",
    "refused e-mail",
    "half-done",
    "failed",
    "linked",
    "dead",
    "nobody's",
]


def in_situation(vendors: Vendors, situation: str) -> None:
    if situation == "old account":
        change(vendors, created_at=vendors.now - DAY_S)
    if situation == "refused e-mail":
        change(vendors, email="refused@example.com")
    if situation == "half-done":
        run(vendors, login(vendors), errors=[(RecordLink, DirectoryUnavailable("lost"))])
    if situation == "failed":
        change(vendors, link_failed_at=vendors.now - 1000)
    if situation in ("linked", "dead"):
        run(vendors, login(vendors))
    if situation == "dead":
        vendors.delete("cus_1")
    if situation == "nobody's":
        vendors.put(Customer("cus_9"))
        change(vendors, customer_id="cus_9")


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("entry", [login, use], ids=["login", "use"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_any_error_at_any_call_ends_in_an_outcome_and_makes_no_second_customer(
    situation: str, entry: Callable[[Vendors], Steps[LinkOutcome]], error: WebstoreError
) -> None:
    for position in range(20):
        vendors = a_new_user()
        in_situation(vendors, situation)
        attempt = Attempt(vendors, entry(vendors))
        for _ in range(position):
            if attempt.outcome is None:
                attempt.step()
        if attempt.outcome is not None:
            return
        attempt.step(error)
        outcome = attempt.finish()
        assert (outcome.customer_id is None) == (outcome.status in UNLINKED)
        vendors.advance(2 * DAY_S)
        after = run(vendors, use(vendors))
        assert after.customer_id == vendors.users[ADA].customer_id
        assert [customer.id for customer in vendors.owned_by(ADA)] == [after.customer_id]
    pytest.fail("it does not end")


# Names, keys and parameters


def test_key_is_the_same_in_every_worker_and_another_for_everything_it_is_made_of(vendors: Vendors) -> None:
    user, policy = vendors.users[ADA], policy_of(vendors)
    same = link_key(user, policy, None, 0, "as-given")
    assert same == link_key(
        replace(user, name="Other", email="other@example.com"), policy, None, 0, "as-given"
    )
    # An address that comes between two attempts meets the first one's key.
    assert same == link_key(replace(user, email=None), policy, None, 0, "as-given")
    others = {
        link_key(replace(user, user_id="auth0|grace"), policy, None, 0, "as-given"),
        link_key(user, replace(policy, tenant="other.eu.auth0.com"), None, 0, "as-given"),
        link_key(user, policy, "cus_1", 0, "as-given"),
        link_key(user, policy, None, 1, "as-given"),
        link_key(user, policy, None, 0, "no-email"),
    }
    assert len(others | {same}) == 6
    assert all(len(key) <= 255 and key.isascii() for key in others)


def test_draft_fits_stripes_limits_and_carries_what_the_directory_says(vendors: Vendors) -> None:
    user = User("auth0|" + "x" * 400, email="ada@example.com", name="N" * 300)
    draft = customer_draft(user, policy_of(vendors), "cus_1", 2)
    assert (len(draft.name or ""), len(draft.description or "")) == (256, 350)
    assert draft.email == "ada@example.com"
    assert draft.metadata == {
        "auth0_user_id": user.user_id,
        "auth0_tenant": vendors.tenant,
        "link_generation": "2",
        "replaces": "cus_1",
    }


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        (Customer("cus_1", owner=ADA, tenant="shop.eu.auth0.com"), True),
        (Customer("cus_1", owner=ADA), True),
        (Customer("cus_1", owner=ADA, tenant="other.eu.auth0.com"), False),
        (Customer("cus_1", owner="auth0|ADA"), False),
        (Customer("cus_1"), False),
        (Customer("cus_1", owner=ADA, deleted=True), False),
    ],
)
def test_customer_names_a_user_only_alive_and_exactly(
    vendors: Vendors, customer: Customer, expected: bool
) -> None:
    assert names(customer, vendors.users[ADA], policy_of(vendors)) is expected


def test_listing_without_search_that_was_cut_off_proves_no_absence(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S)
    vendors.search_missing = True
    attempt = Attempt(vendors, login(vendors))
    attempt.until(ListCreatedSince)
    attempt.step(answer=CustomerPage((), complete=False))
    outcome = attempt.finish()
    assert (outcome.status, outcome.alarm) == (LinkStatus.PENDING, True)
    assert vendors.made == 0


def test_account_of_a_restricted_key_is_compared_by_its_mode(vendors: Vendors) -> None:
    vendors.account = Account(None, livemode=False)
    for account, status in (("acct_1 test", LinkStatus.ALREADY_LINKED), ("acct_1 live", LinkStatus.REFUSED)):
        change(vendors, customer_id="cus_1", account=account)
        assert run(vendors, login(vendors)).status is status
