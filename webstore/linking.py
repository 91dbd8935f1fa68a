"""Bring one Auth0 user and one Stripe customer together, with no database and no lock.

`protocol.py` decides which call comes next; here the calls are made on the ports, within a wall-clock
budget. Whatever fails, a login goes on: the link stays pending and the next call picks it up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import protocol
from .budget import BoundedExecutor
from .errors import OverBudget, PaymentsError, WebstoreError
from .models import Customer, Identity, LinkOutcome, LinkStatus, PostLogin, User
from .ports import Directory, Payments
from .protocol import Call, Policy, Steps

log = logging.getLogger(__name__)

#: Seconds after which an attempt makes no further call: what it saw must not be older than this.
MAX_ATTEMPT_S = 60.0


@dataclass(frozen=True, slots=True)
class Linker:
    """What linking needs: the two ports, the operator's policy, and threads to work on."""

    directory: Directory
    payments: Payments
    policy: Policy
    budget_s: float
    executor: BoundedExecutor
    #: Told the status of every outcome.
    count: Callable[[str], None]
    #: For the second of two reads made at the same time.
    side: BoundedExecutor
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


def link_at_login(linker: Linker, event: PostLogin) -> None:
    """The post-login hook: leaves the outcome in `event.link`; never raises, never waits past the budget."""
    event.link = ensure_customer(linker, event.identity)


def ensure_customer(linker: Linker, identity: Identity) -> LinkOutcome:
    """Make sure that the user has a customer, within the budget; pending where that cannot be had now."""
    steps = protocol.at_login(identity, linker.policy, linker.now())
    return _within_budget(linker, identity.user_id, steps)


def verified_customer(linker: Linker, user_id: str, remembered: str | None) -> LinkOutcome:
    """The customer to use for money or anybody's data: read fresh from both sides, healed where dead."""
    steps = protocol.before_use(user_id, remembered, linker.policy, linker.now())
    return _within_budget(linker, user_id, steps)


def _within_budget(linker: Linker, user_id: str, steps: Steps[LinkOutcome]) -> LinkOutcome:
    """The outcome that the shopper is told; what ends later, behind their back, is logged as late."""
    told = threading.Event()
    try:
        first = next(steps)
    except StopIteration as done:
        # The ID token said it all: no call, and so no thread.
        outcome: LinkOutcome = done.value
        _report(linker, user_id, outcome)
        return outcome

    def attempt() -> LinkOutcome:
        outcome = run(linker, steps, first)
        if told.is_set():
            log.info("link user=%s ended late: outcome=%s customer=%s", user_id, *_brief(outcome))
        return outcome

    try:
        outcome = linker.executor.run(attempt, linker.budget_s)
    except OverBudget as exc:
        # What is still running may finish behind our back: it is idempotent.
        outcome = LinkOutcome(LinkStatus.PENDING, None, f"OverBudget: {exc}")
    except Exception:
        # A mistake of ours or of an SDK must not stand in the way of a login.
        log.exception("link user=%s failed unexpectedly", user_id)
        outcome = LinkOutcome(LinkStatus.PENDING, None, "unexpected error")
    told.set()
    _report(linker, user_id, outcome)
    return outcome


def _brief(outcome: LinkOutcome) -> tuple[LinkStatus, str | None]:
    return outcome.status, outcome.customer_id


def _report(linker: Linker, user_id: str, outcome: LinkOutcome) -> None:
    level = logging.ERROR if outcome.alarm else logging.WARNING if outcome.others else logging.INFO
    log.log(
        level,
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


def run(linker: Linker, steps: Steps[LinkOutcome], call: Call[Any]) -> LinkOutcome:
    """Make `call` and the protocol's next ones, one after the other, and hand it each answer or error."""
    started = linker.now()
    try:
        while True:
            try:
                if linker.now() - started > MAX_ATTEMPT_S:
                    raise OverBudget("this attempt was suspended, what it saw is too old to act on")
                answer = _answer(linker, call)
            except WebstoreError as exc:
                call = steps.throw(exc)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        outcome: LinkOutcome = stop.value
        return outcome


def _answer(linker: Linker, call: Call[Any]) -> object:
    directory, payments = linker.directory, linker.payments
    match call:
        case protocol.ReadUser(user_id):
            return directory.read_user(user_id)
        case protocol.ReadBoth(user_id, customer_id):
            return _read_both(linker, user_id, customer_id)
        case protocol.RecordLink(user_id, customer_id, account, replaced):
            directory.record_link(user_id, customer_id, account, replaced)
        case protocol.NoteFailure(user_id, at, which):
            directory.note_failure(user_id, at, which)
        case protocol.ReadAccount(patience_s):
            return payments.account() if patience_s is None else linker.side.run(payments.account, patience_s)
        case protocol.GetCustomer(customer_id):
            return payments.get_customer(customer_id)
        case protocol.CreateCustomer(draft, key):
            return payments.create_customer(draft, key)
        case protocol.UpdateCustomer(customer_id, draft, key):
            return payments.update_customer(customer_id, draft, key)
        case protocol.ListByEmail(email):
            return payments.list_by_email(email)
        case protocol.SearchByOwner(user_id):
            return payments.search_by_owner(user_id)
        case protocol.ListCreatedSince(since):
            return payments.list_created_since(since)
        case protocol.Pause(seconds):
            linker.sleep(seconds)
        case _:
            raise TypeError(f"the protocol has no call {call!r}")
    return None


def _read_both(
    linker: Linker, user_id: str, customer_id: str | None
) -> tuple[User, Customer | PaymentsError | None]:
    if customer_id is None:
        return linker.directory.read_user(user_id), None
    try:
        reading = linker.side.submit(lambda: _customer_or_error(linker.payments, customer_id))
    except OverBudget:
        return linker.directory.read_user(user_id), None
    return linker.directory.read_user(user_id), reading.result()


def _customer_or_error(payments: Payments, customer_id: str) -> Customer | PaymentsError:
    try:
        return payments.get_customer(customer_id)
    except PaymentsError as exc:
        return exc
