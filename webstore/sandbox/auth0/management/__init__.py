"""The Management API, version 2: https://auth0.com/docs/api/management/v2 .

`routes.py` lists what the sandbox implements. Everything else is answered with 501.
"""

from urllib.parse import unquote

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.auth0.api_errors import ApiError, bad_query, not_implemented
from webstore.sandbox.auth0.keys import Claims, InvalidToken
from webstore.sandbox.auth0.management.call import Call, Route
from webstore.sandbox.auth0.management.routes import ROUTES
from webstore.sandbox.auth0.tenant import Tenant

_PREFIX = "/api/v2/"


class ManagementApi:
    """The Management API of one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self.blueprint = Blueprint("management", __name__, url_prefix=_PREFIX.rstrip("/"))
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.blueprint.add_url_rule("/", "all", self._answer, methods=methods, defaults={"path": ""})
        self.blueprint.add_url_rule("/<path:path>", "all", self._answer, methods=methods)

    def _answer(self, path: str) -> ResponseReturnValue:
        del path  # already decoded, so a slash in an ID would look like a path separator
        allowance = self._tenant.rate_limit.take()
        try:
            response = self._dispatch() if allowance.granted else _too_many()
        except ApiError as error:
            response = error.response()
        response.headers.update(allowance.headers)
        return response

    def _dispatch(self) -> Response:
        claims = self._token()
        path = request.environ["REQUEST_URI"].partition("?")[0].removeprefix(_PREFIX)
        parts = tuple(unquote(part) for part in path.split("/"))
        for route in ROUTES:
            ids = route.match(request.method, parts)
            if ids is not None:
                return self._serve(route, ids, claims)
        raise not_implemented(f"{request.method} {_PREFIX}{path}")

    def _serve(self, route: Route, ids: tuple[str, ...], claims: Claims) -> Response:
        scopes = frozenset(str(claims["scope"]).split())
        if scopes.isdisjoint(route.scopes):
            expected = ",".join(route.scopes)
            raise ApiError(403, f"Insufficient scope, expected any of: {expected}", "insufficient_scope")
        for name in route.lacking:
            if name in request.args:
                raise not_implemented(f"the parameter {name} here")
        unknown = [] if route.query is None else [name for name in request.args if name not in route.query]
        if unknown:
            raise bad_query(f"Additional properties not allowed: {','.join(unknown)}")
        response = route.handler(Call(self._tenant, claims, scopes), *ids)
        if request.method != "GET":
            asked = {"method": request.method.lower(), "path": request.path}
            self._tenant.logs.add(
                "sapi", "API Operation", client_id=claims.get("azp"), details={"request": asked}
            )
        return response

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


def _too_many() -> Response:
    return ApiError(429, "Global limit has been reached", "too_many_requests").response()
