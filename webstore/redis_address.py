"""Checks REDIS_URL: everything that can be said of it without a connection."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

_SCHEMES = ("redis", "rediss", "unix")
_FLAG = ("true", "false", "yes", "no", "1", "0")


def _seconds(text: str) -> bool:
    return re.fullmatch(r"\d{1,3}(\.\d+)?", text) is not None and 0 < float(text) <= 60


def _is_number(least: int, most: int) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(r"\d{1,9}", text) is not None and least <= int(text) <= most


def _one_of(*words: str) -> Callable[[str], bool]:
    return lambda text: text.lower() in words


#: The options of the client that make sense in a URL: whether a value is possible, and which values are.
#: Source: https://redis.readthedocs.io/en/stable/connections.html
_OPTIONS: dict[str, tuple[Callable[[str], bool], str]] = {
    "client_name": (bool, "a name"),
    "db": (_is_number(0, 999_999), "a whole number"),
    "health_check_interval": (_is_number(0, 3600), "seconds from 0 to 3600"),
    "max_connections": (_is_number(1, 100_000), "a whole number"),
    "password": (bool, "a text"),
    "protocol": (_is_number(2, 3), "2 or 3"),
    "socket_connect_timeout": (_seconds, "seconds up to 60"),
    "socket_keepalive": (_one_of(*_FLAG), "true or false"),
    "socket_timeout": (_seconds, "seconds up to 60"),
    "username": (bool, "a name"),
}
#: For rediss:// only.
_TLS_OPTIONS: dict[str, tuple[Callable[[str], bool], str]] = {
    "ssl_ca_certs": (bool, "the path of a file"),
    "ssl_ca_path": (bool, "the path of a folder"),
    "ssl_cert_reqs": (_one_of("none", "optional", "required"), "required, optional or none"),
    "ssl_certfile": (bool, "the path of a file"),
    "ssl_check_hostname": (_one_of(*_FLAG), "true or false"),
    "ssl_keyfile": (bool, "the path of a file"),
    "ssl_password": (bool, "a text"),
}


def redis_url(value: str) -> str:
    """The URL of a Redis server. Raises `ValueError` with the fault, without any part of the password."""
    scheme, separator, rest = value.partition("://")
    if "sentinel" in scheme.lower():
        raise ValueError(
            "names Redis Sentinel, which the store does not ask: give the address of the server itself, or "
            "of a proxy that follows the sentinels"
        )
    if scheme not in _SCHEMES or not separator:
        raise ValueError(
            "must be a URL like redis://localhost:6379/0 (rediss:// with TLS, unix:// for a socket)"
        )
    before, at, after = rest.rpartition("@")
    # All that a URL ends its host and port with.
    if (
        at
        and (unescaped := re.search(r"[#/?]", before))
        and "@" not in before.partition("?")[0].partition("/")[0]
    ):
        raise ValueError(
            f"has a {unescaped[0]} in its user or password: write %{ord(unescaped[0]):02X} "
            "(%23 for #, %2F for /, %3F for ?, %40 for @)"
        )
    if "#" in value:
        raise ValueError("has a #: write %23 for one in the password")
    if scheme != "unix" and "," in (after if at else rest).partition("?")[0]:
        raise ValueError("names several servers: the store takes one Redis, no list of nodes or sentinels")
    _check_place(value)
    _check_options(value)
    return value


def _check_place(value: str) -> None:
    """Check host, port and number of the database. Raises `ValueError`."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("has a malformed host, or a port that is not a number up to 65535") from None
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError("must name the path of a socket: unix:///run/redis/redis.sock")
        return
    if not host or port == 0 or parts.netloc.endswith(":"):
        raise ValueError("must name a host, and a port from 1 to 65535: redis://localhost:6379/0")
    if not re.fullmatch(r"/?|/\d{1,6}", unquote(parts.path)):
        raise ValueError("must end with the number of a database, such as /0")


def _check_options(value: str) -> None:
    """Check the query. Raises `ValueError` that names every option that is wrong."""
    parts = urlsplit(value)
    known = {**_OPTIONS, **(_TLS_OPTIONS if parts.scheme == "rediss" else {})}
    wrong = []
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        shown = name if re.fullmatch(r"\w{1,40}", name) else "(unreadable)"
        if name not in known:
            of_tls = " (it is for rediss:// alone)" if name in _TLS_OPTIONS else ""
            wrong.append(f"the unknown option {shown}{of_tls}")
        elif not known[name][0](text):
            wrong.append(f"the option {shown}, which must be {known[name][1]}")
    if wrong:
        raise ValueError(f"has {', and '.join(wrong)}")
