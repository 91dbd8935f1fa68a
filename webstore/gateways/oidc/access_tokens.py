"""Validates the access tokens of the JSON API: JWTs that the provider signed for this store's audience.

Sources: RFC 9068, https://auth0.com/docs/secure/tokens/access-tokens/validate-access-tokens and
https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from webstore.errors import TokenRejected
from webstore.gateways.profiles import text_of, user_id_of
from webstore.sessions.models import Caller

from .provider import Provider
from .signed_tokens import SignedTokens

#: Maximum length of an access token.
MAX_BYTES = 16 * 1024
#: The end of the subject of a token that an application got for itself (client credentials grant):
#: https://auth0.com/docs/get-started/authentication-and-authorization-flow/client-credentials-flow
_APPLICATION_SUFFIX = "@clients"


class ProviderTokens:
    """Validates the access tokens of one provider for one audience."""

    def __init__(
        self,
        provider: Provider,
        *,
        audience: str,
        claim_namespace: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`audience`: the identifier of the store's API. `claim_namespace`: as in ID tokens."""
        self._namespace = claim_namespace
        self._tokens = SignedTokens(
            provider,
            audience=audience,
            kind="access token",
            types=("jwt", "at+jwt", "application/at+jwt"),
            max_bytes=MAX_BYTES,
            now=now,
        )

    def read(self, token: str) -> Caller:
        """Validate the token and return the caller that it names.

        Raises `TokenRejected`, and `LoginError` if the provider's keys cannot be read.
        """
        return self._caller(self._tokens.claims(token))

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        """The caller that valid claims name. An application that calls for itself has no `user_id`."""
        subject = user_id_of(claims)
        if subject is None:
            raise TokenRejected("the access token has no usable subject")
        is_application = (
            subject.endswith(_APPLICATION_SUFFIX)
            or claims.get("gty") == "client-credentials"
            or subject in (claims.get("azp"), claims.get("client_id"))
        )
        return Caller(
            subject=subject,
            user_id=None if is_application else subject,
            since=float(claims.get("iat", 0)),
            scopes=_scopes(claims.get("scope")) | _scopes(claims.get("permissions")),
            claimed_customer_id=text_of(claims, f"{self._namespace}/stripe_customer_id"),
        )


def _scopes(value: object) -> frozenset[str]:
    """The scopes in a space-separated text (RFC 9068, section 2.2.3), or the permissions in a list."""
    words = value.split(" ") if isinstance(value, str) else value if isinstance(value, list) else []
    return frozenset(word for word in words if isinstance(word, str) and word)
