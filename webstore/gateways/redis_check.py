"""Asks Redis at the start whether it can keep what the store records there."""

from __future__ import annotations

import contextlib
import logging
import secrets
import ssl
from collections.abc import Mapping
from typing import Any

import redis

from webstore.errors import SettingsError

from .redis_state import open_redis, reason

log = logging.getLogger(__name__)

_NO_EVICTION = "noeviction"
#: Seconds: a start has more time than a page.
_TIME_LIMIT_S = 5.0


def require_usable(url: str) -> None:
    """Check the Redis of REDIS_URL. Raises `SettingsError` if it will never do; `url` is well-formed.

    What may pass by itself, such as a server that does not answer yet, is logged, and the store starts.
    """
    client = open_redis(url, _TIME_LIMIT_S)
    try:
        _require_usable(client, url)
    finally:
        client.close()


def _require_usable(client: redis.Redis, url: str) -> None:
    try:
        about: Mapping[str, Any] = client.info("everything")
    except redis.AuthenticationError as exc:
        raise _refused(f"the server refuses its user or password ({reason(exc)})") from exc
    except redis.exceptions.NoPermissionError as exc:
        log.warning(
            "Redis does not allow INFO (%s), so this is not checked: its maxmemory-policy must be %s",
            reason(exc),
            _NO_EVICTION,
        )
        about = {}
    except (redis.RedisError, OSError, ValueError, TypeError) as exc:
        if url.startswith("rediss:") and _is_tls_error(exc):
            raise _refused(f"TLS fails ({reason(exc)})") from exc
        log.warning("the Redis of REDIS_URL does not answer, the store starts without it: %s", reason(exc))
        return
    if about:
        _check_kind(about)
        _check_eviction(about)
    _check_writing(client)


def _check_kind(about: Mapping[str, Any]) -> None:
    if about.get("redis_mode") == "sentinel":
        raise _refused("this is a Redis Sentinel, which keeps no data: give the address of the server itself")
    if about.get("role") == "slave":
        raise _refused("this server is a replica, which takes no writes: give the address of its master")


def _check_eviction(about: Mapping[str, Any]) -> None:
    """Records of ended sessions must not be evicted: https://redis.io/docs/latest/develop/reference/eviction/"""
    policy = about.get("maxmemory_policy")
    if policy is None:
        log.warning("Redis does not tell its maxmemory-policy, which must be %s", _NO_EVICTION)
    elif policy != _NO_EVICTION:
        raise _refused(
            f"the server's maxmemory-policy is {policy}: it throws away records of ended sessions when its "
            f"memory is full, and logged-out sessions come back. Set it to {_NO_EVICTION}"
        )


def _check_writing(client: redis.Redis) -> None:
    """Write a few keys, which a cluster keeps on different nodes."""
    keys = [f"webstore:start:{secrets.token_hex(8)}" for _ in range(32)]
    try:
        for key in keys:
            client.set(key, "1", px=1000)
    except (redis.exceptions.MovedError, redis.exceptions.ClusterDownError) as exc:
        raise _refused(
            "this server is one node of a cluster of several, and the store would use this one alone: give "
            "the address of a Redis without cluster mode, or of a proxy in front of the cluster"
        ) from exc
    except redis.exceptions.NoPermissionError as exc:
        raise _refused(
            f"the server does not let this user write keys that begin with webstore: ({reason(exc)})"
        ) from exc
    except (redis.RedisError, OSError) as exc:
        log.warning(
            "the Redis of REDIS_URL does not take a write, the store starts without it: %s", reason(exc)
        )
    with contextlib.suppress(redis.RedisError, OSError):
        for key in keys:
            client.delete(key)


def _is_tls_error(exc: BaseException | None) -> bool:
    """Whether TLS failed, or a file with a certificate or key cannot be read: neither passes by itself."""
    # The client raises its own ConnectionError for the error of the ssl module or of the system.
    while exc is not None:
        if isinstance(exc, (ssl.SSLError, FileNotFoundError, PermissionError)):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _refused(why: str) -> SettingsError:
    return SettingsError([f"REDIS_URL: {why}."])
