"""The OpenID Connect relying party: Authlib's Flask client, and the checks that Authlib does not make.

Authlib's client reads Flask's `request` and `session` itself, which is why this gateway imports Flask.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.common.errors import AuthlibBaseError
from flask import request, session
from joserfc.errors import JoseError

from webstore.errors import LoginError, LoginRejected, TransactionUnknown
from webstore.gateways.profiles import session_id_of, text_of, user_id_of
from webstore.gateways.wire import Sender, WireError
from webstore.linking.models import ClaimedLink
from webstore.sessions.models import Identity

from .authlib_client import AuthlibClient
from .provider import Provider, another_issuer
from .provider_answers import callback_error
from .signed_tokens import LEEWAY_S, MALFORMED, is_time
from .transactions import TransactionCookies

log = logging.getLogger(__name__)

SCOPE = "openid profile email"
#: Query parameters that `/login` passes to the provider, https://auth0.com/docs/api/authentication#authorize-application
FORWARDED = (
    "screen_hint",
    "login_hint",
    "ui_locales",
    "connection",
    "organization",
    "invitation",
    "prompt",
    "max_age",
)
#: Maximum number of characters of an ID token.
_MAX_ID_TOKEN = 32 * 1024
#: Claims that can give the shopper's display name, the preferred one first.
_NAME_CLAIMS = ("name", "nickname", "email")


@dataclass(frozen=True, slots=True)
class Transaction:
    """The data of a login, stored in a cookie when the login began."""

    #: The path to which the shopper returns after the login.
    return_path: str
    #: The parameters of the authorization request that the callback has to check.
    asked: Mapping[str, str]


class LoginClient:
    """Begins a login, finishes it, and builds the provider's logout URL."""

    def __init__(
        self,
        provider: Provider,
        wire: Sender,
        *,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        claim_namespace: str,
        auth0_domain: str,
        cookie_keys: Sequence[str],
        cookie_prefix: str,
        secure_cookies: bool,
    ) -> None:
        """`redirect_uri`: this store's callback, as registered at Auth0. `cookie_keys`: newest first.

        `auth0_domain`: host and port of the Auth0 tenant, which may be a custom domain. `cookie_prefix`: the
        beginning of the names of transaction cookies.
        """
        self.issuer, self.client_id = provider.issuer, client_id
        self._redirect_uri, self._namespace = redirect_uri, claim_namespace
        self._provider, self._auth0_domain = provider, auth0_domain
        self._transactions = TransactionCookies(
            "auth0", keys=cookie_keys, prefix=cookie_prefix, secure=secure_cookies
        )
        self._client = AuthlibClient(
            self._transactions,
            name="auth0",
            client_id=client_id,
            client_secret=client_secret,
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256"},
        )
        self._client.provider, self._client.wire = provider, wire
        self._client.redirect_uri = redirect_uri

    def begin(self, return_path: str, asked: Mapping[str, str]) -> str:
        """Begin a login and return the authorization URL to which the browser has to go.

        The current response sets the transaction cookie. `asked`: the parameters of `FORWARDED` that this
        login uses. Raises `LoginError`.
        """
        if asked.get("prompt") == "none":
            # The shopper did not ask for this login, so a provider that is down must not cause an error page.
            self._provider.require_alive()
        url = self._client.create_authorization_url(self._redirect_uri, **asked)
        self._transactions.set_state_data(
            session,
            url["state"],
            {
                "nonce": url["nonce"],
                "code_verifier": url["code_verifier"],
                "redirect_uri": self._redirect_uri,
                "next": return_path,
                "asked": {
                    name: asked[name] for name in ("prompt", "max_age", "organization") if name in asked
                },
            },
        )
        return str(url["url"])

    def transaction(self) -> Transaction:
        """Give the transaction of the current callback, and delete it: it can be used only once.

        Raises `TransactionUnknown`.
        """
        state = request.args.get("state")
        data = self._transactions.get_state_data(session, state)
        if data is None:
            raise TransactionUnknown("no login in progress in this browser has this state")
        self._transactions.clear_state_data(session, state)
        return Transaction(str(data["next"]), dict(data["asked"]))

    def finish(self, transaction: Transaction) -> Identity:
        """Exchange the callback's code for tokens, check them, and return the identity.

        Raises `LoginError`.
        """
        self._check_issuer(request.args.get("iss"))
        error = request.args.get("error")
        if error is not None:
            raise callback_error(error, request.args.get("error_description"))
        if not request.args.get("code"):
            raise LoginRejected("the callback carries no code")
        return self._identity(self._claims(), transaction)

    def _check_issuer(self, named: str | None) -> None:
        """Check that the callback, an error too, comes from this provider. Raises `LoginError`.

        Source: RFC 9207, section 2.4
        """
        if named is None:
            if self._provider.metadata().get("authorization_response_iss_parameter_supported") is True:
                raise LoginRejected("the callback names no issuer, and the provider always does (RFC 9207)")
        elif named != self.issuer:
            raise LoginRejected("the callback names another issuer (RFC 9207)")

    def _claims(self) -> Mapping[str, Any]:
        """Exchange the code and return the valid claims of the ID token. Raises `LoginError`."""
        # The issuer is checked below: Authlib's error does not say which one it found.
        options = {"aud": {"essential": True, "value": self.client_id}}
        try:
            token = self._client.authorize_access_token(claims_options=options, leeway=LEEWAY_S)
        except LoginError:
            raise
        except (AuthlibBaseError, JoseError) as exc:
            # Report only the name of the claim or error, because the message may quote the token.
            about = getattr(exc, "claim", None) or getattr(exc, "error", "")
            raise LoginRejected(f"{type(exc).__name__}: {about}") from exc
        except MALFORMED as exc:
            raise LoginRejected(f"malformed token response ({type(exc).__name__})") from exc
        if len(str(token.get("id_token", ""))) > _MAX_ID_TOKEN:
            raise LoginRejected("the ID token is too large")
        # Authlib puts them there, but without an ID token a member of that name is unsigned.
        claims = token.get("userinfo") if token.get("id_token") else None
        if not claims:
            raise LoginRejected("the token response has no ID token")
        if claims.get("iss") != self.issuer:
            raise LoginRejected(another_issuer("the ID token (iss)", claims.get("iss"), self.issuer))
        return {**claims, **self._from_userinfo(claims, token.get("access_token"))}

    def _from_userinfo(self, claims: Mapping[str, Any], access_token: object) -> Mapping[str, Any]:
        """Claims from the UserInfo endpoint, if the ID token has no name for the shopper.

        The login continues if the endpoint does not answer. It is refused if the answer is about another
        user. Raises `LoginRejected`. Source: https://openid.net/specs/openid-connect-core-1_0.html#UserInfo
        """
        endpoint = self._provider.metadata().get("userinfo_endpoint")
        if any(text_of(claims, name) for name in _NAME_CLAIMS) or not isinstance(endpoint, str):
            return {}
        try:
            headers = [("Authorization", f"Bearer {access_token}"), ("Accept", "application/json")]
            answer = self._client.wire.send("GET", endpoint, headers, None)
            found = json.loads(answer.body) if answer.status == HTTPStatus.OK else None
        except (WireError, *MALFORMED) as exc:
            log.info("the UserInfo endpoint gave no usable answer: %s", type(exc).__name__)
            return {}
        if not isinstance(found, dict):
            log.info("the UserInfo endpoint gave no usable answer: status %s", answer.status)
            return {}
        if found.get("sub") != claims.get("sub"):
            raise LoginRejected("the UserInfo endpoint answered about another user")
        return {name: found[name] for name in (*_NAME_CLAIMS, "picture") if name in found}

    def _identity(self, claims: Mapping[str, Any], transaction: Transaction) -> Identity:
        """The identity in valid claims. Raises `LoginRejected` if it is unusable or not as requested."""
        user_id = user_id_of(claims)
        if user_id is None:
            raise LoginRejected("the ID token has no usable sub")
        _check_request_parameters(claims, transaction.asked)
        issued_at, authenticated_at = (
            float(at) if is_time(at := claims.get(name)) else None for name in ("iat", "auth_time")
        )
        email = text_of(claims, "email")
        picture = text_of(claims, "picture")
        return Identity(
            issuer=self.issuer,
            user_id=user_id,
            name=text_of(claims, "name") or text_of(claims, "nickname") or email,
            email=email,
            picture=picture if picture and picture.startswith(("https://", "data:image/")) else None,
            sid=session_id_of(claims),
            since=authenticated_at or issued_at or 0.0,
            authenticated_at=authenticated_at,
            claimed=ClaimedLink(self._claimed(claims)),
            claims=claims,
        )

    def _claimed(self, claims: Mapping[str, Any]) -> Mapping[str, str]:
        """The namespaced claims about links, of every world, by their names without the namespace."""
        start = f"{self._namespace}/"
        names = [name.removeprefix(start) for name in claims if name.startswith(f"{start}stripe_")]
        found = {name: text_of(claims, start + name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def known_origins(self) -> tuple[str, ...]:
        """The origins of the provider's pages, as far as they are known. Makes no call."""
        return self._provider.known_origins()

    def logout_url(self, return_url: str, sid: str | None) -> str | None:
        """The URL at which the browser ends the provider's own session; None if it has none.

        Raises `LoginError`. Sources:
        https://auth0.com/docs/authenticate/login/logout/log-users-out-of-auth0 and, for tenants of Auth0
        without an end_session_endpoint, https://auth0.com/docs/api/authentication#logout
        """
        metadata = self._provider.metadata()
        endpoint = metadata.get("end_session_endpoint")
        if not isinstance(endpoint, str):
            if not self._is_auth0(metadata["token_endpoint"]):
                return None
            query = {"client_id": self.client_id, "returnTo": return_url}
            return f"{self.issuer.rstrip('/')}/v2/logout?{urlencode(query)}"
        query = {"client_id": self.client_id, "post_logout_redirect_uri": return_url}
        if sid:
            query["logout_hint"] = sid
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def _is_auth0(self, token_endpoint: str) -> bool:
        """Whether the provider is a tenant of Auth0: by its name, or at the custom domain in AUTH0_DOMAIN."""
        host = urlsplit(self.issuer).netloc
        own_domain = host == self._auth0_domain and token_endpoint == f"{self.issuer}oauth/token"
        return host.endswith(".auth0.com") or own_domain


def _check_request_parameters(claims: Mapping[str, Any], asked: Mapping[str, str]) -> None:
    """Check `max_age` and `organization` of the authorization request. Raises `LoginRejected`.

    Source: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
    """
    if "max_age" in asked:
        auth_time = claims.get("auth_time")
        age_s = time.time() - auth_time if is_time(auth_time) else float("inf")
        if not -LEEWAY_S <= age_s <= int(asked["max_age"]) + LEEWAY_S:
            raise LoginRejected("the login at the provider is older than max_age")
    organization = asked.get("organization")
    if organization and not _is_organization(claims, organization):
        raise LoginRejected("the ID token is for another organization")


def _is_organization(claims: Mapping[str, Any], asked: str) -> bool:
    """Whether the claims name this organization: an ID exactly, or a name in any case.

    Source: https://auth0.com/docs/manage-users/organizations/using-tokens
    """
    if asked.startswith("org_"):
        return claims.get("org_id") == asked
    name = claims.get("org_name")
    return isinstance(name, str) and name.lower() == asked.lower()
