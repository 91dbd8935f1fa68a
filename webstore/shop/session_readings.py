"""Readings of carts' Checkout Sessions for pages: few calls to Stripe, however many requests there are.

A cart's cookie can be copied, so anybody can ask for its sessions from everywhere. Therefore:

- An answer is remembered for `REMEMBERED_S` seconds, in the shared state for all processes.
- Requests that need a session that another one is reading do not read it too.
- Calls have budgets: for each shopper; for strangers, for each session, for each address and for all of them
  together. Beyond its budget a page is shown from what is known, without a call and without an error.

Without the shared state each process does the same with its own memory. A purchase does not use any of this:
it reads the sessions itself.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from webstore import deadline
from webstore.errors import NoSuchObject, PaymentsUnavailable, StateUnavailable
from webstore.state import State

from .cart_sessions import SessionReader, paid_key
from .models import BoughtLine, CheckoutSession, Money, Recurrence, SessionStatus
from .own_memory import OwnMemory

#: Seconds that an answer is remembered. A payment takes longer.
REMEMBERED_S = 2.0
#: Seconds in which the calls of a budget may be made.
WINDOW_S = 10.0
#: Calls of one shopper in a window.
SHOPPER_CALLS = 30
#: Calls of strangers in a window: for one session, from one address, and all together.
SESSION_CALLS, ADDRESS_CALLS, STRANGERS_CALLS = 8, 30, 100
_MOMENT_S = 0.05


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom sessions are read."""

    #: What distinguishes a shopper or a stranger from others: a digest of the user ID, or an address.
    key: str
    #: Whether nobody is logged in.
    stranger: bool

    def budgets(self, session_id: str) -> tuple[tuple[str, int], ...]:
        """The budgets that a call for this session needs: key and calls in a window."""
        if not self.stranger:
            return ((f"shopper:{self.key}", SHOPPER_CALLS),)
        return (
            (f"session:{session_id}", SESSION_CALLS),
            (f"address:{self.key}", ADDRESS_CALLS),
            ("strangers", STRANGERS_CALLS),
        )


class SessionReadings:
    """The readings of one process."""

    def __init__(self, now: Callable[[], float] = time.monotonic, *, patience_s: float = _MOMENT_S) -> None:
        """`patience_s`: seconds that a page waits for a session that another request is reading.

        A waiting thread serves no page.
        """
        self._own, self._patience_s = OwnMemory(now), patience_s
        self._lock = threading.Lock()
        #: By the session, and whether a stranger asks: a call for a stranger may fail where one for a shopper
        #: does not.
        self._in_progress: dict[tuple[str, bool], threading.Event] = {}

    def reader(self, asker: Asker, checkouts: SessionReader, state: State) -> SessionReader:
        """What reads sessions for this asker. It raises `PaymentsUnavailable` instead of a call too many."""
        return _Reader(self, asker, checkouts, state)

    def read(self, session_id: str, asker: Asker, checkouts: SessionReader, state: State) -> CheckoutSession:
        """The session, without address, customer and owner if it is remembered.

        Raises `NoSuchObject` and `PaymentsError`.
        """
        known = self._known(session_id, state)
        if known is not None:
            return known
        with self._turn(session_id, asker) as is_ours:
            # Another request may have read it since the look above.
            known = self._known(session_id, state)
            if known is not None:
                return known
            if not is_ours:
                raise PaymentsUnavailable("another request is reading this Checkout Session")
            for key, calls in asker.budgets(session_id):
                if self._count(f"session-calls:{key}", state) > calls:
                    raise PaymentsUnavailable(f"the budget of calls to Stripe is used up: {key}")
            try:
                found = checkouts.get_session(session_id)
            except NoSuchObject:
                self._remember(session_id, "", state)
                raise
            self._remember(session_id, _packed(found), state)
            return found

    @contextmanager
    def _turn(self, session_id: str, asker: Asker) -> Iterator[bool]:
        """Whether the caller has to read the session; if another request does, wait for it a moment."""
        key = session_id, asker.stranger
        mine = threading.Event()
        with self._lock:
            other = self._in_progress.setdefault(key, mine)
        if other is not mine:
            other.wait(deadline.left(self._patience_s))
            yield False
            return
        try:
            yield True
        finally:
            with self._lock:
                del self._in_progress[key]
            mine.set()

    def _known(self, session_id: str, state: State) -> CheckoutSession | None:
        """The session as it is remembered; None if it is not. Raises `NoSuchObject`."""
        answer, paid = _answer_key(session_id), paid_key(session_id)
        try:
            kept = state.get_many((answer, paid))
        except StateUnavailable:
            kept = self._own.get_many((answer, paid))
        text = kept.get(answer)
        if text is None:
            return None
        if not text:
            raise NoSuchObject(session_id)
        found = _unpacked(session_id, text)
        # A webhook has reported the payment since then.
        outdated = found is not None and found.status is SessionStatus.OPEN and paid in kept
        return None if outdated else found

    def _remember(self, session_id: str, text: str, state: State) -> None:
        try:
            state.set(_answer_key(session_id), text, REMEMBERED_S)
        except StateUnavailable:
            self._own.set(_answer_key(session_id), text, REMEMBERED_S)

    def _count(self, key: str, state: State) -> int:
        try:
            return state.count(key, WINDOW_S)
        except StateUnavailable:
            return self._own.count(key, WINDOW_S)


@dataclass(frozen=True, slots=True)
class _Reader:
    readings: SessionReadings
    asker: Asker
    checkouts: SessionReader
    state: State

    def get_session(self, session_id: str) -> CheckoutSession:
        """The session as `SessionReadings.read` gives it."""
        return self.readings.read(session_id, self.asker, self.checkouts, self.state)


def _answer_key(session_id: str) -> str:
    return f"session-answer:{session_id}"


def _packed(session: CheckoutSession) -> str:
    """What carts need of the session, as text. Its address, customer and owner are not among it."""
    return json.dumps(
        {
            "status": session.status,
            "payment_status": session.payment_status,
            "mode": session.mode,
            "created": session.created,
            "expires_at": session.expires_at,
            "total": asdict(session.total),
            "lines": [asdict(line) for line in session.lines],
        }
    )


def _unpacked(session_id: str, text: str) -> CheckoutSession | None:
    """The session in a text; None if another release of the store wrote it in another form."""
    try:
        kept: dict[str, Any] = json.loads(text)
        kept["status"] = SessionStatus(kept["status"])
        kept["total"] = Money(**kept["total"])
        kept["lines"] = tuple(_line(line) for line in kept["lines"])
        return CheckoutSession(session_id, **kept)
    except (ValueError, TypeError, LookupError):
        return None


def _line(kept: dict[str, Any]) -> BoughtLine:
    recurrence = kept.pop("recurrence")
    total = Money(**kept.pop("total"))
    return BoughtLine(total=total, recurrence=recurrence and Recurrence(**recurrence), **kept)
