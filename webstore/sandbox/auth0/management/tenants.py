"""The Management API's tenant settings, custom domains and connections.

https://auth0.com/docs/api/management/v2/tenants/tenant-settings-route
"""

import hashlib

from flask import Response, jsonify, request

from webstore.sandbox.auth0.api_errors import ApiError, bad_body, not_implemented
from webstore.sandbox.auth0.connections import CONNECTIONS, connection_name
from webstore.sandbox.auth0.management.bodies import Shape, body_of, checked, texts
from webstore.sandbox.auth0.management.call import Call, checkpoint_page, numbered_page, shown
from webstore.sandbox.auth0.records import Record

_SETTINGS: Shape = {
    "acr_values_supported": list,
    "allow_organization_name_in_authentication_api": bool,
    "allowed_logout_urls": list,
    "authorization_response_iss_parameter_supported": bool,
    "change_password": dict,
    "customize_mfa_in_postlogin_action": bool,
    "default_audience": str,
    "default_directory": str,
    "default_redirection_uri": str,
    "device_flow": dict,
    "enabled_locales": list,
    "ephemeral_session_lifetime": int,
    "error_page": dict,
    "flags": dict,
    "friendly_name": str,
    "guardian_mfa_page": dict,
    "idle_ephemeral_session_lifetime": int,
    "idle_session_lifetime": int,
    "mtls": dict,
    "oidc_logout": dict,
    "picture_url": str,
    "pushed_authorization_requests_supported": bool,
    "resource_parameter_profile": str,
    "sandbox_version": str,
    "session_cookie": dict,
    "session_lifetime": int,
    "sessions": dict,
    "skip_non_verifiable_callback_uri_confirmation_prompt": bool,
    "support_email": str,
    "support_url": str,
}
_NULLABLE = (
    "acr_values_supported",
    "error_page",
    "device_flow",
    "mtls",
    "session_cookie",
    "default_directory",
)
_LACKING = frozenset(
    {
        *("access_token", "client_id_metadata_document_dynamic_registration_supported", "country_codes"),
        *("client_id_metadata_document_supported", "default_token_quota", "legacy_sandbox_version"),
        *("dynamic_client_registration_security_mode", "dpop_strict_refresh_token_binding"),
        *("include_session_metadata_in_tenant_logs", "phone_consolidated_experience", "security_headers"),
        *("ephemeral_session_lifetime_in_minutes", "idle_ephemeral_session_lifetime_in_minutes"),
        *("idle_session_lifetime_in_minutes", "session_lifetime_in_minutes", "enable_ai_guide"),
    }
)
_FLAGS: Shape = dict.fromkeys(
    (
        *("allow_changing_enable_sso", "disable_clickjack_protection_headers", "disable_impersonation"),
        *("enable_apis_section", "enable_client_connections", "enable_dynamic_client_registration"),
        *("enable_public_signup_user_exists_error", "enable_sso", "no_disclose_enterprise_connections"),
        *("revoke_refresh_token_grant", "use_scope_descriptions_for_consent"),
    ),
    bool,
)


def get_settings(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/tenants/tenant-settings-route ."""
    return jsonify(shown(call.tenant.tenant_settings.show()))


def update_settings(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/tenants/patch-settings ."""
    body = body_of(_SETTINGS, nullable=_NULLABLE, lacking=_LACKING)
    if "flags" in body:
        checked(body["flags"], _FLAGS, within="flags")
    texts(body, "allowed_logout_urls")
    if body.get("default_audience"):
        raise not_implemented("a default audience")
    for name in ("session_lifetime", "idle_session_lifetime"):
        if body.get(name, 1) < 1:
            raise bad_body(f"Value {body[name]} is less than minimum 1' on property '{name}")
    return jsonify(call.tenant.tenant_settings.change(body))


def list_custom_domains(call: Call) -> Response:
    """The custom domains: an array, or an object with pages for a request with `take` or `from`.

    https://auth0.com/docs/api/management/v2/custom-domains/get-custom-domains
    """
    domains = [_domain(name, number) for number, name in enumerate(call.tenant.settings.custom_domains)]
    if "take" in request.args or "from" in request.args:
        return checkpoint_page("custom_domains", domains, "custom_domain_id")
    return jsonify([shown(domain) for domain in domains])


def list_connections(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/connections/get-connections ."""
    names, strategies = request.args.getlist("name"), request.args.getlist("strategy")
    clients = [client["client_id"] for client in call.tenant.clients.all() if not client["global"]]
    found = [
        {**connection, "enabled_clients": clients}
        for connection in CONNECTIONS
        if (not names or connection["name"] in names)
        and (not strategies or connection["strategy"] in strategies)
    ]
    if "take" in request.args or "from" in request.args:
        return checkpoint_page("connections", found)
    return numbered_page("connections", found)


def connection_clients(call: Call, connection_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/connections/get-connection-clients ."""
    if connection_name(connection_id) is None:
        raise ApiError(404, "The connection does not exist", "inexistent_connection")
    clients = [it for it in call.tenant.clients.all() if not it["global"]]
    return checkpoint_page("clients", [{"client_id": it["client_id"]} for it in clients], "client_id")


def _domain(name: str, number: int) -> Record:
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return {
        "custom_domain_id": f"cd_{digest}",
        "domain": name,
        "primary": number == 0,
        "status": "ready",
        "type": "auth0_managed_certs",
        "origin_domain_name": f"sandbox-cd-{digest}.edge.tenants.auth0.com",
        "verification": {"methods": []},
        "tls_policy": "recommended",
    }
