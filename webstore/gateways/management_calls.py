"""Calls to Auth0's Management API for the set-up: with a token, or through the `auth0` command.

The SDK's models would drop fields that they do not know. Here, a document is sent and received as it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import urlencode

from webstore.errors import DirectoryRefused, DirectoryUnavailable

from .profiles import printable
from .wire import Sender, WireError

#: Seconds to wait after a 429 that does not say how long.
UNTOLD_WAIT_S = 2.0
#: A 429 asks for at most a minute: https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy
_LONGEST_WAIT_S = 60.0
_MOST_WAITS = 6


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the Management API: the status, and the JSON document or None."""

    status: int
    document: object
    #: Seconds to wait before another try, after a 429.
    wait_s: float = 0.0


class Way(Protocol):
    """A way to the Management API."""

    def send(self, method: str, path: str, query: Mapping[str, str], body: object) -> Reply:
        """Make one call; `path`: below /api/v2/. Raises `DirectoryRefused` and `DirectoryUnavailable`."""

    def how_to_get(self, scope: str) -> str:
        """What an operator does to get a right that is missing."""


class NotThere(DirectoryRefused):
    """The object does not exist."""


class ManagementCalls:
    """Makes calls, waits where Auth0 asks for it, and turns its errors into the store's."""

    def __init__(self, way: Way, pause: Callable[[float], None]) -> None:
        """`pause`: waits for some seconds."""
        self._way, self._pause = way, pause

    def send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: object = None
    ) -> object:
        """Make one call and return its document.

        Raises `NotThere`, `DirectoryRefused` and `DirectoryUnavailable`.
        Source: https://auth0.com/docs/api/management/v2/introduction
        """
        for _ in range(_MOST_WAITS):
            reply = self._way.send(method, path, query or {}, body)
            if reply.status != 429:
                return self._document(reply, method, path)
            self._pause(reply.wait_s)
        raise DirectoryUnavailable("Auth0 still answers that there are too many calls (429): try again later")

    def _document(self, reply: Reply, method: str, path: str) -> object:
        if 200 <= reply.status < 300:
            return reply.document
        body = reply.document if isinstance(reply.document, dict) else {}
        message, code = printable(body.get("message"), 300), printable(body.get("errorCode"), 60)
        said = f"Auth0 answered {reply.status} to {method} /api/v2/{path}: {message or code or 'no reason'}"
        if reply.status == 404:
            raise NotThere(said)
        if reply.status == 403 and code == "insufficient_scope":
            scope = message.partition("expected any of:")[2].strip() or message
            raise DirectoryRefused(f"{said}. {self._way.how_to_get(scope)}")
        if 400 <= reply.status < 500:
            raise DirectoryRefused(said)
        raise DirectoryUnavailable(f"Auth0 answered {reply.status} to {method} /api/v2/{path}")

    def every(self, path: str, key: str, query: Mapping[str, str] | None = None) -> list[dict[str, object]]:
        """Every object of a list, read page by page; `key`: where a page has its objects."""
        found: list[dict[str, object]] = []
        for page in range(1000):
            document = self.send("GET", path, {**(query or {}), "page": str(page), "per_page": "50"})
            if not isinstance(document, dict) or not isinstance(document.get(key), list):
                raise DirectoryUnavailable(f"malformed answer to GET /api/v2/{path}")
            found += (it for it in document[key] if isinstance(it, dict))
            total = document.get("total")
            if not document[key] or (isinstance(total, int | float) and len(found) >= total):
                return found
        raise DirectoryUnavailable(f"the list /api/v2/{path} does not end")


class TokenWay:
    """Calls with an access token, through a wire."""

    def __init__(self, wire: Sender, base_url: str, token: str, how_to_get: str) -> None:
        """`base_url`: the tenant's origin. `how_to_get`: what to do if a right is missing."""
        self._wire, self._base_url, self._token, self._how = wire, base_url, token, how_to_get

    def send(self, method: str, path: str, query: Mapping[str, str], body: object) -> Reply:
        """Make one call. Raises `DirectoryRefused` and `DirectoryUnavailable`."""
        url = f"{self._base_url}/api/v2/{path}{'?' if query else ''}{urlencode(query)}"
        headers = [("Authorization", f"Bearer {self._token}"), ("Accept", "application/json")]
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers.append(("Content-Type", "application/json"))
        elif method != "GET":
            content = b""
        try:
            answer = self._wire.send(method, url, headers, content)
        except WireError as exc:
            raise DirectoryUnavailable(str(exc)) from exc
        if answer.status == 401:
            raise DirectoryRefused(
                "the Management API refuses the token (401): it may have expired, or be of another tenant"
            )
        return Reply(answer.status, parsed(answer.body), _wait_s(answer.headers))

    def how_to_get(self, scope: str) -> str:
        """What an operator does to get a right that is missing."""
        return self._how.format(scope=scope)


def parsed(body: bytes | str) -> object:
    """The JSON document; None for an empty body, or one that is not JSON."""
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document


def _wait_s(headers: Mapping[str, str]) -> float:
    """Seconds until the API takes calls again, by its own clock.

    Source: https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy
    """
    wait_s = UNTOLD_WAIT_S
    with suppress(KeyError, ValueError, TypeError):
        wait_s = float(headers["x-ratelimit-reset"]) - parsedate_to_datetime(headers["date"]).timestamp()
    with suppress(KeyError, ValueError):
        wait_s = float(headers["retry-after"])
    # The date has whole seconds. (`float` reads "nan", too.)
    return UNTOLD_WAIT_S + 1.0 if math.isnan(wait_s) else min(max(wait_s, 0.0) + 1.0, _LONGEST_WAIT_S)
