"""One run at a time: a lock in the shared state, with its owner's name and age."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from webstore.errors import StateUnavailable, WebstoreError
from webstore.state import State

#: The key of the lock in the shared state.
KEY = "reconcile-lock"
#: Seconds that a lock lasts without its owner, and between two signs of life.
LASTS_S, BEAT_S = 180.0, 30.0
#: Seconds between looking at the lock and renewing it beyond which it is looked at again.
_AT_ONCE_S = 5.0
#: How often the state is tried, a second apart.
_TRIES = 5


class Locked(WebstoreError):
    """Another run is under way; the message says whose."""


class TakenOver(KeyboardInterrupt):
    """Another run has taken the lock over, so this one has to end; the message says whose.

    Not a `WebstoreError`: it ends the main thread wherever that is, and nobody takes it for a call's failure.
    """


@dataclass(frozen=True, slots=True)
class Owner:
    """Who runs."""

    host: str
    pid: int
    #: The name of the person who started it.
    name: str
    #: Unix time.
    since: float
    token: str = ""


@contextmanager
def locked(
    state: State,
    owner: Owner,
    alive: Callable[[int], bool],
    *,
    lost: Callable[[TakenOver], None],
    beat_s: float = BEAT_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the lock. Raises `Locked`, and `StateUnavailable` if nothing can be shared for some seconds.

    `alive`: whether a process of this machine runs. The lock of a dead one is taken over. `lost`: called on
    another thread if somebody else has taken this one over, as may happen to a machine that was suspended.
    """
    mine = json.dumps(asdict(owner) | {"token": secrets.token_hex(8)})
    for left in reversed(range(_TRIES)):
        try:
            _take(state, mine, owner, alive)
            break
        except StateUnavailable:
            # It is shared with a store that may be busy.
            if not left:
                raise
            sleep(1.0)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(beat_s):
            with suppress(StateUnavailable):
                looked_at = time.time()
                held = state.get(KEY)
                if held is None:
                    # It ran out, or the state was lost. If another run is faster, the next look tells.
                    state.add(KEY, mine, LASTS_S)
                elif held != mine:
                    return lost(TakenOver(_taken_over(_owner(held))))
                elif abs(time.time() - looked_at) < _AT_ONCE_S:
                    # Not after a pause right here: it may be another run's by now.
                    state.set(KEY, mine, LASTS_S)
        return None

    beating = threading.Thread(target=beat, name="reconcile-lock", daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()
        with suppress(StateUnavailable):
            if state.get(KEY) == mine:
                state.delete(KEY)


def _take(state: State, mine: str, owner: Owner, alive: Callable[[int], bool]) -> None:
    for _ in range(2):
        if state.add(KEY, mine, LASTS_S):
            return
        held = state.get(KEY)
        if held == mine:
            return
        if held is None:
            continue
        other = _owner(held)
        if other is None or other.host != owner.host or alive(other.pid):
            raise Locked(_words(other, owner.since))
        if state.get(KEY) == held:
            state.delete(KEY)
    raise Locked(_words(None, owner.since))


def _owner(held: str) -> Owner | None:
    try:
        return Owner(**json.loads(held))
    except (ValueError, TypeError):
        return None


def _words(other: Owner | None, now: float) -> str:
    if other is None:
        return "Another run of this command is under way. Wait for it to end."
    minutes = max(0.0, now - other.since) / 60
    return (
        f"Another run is under way: {other.name} on {other.host} (process {other.pid}) started it "
        f"{minutes:.0f} minutes ago. Wait for it to end, or end that process."
    )


def _taken_over(other: Owner | None) -> str:
    by = f"{other.name} on {other.host} (process {other.pid})" if other else "somebody else"
    return (
        f"Stopped: another run, of {by}, has taken over the lock, because this one gave no sign of life for "
        f"{LASTS_S / 60:.0f} minutes. Nothing is lost. When that run has ended, run the command again."
    )


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
