"""Opens what the processes of the store share: in Redis, or in a folder on one machine."""

from __future__ import annotations

from pathlib import Path

from .gateways.noticed_state import NoticedState
from .gateways.record_files import RecordFiles
from .gateways.state import FileState, Watch, default_directory, require_writable_folder
from .gateways.threads import in_background
from .linking.verdicts import FORGOTTEN
from .sessions.kept_records import KeptRecords
from .settings import Settings
from .shop.subscription_changes import CHANGES
from .state import Counters, Records, State

#: Seconds that counting a request may wait for other processes. After that, the process counts itself.
_COUNT_S = 0.2


def problems_of_folder(settings: Settings) -> list[str]:
    """Why the folder in STATE_DIR cannot be used, for the operator; empty if it can, or is not needed."""
    folder = _given_folder(settings)
    if settings.redis_url or folder is None:
        return []
    try:
        require_writable_folder(folder)
    except (OSError, UnicodeError) as exc:
        return [f"STATE_DIR: the folder {folder} cannot be used ({exc}). Name one that the store may write."]
    return []


def _given_folder(settings: Settings) -> Path | None:
    return settings.state_dir / settings.fingerprint if settings.state_dir else None


def folder_of(settings: Settings) -> Path | None:
    """The folder of what the processes share; None if that is in Redis."""
    return None if settings.redis_url else _given_folder(settings) or default_directory(settings.fingerprint)


def redis_prefix(settings: Settings) -> str:
    """What the names of the store's keys in Redis begin with."""
    return f"webstore:{settings.fingerprint}:"


def open_shared(settings: Settings) -> tuple[State, KeptRecords, Counters]:
    """What the processes share: the cache, the records of ended sessions, and the counters of rate limits.

    Each has its own file or connections, so that a flood of counting delays no decision about a session.
    """
    state: State
    counters: Counters
    if settings.redis_url:
        from .gateways.redis_state import RedisState  # noqa: PLC0415  # its package is large

        url, prefix = settings.redis_url, redis_prefix(settings)
        state, counters = (RedisState(url, prefix, watch=Watch(it)) for it in ("cache", "counters"))
        ended = RedisState(url, prefix, watch=Watch("ended_sessions"), urgent_writes=True)
        return state, KeptRecords(ended, background=in_background), counters
    folder = _given_folder(settings) or default_directory(settings.fingerprint)
    counters = FileState(folder, name="counters", busy_s=_COUNT_S, watch=Watch("counters"))
    return (
        NoticedState(FileState(folder, watch=Watch()), notices_in(folder, Watch()), (FORGOTTEN, CHANGES)),
        KeptRecords(
            RecordFiles(
                folder / "ended-sessions", "records of ended sessions", watch=Watch("ended_sessions")
            ),
            background=in_background,
        ),
        counters,
    )


def notices_in(folder: Path, watch: Watch | None = None) -> Records:
    """The notices that something has changed.

    A power cut may lose them: they end what processes keep in memory, and it ends that, too.
    """
    return RecordFiles(folder / "notices", "notices of changes", durable=False, watch=watch)
