"""The tenant's OAuth 2.0 and OpenID Connect server: Authlib's server with Auth0's responses.

The token endpoint answers errors with Auth0's statuses and bodies (403 `invalid_grant`, 401
`access_denied`), not with those of the RFC.
https://auth0.com/docs/api/authentication/authorization-code-flow-with-pkce/get-token-pkce
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Payload,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from flask import Response, jsonify, request

from webstore.sandbox.auth0.apis import Api, Apis, unknown_scopes
from webstore.sandbox.auth0.clients import Client, Clients, authenticated
from webstore.sandbox.auth0.codes import CODE_S, Code, Codes
from webstore.sandbox.auth0.config import Auth0Config, Settings
from webstore.sandbox.auth0.grants import ClientGrants
from webstore.sandbox.auth0.tokens import ACCESS_TOKEN_S, Login, Tokens
from webstore.sandbox.auth0.users import Users
from webstore.sandbox.clock import Clock

OIDC_SCOPES = ("openid", "profile", "email")

# Authlib's grants log every token that they issue, at debug level.
logging.getLogger("authlib.oauth2.rfc6749.grants").setLevel(logging.INFO)


@dataclass(frozen=True)
class Machine:
    """The subject of a client credentials grant: an application that wants a token for this API."""

    api: Api


class ProtocolRequest(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    """An authorization or token request with parameters from a query, a form or JSON."""

    def __init__(self, config: Auth0Config, parameters: Iterable[tuple[str, str]]) -> None:
        super().__init__(request.method, config.issuer, headers=request.headers)
        self.payload = _Parameters(parameters)

    @property
    def args(self) -> Mapping[str, str]:
        """The parameters."""
        return self.payload.data

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters."""
        return self.payload.data


class _Parameters(OAuth2Payload):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, parameters: Iterable[tuple[str, str]]) -> None:
        self._all: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in parameters:
            self._all[name].append(value)
        self._first = {name: values[0] for name, values in self._all.items()}

    @property
    def data(self) -> dict[str, str]:
        return self._first

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._all


class Refusal(OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """An error with Auth0's own status and description."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error=error, status_code=status)
        # Set here, because the constructor rejects the quotation marks in Auth0's texts.
        self.description = description


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    server: "AuthorizationEndpoints"

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        parameters = request.payload.data
        self.server.codes.add(
            Code(
                code=code,
                login=request.user,
                redirect_uri=parameters["redirect_uri"],
                nonce=parameters.get("nonce"),
                with_auth_time="max_age" in parameters or "login" in parameters.get("prompt", "").split(),
                code_challenge=parameters.get("code_challenge"),
                code_challenge_method=parameters.get("code_challenge_method"),
                expires_at=self.server.clock.now() + CODE_S,
            )
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        return self.server.codes.find(code, client.client_id)

    def authenticate_user(self, authorization_code: Code) -> Login | None:
        # The last check before tokens are issued, so that only one of two concurrent exchanges succeeds.
        login = authorization_code.login
        known = self.server.users.get(login.user_id) is not None
        return login if self.server.codes.take(authorization_code.code) and known else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Do nothing: `authenticate_user` has already removed the code."""


class _Pkce(CodeChallenge):  # type: ignore[misc]  # Authlib has no types
    """PKCE with S256 only: https://auth0.com/docs/api/authentication/authorization-code-flow-with-pkce"""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def __init__(self, settings: Settings) -> None:
        super().__init__(required=True)
        self._settings = settings

    def validate_code_challenge(self, grant: _CodeGrant, redirect_uri: str) -> None:
        parameters = grant.request.payload.data
        if self._settings.require_pkce and "code_challenge" not in parameters:
            raise InvalidRequestError("Parameter 'code_challenge' is required")
        if "code_challenge" in parameters and "code_challenge_method" not in parameters:
            # RFC 7636, section 4.3: without a method it is `plain`, which Auth0 refuses here.
            raise InvalidRequestError("Unsupported 'code_challenge_method'")
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: _CodeGrant, result: object) -> None:
        try:
            super().validate_code_verifier(grant, result)
        except (InvalidRequestError, InvalidGrantError) as problem:
            raise InvalidGrantError("Failed to verify code verifier") from problem


class _IdToken(OpenIDCode):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, users: Users, tokens: Tokens) -> None:
        super().__init__()
        self._users = users
        self._tokens = tokens

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return False

    def encode_id_token(self, token: Mapping[str, Any], request: OAuth2Request) -> str:
        code: Code = request.authorization_code
        user = self._users.get(code.login.user_id)
        if user is None:
            raise InvalidGrantError("Invalid authorization code")
        return self._tokens.id_token(
            request.client, user, code.login, nonce=code.nonce, with_auth_time=code.with_auth_time
        )


class _ClientGrant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib has no types
    """Client credentials: https://auth0.com/docs/api/authentication/client-credential-flow/get-token ."""

    server: "AuthorizationEndpoints"
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def validate_token_request(self) -> None:
        super().validate_token_request()
        audience = self.request.payload.data.get("audience")
        if not audience:
            reason = "No audience parameter was provided, and no default audience has been configured"
            raise Refusal(403, "access_denied", reason)
        api = self.server.apis.find(audience)
        if api is None:
            raise Refusal(403, "access_denied", f"Service not found: {audience}")
        self._api: Api = api
        granted = self._granted(api)
        asked = (self.request.payload.scope or " ".join(granted)).split()
        missing = [scope for scope in asked if scope not in granted]
        if missing:
            raise Refusal(403, "access_denied", f"Client has not been granted scopes: {', '.join(missing)}")
        self.request.payload.data["scope"] = " ".join(asked)

    def _granted(self, api: Api) -> list[str]:
        """The scopes that the application was granted. Those that the API lost since then are not given."""
        audience = api.identifier
        grant = self.server.grants.find(self.request.client.client_id, audience)
        if grant is None:
            reason = f'Client is not authorized to access "{audience}". You need to create a "client-grant"'
            raise Refusal(403, "access_denied", reason)
        scopes = api.scopes if grant.get("allow_all_scopes") else grant["scope"]
        lost = unknown_scopes(api, scopes)
        return [scope for scope in scopes if scope not in lost]

    def generate_token(self, **details: Any) -> dict[str, Any]:  # Authlib's own arguments
        """Issue a token for the application. Authlib's `user` holds the API instead of a user."""
        token: dict[str, Any] = super().generate_token(user=Machine(self._api), **details)
        return token


class AuthorizationEndpoints(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    """The authorization and token endpoints, without the pages that a user sees."""

    def __init__(
        self,
        config: Auth0Config,
        settings: Settings,
        clock: Clock,
        *,
        users: Users,
        clients: Clients,
        apis: Apis,
        grants: ClientGrants,
        tokens: Tokens,
    ) -> None:
        self.config, self.clock, self.tokens = config, clock, tokens
        self.users, self.clients, self.apis, self.grants = users, clients, apis, grants
        self.codes = Codes(clock)
        super().__init__(query_client=clients.find, save_token=lambda token, request: None)
        self.register_client_auth_method("client_secret_basic", authenticated)
        self.register_token_generator("default", self._make_token)
        self.register_grant(_CodeGrant, [_Pkce(settings), _IdToken(users, tokens)])
        self.register_grant(_ClientGrant)

    def create_oauth2_request(self, request: ProtocolRequest | None) -> ProtocolRequest:
        """The given request, or the token request that Flask is serving (form or JSON)."""
        return request if request is not None else ProtocolRequest(self.config, token_parameters())

    def handle_error_response(self, request: ProtocolRequest, error: OAuth2Error) -> Response:
        """The response to an error: a redirect to the application, or the token endpoint's JSON."""
        if error.redirect_uri:
            redirect: Response = super().handle_error_response(request, error)
            return redirect
        status, code, description = _auth0_error(request, error)
        answer = jsonify(error=code, error_description=description)
        answer.status_code = status
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def granted_scope(self, asked: str, audience: str | None) -> str:
        """The requested scopes that exist, in the requested order."""
        api = self.apis.of_users(audience)
        known = (*OIDC_SCOPES, *(() if api is None or api.only_permitted else api.scopes))
        return " ".join(scope for scope in asked.split() if scope in known)

    def _make_token(
        self,
        *,
        grant_type: str,
        client: Client,
        user: Login | Machine,
        scope: str,
        expires_in: int | None,
        include_refresh_token: bool,
    ) -> dict[str, Any]:
        """Authlib's token generator: the token endpoint's response without the ID token."""
        del grant_type, expires_in, include_refresh_token
        if isinstance(user, Machine):
            token = self.tokens.client_access_token(client.client_id, user.api, scope)
            lifetime = user.api.token_s
        else:
            known = self.users.get(user.user_id)
            if known is None:
                raise InvalidGrantError("Invalid authorization code")
            token = self.tokens.user_access_token(known, user)
            api = self.apis.of_users(user.audience)
            lifetime = ACCESS_TOKEN_S if api is None else api.token_s
        return {"access_token": token, "scope": scope, "expires_in": lifetime, "token_type": "Bearer"}


def token_parameters() -> Iterable[tuple[str, str]]:
    """The parameters of a token request. Auth0 accepts a form or JSON."""
    if not request.is_json:
        return request.form.items(multi=True)
    body = request.get_json(silent=True)
    fields = body.items() if isinstance(body, dict) else ()
    return [(name, value) for name, value in fields if isinstance(value, str)]


def _auth0_error(request: ProtocolRequest, error: OAuth2Error) -> tuple[int, str, str]:
    match error:
        case Refusal():
            return error.status_code, error.error, error.description
        case InvalidClientError():
            return 401, "access_denied", "Unauthorized"
        case UnauthorizedClientError():
            reason = f"Grant type '{request.payload.grant_type}' not allowed for the client."
            return 403, "unauthorized_client", reason
        case UnsupportedGrantTypeError() if request.payload.grant_type is None:
            return 400, "invalid_request", "Missing required parameter: grant_type"
        case UnsupportedGrantTypeError():
            return 403, "unsupported_grant_type", f"Unsupported grant type: {request.payload.grant_type}"
        case InvalidGrantError() if "verifier" in error.description:
            return 403, "invalid_grant", error.description
        case InvalidGrantError():
            return 403, "invalid_grant", "Invalid authorization code"
        case _:
            return 400, error.error, error.description
