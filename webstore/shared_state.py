"""Opens what the processes of the store share: in Redis, or in a folder on one machine."""

from __future__ import annotations

from pathlib import Path

from .gateways.redis_state import RedisState
from .gateways.revocation_files import RevocationFiles
from .gateways.state import FileState, Watch, default_directory
from .gateways.threads import in_background
from .sessions.kept_records import KeptRecords
from .settings import Settings
from .state import Counters, State

#: Seconds that counting a request may wait for other processes. After that, the process counts itself.
_COUNT_S = 0.2


def given_folder(settings: Settings) -> Path | None:
    """The folder that STATE_DIR names; None if Redis or the default is used."""
    if settings.redis_url or settings.state_dir is None:
        return None
    return settings.state_dir / settings.fingerprint


def open_shared(settings: Settings) -> tuple[State, KeptRecords, Counters]:
    """What the processes share: the cache, the records of ended sessions, and the counters of rate limits.

    Each has its own file or connections, so that a flood of counting delays no decision about a session.
    """
    state: State
    counters: Counters
    if settings.redis_url:
        url, prefix = settings.redis_url, f"webstore:{settings.fingerprint}:"
        state, counters = (RedisState(url, prefix, watch=Watch()) for _ in range(2))
        ended = RedisState(url, prefix, watch=Watch(), urgent_writes=True)
        return state, KeptRecords(ended, background=in_background), counters
    folder = given_folder(settings) or default_directory(settings.fingerprint)
    state = FileState(folder, watch=Watch())
    counters = FileState(folder, name="counters", busy_s=_COUNT_S, watch=Watch())
    return (
        state,
        KeptRecords(RevocationFiles(folder / "ended-sessions", watch=Watch()), background=in_background),
        counters,
    )
