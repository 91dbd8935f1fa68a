"""The logout endpoints `/oidc/logout` and `/v2/logout`.

https://auth0.com/docs/authenticate/login/logout/log-users-out-of-auth0
https://auth0.com/docs/api/authentication/logout/auth-0-logout
"""

from dataclasses import dataclass

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore.sandbox.auth0.browser import go, refuse, session_cookie
from webstore.sandbox.auth0.clients import Client
from webstore.sandbox.auth0.domains import issuers
from webstore.sandbox.auth0.keys import InvalidToken
from webstore.sandbox.auth0.tenant import Tenant


@dataclass(frozen=True)
class _Hints:
    """The application and the session that a logout request names."""

    client_id: str | None
    sid: str | None


class Logout:
    """The two logout endpoints of one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self.blueprint = Blueprint("logout", __name__)
        self.blueprint.add_url_rule("/oidc/logout", "oidc", self._oidc, methods=["GET", "POST"])
        self.blueprint.add_url_rule("/v2/logout", "plain", self._plain)

    def _oidc(self) -> ResponseReturnValue:
        hints = self._hints()
        client = self._client(hints.client_id)
        target = self._target(client, request.values.get("post_logout_redirect_uri"))
        if target is None and client is not None and "client_id" in request.values:
            target = next(iter(client.logout_urls), None)
        session = self._tenant.sessions.find(request.cookies.get(session_cookie()))
        if session is not None and hints.sid != session.sid:
            # Another site may have sent this request, so the user must confirm. The form names the session.
            fields = {name: request.values.get(name) for name in ("post_logout_redirect_uri", "state")}
            fields |= {"client_id": hints.client_id, "logout_hint": session.sid}
            return render_template("auth0/log_out.html", fields=fields)
        return self._end(target, request.values.get("state"))

    def _plain(self) -> ResponseReturnValue:
        client = self._client(request.args.get("client_id"))
        target = self._target(client, request.args.get("returnTo"))
        if target is None and client is not None:
            target = next(iter(client.logout_urls), None)
        return self._end(target, state=None)

    def _hints(self) -> _Hints:
        client_id, sid = request.values.get("client_id"), request.values.get("logout_hint")
        token = request.values.get("id_token_hint")
        if token is None:
            return _Hints(client_id, sid)
        try:
            claims = self._tenant.keys.verify(token)
        except InvalidToken:
            refuse("The id_token_hint is not an ID token of this tenant.")
        if claims.get("iss") not in issuers(self._tenant.config, self._tenant.settings):
            refuse("The id_token_hint is not an ID token of this tenant.")
        if client_id not in (None, claims.get("aud")) or sid not in (None, claims.get("sid")):
            refuse("The id_token_hint contradicts the client_id or the logout_hint.")
        return _Hints(claims.get("aud"), claims.get("sid"))

    def _client(self, client_id: str | None) -> Client | None:
        client = self._tenant.clients.find(client_id or "")
        if client_id is not None and client is None:
            refuse(f"Unknown client: {client_id}")
        return client

    def _end(self, target: str | None, state: str | None) -> Response:
        session = self._tenant.log_out(request.cookies.get(session_cookie()))
        if session is not None:
            user = self._tenant.users.get(session.user_id)
            self._tenant.logs.add("slo", "User successfully logged out", user=user)
        if target is None:
            answer: Response = make_response(render_template("auth0/logged_out.html"))
        else:
            answer = go(target, {"state": state})
        answer.delete_cookie(session_cookie(), httponly=True, samesite="Lax")
        return answer

    def _target(self, client: Client | None, url: str | None) -> str | None:
        """The URL to return to. Ends the request with an error page unless exactly this URL is registered.

        It is registered with the application, or with the tenant for a logout that names no application.
        """
        registered = self._tenant.tenant_settings.logout_urls if client is None else client.logout_urls
        if url is not None and url not in registered:
            refuse("The URL to return to after the logout is not in the list of allowed logout URLs.")
        return url
