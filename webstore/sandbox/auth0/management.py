"""The users part of the Management API, version 2.

https://auth0.com/docs/api/management/v2/users/get-users
"""

import time
from collections.abc import Iterator
from itertools import islice
from urllib.parse import unquote

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.auth0 import identities, search
from webstore.sandbox.auth0.api_errors import ApiError, bad_query, no_such_user, not_implemented
from webstore.sandbox.auth0.keys import Claims, InvalidToken
from webstore.sandbox.auth0.tenant import Tenant
from webstore.sandbox.auth0.user import Profile, User, profile_of
from webstore.sandbox.auth0.user_update import checked
from webstore.sandbox.auth0.users import UserExists

_CEILING = 1000
_PREFIX = "/api/v2/"
_TRUTH = {"true": True, "false": False}


class ManagementApi:
    """The Management API of one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self.blueprint = Blueprint("management", __name__, url_prefix=_PREFIX.rstrip("/"))
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.blueprint.add_url_rule("/", "all", self._answer, methods=methods, defaults={"path": ""})
        self.blueprint.add_url_rule("/<path:path>", "all", self._answer, methods=methods)

    def _answer(self, path: str) -> ResponseReturnValue:
        del path  # already decoded, so a slash in a user ID would look like a path separator
        allowance = self._tenant.rate_limit.take()
        try:
            response = self._dispatch() if allowance.granted else _too_many()
        except ApiError as error:
            response = error.response()
        response.headers.update(allowance.headers)
        return response

    def _dispatch(self) -> Response:
        claims = self._token()
        scopes = frozenset(str(claims["scope"]).split())
        path = request.environ["REQUEST_URI"].partition("?")[0].removeprefix(_PREFIX)
        match request.method, [unquote(segment) for segment in path.split("/")]:
            case "GET", ["users"]:
                _need(scopes, "read:users")
                return self._list()
            case "GET", ["users-by-email"]:
                _need(scopes, "read:users")
                return self._by_email()
            case "GET", ["users", user_id]:
                _need(scopes, "read:users")
                return jsonify(_shown(self._user(user_id)))
            case "PATCH", ["users", user_id]:
                _need(scopes, "update:users", "update:users_app_metadata")
                return self._update(user_id, scopes)
            case "DELETE", ["users", user_id]:
                _need(scopes, "delete:users")
                _check_id(user_id)
                self._tenant.delete_user(user_id)
                return Response(status=204)
            case "POST", ["users", user_id, "identities"]:
                _need(scopes, "update:users")
                _check_id(user_id)
                body = request.get_json(force=True, silent=True)
                answer = jsonify(identities.link(self._tenant, user_id, body, str(claims.get("azp"))))
                answer.status_code = 201
                return answer
            case "DELETE", ["users", user_id, "identities", provider, account_id]:
                _need(scopes, "update:users")
                _check_id(user_id)
                return jsonify(identities.unlink(self._tenant, user_id, provider, account_id))
            case _:
                raise not_implemented(f"{request.method} {_PREFIX}{path}")

    def _token(self) -> Claims:
        """The access token's claims. Raises ApiError for a missing, invalid or expired token."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token or scheme.lower() != "bearer":
            raise ApiError(401, "Missing authentication")
        try:
            claims = self._tenant.keys.verify(token)
        except InvalidToken as problem:
            raise ApiError(401, "Invalid token") from problem
        if claims.get("aud") != self._tenant.config.management_audience:
            raise ApiError(401, "Bad audience: the token is not one for this API")
        if claims["exp"] <= self._tenant.clock.now():
            raise ApiError(401, "Expired token received for JSON Web Token validation")
        return claims

    def _user(self, user_id: str) -> User:
        _check_id(user_id)
        user = self._tenant.users.get(user_id)
        if user is None:
            raise no_such_user()
        return user

    def _update(self, user_id: str, scopes: frozenset[str]) -> Response:
        _check_id(user_id)
        body = checked(request.get_json(force=True, silent=True))
        if "update:users" not in scopes and set(body) - {"app_metadata"}:
            reason = "Some fields cannot be updated with the permissions granted by the bearer token scopes."
            raise ApiError(403, reason, "insufficient_scope")
        try:
            user = self._tenant.update_user(user_id, body)
        except UserExists as problem:
            raise ApiError(400, "The specified new email already exists", "auth0_idp_error") from problem
        if user is None:
            raise no_such_user()
        return jsonify(profile_of(user))

    def _by_email(self) -> Response:
        """https://auth0.com/docs/api/management/v2/users-by-email/get-users-by-email ."""
        email = request.args.get("email")
        if email is None:
            raise bad_query("Missing required property: email")
        return jsonify([_shown(user) for user in self._tenant.users.with_email(email)])

    def _list(self) -> Response:
        page, per_page = _number("page", 0, None), _number("per_page", 50, 100)
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
        users, total = self._found(start, stop)
        shown = [_shown(user) for user in users]
        if not _flag("include_totals", default=False):
            return jsonify(shown)
        return jsonify(start=start, limit=per_page, length=len(shown), users=shown, total=total)

    def _found(self, start: int, stop: int) -> tuple[list[User], int]:
        """The search's hits from `start` to `stop`, and the number of all hits."""
        lag = self._tenant.settings.search_lag_s
        text, sort = request.args.get("q", ""), request.args.get("sort")
        if not text and sort is None:
            everybody = self._tenant.users.indexed(lag)
            return list(islice(everybody, start, stop)), self._tenant.users.count(lag)
        matching = list(self._matching(text, lag))
        if sort is not None:
            name, _, order = sort.partition(":")
            if order not in ("1", "-1"):
                raise bad_query(f"String does not match pattern field:order: {sort}' on property 'sort")
            matching.sort(key=lambda user: str(profile_of(user).get(name, "")), reverse=order == "-1")
        return matching[start:stop], len(matching)

    def _matching(self, text: str, lag: float) -> Iterator[User]:
        try:
            query = search.parse(text) if text else None
        except search.QueryError as problem:
            raise bad_query(f"{problem}' on property 'q") from problem
        except search.NotSupported as problem:
            raise not_implemented(str(problem)) from problem
        users = self._tenant.users
        started = time.monotonic()
        for number, user in enumerate(users.indexed(lag, query.ids(users) if query else None)):
            if number % 1000 == 0 and time.monotonic() - started > self._tenant.settings.search_timeout_s:
                raise ApiError(
                    503,
                    "The query exceeded the timeout. Please try refining your search criteria.",
                    "query_timeout",
                )
            if query is None or query.matches(user):
                yield user


def _too_many() -> Response:
    return ApiError(429, "Global limit has been reached", "too_many_requests").response()


def _need(scopes: frozenset[str], *wanted: str) -> None:
    if scopes.isdisjoint(wanted):
        raise ApiError(403, f"Insufficient scope, expected any of: {','.join(wanted)}", "insufficient_scope")


def _check_id(user_id: str) -> None:
    provider, bar, rest = user_id.partition("|")
    if not (provider and bar and rest):
        message = f"Path validation error: 'Object didn't pass validation for format user-id: {user_id}'"
        raise ApiError(400, message, "invalid_uri")


def _number(name: str, default: int, highest: int | None) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise bad_query(f"Expected type integer but found type string' on property '{name}")
    if highest is not None and int(text) > highest:
        raise bad_query(f"Value {text} is greater than maximum {highest}' on property '{name}")
    return int(text)


def _flag(name: str, *, default: bool) -> bool:
    text = request.args.get(name)
    if text is None:
        return default
    if text not in _TRUTH:
        raise bad_query(f"Expected type boolean but found type string' on property '{name}")
    return _TRUTH[text]


def _shown(user: User) -> Profile:
    """The profile with the fields that the parameters `fields` and `include_fields` select."""
    profile = profile_of(user)
    fields = request.args.get("fields")
    if not fields:
        return profile
    named = set(fields.split(","))
    include = _flag("include_fields", default=True)
    return {name: value for name, value in profile.items() if (name in named) is include}
