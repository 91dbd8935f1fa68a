"""The tokens of the tenant: ID tokens, access tokens, logout tokens.

The relying parties live in real time, the tenant on the sandbox's clock. What happened a while ago on
the sandbox's clock is said to have happened that long ago in real time, so that moving the clock on ages
sessions without making new tokens look as if they came from the future. `Settings.token_skew_s` does that.
"""

import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webstore.sandbox.auth0.config import Auth0Config, Settings
from webstore.sandbox.auth0.keys import Claims, InvalidToken, SigningKeys
from webstore.sandbox.auth0.user import User, timestamp
from webstore.sandbox.clock import Clock

ID_TOKEN_S = 36_000
ACCESS_TOKEN_S = 86_400
_LOGOUT_TOKEN_S = 120
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_PROFILE_CLAIMS = ("given_name", "family_name", "nickname", "name", "picture")


@dataclass(frozen=True, kw_only=True)
class Login:
    """What one authorization established: who, in which session, for what."""

    user_id: str
    sid: str
    auth_time: float
    client_id: str
    scope: str
    audience: str | None = None
    org_id: str | None = None


@dataclass
class Tokens:
    """Makes tokens and knows the opaque ones again."""

    config: Auth0Config
    settings: Settings
    keys: SigningKeys
    clock: Clock
    _opaque: dict[str, tuple[Login, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Forget the opaque access tokens."""
        with self._lock:
            self._opaque.clear()

    def id_token(self, user: User, login: Login, *, nonce: str | None, with_auth_time: bool) -> str:
        """An ID token: https://auth0.com/docs/secure/tokens/id-tokens/id-token-structure ."""
        now = self._now()
        claims: Claims = {
            **self.profile_claims(user, login.scope),
            **self._action_claims(user),
            "iss": self.config.issuer,
            "aud": login.client_id,
            "sub": user.user_id,
            "iat": now,
            "exp": now + ID_TOKEN_S,
            "sid": login.sid,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if with_auth_time:
            claims["auth_time"] = now - int(self.clock.now() - login.auth_time)
        if login.org_id is not None:
            claims["org_id"] = login.org_id
        return self.keys.sign(claims)

    def user_access_token(self, user: User, login: Login) -> str:
        """An access token for a logged-in user: opaque, or a JWT when an API is its audience.

        https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
        """
        if login.audience is None:
            token = secrets.token_urlsafe(32)
            with self._lock:
                self._opaque[token] = (login, self.clock.now() + ACCESS_TOKEN_S)
            return token
        now = self._now()
        claims: Claims = {
            **self._action_claims(user),
            "iss": self.config.issuer,
            "sub": user.user_id,
            "aud": [login.audience, self.config.userinfo_audience],
            "iat": now,
            "exp": now + ACCESS_TOKEN_S,
            "scope": login.scope,
            "azp": login.client_id,
        }
        if login.org_id is not None:
            claims["org_id"] = login.org_id
        return self.keys.sign(claims)

    def client_access_token(self, client_id: str, audience: str, scope: str) -> str:
        """An access token that an application got for itself; its times are the sandbox clock's."""
        now = int(self.clock.now())
        return self.keys.sign(
            {
                "iss": self.config.issuer,
                "sub": f"{client_id}@clients",
                "aud": audience,
                "iat": now,
                "exp": now + ACCESS_TOKEN_S,
                "scope": scope,
                "gty": "client-credentials",
                "azp": client_id,
            }
        )

    def logout_token(self, client_id: str, user_id: str, sid: str) -> str:
        """A logout token: https://auth0.com/docs/authenticate/login/logout/back-channel-logout ."""
        now = self._now()
        claims: Claims = {
            "iss": self.config.issuer,
            "sub": user_id,
            "aud": client_id,
            "iat": now,
            "exp": now + _LOGOUT_TOKEN_S,
            "jti": str(uuid.uuid4()),
            "events": {_LOGOUT_EVENT: {}},
            "sid": sid,
        }
        # The type that OpenID Connect Back-Channel Logout 1.0, section 2.4, recommends.
        return self.keys.sign(claims, typ="logout+jwt")

    def userinfo_grant(self, token: str) -> tuple[str, str] | None:
        """The user ID and scope behind an access token that opens `/userinfo`, or None."""
        with self._lock:
            kept = self._opaque.get(token)
        if kept is not None:
            login, expires_at = kept
            return (login.user_id, login.scope) if self.clock.now() < expires_at else None
        try:
            claims = self.keys.verify(token)
        except InvalidToken:
            return None
        audiences = claims.get("aud")
        fits = isinstance(audiences, list) and self.config.userinfo_audience in audiences
        return (claims["sub"], claims["scope"]) if fits and claims["exp"] > self._now() else None

    def userinfo(self, user: User, scope: str) -> Claims:
        """What `/userinfo` answers, custom claims included."""
        return {"sub": user.user_id, **self.profile_claims(user, scope), **self._action_claims(user)}

    def profile_claims(self, user: User, scope: str) -> Claims:
        """Claims by scope: https://auth0.com/docs/get-started/apis/scopes/openid-connect-scopes ."""
        claims: Claims = {}
        scopes = scope.split()
        if "profile" in scopes:
            profile = {name: getattr(user, name) for name in _PROFILE_CLAIMS}
            claims |= {name: value for name, value in profile.items() if value is not None}
            claims["updated_at"] = timestamp(user.updated_at)
        if "email" in scopes and user.email is not None:
            claims |= {"email": user.email, "email_verified": user.email_verified}
        return claims

    def _action_claims(self, user: User) -> Mapping[str, Any]:  # Any: claims are JSON
        """What a bound post-login Action would set with `api.idToken.setCustomClaim`.

        https://auth0.com/docs/secure/tokens/json-web-tokens/create-custom-claims
        """
        metadata = user.app_metadata or {}
        names = ("stripe_customer_id", "stripe_account") if self.settings.claim_action else ()
        return {self.config.claim(name): metadata[name] for name in names if metadata.get(name)}

    def _now(self) -> int:
        return int(time.time() + self.settings.token_skew_s)
