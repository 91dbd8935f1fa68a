"""Validates JWTs that the provider signed: the checks that access tokens and logout tokens share.

Authlib validates ID tokens (`login_client.py`). Sources: RFC 7519 and RFC 8725.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeGuard

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jws import JWSRegistry

from webstore.errors import TokenRejected

from .provider import Provider, another_issuer

#: Seconds by which the clocks of the store and the provider may differ.
LEEWAY_S = 60
#: The errors that parsers raise for malformed documents, also for infinite numbers and too deep nesting.
MALFORMED = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
#: A Unix time far beyond the times in real claims.
_MAX_TIME = 1e12
_STRICT, _LENIENT = (
    JWSRegistry(algorithms=["RS256"], strict_check_header=strict) for strict in (True, False)
)


def verified(token: str, provider: Provider, *, strict_header: bool = True) -> jwt.Token:
    """Verify a token's signature, RS256 alone. Raises `LoginError`, and what joserfc raises for a bad token.

    Only the provider's published keys are used, never a key in the token or linked from it. For an unknown
    key ID they are read again once. `strict_header`: refuse header fields that no specification has.
    """
    registry = _STRICT if strict_header else _LENIENT
    try:
        return jwt.decode(token, provider.keys(), registry=registry)
    except InvalidKeyIdError:
        return jwt.decode(token, provider.keys(force=True), registry=registry)


class SignedTokens:
    """Validates the tokens of one kind that the provider signs for one audience."""

    def __init__(
        self,
        provider: Provider,
        *,
        audience: str,
        kind: str,
        types: Collection[str],
        max_bytes: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`kind`: the token's name in messages. `types`: accepted values of the header `typ`, lower case."""
        self._provider, self._audience, self._kind = provider, audience, kind
        self._types, self._max_bytes, self.now = types, max_bytes, now

    def claims(self, token: str) -> Mapping[str, Any]:
        """Check the token's signature, type, issuer, audience and times, and return its claims.

        Raises `TokenRejected`, and `LoginError` if the provider's keys cannot be read.
        """
        if not token:
            raise TokenRejected(f"there is no {self._kind}")
        if len(token) > self._max_bytes:
            raise TokenRejected(f"the {self._kind} is too large")
        decoded = self._decoded(token)
        if str(decoded.header.get("typ", "JWT")).lower() not in self._types:
            raise TokenRejected(f"this is not a {self._kind}")
        self._check(decoded.claims)
        return decoded.claims

    def _decoded(self, token: str) -> jwt.Token:
        """The token with its signature verified. Raises `TokenRejected`."""
        try:
            return verified(token, self._provider)
        except InvalidKeyIdError as exc:
            raise TokenRejected(f"the {self._kind} is signed by an unknown key") from exc
        except (JoseError, *MALFORMED) as exc:
            raise TokenRejected(f"the {self._kind} is malformed or its signature is wrong") from exc

    def _check(self, claims: Mapping[str, Any]) -> None:
        """Check issuer, audience and times. Raises `TokenRejected`."""
        now = self.now()
        found, expected = claims.get("iss"), self._provider.issuer
        if found != expected:
            told = another_issuer(f"the {self._kind} (iss)", found, expected)
            raise TokenRejected(f"the {self._kind} is of another issuer", in_log=told)
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenRejected(f"the {self._kind} is for another audience")
        expires = claims.get("exp")
        if not is_time(expires) or expires <= now - LEEWAY_S:
            raise TokenRejected(f"the {self._kind} has expired")
        for name in ("iat", "nbf"):
            begins = claims.get(name, 0)
            if not is_time(begins) or begins > now + LEEWAY_S:
                raise TokenRejected(f"the {self._kind} is not valid yet")


def is_time(value: object) -> TypeGuard[float]:
    """Whether a claim is a usable Unix time. Python's JSON parser also returns infinite numbers and NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_TIME
