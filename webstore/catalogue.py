"""The catalogue that the pages show: read from Stripe seldom, kept in the shared state, served while stale.

How often Stripe is read, whatever the traffic and however many workers there are:

- once in `ttl_s` seconds for the whole fleet. Whoever finds the catalogue older than that claims the reading
  in the shared state and reads behind the shoppers' backs, who are served the old one. The claim holds for
  the whole time even where the reading fails, so that an outage of Stripe does not mean more calls;
- earlier after `forget` (a webhook said that something changed), but at most once in `EARLY_S` seconds, so
  that the webhooks of a bulk edit do not become a bulk of readings; after one that failed, only in `ttl_s`;
- where nothing was ever read, whoever comes first reads and waits up to `PATIENCE_S` seconds; the others wait
  until as long after the very first of them, then no more: a Stripe that hangs must not hold the threads that
  serve pages. A reading that failed is tried again after `COLD_RETRY_S`.

Without the shared state each process does the same with its own memory. A reading is all pages of the list.
"""

from __future__ import annotations

import base64
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

from .commerce import Catalogue, Money, Price, Product, Recurrence
from .errors import PaymentsUnavailable, StateUnavailable, WebstoreError
from .ports import Catalogues, State

log = logging.getLogger(__name__)

T = TypeVar("T")

EARLY_S = 5.0
PATIENCE_S = 1.5
COLD_RETRY_S = 5.0
#: How long the first reader of all is waited for before another may try, should it have been killed.
_COLD_CLAIM_S = 20.0
#: A process asks the shared state at most this often; without a catalogue, more often.
_LOOK_EVERY_S, _COLD_LOOK_EVERY_S = 1.0, 0.1
#: Older than this many `ttl_s`, the catalogue is worth a moment's wait for the thread that reads it anew.
_OLD, _OLD_PATIENCE_S = 10, 1.5
#: How long Stripe may be down before the shared state forgets the catalogue.
_KEPT_S = 7 * 24 * 3600.0

# The number is that of the format.
_POINTER, _CONTENT = "catalogue:1", "catalogue-content:1"
_CHANGED = "catalogue-changed"
_TURN, _EARLY_TURN = "catalogue-turn", "catalogue-early-turn"
_TAKEN, _FAILED = "taken", "failed"


class _Why(Enum):
    COLD = "nothing was ever read"
    OLD = "it is old"
    CHANGED = "something changed"


@dataclass(frozen=True, slots=True)
class _Held:
    """What this process has in memory."""

    #: Digest of the content: the same while nothing changes, however often it is read.
    version: str
    #: The change that was the latest when the reading began.
    change: str
    catalogue: Catalogue


class _Marks(Protocol):
    """The part of the state that turns need."""

    def get_many(self, keys: Sequence[str]) -> dict[str, str]: ...

    def set(self, key: str, value: str, ttl_s: float) -> None: ...

    def add(self, key: str, value: str, ttl_s: float) -> bool: ...


class CatalogueService:
    """The catalogue, for the threads of one process. It has no threads of its own that a fork could lose."""

    def __init__(
        self,
        catalogues: Catalogues,
        state: State,
        *,
        ttl_s: float,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`ttl_s`: how long a reading counts as fresh."""
        self._catalogues, self._state, self._ttl_s = catalogues, state, ttl_s
        self._now, self._sleep = now, sleep
        self._own = _OwnMarks(now)
        self._held: _Held | None = None
        self._reading: Future[None] | None = None
        self._looking = threading.Lock()
        self._looked = float("-inf")
        self._hopeless = False
        self._lacking_since: float | None = None

    def current(self) -> Catalogue:
        """What can be bought. Raises `PaymentsUnavailable` only where nothing was ever read."""
        begun = self._look()
        held = self._held
        if held is None:
            return self._first(ours=begun is not None)
        if begun is not None and self._now() - held.catalogue.read_at > _OLD * self._ttl_s:
            _wait(begun, _OLD_PATIENCE_S)
            held = self._held or held
        return held.catalogue

    def forget(self) -> None:
        """Something changed: read again soon. Raises `StateUnavailable` if the others cannot be told."""
        change = secrets.token_hex(8)
        self._looked = float("-inf")
        try:
            self._state.set(_CHANGED, change, _KEPT_S)
        except StateUnavailable:
            self._own.set(_CHANGED, change, _KEPT_S)
            raise
        finally:
            self._look()

    def _first(self, *, ours: bool) -> Catalogue:
        """`ours`: whether the caller began the reading that is under way."""
        if self._lacking_since is None:
            self._lacking_since = self._now()
        deadline = (self._now() if ours else self._lacking_since) + PATIENCE_S
        while self._held is None:
            reading = self._reading
            if self._now() > deadline or (reading is None and self._hopeless):
                raise PaymentsUnavailable("the catalogue could not be read yet")
            if reading is not None:
                _wait(reading, 0.5)
            else:
                self._sleep(_COLD_LOOK_EVERY_S)
            self._look()
        return self._held.catalogue

    def _look(self) -> Future[None] | None:
        """Take over what another process has read; begin a reading, and give it, where the turn is ours."""
        every = _COLD_LOOK_EVERY_S if self._held is None else _LOOK_EVERY_S
        if 0 <= self._now() - self._looked < every or not self._looking.acquire(blocking=False):
            return None
        try:
            self._looked = self._now()
            marks = self._ask(lambda state: state.get_many((_POINTER, _CHANGED, _TURN)))
            self._take_over(marks.get(_POINTER))
            self._hopeless = marks.get(_TURN) == _FAILED
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
                version, _, packed = (self._state.get(_CONTENT) or "").partition(" ")
                products = _unpacked(packed)
            self._held = _Held(version, change, Catalogue(products, float(read_at)))
        except StateUnavailable:
            return
        except (ValueError, TypeError, zlib.error) as exc:
            log.warning("the shared state holds no catalogue that can be read (%s)", type(exc).__name__)

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
        thread = threading.Thread(
            target=self._read, args=(why, change, reading), name="catalogue", daemon=True
        )
        try:
            thread.start()
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
            log.warning("the catalogue could not be read (%s): %s: %s", why.value, type(exc).__name__, exc)
            self._after_failure(why)
        except Exception:
            log.exception("reading the catalogue failed unexpectedly")
            self._after_failure(why)
        finally:
            self._reading = None
            reading.set_result(None)

    def _after_failure(self, why: _Why) -> None:
        if why is _Why.COLD:
            self._hopeless = True
            self._mark(_TURN, _FAILED, COLD_RETRY_S)
        elif why is _Why.CHANGED:
            self._mark(_EARLY_TURN, _FAILED, self._ttl_s)

    def _publish(self, catalogue: Catalogue, change: str) -> None:
        packed = _packed(catalogue.products)
        version = hashlib.sha256(packed.encode()).hexdigest()[:32]
        self._held = _Held(version, change, catalogue)
        try:
            # The content first: who sees the pointer finds what it points to.
            self._state.set(_CONTENT, f"{version} {packed}", _KEPT_S)
            self._state.set(_POINTER, json.dumps([version, change, catalogue.read_at]), _KEPT_S)
        except StateUnavailable:
            log.warning("the catalogue was read for this process alone: the shared state is unreachable")

    def _ask(self, ask: Callable[[_Marks], T]) -> T:
        """The shared state's answer, or where it is unreachable that of this process's own marks."""
        try:
            return ask(self._state)
        except StateUnavailable:
            return ask(self._own)

    def _mark(self, key: str, value: str, ttl_s: float) -> None:
        self._ask(lambda state: state.set(key, value, ttl_s))


class _OwnMarks:
    """Marks of this process alone."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[str, float]] = {}

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        with self._lock:
            found = {key: self._entries[key] for key in keys if key in self._entries}
        return {key: value for key, (value, until) in found.items() if until > self._now()}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        with self._lock:
            self._entries[key] = value, self._now() + ttl_s

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        with self._lock:
            if key in self._entries and self._entries[key][1] > self._now():
                return False
            self._entries[key] = value, self._now() + ttl_s
            return True


def _wait(reading: Future[None], patience_s: float) -> None:
    try:
        reading.result(timeout=patience_s)
    except FutureTimeout:
        return


def _packed(products: Sequence[Product]) -> str:
    """The products as text for the shared state: JSON, compressed, since a large catalogue is a megabyte."""
    rows = [
        [
            *(product.id, product.name, product.description, product.images),
            *(product.in_stock, product.shippable, product.created, product.updated),
            [_price_row(price) for price in product.prices],
        ]
        for product in products
    ]
    return base64.b64encode(zlib.compress(json.dumps(rows, separators=(",", ":")).encode())).decode()


def _price_row(price: Price) -> list[object]:
    recurrence = price.recurrence
    often = [recurrence.interval, recurrence.count] if recurrence else None
    return [price.id, price.money.amount, price.money.currency, often, price.nickname]


def _unpacked(text: str) -> tuple[Product, ...]:
    """What `_packed` made. Raises ValueError, TypeError or zlib.error for anything else."""
    rows = json.loads(zlib.decompress(base64.b64decode(text)))
    return tuple(
        Product(
            id=product_id,
            name=name,
            prices=tuple(
                Price(
                    price_id,
                    product_id,
                    Money(amount, currency),
                    Recurrence(*often) if often else None,
                    nickname,
                )
                for price_id, amount, currency, often, nickname in prices
            ),
            description=description,
            images=tuple(images),
            in_stock=in_stock,
            shippable=shippable,
            created=created,
            updated=updated,
        )
        for product_id, name, description, images, in_stock, shippable, created, updated, prices in rows
    )
