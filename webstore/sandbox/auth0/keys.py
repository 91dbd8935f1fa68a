"""The tenant's signing keys.

A tenant always publishes its current key and its next key. After a rotation it also publishes the
previous key, until that is revoked:
https://auth0.com/docs/get-started/tenant-settings/signing-keys/rotate-signing-keys
"""

import threading
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey, RSAKey

# Any: claims are JSON.
Claims = dict[str, Any]

ALGORITHM = "RS256"


class InvalidToken(Exception):
    """The token is malformed, or was not signed with a key that this tenant publishes."""


# All tenants of a process share one sequence of keys, because generating an RSA key is slow.
_keys: list[RSAKey] = []
_keys_lock = threading.Lock()


def _key(number: int) -> RSAKey:
    with _keys_lock:
        while len(_keys) <= number:
            key = RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, private=True)
            key.ensure_kid()
            _keys.append(key)
        return _keys[number]


class SigningKeys:
    """The signing keys: the current one, the next one and sometimes the previous one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Go back to the first keys."""
        self._current = 0
        self._previous_published = False

    def rotate(self) -> None:
        """Sign with the next key from now on. The previous key stays published, older ones do not."""
        with self._lock:
            self._current += 1
            self._previous_published = True

    def revoke(self) -> None:
        """Stop publishing the previous key, so that tokens signed with it are no longer valid."""
        with self._lock:
            self._previous_published = False

    def published(self) -> list[dict[str, Any]]:  # Any: JWK members
        """The public keys, for `/.well-known/jwks.json`."""
        return [dict(key.as_dict(private=False)) for key in self._keys()]

    def sign(self, claims: Claims, typ: str = "JWT") -> str:
        """Sign claims with the current key. Returns a compact RS256 JWT."""
        key = _key(self._current)
        return jwt.encode({"alg": ALGORITHM, "typ": typ, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])

    @staticmethod
    def sign_with_secret(claims: Claims, secret: str) -> str:
        """Sign claims with a shared secret. Returns a compact HS256 JWT."""
        key = OctKey.import_key(secret)
        return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, key, algorithms=["HS256"])

    def verify(self, token: str) -> Claims:
        """The claims of a token signed with a published key. Does not check expiry. Raises InvalidToken."""
        try:
            return dict(jwt.decode(token, KeySet(list(self._keys())), algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError) as problem:
            raise InvalidToken from problem

    def _keys(self) -> list[RSAKey]:
        first = self._current - 1 if self._previous_published else self._current
        return [_key(number) for number in range(first, self._current + 2)]
