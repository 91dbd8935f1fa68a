"""Brings one Auth0 user and one Stripe customer together, with no database and no lock.

`protocol.py` decides which call comes next; here the calls are made on the ports, within a budget of
wall-clock time. Whatever fails, a login goes on: the link stays pending and the next call picks it up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from webstore import deadline
from webstore.errors import OverBudget, PaymentsError

from . import calls, models, protocol, worlds
from .calls import Call
from .executor import Executor, InlineExecutor
from .models import ClaimedLink, Customer, LinkOutcome, LinkStatus, User
from .ports import Directory, Payments
from .protocol import Policy, Steps

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Seconds after which an attempt makes no further call: what it saw must not be older than this.
MAX_ATTEMPT_S = 60.0
_NOTHING_CLAIMED = ClaimedLink()


def _count_nothing(_what: str) -> None:
    """Counts nothing."""


@dataclass(frozen=True, slots=True)
class Linker:
    """What linking needs: the two ports, the operator's policy, and threads to work on."""

    directory: Directory
    payments: Payments
    policy: Policy
    #: Seconds that a caller waits for an attempt; no single call to a vendor takes longer either.
    budget_s: float = 3.0
    executor: Executor = field(default_factory=InlineExecutor)
    #: For the second of two reads that are made at the same time.
    side: Executor = field(default_factory=InlineExecutor)
    #: Called with the status of every outcome.
    count: Callable[[str], None] = _count_nothing
    #: Called for each verdict that is asked for: "hit" if a kept one was used, else "miss".
    count_verdict: Callable[[str], None] = _count_nothing
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def within_budget(self, work: Callable[[], T]) -> T:
        """The result of the work, on a thread of linking. Raises its error, or `OverBudget`."""
        return self.executor.run(self.limited(work), self.budget_s)

    def limited(self, work: Callable[[], T]) -> Callable[[], T]:
        """The work with the budget as its deadline, so that no call takes longer.

        This lets the breaker notice a hanging vendor in time. A thread of linking has no other deadline.
        """

        def within_deadline() -> T:
            with deadline.within(self.budget_s):
                return work()

        return within_deadline


def ensure_customer(linker: Linker, user_id: str, claimed: ClaimedLink = _NOTHING_CLAIMED) -> LinkOutcome:
    """Make sure that the user who logs in has a customer; pending when that is not possible in time.

    `claimed`: what the user's ID token says about the link. Never raises, never waits past the budget.
    """
    steps = protocol.at_login(user_id, claimed, linker.policy, linker.now())
    return _within_budget(linker, user_id, steps)


def verified_customer(
    linker: Linker, user_id: str, remembered: str | None, since: float | None = None
) -> LinkOutcome:
    """The customer to use for money or anybody's data: read from both sides now, replaced if deleted.

    `remembered`: the session's copy of the customer's ID; it only saves time. `since`: when the user logged
    in; there is no customer for a login that does not count any more, or for a blocked user.
    """
    steps = protocol.before_use(user_id, remembered, linker.policy, linker.now(), since)
    return _within_budget(linker, user_id, steps)


def _within_budget(linker: Linker, user_id: str, steps: Steps[LinkOutcome]) -> LinkOutcome:
    """The attempt's outcome, or a pending one when the budget ends first.

    An attempt that the caller no longer waits for goes on: it is idempotent. Its end is logged as late.
    """
    answered = threading.Event()
    try:
        first = _first_call(linker, steps)
    except StopIteration as done:
        # The ID token has the customer: no call, and so no thread.
        outcome: LinkOutcome = done.value
        _report(linker, user_id, outcome)
        return outcome

    def attempt() -> LinkOutcome:
        outcome = run(linker, steps, first)
        if answered.is_set():
            # An alarm is raised once: nobody else will tell the operator.
            line = "link user=%s ended late: outcome=%s customer=%s reason=%s"
            log.log(_level(outcome), line, user_id, *_brief(outcome), outcome.reason)
        return outcome

    try:
        outcome = linker.executor.run(attempt, linker.budget_s)
    except OverBudget as exc:
        outcome = LinkOutcome(LinkStatus.PENDING, None, f"OverBudget: {exc}")
    except Exception:
        # A mistake of ours or of an SDK must not stop a login.
        log.exception("link user=%s failed unexpectedly", user_id)
        outcome = LinkOutcome(LinkStatus.PENDING, None, "unexpected error")
    answered.set()
    _report(linker, user_id, outcome)
    return outcome


def _first_call(linker: Linker, steps: Steps[LinkOutcome]) -> Call[Any]:
    """The first call that leaves the process. Raises `StopIteration` with the outcome if there is none."""
    call = next(steps)
    while isinstance(call, calls.ReadAccount) and (account := linker.payments.known_account()).id is not None:
        call = steps.send(account)
    return call


def _brief(outcome: LinkOutcome) -> tuple[LinkStatus, str | None]:
    return outcome.status, outcome.customer_id


def _level(outcome: LinkOutcome) -> int:
    return logging.ERROR if outcome.alarm else logging.WARNING if outcome.others else logging.INFO


def _report(linker: Linker, user_id: str, outcome: LinkOutcome) -> None:
    log.log(
        _level(outcome),
        "link user=%s outcome=%s customer=%s others=%s reason=%s",
        user_id,
        *_brief(outcome),
        ",".join(outcome.others) or None,
        outcome.reason,
    )
    try:
        linker.count(outcome.status)
    except Exception:
        # Counters live in files that may be gone; a shopper must not notice.
        log.exception("an outcome could not be counted")


def run(linker: Linker, steps: Steps[T], call: Call[Any]) -> T:
    """Make `call` and the protocol's next ones, one after the other, and hand it each answer or error."""
    started = linker.now()

    def answer(call: Call[Any]) -> object:
        if linker.now() - started > MAX_ATTEMPT_S:
            raise OverBudget("this attempt was suspended; what it saw is too old to act on")
        return linker.limited(lambda: _answer(linker, call))()

    return protocol.drive(steps, call, answer)


def _answer(linker: Linker, call: Call[Any]) -> object:
    directory, payments = linker.directory, linker.payments
    match call:
        case calls.ReadUser(user_id):
            return directory.read_user(user_id)
        case calls.ReadBoth(user_id, customer_id):
            return _read_both(linker, user_id, customer_id)
        case calls.RecordLink():
            directory.write_records(call.user_id, worlds.metadata_of(call))
        case calls.NoteFailure(user_id, at, which, suffix):
            note = {models.FAILED_AT + suffix: int(at), models.FAILED_TRY + suffix: which}
            directory.write_records(user_id, note)
        case calls.ReadAccount(patience_s):
            if patience_s is None or payments.known_account().id is not None:
                return payments.account()
            return linker.side.run(linker.limited(payments.account), patience_s)
        case calls.GetCustomer(customer_id):
            return payments.get_customer(customer_id)
        case calls.CreateCustomer(draft, key):
            began = linker.now()
            creation = payments.create_customer(draft, key)
            return replace(creation, took_s=linker.now() - began)
        case calls.UpdateCustomer(customer_id, draft, key):
            return payments.update_customer(customer_id, draft, key)
        case calls.Pause(seconds):
            linker.sleep(seconds)
        case _:
            return _found(payments, call)
    return None


def _found(payments: Payments, call: Call[Any]) -> object:
    """The answer to a call that lists or searches."""
    match call:
        case calls.ListByEmail(email):
            return payments.list_by_email(email)
        case calls.SearchByOwner(user_id):
            return payments.search_by_owner(user_id)
        case calls.SearchByEmail(email):
            return payments.search_by_email(email)
        case calls.ListCreatedSince(since):
            return payments.list_created_since(since)
        case calls.ListRunning(customer_id):
            return payments.list_running(customer_id)
    raise TypeError(f"the protocol has no call {call!r}")


def _read_both(
    linker: Linker, user_id: str, customer_id: str | None
) -> tuple[User, Customer | PaymentsError | None]:
    if customer_id is None:
        return linker.directory.read_user(user_id), None

    def read_customer() -> Customer | PaymentsError:
        try:
            return linker.payments.get_customer(customer_id)
        except PaymentsError as exc:
            return exc

    try:
        reading = linker.side.submit(linker.limited(read_customer))
    except OverBudget:
        return linker.directory.read_user(user_id), None
    return linker.directory.read_user(user_id), reading.result()
