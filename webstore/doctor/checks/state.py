"""Checks of what the processes of the store share: in Redis, or in a folder."""

from __future__ import annotations

from webstore.doctor.check import Check
from webstore.doctor.facts import Facts, StateFacts
from webstore.doctor.models import Finding, failure, ok, warning

from .settings import is_local

#: Seconds that writing and reading back may take: every page waits for the state.
SLOW_S = 0.1
_LITTLE_ROOM = 20 * 1024 * 1024
#: SQLite's write-ahead log needs memory that all processes map: https://www.sqlite.org/wal.html
_NETWORK = frozenset(
    ("9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "virtiofs")
)
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def _state(facts: Facts) -> StateFacts:
    assert facts.state is not None  # noqa: S101  # the group is examined only then
    return facts.state


def _usable(facts: Facts) -> Finding:
    found = _state(facts)
    if found.problem is None:
        return ok(f"{found.place} can be written and read.")
    name = "REDIS_URL" if facts.settings.redis_url else "STATE_DIR"
    return failure(
        f"The shared state in {found.place} cannot be used: {found.problem.rstrip('.')}.",
        f"Correct {name}, or mend what it names. Until then, sessions that were ended elsewhere live on.",
    )


def _eviction(facts: Facts) -> Finding | None:
    if not facts.settings.redis_url:
        return None
    policy = _state(facts).eviction
    if policy is None:
        return warning(
            "Redis does not tell its maxmemory-policy, which must be noeviction.",
            "Look at the settings of the server or of its provider.",
        )
    if policy != "noeviction":
        return failure(
            f"Redis has the maxmemory-policy {policy}: when its memory is full, it throws away records of "
            "ended sessions. The store refuses to start.",
            "Set maxmemory-policy to noeviction.",
        )
    return ok("Redis evicts nothing.")


def _latency(facts: Facts) -> Finding:
    seconds = _state(facts).latency_s
    if seconds > SLOW_S:
        return warning(
            f"Writing the shared state and reading it back took {seconds * 1000:.0f} ms.",
            "Put Redis near the store, or STATE_DIR on a faster disk: every page waits for it.",
        )
    return ok(f"The shared state answers within {max(1, seconds * 1000):.0f} ms.")


def _place(facts: Facts) -> Finding | None:
    found = _state(facts)
    if facts.settings.redis_url or found.file_system is None:
        return None
    if found.free_bytes is not None and found.free_bytes < _LITTLE_ROOM:
        return failure(
            f"The disk of {found.place} is full ({found.free_bytes // 1024} KiB are left).",
            "Make room, or name another folder in STATE_DIR.",
        )
    if found.file_system in _NETWORK:
        return failure(
            f"{found.place} is on a network file system ({found.file_system}), on which SQLite files break.",
            "Name a folder of a local disk in STATE_DIR; for several machines, set REDIS_URL.",
        )
    if found.file_system in _IN_MEMORY and not is_local(facts):
        return warning(
            f"{found.place} is in memory ({found.file_system}): after a restart of the machine, sessions "
            "that were ended elsewhere live on.",
            "Name a folder of a disk in STATE_DIR, or set REDIS_URL.",
        )
    return ok(f"The shared state is on {found.file_system}.")


_SETTINGS = ("REDIS_URL", "STATE_DIR")

CHECKS = (
    Check("state", "state", _usable, _SETTINGS),
    Check("redis-eviction", "state", _eviction, _SETTINGS, needs=("state",)),
    Check("state-latency", "state", _latency, _SETTINGS, needs=("state",)),
    Check("state-place", "state", _place, _SETTINGS, needs=("state",)),
)
