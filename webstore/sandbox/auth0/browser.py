"""Helpers for the tenant's pages in a browser: cookies, error pages and redirects to the application."""

from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import abort, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

SESSION_COOKIE_S = 3 * 86400

# No form-action: browsers would apply it to the redirect after a form too, which goes to the application.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
)


def refuse(message: str, *, status: int = 400) -> NoReturn:
    """End the request with the tenant's error page.

    https://auth0.com/docs/authenticate/login/auth0-universal-login/error-pages
    """
    abort(make_response(render_template("auth0/error.html", message=message), status))


def go(url: str, parameters: Mapping[str, str | None]) -> Response:
    """A redirect to `url` with these parameters added to its query. Parameters that are None are omitted."""
    given = {name: value for name, value in parameters.items() if value is not None}
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(given)) if part)
    return redirect(urlunsplit(parts._replace(query=query)))


def session_cookie() -> str:
    """The name of the session cookie. It carries the port, because all tenants on a host share cookies."""
    return f"auth0_sandbox_{urlsplit(request.host_url).port}"


def browser_cookie() -> str:
    """The name of the cookie that recognises the browser on the login pages."""
    return f"{session_cookie()}_browser"


def set_cookie(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set a cookie of the tenant."""
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="Lax")
