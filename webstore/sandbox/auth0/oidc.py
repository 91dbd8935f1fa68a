"""The endpoints that applications call: discovery, signing keys, the token endpoint and `/userinfo`."""

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.auth0.domains import issuer_here
from webstore.sandbox.auth0.keys import ALGORITHM
from webstore.sandbox.auth0.protocol import OIDC_SCOPES, token_parameters
from webstore.sandbox.auth0.tenant import Tenant


def endpoints(tenant: Tenant) -> Blueprint:
    """The blueprint with the endpoints that applications call."""
    blueprint = Blueprint("oidc", __name__)

    @blueprint.get("/.well-known/openid-configuration")
    def discovery() -> ResponseReturnValue:
        return _metadata(tenant)

    @blueprint.get("/.well-known/jwks.json")
    def jwks() -> ResponseReturnValue:
        return {"keys": tenant.keys.published()}

    @blueprint.post("/oauth/token")
    def token() -> ResponseReturnValue:
        response: Response = tenant.protocol.create_token_response()
        _log_exchange(tenant, response)
        return response

    @blueprint.route("/userinfo", methods=["GET", "POST"])
    def userinfo() -> ResponseReturnValue:
        """The user's claims: https://auth0.com/docs/api/authentication/user-profile/get-user-info ."""
        scheme, _, access_token = request.headers.get("Authorization", "").partition(" ")
        granted = tenant.tokens.userinfo_grant(access_token) if scheme.lower() == "bearer" else None
        user = tenant.users.get(granted[0]) if granted is not None else None
        if granted is None or user is None or "openid" not in granted[1].split():
            answer = jsonify(error="invalid_token", error_description="Unauthorized")
            answer.status_code = 401
            answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
            return answer
        return tenant.tokens.userinfo(user, granted[1])

    return blueprint


def _log_exchange(tenant: Tenant, response: Response) -> None:
    """Log a token request that reached a grant: a code for a user's tokens, or a machine's credentials."""
    parameters = dict(token_parameters())
    kinds = _EXCHANGES.get(parameters.get("grant_type", ""))
    if kinds is None:
        return
    answer, succeeded = response.get_json(), response.status_code == 200
    tenant.logs.add(
        kinds[0] if succeeded else kinds[1],
        "Exchange" if succeeded else str(answer.get("error_description")),
        client_id=parameters.get("client_id"),
        audience=parameters.get("audience"),
        scope=answer.get("scope"),
    )


_EXCHANGES = {"authorization_code": ("seacft", "feacft"), "client_credentials": ("seccft", "feccft")}


def _metadata(tenant: Tenant) -> dict[str, object]:
    """The discovery document.

    https://auth0.com/docs/get-started/applications/configure-applications-with-oidc-discovery
    """
    issuer = issuer_here(tenant.config, tenant.settings)
    metadata: dict[str, object] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}authorize",
        "token_endpoint": f"{issuer}oauth/token",
        "device_authorization_endpoint": f"{issuer}oauth/device/code",
        "userinfo_endpoint": f"{issuer}userinfo",
        "mfa_challenge_endpoint": f"{issuer}mfa/challenge",
        "jwks_uri": f"{issuer}.well-known/jwks.json",
        "registration_endpoint": f"{issuer}oidc/register",
        "revocation_endpoint": f"{issuer}oauth/revoke",
        "end_session_endpoint": f"{issuer}oidc/logout",
        "scopes_supported": [
            *OIDC_SCOPES,
            "offline_access",
            "name",
            "given_name",
            "family_name",
            "nickname",
            "email_verified",
            "picture",
            "created_at",
            "identities",
            "phone",
            "address",
        ],
        "response_types_supported": [
            "code",
            "token",
            "id_token",
            "code token",
            "code id_token",
            "token id_token",
            "code token id_token",
        ],
        "code_challenge_methods_supported": ["S256", "plain"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256", ALGORITHM, "PS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "claims_supported": [
            "aud",
            "auth_time",
            "created_at",
            "email",
            "email_verified",
            "exp",
            "family_name",
            "given_name",
            "iat",
            "identities",
            "iss",
            "name",
            "nickname",
            "phone_number",
            "picture",
            "sub",
        ],
        "request_uri_parameter_supported": False,
        "request_parameter_supported": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }
    if tenant.settings.callback_iss:
        metadata["authorization_response_iss_parameter_supported"] = True
    return metadata
