"""The provider's discovery document and keys: cached with a lifetime, served stale while it is down.

Sources: https://openid.net/specs/openid-connect-discovery-1_0.html and RFC 7517.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from webstore.errors import LoginError, LoginRejected, OverBudget, ProviderUnavailable
from webstore.gateways.single_flight import SingleFlight
from webstore.gateways.wire import Sender, WireError

log = logging.getLogger(__name__)

LIFETIME_S = 600.0
#: After a failed refresh the stale copy is used this long before the next try.
_RETRY_S = 10.0
#: How long a provider that answered is taken to be alive.
_ALIVE_S = 2.0
#: Unknown key IDs make the keys be read again at most this often in `LIFETIME_S`.
_MOST_FORCED = 60
_REQUIRED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class _Document:
    """One JSON document of the provider; what fails its check is never kept."""

    def __init__(self, wire: Sender, lifetime_s: float, check: Callable[[dict[str, Any]], None]) -> None:
        self._wire, self._lifetime_s, self._check = wire, lifetime_s, check
        # Guards the fields below, never a request: a provider that hangs must not make threads queue up.
        self._lock = threading.Lock()
        self._flight = SingleFlight[dict[str, Any]]()
        self._content: dict[str, Any] | None = None
        self._fresh_until = 0.0
        self._forced: deque[float] = deque(maxlen=_MOST_FORCED)
        self._probed, self._answered = float("-inf"), False

    def get(self, url: str, *, force: bool = False) -> dict[str, Any]:
        with self._lock:
            now, content = time.monotonic(), self._content
            if content is not None and not (force and self._may_force(now)):
                if now < self._fresh_until:
                    return content
                # One renews it; those who come meanwhile take what there is.
                self._fresh_until = now + _RETRY_S
        return self._renewed(url)

    def _renewed(self, url: str) -> dict[str, Any]:
        try:
            return self._flight.run(lambda: self._renew(url))
        except OverBudget as exc:
            raise ProviderUnavailable(f"{url}: {exc}") from exc

    def answers(self, url: str) -> bool:
        """Whether the document can be read just now, or could a moment ago."""
        with self._lock:
            if time.monotonic() - self._probed < _ALIVE_S:
                return self._answered
        with suppress(LoginError):
            self._renewed(url)
        with self._lock:
            self._probed = time.monotonic()
            return self._answered

    def _renew(self, url: str) -> dict[str, Any]:
        """Read it; what was read before is served stale where that fails."""
        try:
            found = self._read(url)
        except LoginError as exc:
            with self._lock:
                self._answered = False
                self._fresh_until = time.monotonic() + _RETRY_S
                if self._content is None:
                    raise
                log.warning("the provider's %s is served stale: %s", url, exc)
                return self._content
        with self._lock:
            self._content = found
            self._answered = True
            self._fresh_until = time.monotonic() + self._lifetime_s
        return found

    def _may_force(self, now: float) -> bool:
        """Anybody can send a token that names an unknown key; the provider is not to be flooded for it."""
        if len(self._forced) == _MOST_FORCED and now - self._forced[0] < self._lifetime_s:
            return False
        self._forced.append(now)
        return True

    def _read(self, url: str) -> dict[str, Any]:
        try:
            answer = self._wire.send("GET", url, [("Accept", "application/json")], None)
            content = json.loads(answer.body) if answer.status == HTTPStatus.OK else None
        except (WireError, ValueError, RecursionError) as exc:
            raise ProviderUnavailable(f"{url}: {exc}") from exc
        if not isinstance(content, dict):
            raise ProviderUnavailable(f"{url}: status {answer.status}, no JSON object")
        self._check(content)
        return content


class Provider:
    """What the store believes about its one issuer."""

    def __init__(self, wire: Sender, issuer: str, *, lifetime_s: float = LIFETIME_S) -> None:
        """`issuer` exactly as the ID tokens name it."""
        self.issuer = issuer
        self._url = issuer.rstrip("/") + "/.well-known/openid-configuration"
        self._metadata = _Document(wire, lifetime_s, self._check_metadata)
        self._keys = _Document(wire, lifetime_s, _check_keys)

    def metadata(self) -> dict[str, Any]:
        """The discovery document. Raises `ProviderUnavailable`, and `LoginRejected` for another issuer's."""
        return self._metadata.get(self._url)

    def require_alive(self) -> None:
        """Make sure that the provider answers just now, whatever is cached. Raises `ProviderUnavailable`."""
        if not self._metadata.answers(self._url):
            raise ProviderUnavailable(f"{self._url} does not answer")

    def keys(self, *, force: bool = False) -> list[dict[str, Any]]:
        """The keys for RS256; `force` reads them again, for a key ID that is not among them."""
        found = self._keys.get(self.metadata()["jwks_uri"], force=force)
        return [key for key in found["keys"] if _may_have_signed(key)]

    def _check_metadata(self, found: dict[str, Any]) -> None:
        if found.get("issuer") != self.issuer:
            raise LoginRejected("the discovery document names another issuer")
        if not all(isinstance(found.get(name), str) for name in _REQUIRED):
            raise ProviderUnavailable("the discovery document lacks an endpoint")


def _check_keys(found: dict[str, Any]) -> None:
    keys = found.get("keys")
    if not isinstance(keys, list) or not any(_may_have_signed(key) for key in keys):
        raise ProviderUnavailable("the JWK set holds no key for RS256")


def _may_have_signed(key: object) -> bool:
    """Whether a published key may be one of RS256; keys of other kinds are ignored (RFC 7517, section 5)."""
    return (
        isinstance(key, dict)
        and key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", "RS256") == "RS256"
    )
