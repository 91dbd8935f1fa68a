"""The catalogue that the pages show: read from Stripe seldom, kept in the shared state, served while stale.

How often Stripe is read does not depend on the traffic or the number of workers:

- Once in `ttl_s` seconds for all workers together. The first one that finds the catalogue older than that
  claims the reading in the shared state and reads in the background; shoppers get the old one meanwhile. The
  claim holds for the whole time even if the reading fails, so that an outage of Stripe does not mean more
  calls.
- Earlier after `forget` (a webhook reported a change), but at most once in `EARLY_S` seconds, so that the
  webhooks of a bulk edit do not cause as many readings. If that reading fails, the next
  one comes after `ttl_s` seconds.
- If nothing was ever read, the first request reads and waits up to `PATIENCE_S` seconds. Later requests share
  one wait, which ends `PATIENCE_S` seconds after the first of them began: a Stripe that hangs must not hold
  the threads that serve pages. A failed reading is repeated after `COLD_RETRY_S` seconds.

Without the shared state each process does the same with its own memory. A reading is all pages of the list.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol, TypeVar

from webstore import deadline
from webstore.errors import PaymentsRefused, PaymentsUnavailable, StateUnavailable, WebstoreError
from webstore.state import State

from .catalogue_format import packed, unpacked
from .models import Catalogue
from .own_memory import OwnMemory
from .ports import Catalogues

log = logging.getLogger(__name__)

T = TypeVar("T")

EARLY_S = 5.0
PATIENCE_S = 1.5
COLD_RETRY_S = 5.0
#: Seconds before another process may read if the first one was killed.
_COLD_CLAIM_S = 20.0
#: Seconds between two looks into the shared state; the second figure until the first catalogue.
_LOOK_EVERY_S, _COLD_LOOK_EVERY_S = 1.0, 0.1
#: A catalogue older than this many `ttl_s` is worth waiting for: for so many seconds.
_OLD, _OLD_PATIENCE_S = 10, 1.5
#: Seconds that Stripe may be down before the shared state forgets the catalogue.
_KEPT_S = 7 * 24 * 3600.0

# The number is that of the format.
_POINTER, _CONTENT = "catalogue:2", "catalogue-content:2"
_CHANGED = "catalogue-changed"
_TURN, _EARLY_TURN = "catalogue-turn", "catalogue-early-turn"
_TAKEN, _FAILED, _REFUSED = "taken", "failed", "refused"


class _Why(Enum):
    COLD = "nothing was ever read"
    OLD = "it is old"
    CHANGED = "something changed"


@dataclass(frozen=True, slots=True)
class _Held:
    """The catalogue in this process's memory."""

    #: Digest of the content: the same while nothing changes, however often it is read.
    version: str
    #: The latest change when the reading began.
    change: str
    catalogue: Catalogue


class _Marks(Protocol):
    """The part of the state that taking turns needs."""

    def get_many(self, keys: Sequence[str]) -> dict[str, str]: ...

    def set(self, key: str, value: str, ttl_s: float) -> None: ...

    def add(self, key: str, value: str, ttl_s: float) -> bool: ...


class CatalogueService:
    """The catalogue, for the threads of one process."""

    def __init__(
        self,
        catalogues: Catalogues,
        state: State,
        *,
        ttl_s: float,
        background: Callable[[Callable[[], None]], None],
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        note: Callable[[Catalogue], object] = lambda _catalogue: None,
    ) -> None:
        """`ttl_s`: seconds that a reading counts as fresh. `note`: called with each catalogue to show.

        `background`: starts work that the shopper does not wait for; raises RuntimeError if it cannot.
        """
        self._catalogues, self._state, self._ttl_s = catalogues, state, ttl_s
        self._background, self._now, self._sleep, self._note = background, now, sleep, note
        self._own = OwnMemory(now)
        self._held: _Held | None = None
        self._reading: Future[None] | None = None
        self._looking = threading.Lock()
        self._looked = float("-inf")
        self._cold_failed = self._cold_refused = False
        self._lacking_since: float | None = None
        self._tried = False

    def current(self) -> Catalogue:
        """The products that can be bought. Raises `PaymentsUnavailable` only if nothing was ever read."""
        # Before the look, which may begin a reading: the wait counts from here.
        now = self._now()
        begun = self._look()
        held = self._held
        if held is None:
            return self._first(now, ours=begun is not None)
        if begun is not None and self._now() - held.catalogue.read_at > _OLD * self._ttl_s:
            _wait(begun, _OLD_PATIENCE_S)
            held = self._held or held
        return held.catalogue

    def warm(self) -> bool:
        """Whether there is a catalogue, or a reading of it has failed; begins a reading, waits for none."""
        self._look()
        self._tried = self._tried or self._held is not None or self._cold_failed
        return self._tried

    def forget(self) -> None:
        """Something changed: read again soon. Raises `StateUnavailable` if other workers may not notice."""
        change = secrets.token_hex(8)
        self._looked = float("-inf")
        try:
            self._state.set(_CHANGED, change, _KEPT_S)
        except StateUnavailable:
            self._own.set(_CHANGED, change, _KEPT_S)
            raise
        finally:
            self._look()

    def _first(self, asked_at: float, *, ours: bool) -> Catalogue:
        """The first catalogue of this process; `ours`: whether the caller began the reading."""
        if self._lacking_since is None:
            self._lacking_since = asked_at
        ends = (asked_at if ours else self._lacking_since) + PATIENCE_S
        while self._held is None:
            reading = self._reading
            if reading is None and self._cold_refused:
                raise PaymentsRefused("Stripe refuses to list the prices; the log says why")
            if self._now() > ends or deadline.left() <= 0 or (reading is None and self._cold_failed):
                raise PaymentsUnavailable("the catalogue could not be read yet")
            if reading is not None:
                _wait(reading, 0.5)
            else:
                self._sleep(_COLD_LOOK_EVERY_S)
            self._look()
        return self._held.catalogue

    def _look(self) -> Future[None] | None:
        """Take over the catalogue of another process; if the turn is ours, begin a reading and return it."""
        every = _COLD_LOOK_EVERY_S if self._held is None else _LOOK_EVERY_S
        if 0 <= self._now() - self._looked < every or not self._looking.acquire(blocking=False):
            return None
        try:
            self._looked = self._now()
            marks = self._ask(lambda state: state.get_many((_POINTER, _CHANGED, _TURN)))
            self._take_over(marks.get(_POINTER))
            self._cold_failed = marks.get(_TURN) in (_FAILED, _REFUSED)
            self._cold_refused = marks.get(_TURN) == _REFUSED
            change = marks.get(_CHANGED, "")
            if self._reading is None:
                for why in self._reasons(change):
                    if self._claim(why):
                        return self._begin(why, change)
            return None
        finally:
            self._looking.release()

    def _take_over(self, pointer: str | None) -> None:
        if not pointer:
            return
        held = self._held
        try:
            version, change, read_at = json.loads(pointer)
            if held is not None and (
                held.catalogue.read_at > read_at
                or (held.version, held.change, held.catalogue.read_at) == (version, change, read_at)
            ):
                return
            if held is not None and held.version == version:
                products = held.catalogue.products
            else:
                # It names its own version: another process may have written it after the pointer was read.
                version, _, text = (self._state.get(_CONTENT) or "").partition(" ")
                products = unpacked(text)
            self._hold(_Held(version, change, Catalogue(products, float(read_at))))
        except StateUnavailable:
            return
        except (ValueError, TypeError, zlib.error) as exc:
            log.warning("the catalogue in the shared state cannot be read (%s)", type(exc).__name__)

    def _hold(self, held: _Held) -> None:
        self._held = held
        self._note(held.catalogue)

    def _reasons(self, change: str) -> list[_Why]:
        held = self._held
        if held is None:
            return [_Why.COLD]
        fresh = 0 <= self._now() - held.catalogue.read_at < self._ttl_s
        changed = change not in ("", held.change)
        return [_Why.OLD] * (not fresh) + [_Why.CHANGED] * changed

    def _claim(self, why: _Why) -> bool:
        key, ttl_s = {
            _Why.COLD: (_TURN, min(_COLD_CLAIM_S, self._ttl_s)),
            _Why.OLD: (_TURN, self._ttl_s),
            _Why.CHANGED: (_EARLY_TURN, EARLY_S),
        }[why]
        return self._ask(lambda state: state.add(key, _TAKEN, ttl_s))

    def _begin(self, why: _Why, change: str) -> Future[None]:
        reading = self._reading = Future[None]()
        try:
            self._background(lambda: self._read(why, change, reading))
        except RuntimeError:
            # Too many threads, or the process is ending.
            log.exception("no thread to read the catalogue with")
            self._reading = None
            reading.set_result(None)
        return reading

    def _read(self, why: _Why, change: str, reading: Future[None]) -> None:
        began = self._now()
        try:
            found = self._catalogues.read_catalogue()
            self._publish(replace(found, read_at=began), change)
        except WebstoreError as exc:
            refused = isinstance(exc, PaymentsRefused)
            log.log(
                logging.ERROR if refused else logging.WARNING,
                "the catalogue could not be read (%s): %s: %s",
                why.value,
                type(exc).__name__,
                exc,
            )
            self._after_failure(why, refused=refused)
        except Exception:
            log.exception("reading the catalogue failed unexpectedly")
            self._after_failure(why)
        finally:
            self._reading = None
            reading.set_result(None)

    def _after_failure(self, why: _Why, *, refused: bool = False) -> None:
        if why is _Why.COLD:
            self._cold_failed = self._tried = True
            self._cold_refused = refused
            self._mark(_TURN, _REFUSED if refused else _FAILED, COLD_RETRY_S)
        elif why is _Why.CHANGED:
            self._mark(_EARLY_TURN, _FAILED, self._ttl_s)

    def _publish(self, catalogue: Catalogue, change: str) -> None:
        content = packed(catalogue.products)
        version = hashlib.sha256(content.encode()).hexdigest()[:32]
        held = self._held
        if held is not None and held.version == version:
            # The same products stay the same objects, so pages that were made from them are still current.
            catalogue = replace(catalogue, products=held.catalogue.products)
        self._hold(_Held(version, change, catalogue))
        try:
            # The content first: a reader of the pointer finds the content that it names.
            self._state.set(_CONTENT, f"{version} {content}", _KEPT_S)
            self._state.set(_POINTER, json.dumps([version, change, catalogue.read_at]), _KEPT_S)
        except StateUnavailable:
            log.warning("the catalogue was read for this process alone: the shared state is unreachable")

    def _ask(self, ask: Callable[[_Marks], T]) -> T:
        """The shared state's answer; while it is unreachable, that of this process's own marks."""
        try:
            return ask(self._state)
        except StateUnavailable:
            return ask(self._own)

    def _mark(self, key: str, value: str, ttl_s: float) -> None:
        self._ask(lambda state: state.set(key, value, ttl_s))


def _wait(reading: Future[None], patience_s: float) -> None:
    """Wait for the reading to end, at most so many seconds and not past the deadline."""
    try:
        reading.result(timeout=deadline.left(patience_s))
    except FutureTimeout:
        return
