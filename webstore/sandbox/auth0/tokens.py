"""The tenant's tokens: ID tokens, access tokens and logout tokens.

Relying parties use real time, the tenant uses the sandbox's clock. So tokens for relying parties carry
real time. `auth_time` is real time minus the session's age on the sandbox's clock. A test can therefore
age sessions with the clock, and new tokens still are not from the future. A test that wants tokens from
the future sets `Settings.token_skew_s`.
"""

import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webstore.sandbox.auth0.action_claims import claim_namespace, claimed
from webstore.sandbox.auth0.actions import POST_LOGIN, Actions
from webstore.sandbox.auth0.apis import Api, Apis
from webstore.sandbox.auth0.clients import Client
from webstore.sandbox.auth0.config import Auth0Config, Settings
from webstore.sandbox.auth0.domains import issuer_here
from webstore.sandbox.auth0.keys import Claims, InvalidToken, SigningKeys
from webstore.sandbox.auth0.user import User, timestamp
from webstore.sandbox.clock import Clock

ACCESS_TOKEN_S = 86_400
_LOGOUT_TOKEN_S = 120
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_PROFILE_CLAIMS = ("given_name", "family_name", "nickname", "name", "picture")


@dataclass(frozen=True, kw_only=True)
class Login:
    """A completed authorization: the user, the session, the application and the granted scope."""

    user_id: str
    sid: str
    auth_time: float
    client_id: str
    scope: str
    audience: str | None = None
    org_id: str | None = None


@dataclass
class Tokens:
    """Issues tokens, and keeps the opaque access tokens to recognize them later."""

    config: Auth0Config
    settings: Settings
    keys: SigningKeys
    clock: Clock
    apis: Apis
    actions: Actions
    _opaque: dict[str, tuple[Login, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Forget the opaque access tokens."""
        with self._lock:
            self._opaque.clear()

    def id_token(
        self, client: Client, user: User, login: Login, *, nonce: str | None, with_auth_time: bool
    ) -> str:
        """Issue an ID token with the application's algorithm and lifetime.

        https://auth0.com/docs/secure/tokens/id-tokens/id-token-structure
        """
        now = self._now()
        claims: Claims = {
            **self.profile_claims(user, login.scope),
            **self._action_claims(user),
            "iss": issuer_here(self.config, self.settings),
            "aud": login.client_id,
            "sub": user.user_id,
            "iat": now,
            "exp": now + client.id_token_s,
            "sid": login.sid,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if with_auth_time:
            claims["auth_time"] = now - int(self.clock.now() - login.auth_time)
        claims |= self._organization_claims(login)
        if client.signing_alg == "HS256":
            return self.keys.sign_with_secret(claims, client.client_secret)
        return self.keys.sign(claims)

    def user_access_token(self, user: User, login: Login) -> str:
        """Issue an access token for a logged-in user: opaque, or a JWT when its audience is an API.

        https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
        """
        api = self.apis.of_users(login.audience)
        if api is None:
            token = secrets.token_urlsafe(32)
            with self._lock:
                self._opaque[token] = (login, self.clock.now() + ACCESS_TOKEN_S)
            return token
        now = self._now()
        claims: Claims = {
            **self._action_claims(user),
            "iss": issuer_here(self.config, self.settings),
            "sub": user.user_id,
            "aud": [api.identifier, self.config.userinfo_audience],
            "iat": now,
            "exp": now + api.token_s,
            "scope": login.scope,
            "azp": login.client_id,
        }
        claims |= self._organization_claims(login)
        return self._signed(api, claims, permissions=[])

    def client_access_token(self, client_id: str, api: Api, scope: str) -> str:
        """Issue an access token for an application itself. Its times are on the sandbox's clock."""
        now = int(self.clock.now())
        claims: Claims = {
            "iss": issuer_here(self.config, self.settings),
            "sub": f"{client_id}@clients",
            "aud": api.identifier,
            "iat": now,
            "exp": now + api.token_s,
            "scope": scope,
            "gty": "client-credentials",
            "azp": client_id,
        }
        return self._signed(api, claims, permissions=scope.split())

    def logout_token(self, client_id: str, user_id: str, sid: str) -> str:
        """Issue a logout token: https://auth0.com/docs/authenticate/login/logout/back-channel-logout ."""
        now = self._now()
        claims: Claims = {
            "iss": issuer_here(self.config, self.settings),
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
        """The user ID and scope of an access token for `/userinfo`, or None when it is not valid there."""
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
        """The response of `/userinfo`, with custom claims."""
        return {"sub": user.user_id, **self.profile_claims(user, scope), **self._action_claims(user)}

    def profile_claims(self, user: User, scope: str) -> Claims:
        """A scope's claims: https://auth0.com/docs/get-started/apis/scopes/openid-connect-scopes ."""
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
        """The claims that the bound Actions would set with `api.idToken.setCustomClaim`.

        The setting `claim_action` has the effect of a bound Action with the configured namespace.
        https://auth0.com/docs/secure/tokens/json-web-tokens/create-custom-claims
        """
        namespaces = [claim_namespace(it.content.code) for it in self.actions.running(POST_LOGIN)]
        if self.settings.claim_action:
            namespaces.append(self.config.claim_namespace.rstrip("/"))
        claims: Claims = {}
        for namespace in namespaces:
            claims |= {} if namespace is None else claimed(user.app_metadata or {}, namespace)
        return claims

    def _organization_claims(self, login: Login) -> Claims:
        """The organization of a login: https://auth0.com/docs/manage-users/organizations/using-tokens ."""
        if login.org_id is None:
            return {}
        name = self.settings.organization_names.get(login.org_id)
        return {"org_id": login.org_id} if name is None else {"org_id": login.org_id, "org_name": name}

    def _signed(self, api: Api, claims: Claims, permissions: list[str]) -> str:
        if api.names_permissions:
            claims["permissions"] = permissions
        secret = api.signing_secret
        return self.keys.sign(claims) if secret is None else self.keys.sign_with_secret(claims, secret)

    def _now(self) -> int:
        return int(time.time() + self.settings.token_skew_s)
