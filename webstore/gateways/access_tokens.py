"""Access tokens of the JSON API: JWTs that the provider signed for this store's audience.

Sources: RFC 9068, https://auth0.com/docs/secure/tokens/access-tokens/validate-access-tokens and
https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeGuard, cast

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from webstore.errors import TokenRejected
from webstore.models import Caller

from .provider import Provider

LEEWAY_S = 60
MAX_BYTES = 16 * 1024
#: Of a token that an application got for itself: https://auth0.com/docs/get-started/authentication-and-authorization-flow/client-credentials-flow
_PROGRAM = "@clients"
_MAX_SUBJECT = 255
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
#: What parsers raise for a document that is none, endless numbers and endless nesting included.
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
#: Unix seconds that no claim comes near.
_END_OF_TIME = 1e12


class ProviderTokens:
    """The tokens of one provider for one audience."""

    def __init__(
        self,
        provider: Provider,
        *,
        audience: str,
        claim_namespace: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`audience`: the identifier of the store's API; `claim_namespace`: as in ID tokens."""
        self._provider, self._audience, self._namespace = provider, audience, claim_namespace
        self._now = now

    def read(self, token: str) -> Caller:
        """Who calls with this token. Raises `TokenRejected`, and `LoginError` where keys cannot be had."""
        if len(token) > MAX_BYTES:
            raise TokenRejected("the token is too large")
        decoded = self._decoded(token)
        if str(decoded.header.get("typ", "JWT")).lower() not in _TYPES:
            raise TokenRejected("this is no access token")
        self._check(decoded.claims)
        return self._caller(decoded.claims)

    def _decoded(self, token: str) -> jwt.Token:
        try:
            for force in (False, True):
                # Whatever key a token names or carries, only the provider's published ones count.
                found = cast("KeySetSerialization", {"keys": self._provider.keys(force=force)})
                with suppress(InvalidKeyIdError):
                    return jwt.decode(token, KeySet.import_key_set(found), algorithms=["RS256"])
        except (JoseError, *_MALFORMED) as exc:
            raise TokenRejected("the token is malformed or its signature is wrong") from exc
        raise TokenRejected("the token is signed by an unknown key")

    def _check(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        if claims.get("iss") != self._provider.issuer:
            raise TokenRejected("the token is of another issuer")
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenRejected("the token is for another audience")
        expires = claims.get("exp")
        if not _is_time(expires) or expires <= now - LEEWAY_S:
            raise TokenRejected("the token has expired")
        for name in ("iat", "nbf"):
            begins = claims.get(name, 0)
            if not _is_time(begins) or begins > now + LEEWAY_S:
                raise TokenRejected("the token is not valid yet")

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or not subject.isprintable():
            raise TokenRejected("the token has no usable subject")
        program = (
            subject.endswith(_PROGRAM)
            or claims.get("gty") == "client-credentials"
            or subject in (claims.get("azp"), claims.get("client_id"))
        )
        customer = claims.get(f"{self._namespace}/stripe_customer_id")
        return Caller(
            subject=subject,
            user_id=None if program else subject,
            scopes=_words(claims.get("scope")) | _words(claims.get("permissions")),
            claimed_customer_id=customer if isinstance(customer, str) and customer else None,
        )


def _words(value: object) -> frozenset[str]:
    """Scopes, separated by spaces (RFC 9068, section 2.2.3), or permissions, in a list."""
    words = value.split(" ") if isinstance(value, str) else value if isinstance(value, list) else []
    return frozenset(word for word in words if isinstance(word, str) and word)


def _is_time(value: object) -> TypeGuard[float]:
    """Whether it is a usable time: JSON's numbers may be endless, and Python reads NaN as well."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _END_OF_TIME
