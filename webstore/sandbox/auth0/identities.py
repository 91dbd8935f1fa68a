"""Account linking in the Management API: merges two users into one, and splits them again.

https://auth0.com/docs/api/management/v2/users/post-identities
https://auth0.com/docs/api/management/v2/users/delete-user-identity-by-user-id
"""

from typing import Any

from webstore.sandbox.auth0.api_errors import ApiError, bad_body, not_implemented
from webstore.sandbox.auth0.keys import InvalidToken
from webstore.sandbox.auth0.tenant import Tenant
from webstore.sandbox.auth0.user import Profile, identities_of

_FIELDS = frozenset({"link_with", "provider", "user_id", "connection_id"})


def link(tenant: Tenant, user_id: str, body: Any, application: str) -> list[Profile]:  # Any: JSON
    """Merge the user that the body names into this one. Returns the user's identities. Raises ApiError.

    `application`: the client ID that the access token was issued to.
    """
    secondary_id = _secondary(tenant, body, application)
    if secondary_id == user_id:
        raise ApiError(400, "Main identity and the new one are the same.")
    if tenant.users.is_merged(secondary_id):
        raise ApiError(409, "Specified identity already linked.")
    try:
        return identities_of(tenant.merge_users(user_id, secondary_id))
    except KeyError as problem:
        raise ApiError(400, "Linking an inexistent identity is not allowed.") from problem


def unlink(tenant: Tenant, user_id: str, provider: str, account_id: str) -> list[Profile]:
    """Make an identity a user of its own. Returns the identities that are left. Raises ApiError."""
    secondary_id = f"{provider}|{account_id}"
    if secondary_id == user_id:
        raise ApiError(400, "The main identity cannot be unlinked.")
    try:
        return identities_of(tenant.users.split(user_id, secondary_id))
    except KeyError as problem:
        raise ApiError(400, "The specified identity does not belong to the user.") from problem


def _secondary(tenant: Tenant, body: Any, application: str) -> str:
    """The ID of the user to merge: in an ID token of that user, or as provider and user ID."""
    if not isinstance(body, dict):
        raise bad_body("Expected type object")
    unknown = sorted(set(body) - _FIELDS)
    if unknown:
        raise bad_body(f"Additional properties not allowed: {', '.join(unknown)}")
    if "link_with" in body:
        if len(body) > 1:
            raise bad_body("link_with must not be sent together with provider, user_id or connection_id")
        return _subject(tenant, body["link_with"], application)
    if "connection_id" in body:
        raise not_implemented("connection_id")
    for name in ("provider", "user_id"):
        if name not in body:
            raise bad_body(f"Missing required property: {name}")
    provider, account_id = body["provider"], body["user_id"]
    if not isinstance(provider, str) or isinstance(account_id, bool) or not isinstance(account_id, str | int):
        raise bad_body("Expected type string' on property 'provider or user_id")
    return f"{provider}|{account_id}"


def _subject(tenant: Tenant, token: Any, application: str) -> str:
    """The user that an ID token is about. It must have been issued to the application that asks.

    https://auth0.com/docs/manage-users/user-accounts/user-account-linking/link-user-accounts
    """
    if not isinstance(token, str):
        raise bad_body("Expected type string' on property 'link_with")
    try:
        claims = tenant.keys.verify(token)
    except InvalidToken as problem:
        raise ApiError(400, "link_with is not a valid token") from problem
    if claims.get("exp", 0) <= tenant.clock.now():
        raise ApiError(400, "link_with has expired")
    if claims.get("aud") != application:
        raise ApiError(400, "link_with was not issued to the client of the access token")
    return str(claims.get("sub"))
