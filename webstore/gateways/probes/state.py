"""Writes to what the processes of the store share, reads it back, and looks where it is."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import redis

from webstore.doctor.facts import StateFacts
from webstore.errors import StateUnavailable
from webstore.gateways.redis_state import open_redis, reason
from webstore.state import Records, State

#: Seconds that Redis may take.
_TIME_LIMIT_S = 3.0
_KEY = "doctor:look"
_MOUNTS = Path("/proc/self/mounts")


def read_redis(url: str, state: State) -> StateFacts:
    """What Redis answers. `state`: the store's, in this Redis."""
    place = f"Redis at {urlsplit(url).hostname or 'a socket'}"
    client = open_redis(url, _TIME_LIMIT_S)
    try:
        about = client.info("everything")
    except redis.exceptions.NoPermissionError:
        about = {}
    except (redis.RedisError, OSError, ValueError, TypeError) as exc:
        return StateFacts(place, problem=reason(exc))
    finally:
        client.close()
    if about.get("redis_mode") == "sentinel":
        return StateFacts(place, problem="it is a Redis Sentinel, which keeps no data")
    if about.get("role") == "slave":
        return StateFacts(place, problem="it is a replica, which takes no writes")
    problem, latency_s = _written_and_read(state)
    policy = about.get("maxmemory_policy")
    return StateFacts(place, problem, latency_s, eviction=policy if isinstance(policy, str) else None)


def read_folder(folder: Path, *parts: Records) -> StateFacts:
    """What the folder allows. `parts`: of the store's state, in this folder."""
    looks = [_written_and_read(part) for part in parts]
    problem = next((found for found, _ in looks if found), None)
    latency_s = max(took_s for _, took_s in looks)
    free = None
    with suppress(OSError):
        free = _free(folder)
    return StateFacts(str(folder), problem, latency_s, file_system=_file_system(folder), free_bytes=free)


def _written_and_read(state: Records) -> tuple[str | None, float]:
    """The fault or None, and how long it took. The first use opens a connection, and does not count."""
    value = secrets.token_hex(8)
    try:
        state.get(_KEY)
        began = time.perf_counter()
        state.set(_KEY, value, 60.0)
        found = state.get(_KEY)
        took_s = time.perf_counter() - began
        state.delete(_KEY)
    except StateUnavailable as exc:
        return str(exc), 0.0
    return (None if found == value else "what is written cannot be read back"), took_s


def _free(folder: Path) -> int:
    there = next(it for it in (folder, *folder.parents) if it.exists())
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize


def _file_system(folder: Path) -> str | None:
    """The type of the folder's file system; None where the system does not tell (only Linux does)."""
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
        place = str(folder.resolve())
    except OSError:
        return None
    found = [
        (mount, kind)
        for _, mount, kind, *_ in (line.split(" ") for line in lines if line.count(" ") >= 3)
        if place == mount or place.startswith(mount.rstrip("/") + "/")
    ]
    return max(found, key=lambda it: len(it[0]))[1] if found else None
