"""The Management API's users.

https://auth0.com/docs/api/management/v2/users/get-users
"""

import time
from collections.abc import Iterator
from itertools import islice

from flask import Response, jsonify, request

from webstore.sandbox.auth0 import identities, search
from webstore.sandbox.auth0.api_errors import ApiError, bad_query, no_such_user, not_implemented
from webstore.sandbox.auth0.management.call import MAX_PER_PAGE, Call, flag, nothing, number, shown
from webstore.sandbox.auth0.tenant import Tenant
from webstore.sandbox.auth0.user import User, profile_of
from webstore.sandbox.auth0.user_update import checked
from webstore.sandbox.auth0.users import UserExists

_CEILING = 1000


def list_users(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/users/get-users ."""
    page, per_page = number("page", 0), number("per_page", 50, MAX_PER_PAGE)
    if request.args.get("search_engine", "v3") != "v3":
        raise not_implemented("user search engines other than v3")
    if page * per_page >= _CEILING:
        raise ApiError(
            400,
            f"You can only page through the first {_CEILING} records. See "
            "https://auth0.com/docs/manage-users/user-search/view-search-results-by-page#limitation",
            "invalid_paging",
        )
    start = page * per_page
    stop = min(start + per_page, _CEILING)
    users, total = _found(call.tenant, start, stop)
    profiles = [shown(profile_of(user)) for user in users]
    if not flag("include_totals"):
        return jsonify(profiles)
    return jsonify(start=start, limit=per_page, length=len(profiles), users=profiles, total=total)


def by_email(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/users-by-email/get-users-by-email ."""
    email = request.args.get("email")
    if email is None:
        raise bad_query("Missing required property: email")
    return jsonify([shown(profile_of(user)) for user in call.tenant.users.with_email(email)])


def get_user(call: Call, user_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/users/get-users-by-id ."""
    _check_id(user_id)
    user = call.tenant.users.get(user_id)
    if user is None:
        raise no_such_user()
    return jsonify(shown(profile_of(user)))


def update_user(call: Call, user_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/users/patch-users-by-id ."""
    _check_id(user_id)
    body = checked(request.get_json(force=True, silent=True))
    if "update:users" not in call.scopes and set(body) - {"app_metadata"}:
        reason = "Some fields cannot be updated with the permissions granted by the bearer token scopes."
        raise ApiError(403, reason, "insufficient_scope")
    try:
        user = call.tenant.update_user(user_id, body)
    except UserExists as problem:
        raise ApiError(400, "The specified new email already exists", "auth0_idp_error") from problem
    if user is None:
        raise no_such_user()
    return jsonify(profile_of(user))


def delete_user(call: Call, user_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/users/delete-users-by-id ."""
    _check_id(user_id)
    call.tenant.delete_user(user_id)
    return nothing()


def link_identity(call: Call, user_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/users/post-identities ."""
    _check_id(user_id)
    body = request.get_json(force=True, silent=True)
    answer = jsonify(identities.link(call.tenant, user_id, body, str(call.claims.get("azp"))))
    answer.status_code = 201
    return answer


def unlink_identity(call: Call, user_id: str, provider: str, account_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/users/delete-user-identity-by-user-id ."""
    _check_id(user_id)
    return jsonify(identities.unlink(call.tenant, user_id, provider, account_id))


def _found(tenant: Tenant, start: int, stop: int) -> tuple[list[User], int]:
    """The search's hits from `start` to `stop`, and the number of all hits."""
    lag = tenant.settings.search_lag_s
    text, sort = request.args.get("q", ""), request.args.get("sort")
    if not text and sort is None:
        everybody = tenant.users.indexed(lag)
        return list(islice(everybody, start, stop)), tenant.users.count(lag)
    matching = list(_matching(tenant, text, lag))
    if sort is not None:
        name, _, order = sort.partition(":")
        if order not in ("1", "-1"):
            raise bad_query(f"String does not match pattern field:order: {sort}' on property 'sort")
        matching.sort(key=lambda user: str(profile_of(user).get(name, "")), reverse=order == "-1")
    return matching[start:stop], len(matching)


def _matching(tenant: Tenant, text: str, lag: float) -> Iterator[User]:
    try:
        query = search.parse(text) if text else None
    except search.QueryError as problem:
        raise bad_query(f"{problem}' on property 'q") from problem
    except search.NotSupported as problem:
        raise not_implemented(str(problem)) from problem
    users = tenant.users
    started = time.monotonic()
    for done, user in enumerate(users.indexed(lag, query.ids(users) if query else None)):
        if done % 1000 == 0 and time.monotonic() - started > tenant.settings.search_timeout_s:
            raise ApiError(
                503,
                "The query exceeded the timeout. Please try refining your search criteria.",
                "query_timeout",
            )
        if query is None or query.matches(user):
            yield user


def _check_id(user_id: str) -> None:
    provider, bar, rest = user_id.partition("|")
    if not (provider and bar and rest):
        message = f"Path validation error: 'Object didn't pass validation for format user-id: {user_id}'"
        raise ApiError(400, message, "invalid_uri")
