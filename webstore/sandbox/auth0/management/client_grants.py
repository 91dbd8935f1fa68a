"""The Management API's client grants: https://auth0.com/docs/api/management/v2/client-grants ."""

from flask import Response, jsonify, request

from webstore.sandbox.auth0.api_errors import ApiError, bad_body, not_implemented
from webstore.sandbox.auth0.apis import unknown_scopes
from webstore.sandbox.auth0.management.bodies import Body, Shape, body_of, texts
from webstore.sandbox.auth0.management.call import Call, checkpoint_page, created, nothing, numbered_page
from webstore.sandbox.auth0.management.clients import no_such_client
from webstore.sandbox.auth0.records import Record

_CHANGEABLE: Shape = {
    "scope": list,
    "organization_usage": str,
    "allow_any_organization": bool,
    "authorization_details_types": list,
    "allow_all_scopes": bool,
}
_PROPERTIES: Shape = {
    "client_id": str,
    "audience": str,
    "subject_type": str,
    "default_for": str,
    **_CHANGEABLE,
}


def list_grants(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/client-grants/get-client-grants ."""
    filters = ("client_id", "audience", "subject_type")
    wanted = {name: request.args[name] for name in filters if name in request.args}
    found = [grant for grant in call.tenant.grants.all() if wanted.items() <= grant.items()]
    if "take" in request.args or "from" in request.args:
        return checkpoint_page("client_grants", found)
    return numbered_page("client_grants", found)


def get_grant(call: Call, grant_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/client-grants/get-client-grant ."""
    grant = call.tenant.grants.get(grant_id)
    if grant is None:
        raise _no_such_grant()
    return jsonify(grant)


def create_grant(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/client-grants/post-client-grants ."""
    body = body_of(_PROPERTIES, required=["audience"])
    if "default_for" in body:
        raise not_implemented("client grants for all third-party applications")
    if "client_id" not in body:
        raise bad_body("Missing required property: client_id")
    if body.get("subject_type", "client") != "client":
        raise not_implemented("client grants for users' access")
    if "scope" not in body and not body.get("allow_all_scopes"):
        raise bad_body("Missing required property: scope")
    client = call.tenant.clients.find(body["client_id"])
    if client is None:
        raise no_such_client()
    _check_scopes(call, body["audience"], body)
    grant = call.tenant.grants.add(body)
    if grant is None:
        message = "A client grant for this client_id and audience already exists."
        raise ApiError(409, message)
    return created(grant)


def update_grant(call: Call, grant_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/client-grants/patch-client-grants-by-id ."""
    body = body_of(_CHANGEABLE, nullable=["organization_usage"])
    grant = call.tenant.grants.get(grant_id)
    if grant is None:
        raise _no_such_grant()
    _check_scopes(call, grant["audience"], body)
    changed = call.tenant.grants.change(grant_id, lambda grant: _updated(grant, body))
    if changed is None:
        raise _no_such_grant()
    return jsonify(changed)


def delete_grant(call: Call, grant_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/client-grants/delete-client-grants-by-id ."""
    if call.tenant.grants.remove(grant_id) is None:
        raise _no_such_grant()
    return nothing()


def _updated(grant: Record, body: Body) -> Record:
    changed = {**grant, **body}
    if body.get("allow_all_scopes"):
        changed.pop("scope", None)
    else:
        changed.setdefault("scope", [])
    return {name: value for name, value in changed.items() if value is not None}


def _check_scopes(call: Call, audience: str, body: Body) -> None:
    api = call.tenant.apis.find(audience)
    if api is None or api.identifier != audience:
        raise ApiError(404, f"No resource with identifier {audience}", "inexistent_resource_server")
    unknown = unknown_scopes(api, texts(body, "scope"))
    if unknown:
        reason = f"The following scopes are not defined in the resource server: {','.join(unknown)}"
        raise ApiError(400, reason, "invalid_body")


def _no_such_grant() -> ApiError:
    return ApiError(404, "The client grant does not exist", "inexistent_client_grant")
