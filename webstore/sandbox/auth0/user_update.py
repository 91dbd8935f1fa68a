"""Checks and applies the body of `PATCH /api/v2/users/{id}`.

https://auth0.com/docs/api/management/v2/users/patch-users-by-id
https://auth0.com/docs/manage-users/user-accounts/metadata/manage-metadata-api
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from webstore.sandbox.auth0.api_errors import ApiError, bad_body, not_implemented
from webstore.sandbox.auth0.user import Metadata, User, hash_password

# Any: the body is JSON.
Body = Mapping[str, Any]

_TYPES: dict[str, type] = {
    "app_metadata": dict,
    "blocked": bool,
    "client_id": str,
    "connection": str,
    "email": str,
    "email_verified": bool,
    "family_name": str,
    "given_name": str,
    "name": str,
    "nickname": str,
    "password": str,
    "phone_number": str,
    "phone_verified": bool,
    "picture": str,
    "user_metadata": dict,
    "username": str,
    "verify_email": bool,
    "verify_phone_number": bool,
}
_JSON_NAMES = {str: "string", bool: "boolean", dict: "object", int: "integer", float: "number", list: "array"}
_UNSETTABLE = frozenset({"blocked", "family_name", "given_name", "name", "nickname", "picture"})
_NOT_IMPLEMENTED = frozenset({"phone_number", "phone_verified", "username", "verify_phone_number"})
# The social provider sets these attributes at each login, so the API refuses to change them.
_PROVIDERS_OWN = frozenset(
    {"email", "email_verified", "family_name", "given_name", "name", "nickname", "password", "picture"}
)
# https://auth0.com/docs/manage-users/user-accounts/metadata/metadata-fields-data
_RESERVED = frozenset(
    {
        "__tenant",
        "_id",
        "blocked",
        "clientID",
        "created_at",
        "email",
        "email_verified",
        "globalClientID",
        "global_client_id",
        "identities",
        "lastIP",
        "lastLogin",
        "loginsCount",
        "metadata",
        "multifactor",
        "multifactor_last_modified",
        "updated_at",
        "user_id",
    }
)
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


def checked(body: object) -> Body:
    """Check the properties of a body and their types. Returns the body. Raises ApiError."""
    if not isinstance(body, dict):
        raise bad_body(f"Expected type object but found type {_json_name(body)}")
    unknown = [name for name in body if name not in _TYPES]
    if unknown:
        raise bad_body(f"Additional properties not allowed: {', '.join(unknown)}")
    for name, value in body.items():
        if name in _NOT_IMPLEMENTED:
            raise not_implemented(f"changes of {name}")
        if not (isinstance(value, _TYPES[name]) or (value is None and name in _UNSETTABLE)):
            expected = _JSON_NAMES[_TYPES[name]]
            raise bad_body(
                f"Expected type {expected} but found type {_json_name(value)}' on property '{name}"
            )
    if "email" in body and not _EMAIL.fullmatch(body["email"]):
        raise bad_body(f"Object didn't pass validation for format email: {body['email']}' on property 'email")
    for name in ("app_metadata", "user_metadata"):
        _check_names(name, body.get(name, {}))
    return body


def updated(user: User, body: Body, now: float) -> User:
    """The user after the update. Raises ApiError when Auth0 refuses the update for this user."""
    if body.get("connection", user.connection) != user.connection:
        raise ApiError(400, "The specified connection does not match the user's.", "invalid_body")
    own = sorted(_PROVIDERS_OWN & set(body))
    if own and not user.is_database:
        raise ApiError(
            400,
            f"The following user attributes cannot be updated: {', '.join(own)}. The connection "
            f"({user.connection}) should either be a database connection (using the Auth0 store), a "
            "passwordless connection (email or sms) or has disabled 'Sync user profile attributes at each "
            "login'. For more information, see "
            "https://auth0.com/docs/dashboard/guides/connections/configure-connection-sync",
            "operation_not_supported",
        )
    if "password" in body and "email" in body:
        raise ApiError(400, "Cannot update password and email simultaneously", "invalid_body")
    changes: dict[str, Any] = {  # Any: JSON values, checked above
        name: body[name]
        for name in ("blocked", "family_name", "given_name", "name", "nickname", "picture")
        if name in body
    }
    if "email" in body:
        changes |= {"email": body["email"].lower(), "email_verified": False}
    if "email_verified" in body:
        changes["email_verified"] = body["email_verified"]
    if "password" in body:
        changes |= {"password_hash": hash_password(body["password"]), "last_password_reset": now}
        if user.blocked:
            # https://auth0.com/docs/manage-users/user-accounts/block-and-unblock-users
            changes.setdefault("blocked", False)
    for name in ("app_metadata", "user_metadata"):
        if name in body:
            changes[name] = _merged(getattr(user, name), body[name])
    return replace(user, updated_at=now, **changes)


def _merged(before: Metadata | None, patch: Metadata) -> Metadata:
    """The metadata after a patch. Only top-level keys are merged.

    Null deletes a key. An empty patch deletes all keys.
    """
    if not patch:
        return {}
    return {name: value for name, value in {**(before or {}), **patch}.items() if value is not None}


def _check_names(where: str, metadata: Metadata) -> None:
    for name in metadata:
        if "." in name or "$" in name:
            raise bad_body(f"{where} property names must not contain . or $: {name}")
        if where == "app_metadata" and name in _RESERVED:
            raise bad_body(f"app_metadata must not have the property {name}")


def _json_name(value: object) -> str:
    return "null" if value is None else _JSON_NAMES.get(type(value), "unknown")
