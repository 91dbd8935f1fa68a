"""The Management API's APIs: https://auth0.com/docs/api/management/v2/resource-servers ."""

from flask import Response, jsonify, request

from webstore.sandbox.auth0.api_errors import ApiError, bad_body, not_implemented
from webstore.sandbox.auth0.apis import Api, new_api
from webstore.sandbox.auth0.management.bodies import Body, Shape, body_of, checked
from webstore.sandbox.auth0.management.call import Call, created, flag, nothing, numbered_page
from webstore.sandbox.auth0.records import Record, random_text

# All that can be changed of the Management API itself.
_SYSTEM: Shape = {"token_lifetime": int, "skip_consent_for_verifiable_first_party_clients": bool}
_CHANGEABLE: Shape = {
    **_SYSTEM,
    "name": str,
    "scopes": list,
    "signing_alg": str,
    "signing_secret": str,
    "allow_offline_access": bool,
    "allow_online_access": bool,
    "token_lifetime_for_web": int,
    "token_dialect": str,
    "enforce_policies": bool,
    "token_encryption": dict,
    "consent_policy": str,
    "authorization_details": list,
    "proof_of_possession": dict,
    "subject_type_authorization": dict,
}
_NULLABLE = ("token_encryption", "consent_policy", "authorization_details", "proof_of_possession")
_LACKING = frozenset(
    {
        *("access_token", "allow_online_access_with_ephemeral_sessions", "authorization_policy"),
        *("require_consent_non_repudiation", "token_lifetime_for_anonymous_access_tokens"),
    }
)
_SCOPE: Shape = {"value": str, "description": str}
_DIALECTS = ("access_token", "access_token_authz", "rfc9068_profile", "rfc9068_profile_authz")
_OPEN = {"client": {"policy": "require_client_grant"}, "user": {"policy": "allow_all"}}


def list_apis(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/resource-servers/get-resource-servers ."""
    wanted = request.args.getlist("identifiers")
    found = [api for api in call.tenant.apis.all() if not wanted or api["identifier"] in wanted]
    return numbered_page("resource_servers", found)


def get_api(call: Call, name: str) -> Response:
    """https://auth0.com/docs/api/management/v2/resource-servers/get-resource-servers-by-id ."""
    record = dict(_find(call, name).record)
    if not flag("include_fields", default=True):
        record.pop("scopes", None)
    return jsonify(record)


def create_api(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/resource-servers/post-resource-servers ."""
    body = _checked(body_of({"identifier": str, **_CHANGEABLE}, required=["identifier"], lacking=_LACKING))
    if not body["identifier"]:
        raise bad_body("String is too short (0 chars), minimum 1' on property 'identifier")
    if call.tenant.apis.find(body["identifier"]) is not None:
        raise ApiError(409, f"A resource server with the identifier {body['identifier']} already exists.")
    record = new_api(body)
    call.tenant.apis.put(record["id"], record)
    return created(record)


def update_api(call: Call, name: str) -> Response:
    """Replace the properties that are given; `scopes` as a whole.

    https://auth0.com/docs/api/management/v2/resource-servers/patch-resource-servers-by-id
    """
    api = _find(call, name)
    body = _checked(body_of(_SYSTEM if api.is_system else _CHANGEABLE, nullable=_NULLABLE, lacking=_LACKING))
    changed = call.tenant.apis.change(api.record["id"], lambda record: _updated(record, body))
    if changed is None:
        raise _no_such_api()
    return jsonify(changed)


def delete_api(call: Call, name: str) -> Response:
    """Delete an API and its client grants.

    https://auth0.com/docs/api/management/v2/resource-servers/delete-resource-servers-by-id
    """
    api = _find(call, name)
    if api.is_system:
        raise ApiError(400, "A system resource server cannot be deleted.", "operation_not_supported")
    call.tenant.apis.remove(api.record["id"])
    call.tenant.grants.forget(audience=api.identifier)
    return nothing()


def _find(call: Call, name: str) -> Api:
    api = call.tenant.apis.find(name)
    if api is None:
        raise _no_such_api()
    return api


def _updated(record: Record, body: Body) -> Record:
    changed = {**record, **body}
    if changed["signing_alg"] == "HS256":
        changed.setdefault("signing_secret", random_text(32))
    else:
        changed.pop("signing_secret", None)
    return {name: value for name, value in changed.items() if value is not None}


def _checked(body: Body) -> Body:
    """The body with valid values. Raises ApiError."""
    for number, scope in enumerate(body.get("scopes", ())):
        checked(scope, _SCOPE, required=["value"], within=f"scopes[{number}]")
    if body.get("signing_alg", "RS256") not in ("HS256", "RS256"):
        raise not_implemented(f"access tokens signed with {body['signing_alg']}")
    if "signing_secret" in body and len(body["signing_secret"]) < 16:
        raise bad_body("String is too short, minimum 16' on property 'signing_secret")
    if body.get("token_dialect", "access_token") not in _DIALECTS:
        raise bad_body(f"No enum match for: {body['token_dialect']}' on property 'token_dialect")
    for name in _NULLABLE:
        if body.get(name) is not None:
            raise not_implemented(f"the property {name} of APIs")
    if body.get("subject_type_authorization", _OPEN) != _OPEN:
        raise not_implemented("access policies of APIs")
    return body


def _no_such_api() -> ApiError:
    return ApiError(404, "The resource server does not exist", "inexistent_resource_server")
