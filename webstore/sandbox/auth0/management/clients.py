"""The Management API's applications: https://auth0.com/docs/api/management/v2/clients/get-clients ."""

from flask import Response, jsonify, request

from webstore.sandbox.auth0.api_errors import ApiError, bad_body, not_implemented
from webstore.sandbox.auth0.clients import new_client
from webstore.sandbox.auth0.management.bodies import Body, Shape, body_of, checked, texts
from webstore.sandbox.auth0.management.call import Call, created, nothing, numbered_page, optional_flag, shown
from webstore.sandbox.auth0.records import Record

_FOR_ALL = frozenset({"client_id", "app_type", "name", "description"})
_SECRETS = frozenset({"client_secret", "encryption_key", "client_authentication_methods", "signing_keys"})
_KEY_SCOPES = frozenset({"read:client_keys", "read:client_credentials"})
_URL_LISTS = ("callbacks", "allowed_logout_urls", "allowed_origins", "web_origins")

_PROPERTIES: Shape = {
    "addons": dict,
    "allowed_clients": list,
    "allowed_logout_urls": list,
    "allowed_origins": list,
    "app_type": str,
    "callbacks": list,
    "client_aliases": list,
    "client_authentication_methods": dict,
    "client_metadata": dict,
    "client_secret": str,
    "compliance_level": str,
    "cross_origin_authentication": bool,
    "cross_origin_loc": str,
    "custom_login_page": str,
    "custom_login_page_on": bool,
    "custom_login_page_preview": str,
    "default_organization": dict,
    "description": str,
    "encryption_key": dict,
    "form_template": str,
    "grant_types": list,
    "initiate_login_uri": str,
    "is_first_party": bool,
    "is_token_endpoint_ip_header_trusted": bool,
    "jwt_configuration": dict,
    "logo_uri": str,
    "mobile": dict,
    "name": str,
    "native_social_login": dict,
    "oidc_backchannel_logout": dict,
    "oidc_conformant": bool,
    "oidc_logout": dict,
    "organization_discovery_methods": list,
    "organization_require_behavior": str,
    "organization_usage": str,
    "par_request_expiry": int,
    "redirection_policy": str,
    "refresh_token": dict,
    "require_proof_of_possession": bool,
    "require_pushed_authorization_requests": bool,
    "session_transfer": dict,
    "signed_request_object": dict,
    "skip_non_verifiable_callback_uri_confirmation_prompt": bool,
    "sso": bool,
    "sso_disabled": bool,
    "third_party_security_mode": str,
    "token_endpoint_auth_method": str,
    "token_exchange": dict,
    "token_quota": dict,
    "web_origins": list,
}
_LACKING = frozenset(
    {
        *("anonymous_sessions", "async_approval_notification_channels", "b2b_integration_configuration"),
        *("enforce_anon_session_transfer_network_binding", "express_configuration", "fedcm_login"),
        *("identity_assertion_authorization_grant", "my_organization_configuration", "oidc_support"),
        *("resource_server_identifier", "token_vault_privileged_access"),
    }
)
# A PATCH with null removes these.
_NULLABLE = frozenset(name for name, kind in _PROPERTIES.items() if kind is not bool) - {
    *("app_type", "client_secret", "grant_types", "jwt_configuration", "name"),
}
_JWT: Shape = {"alg": str, "lifetime_in_seconds": int, "scopes": dict, "secret_encoded": bool}
_LOGOUT: Shape = {
    "backchannel_logout_urls": list,
    "backchannel_logout_initiators": dict,
    "backchannel_logout_session_metadata": dict,
}
_APP_TYPES = ("native", "spa", "regular_web", "non_interactive", "resource_server", "sso_integration")
_AUTH_METHODS = ("none", "client_secret_post", "client_secret_basic")


def list_clients(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/clients/get-clients ."""
    is_global, first_party = optional_flag("is_global"), optional_flag("is_first_party")
    app_types = request.args.get("app_type")
    found = [
        _seen(call, client)
        for client in call.tenant.clients.all()
        if is_global in (None, bool(client["global"]))
        and first_party in (None, client["is_first_party"])
        and (app_types is None or client.get("app_type") in app_types.split(","))
    ]
    return numbered_page("clients", found, length=True)


def get_client(call: Call, client_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/clients/get-clients-by-id ."""
    client = call.tenant.clients.get(client_id)
    if client is None:
        raise no_such_client()
    return jsonify(shown(_seen(call, client)))


def create_client(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/clients/post-clients ."""
    body = _checked(body_of(_PROPERTIES, required=["name"], lacking=_LACKING))
    client = new_client(body)
    call.tenant.clients.put(client["client_id"], client)
    return created(_seen(call, client))


def update_client(call: Call, client_id: str) -> Response:
    """Replace the properties that are given. Those of `client_metadata` are merged; null removes one.

    https://auth0.com/docs/api/management/v2/clients/patch-clients-by-id
    """
    body = _checked(body_of(_PROPERTIES, nullable=_NULLABLE, lacking=_LACKING))
    changed = call.tenant.clients.change(client_id, lambda client: _updated(client, body))
    if changed is None:
        raise no_such_client()
    return jsonify(_seen(call, changed))


def delete_client(call: Call, client_id: str) -> Response:
    """Delete an application and its client grants. Unknown IDs are ignored.

    https://auth0.com/docs/api/management/v2/clients/delete-clients-by-id
    """
    client = call.tenant.clients.get(client_id)
    if client is not None and client["global"]:
        raise ApiError(400, "The global client cannot be deleted.", "operation_not_supported")
    call.tenant.clients.remove(client_id)
    call.tenant.grants.forget(client_id=client_id)
    return nothing()


def no_such_client() -> ApiError:
    """The error for an application that does not exist (404)."""
    return ApiError(404, "The client does not exist", "inexistent_client")


def _updated(client: Record, body: Body) -> Record:
    changed = {**client, **body}
    if body.get("client_metadata") is not None:
        metadata = {**(client.get("client_metadata") or {}), **body["client_metadata"]}
        changed["client_metadata"] = {name: value for name, value in metadata.items() if value is not None}
    if "jwt_configuration" in body:
        changed["jwt_configuration"] = {"secret_encoded": False, **body["jwt_configuration"]}
    return {name: value for name, value in changed.items() if value is not None}


def _seen(call: Call, client: Record) -> Record:
    """What a token with these scopes sees of an application.

    `oidc_backchannel_logout` is the former name of a part of `oidc_logout`.
    """
    urls = (client.get("oidc_logout") or {}).get("backchannel_logout_urls")
    if urls is not None:
        client = {**client, "oidc_backchannel_logout": {"backchannel_logout_urls": urls}}
    if call.scopes & _KEY_SCOPES:
        return client
    # Who creates or changes applications is answered as if also allowed to read them.
    if call.scopes & {"read:clients", "create:clients", "update:clients"}:
        return {name: value for name, value in client.items() if name not in _SECRETS}
    return {name: value for name, value in client.items() if name in _FOR_ALL}


def _checked(body: Body) -> Body:
    """The body with valid values. Raises ApiError."""
    name = body.get("name")
    if name is not None and (not name or "<" in name or ">" in name):
        raise bad_body("String does not match pattern: ^[^<>]+$' on property 'name")
    _one_of(body, "app_type", _APP_TYPES)
    _one_of(body, "token_endpoint_auth_method", _AUTH_METHODS)
    for urls in (*_URL_LISTS, "grant_types"):
        texts(body, urls)
    # A relying party on plain http has no page that Auth0 would send a browser to.
    login_page = body.get("initiate_login_uri")
    if login_page and not login_page.startswith("https://"):
        raise bad_body(
            "Object didn't pass validation for format absolute-https-uri-with-placeholders-or-empty: "
            f"{login_page}' on property 'initiate_login_uri"
        )
    if "jwt_configuration" in body:
        _check_jwt(checked(body["jwt_configuration"], _JWT, within="jwt_configuration"))
    if "oidc_backchannel_logout" in body:
        former = body.pop("oidc_backchannel_logout")
        body.setdefault("oidc_logout", former)
    if body.get("oidc_logout") is not None:
        logout = checked(body["oidc_logout"], _LOGOUT, within="oidc_logout")
        texts(logout, "backchannel_logout_urls", most=1, path="oidc_logout.backchannel_logout_urls")
    public = body.get("token_endpoint_auth_method") == "none"
    if public and "client_credentials" in body.get("grant_types", ()):
        reason = "A client without client authentication cannot have the grant type client_credentials"
        raise ApiError(400, reason, "invalid_body")
    return body


def _check_jwt(jwt: Body) -> None:
    _one_of(jwt, "alg", ("HS256", "RS256", "RS512", "PS256"))
    if jwt.get("alg") in ("RS512", "PS256"):
        raise not_implemented(f"ID tokens signed with {jwt['alg']}")
    if jwt.get("secret_encoded"):
        raise not_implemented("secrets in base64")
    seconds = jwt.get("lifetime_in_seconds", 1)
    if seconds < 1:
        where = "jwt_configuration.lifetime_in_seconds"
        raise bad_body(f"Value {seconds} is less than minimum 1' on property '{where}")


def _one_of(body: Body, name: str, values: tuple[str, ...]) -> None:
    if body.get(name) is not None and body[name] not in values:
        raise bad_body(f"No enum match for: {body[name]}' on property '{name}")
