"""How the calls of an attempt are made: within the budget, and without an error for the login."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from tests.unit.linking.attempts import ADA, DAY_S, change, claim, policy_of
from tests.unit.linking.vendors import Vendors
from webstore import deadline, linking
from webstore.errors import NoSuchCustomer
from webstore.linking import Linker, LinkOutcome, LinkStatus, calls, models, protocol
from webstore.linking.calls import Call
from webstore.linking.executor import BoundedExecutor
from webstore.linking.models import (
    Account,
    Creation,
    Customer,
    CustomerDraft,
    CustomerPage,
    User,
)

T = TypeVar("T")

BUDGET_S = 50.0
#: More seconds than a busy machine needs for anything here.
AMPLE_S = 20.0


@dataclass
class Ports:
    """Both ports, answered by the vendors in memory. They record the time that each call has left."""

    vendors: Vendors
    left: list[tuple[str, float]] = field(default_factory=list)
    known: Account = field(default_factory=lambda: Account(None, livemode=False))
    #: Called before each answer.
    before: Callable[[Call[Any]], object] = lambda _: None

    def _answer(self, call: Call[T]) -> T:
        self.left.append((type(call).__name__, deadline.left()))
        self.before(call)
        answer: Any = self.vendors.answer(call)
        given: T = answer
        return given

    def read_user(self, user_id: str) -> User:
        return self._answer(calls.ReadUser(user_id))

    def write_records(self, user_id: str, records: Mapping[str, object]) -> None:
        at, customer_id = records[models.FAILED_AT], records.get(models.ID)
        if isinstance(at, int):
            self._answer(calls.NoteFailure(user_id, at, str(records[models.FAILED_TRY])))
        else:
            pin = records.get(models.PIN)
            self._answer(calls.RecordLink(user_id, str(customer_id), None if pin is None else str(pin)))

    def find_by_email(self, email: str) -> tuple[str, ...]:
        raise NotImplementedError

    def find_by_identity(self, user_id: str) -> tuple[str, ...]:
        raise NotImplementedError

    def list_users(self, page: int, per_page: int) -> tuple[User, ...]:
        raise NotImplementedError

    def delete_user(self, user_id: str) -> None:
        raise NotImplementedError

    def account(self) -> Account:
        self.known = self._answer(calls.ReadAccount())
        return self.known

    def known_account(self) -> Account:
        return self.known

    def get_customer(self, customer_id: str) -> Customer:
        return self._answer(calls.GetCustomer(customer_id))

    def create_customer(self, draft: CustomerDraft, idempotency_key: str) -> Creation:
        return self._answer(calls.CreateCustomer(draft, idempotency_key))

    def update_customer(
        self, customer_id: str, draft: CustomerDraft, idempotency_key: str | None
    ) -> Customer:
        return self._answer(calls.UpdateCustomer(customer_id, draft, idempotency_key))

    def list_by_email(self, email: str) -> tuple[Customer, ...]:
        return self._answer(calls.ListByEmail(email))

    def search_by_owner(self, user_id: str) -> tuple[Customer, ...]:
        return self._answer(calls.SearchByOwner(user_id))

    def search_by_email(self, email: str) -> tuple[Customer, ...]:
        return self._answer(calls.SearchByEmail(email))

    def list_running(self, customer_id: str) -> tuple[str, ...]:
        raise NotImplementedError

    def list_created_since(self, since: float) -> CustomerPage:
        return self._answer(calls.ListCreatedSince(since))


@pytest.fixture
def ports(vendors: Vendors) -> Ports:
    return Ports(vendors)


def linker_on(ports: Ports, *, threads: bool = False, **changes: Any) -> Linker:
    """A linker on the vendors in memory; `threads`: with threads of its own, as in the store."""
    if threads:
        changes = {"executor": BoundedExecutor(2, "test"), "side": BoundedExecutor(2, "side"), **changes}
    vendors = ports.vendors
    common = {"policy": policy_of(vendors), "budget_s": BUDGET_S, "now": lambda: vendors.now}
    return Linker(ports, ports, **{**common, **changes})


# The deadline of each call


def nothing(_: Vendors) -> None:
    """The user has just signed up."""


def aged(vendors: Vendors) -> None:
    """The user signed up a day ago, so a look-up is needed."""
    change(vendors, created_at=vendors.now - DAY_S)


def aged_without_search(vendors: Vendors) -> None:
    aged(vendors)
    vendors.search_missing = True


def linked(vendors: Vendors) -> None:
    """The user has a customer, whose e-mail address is out of date."""
    vendors.put(Customer("cus_9", email="old@example.com", name="Ada Example", owner=ADA))
    change(vendors, customer_id="cus_9", account="acct_1 test")


def linked_and_deleted(vendors: Vendors) -> None:
    linked(vendors)
    vendors.delete("cus_9")


def log_in(linker: Linker) -> LinkOutcome:
    return linking.ensure_customer(linker, ADA)


def log_in_with_the_claim(linker: Linker) -> LinkOutcome:
    return linking.ensure_customer(linker, ADA, claim("cus_9", "acct_1 test"))


def use(linker: Linker) -> LinkOutcome:
    return linking.verified_customer(linker, ADA, "cus_9")


@pytest.mark.parametrize("threads", [False, True], ids=["inline", "threads"])
@pytest.mark.parametrize(
    ("prepare", "act", "makes"),
    [
        (nothing, log_in, {"ReadUser", "ReadAccount", "CreateCustomer", "RecordLink"}),
        (aged, log_in, {"ListByEmail", "SearchByOwner", "CreateCustomer", "RecordLink"}),
        (aged_without_search, log_in, {"ListCreatedSince"}),
        (linked, log_in, {"ReadUser", "ReadAccount"}),
        (linked, log_in_with_the_claim, {"ReadAccount"}),
        (linked, use, {"ReadUser", "GetCustomer", "ReadAccount", "UpdateCustomer"}),
        (linked_and_deleted, use, {"ReadUser", "GetCustomer", "CreateCustomer", "RecordLink"}),
    ],
)
def test_each_call_has_a_deadline_of_at_most_the_budget(
    ports: Ports,
    prepare: Callable[[Vendors], None],
    act: Callable[[Linker], LinkOutcome],
    makes: set[str],
    threads: bool,
) -> None:
    prepare(ports.vendors)
    assert act(linker_on(ports, threads=threads)).customer_id is not None
    assert makes <= {name for name, _ in ports.left}
    assert [(name, left) for name, left in ports.left if not 0 < left <= BUDGET_S] == []
    assert deadline.left() == math.inf


class NoThreads:
    """Threads that nothing may need."""

    def submit(self, work: Callable[[], T]) -> Any:
        raise AssertionError("a thread was used")

    def run(self, work: Callable[[], T], budget_s: float) -> T:
        raise AssertionError("a thread was used")


def test_login_whose_token_names_the_customer_needs_no_thread_once_the_account_is_known(ports: Ports) -> None:
    linked(ports.vendors)
    first = log_in_with_the_claim(linker_on(ports))
    second = log_in_with_the_claim(linker_on(ports, executor=NoThreads(), side=NoThreads()))
    assert first.customer_id == second.customer_id == "cus_9"
    assert [name for name, _ in ports.left] == ["ReadAccount"]


def test_returning_login_takes_no_second_thread_once_the_account_is_known(ports: Ports) -> None:
    linked(ports.vendors)
    first = log_in(linker_on(ports))
    second = log_in(linker_on(ports, side=NoThreads()))
    assert first.customer_id == second.customer_id == "cus_9"


def test_surrounding_deadline_of_an_inline_attempt_is_kept(ports: Ports) -> None:
    with deadline.within(BUDGET_S / 5):
        assert linking.ensure_customer(linker_on(ports), ADA).status is LinkStatus.CREATED
    assert [(name, left) for name, left in ports.left if left > BUDGET_S / 5] == []


def test_work_within_the_budget_has_its_deadline(ports: Ports) -> None:
    for threads in (False, True):
        assert 0 < linker_on(ports, threads=threads).within_budget(deadline.left) <= BUDGET_S
    assert deadline.left() == math.inf


# The end of the budget


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """The event that a hanging call waits for. It is set after the test in any case."""
    event = threading.Event()
    yield event
    event.set()


def hangs_at(kind: type[Call[Any]], release: threading.Event) -> Callable[[Call[Any]], object]:
    """Let calls of this kind hang until the release."""
    return lambda call: release.wait(AMPLE_S) if isinstance(call, kind) else None


def test_login_is_pending_while_a_call_hangs_and_the_attempt_ends_in_the_background(
    ports: Ports, release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "webstore")
    ports.before = hangs_at(calls.CreateCustomer, release)
    ended = threading.Event()

    class Watched(BoundedExecutor):
        def submit(self, work: Callable[[], T], at_most_s: float = math.inf) -> Any:
            submitted = super().submit(work, at_most_s)
            submitted.add_done_callback(lambda _: ended.set())
            return submitted

    linker = linker_on(ports, executor=Watched(1, "test"), budget_s=0.1)
    outcome = linking.ensure_customer(linker, ADA)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.PENDING, None)
    assert "OverBudget" in outcome.reason
    assert ports.vendors.customers == {}
    assert not ended.is_set()
    release.set()
    assert ended.wait(AMPLE_S)
    assert ports.vendors.users[ADA].customer_id == "cus_1"
    assert "ended late: outcome=created customer=cus_1" in caplog.text


def test_alarm_of_an_attempt_that_ends_late_is_an_alarm_all_the_same(
    ports: Ports, release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    change(ports.vendors, customer_id="garbage")
    ports.before = hangs_at(calls.ReadUser, release)
    linker = linker_on(ports, executor=BoundedExecutor(1, "test", AMPLE_S), budget_s=0.1)
    assert linking.ensure_customer(linker, ADA).status is LinkStatus.PENDING
    release.set()
    linker.executor.run(lambda: None, AMPLE_S)
    (late,) = [record for record in caplog.records if "ended late" in record.message]
    assert late.levelno == logging.ERROR
    assert "not a Stripe customer ID" in late.message


def test_login_of_a_linked_user_does_not_wait_for_an_account_read_that_hangs(
    ports: Ports, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "ACCOUNT_PATIENCE_S", 0.05)
    change(ports.vendors, customer_id="cus_1", account="acct_1 test")
    ports.before = hangs_at(calls.ReadAccount, release)
    outcome = linking.ensure_customer(linker_on(ports, threads=True), ADA)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ALREADY_LINKED, "cus_1")
    assert not release.is_set()


def test_attempt_that_was_suspended_for_too_long_makes_no_further_call(ports: Ports) -> None:
    ports.before = lambda call: ports.vendors.advance(61) if isinstance(call, calls.ReadUser) else None
    outcome = linking.ensure_customer(linker_on(ports), ADA)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.PENDING, None)
    assert [name for name, _ in ports.left] == ["ReadUser"]


# Errors


def fails_with(problem: Exception) -> Callable[[Call[Any]], object]:
    def fail(_: Call[Any]) -> None:
        raise problem

    return fail


@pytest.mark.parametrize("threads", [False, True], ids=["inline", "threads"])
def test_unexpected_error_leaves_the_link_pending_and_is_logged(
    ports: Ports, caplog: pytest.LogCaptureFixture, threads: bool
) -> None:
    ports.before = fails_with(ZeroDivisionError("a mistake of ours"))
    outcome = linking.ensure_customer(linker_on(ports, threads=threads), ADA)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.PENDING, None)
    assert [record.exc_info is not None for record in caplog.records if "unexpectedly" in record.message] == [
        True
    ]


def test_customer_read_that_fails_beside_the_user_read_is_an_answer_like_any_other(ports: Ports) -> None:
    """The user read decides: here it names another customer than the session does."""
    ports.vendors.put(Customer("cus_9", owner=ADA))
    change(ports.vendors, customer_id="cus_9", email=None, name=None)
    with pytest.raises(NoSuchCustomer):
        ports.get_customer("cus_unknown")
    outcome = linking.verified_customer(linker_on(ports, threads=True), ADA, "cus_unknown")
    assert (outcome.status, outcome.customer_id) == (LinkStatus.VERIFIED, "cus_9")


# Counting


def test_each_outcome_is_counted_once_by_its_status(ports: Ports) -> None:
    counted: list[str] = []
    linker = linker_on(ports, count=counted.append)
    linking.ensure_customer(linker, ADA)
    linking.ensure_customer(linker, ADA)
    linking.ensure_customer(linker, ADA, claim("cus_1"))
    linking.verified_customer(linker, ADA, None)
    assert counted == ["created", "already_linked", "already_linked", "verified"]


def test_outcome_that_cannot_be_counted_is_an_outcome_all_the_same(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    def cannot_count(_: str) -> None:
        raise OSError("the counters' folder is gone")

    assert linking.ensure_customer(linker_on(ports, count=cannot_count), ADA).status is LinkStatus.CREATED
    assert "could not be counted" in caplog.text
