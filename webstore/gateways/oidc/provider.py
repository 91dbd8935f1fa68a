"""The provider's discovery document and keys, in a cache that serves stale copies while the provider is down.

Sources: https://openid.net/specs/openid-connect-discovery-1_0.html and RFC 7517.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from webstore.errors import LoginError, LoginMisconfigured, OverBudget, ProviderUnavailable
from webstore.gateways.profiles import printable
from webstore.gateways.single_flight import SingleFlight
from webstore.gateways.wire import Sender, WireError

log = logging.getLogger(__name__)

#: Seconds for which a copy is fresh.
LIFETIME_S = 600.0
#: Seconds for which a stale copy is used after a failed refresh, before the next try.
_RETRY_S = 10.0
#: Seconds for which the result of a liveness check is reused.
_ALIVE_S = 2.0
#: How many times the keys may be read again in `LIFETIME_S` because of unknown key IDs.
_FORCED_LIMIT = 60
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?")
_REQUIRED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class _Document:
    """One JSON document of the provider, cached. A document that fails its check is never cached."""

    def __init__(self, wire: Sender, lifetime_s: float, check: Callable[[dict[str, Any]], None]) -> None:
        self._wire, self._lifetime_s, self._check = wire, lifetime_s, check
        # Held for the fields below, never during a request: threads must not queue for a provider that hangs.
        self._lock = threading.Lock()
        self._flight = SingleFlight[dict[str, Any]]()
        self._content: dict[str, Any] | None = None
        self._fresh_until = 0.0
        self._forced: deque[float] = deque(maxlen=_FORCED_LIMIT)
        self._probed = float("-inf")
        #: Why the last read failed; None if it did not.
        self._failure: LoginError | None = None

    def get(self, url: str, *, force: bool = False) -> dict[str, Any]:
        """The document; a fresh copy is not read again, unless by `force`. Raises `LoginError`.

        With `force`, also if there is a copy and the document cannot be read now: the copy will not do.
        """
        with self._lock:
            now, content = time.monotonic(), self._content
            force = force and (content is None or self._may_force(now))
            if content is not None and not force:
                if now < self._fresh_until:
                    return content
                # This thread refreshes the document; threads that come in the meantime use the stale copy.
                self._fresh_until = now + _RETRY_S
        found = self._renewed(url)
        failure = self._failure
        if force and failure is not None:
            raise type(failure)(f"a new signing key is needed, and {failure}")
        return found

    def known(self) -> dict[str, Any] | None:
        """The last copy that was read, fresh or stale; None if there is none. Makes no call."""
        with self._lock:
            return self._content

    def _renewed(self, url: str) -> dict[str, Any]:
        """Refresh the document, once for all threads that want it. Raises `LoginError`."""
        try:
            return self._flight.run(lambda: self._renew(url))
        except OverBudget as exc:
            raise ProviderUnavailable(f"{url}: {exc}") from exc

    def answers(self, url: str) -> bool:
        """Whether the document can be read now. The result of the last `_ALIVE_S` seconds is reused."""
        with self._lock:
            if time.monotonic() - self._probed < _ALIVE_S:
                return self._failure is None
        with suppress(LoginError):
            self._renewed(url)
        with self._lock:
            self._probed = time.monotonic()
            return self._failure is None

    def _renew(self, url: str) -> dict[str, Any]:
        """Read the document. If that fails, return the stale copy; without one, raise `LoginError`."""
        try:
            found = self._read(url)
        except LoginError as exc:
            with self._lock:
                self._failure = exc
                self._fresh_until = time.monotonic() + _RETRY_S
                if self._content is None:
                    raise
                log.warning("using a stale copy of the provider's %s: %s", url, exc)
                return self._content
        with self._lock:
            self._content = found
            self._failure = None
            self._fresh_until = time.monotonic() + self._lifetime_s
        return found

    def _may_force(self, now: float) -> bool:
        """Whether the keys may be read again before they are stale.

        Anybody can send tokens with unknown key IDs, and these must not flood the provider with requests.
        """
        if len(self._forced) == _FORCED_LIMIT and now - self._forced[0] < self._lifetime_s:
            return False
        self._forced.append(now)
        return True

    def _read(self, url: str) -> dict[str, Any]:
        """Read the document from the provider and check it. Raises `LoginError`."""
        try:
            answer = self._wire.send("GET", url, [("Accept", "application/json")], None)
            content = json.loads(answer.body) if answer.status == HTTPStatus.OK else None
        except (WireError, ValueError, RecursionError) as exc:
            raise ProviderUnavailable(f"{url}: {exc}") from exc
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ProviderUnavailable(f"{url}: status 404; check AUTH0_DOMAIN and AUTH0_ISSUER")
        if not isinstance(content, dict):
            raise ProviderUnavailable(f"{url}: status {answer.status}, no JSON object")
        self._check(content)
        return content


class Provider:
    """The metadata and the signing keys of the identity provider."""

    def __init__(self, wire: Sender, issuer: str, *, lifetime_s: float = LIFETIME_S) -> None:
        """`issuer`: exactly as in the claim `iss` of ID tokens."""
        self.issuer = issuer
        self._url = issuer.rstrip("/") + "/.well-known/openid-configuration"
        self._metadata = _Document(wire, lifetime_s, self._check_metadata)
        self._keys = _Document(wire, lifetime_s, _check_keys)
        #: The document that was parsed last, and the keys in it. Parsing takes longer than a check.
        self._parsed: tuple[dict[str, Any], KeySet] | None = None

    def metadata(self) -> dict[str, Any]:
        """The discovery document.

        Raises `ProviderUnavailable`, and `LoginMisconfigured` if the document names another issuer.
        """
        return self._metadata.get(self._url)

    def known_origins(self) -> tuple[str, ...]:
        """The origins of the endpoints that a browser is sent to, as far as they are known. Makes no call."""
        known = self._metadata.known() or {}
        found = (origin_of(known.get(name)) for name in ("authorization_endpoint", "end_session_endpoint"))
        return tuple(origin for origin in found if origin is not None)

    def require_alive(self) -> None:
        """Check that the provider answers now, also if its metadata is cached.

        Raises `ProviderUnavailable`.
        """
        if not self._metadata.answers(self._url):
            raise ProviderUnavailable(f"{self._url} does not answer")

    def keys(self, *, force: bool = False) -> KeySet:
        """The signing keys for RS256. Raises `LoginError`.

        `force`: read the keys again, because a token has a key ID that is not among them.
        """
        found, parsed = self._keys.get(self.metadata()["jwks_uri"], force=force), self._parsed
        if parsed is None or parsed[0] is not found:
            usable = [key for key in found["keys"] if _is_rs256_key(key)]
            self._parsed = parsed = found, KeySet.import_key_set({"keys": usable})
        return parsed[1]

    def _check_metadata(self, found: dict[str, Any]) -> None:
        named = found.get("issuer")
        if named != self.issuer:
            raise LoginMisconfigured(another_issuer("the discovery document", named, self.issuer))
        if not all(isinstance(found.get(name), str) for name in _REQUIRED):
            raise ProviderUnavailable("the discovery document lacks an endpoint")


def origin_of(address: object) -> str | None:
    """The origin of an http or https URL; None if it has none that is safe to put into a header."""
    return _origin_of_text(address) if isinstance(address, str) else None


@lru_cache(maxsize=16)
def _origin_of_text(address: str) -> str | None:
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc)
    return f"{parts.scheme}://{parts.netloc}" if usable else None


def another_issuer(where: str, found: object, expected: str) -> str:
    """What the log says of a foreign issuer, with the settings that may be wrong."""
    return (
        f"{where} names another issuer: found {printable(found)!r}, expected {expected!r}; "
        "check AUTH0_ISSUER and AUTH0_DOMAIN, also the slash at the end"
    )


def _check_keys(found: dict[str, Any]) -> None:
    keys = found.get("keys")
    if not isinstance(keys, list) or not any(_is_rs256_key(key) for key in keys):
        raise LoginMisconfigured(
            "the JWK set holds no key for RS256; check the application's signing algorithm at the provider"
        )


def _is_rs256_key(key: object) -> bool:
    """Whether a published key can verify RS256 signatures. Other keys are ignored (RFC 7517, section 5)."""
    return (
        isinstance(key, dict)
        and key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", "RS256") == "RS256"
        and _is_well_formed(key)
    )


def _is_well_formed(key: dict[str, Any]) -> bool:
    try:
        RSAKey.import_key(key).get_op_key("verify")
    except (JoseError, ValueError, TypeError, KeyError):
        return False
    return True
