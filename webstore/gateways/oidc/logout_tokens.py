"""Validates logout tokens, in which the provider names sessions that ended (back-channel logout).

Source: https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation
"""

from __future__ import annotations

from webstore.errors import TokenRejected
from webstore.gateways.profiles import session_id_of, text_of
from webstore.sessions.models import LogoutNotice

from .provider import Provider
from .signed_tokens import SignedTokens, is_time

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
#: Seconds after `iat` within which a logout token is accepted. A provider may retry for a while.
_LIFETIME_S = 3600
#: Maximum length of a logout token.
_MAX_BYTES = 32 * 1024


class LogoutTokens:
    """Validates the logout tokens of one provider for this client."""

    def __init__(self, provider: Provider, client_id: str) -> None:
        self._tokens = SignedTokens(
            provider,
            audience=client_id,
            kind="logout token",
            types=("jwt", "logout+jwt"),
            max_bytes=_MAX_BYTES,
        )

    def read(self, token: str) -> LogoutNotice:
        """Validate the token and return the session or user that it names.

        Raises `TokenRejected`, and `LoginError` if the provider's keys cannot be read.
        """
        claims = self._tokens.claims(token)
        issued = claims.get("iat")
        if not is_time(issued) or issued < self._tokens.now() - _LIFETIME_S:
            raise TokenRejected("the logout token is too old or has no time")
        events = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
            raise TokenRejected("the logout token names no logout event")
        if "nonce" in claims:
            raise TokenRejected("the logout token has a nonce, so it is an ID token")
        sid = session_id_of(claims)
        user_id, token_id = (text_of(claims, name) for name in ("sub", "jti"))
        if not token_id or not (sid or user_id):
            raise TokenRejected("the logout token names neither session nor user, or has no ID")
        return LogoutNotice(sid, user_id, token_id[:200])
