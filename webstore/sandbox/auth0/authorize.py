"""The endpoint `/authorize`: checks a request and answers with a code, an error or the login pages.

https://auth0.com/docs/api/authentication/authorization-code-flow-with-pkce/authorize-with-pkce
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore.sandbox.auth0.browser import browser_cookie, go, refuse, session_cookie, set_cookie
from webstore.sandbox.auth0.config import DATABASE, SOCIAL
from webstore.sandbox.auth0.domains import issuer_here
from webstore.sandbox.auth0.protocol import ProtocolRequest
from webstore.sandbox.auth0.sessions import Session
from webstore.sandbox.auth0.tenant import Tenant
from webstore.sandbox.auth0.tokens import Login


@dataclass(frozen=True)
class Problem:
    """An OAuth error that goes to the application's callback."""

    error: str
    description: str


class Authorization:
    """The authorization endpoint of one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self.blueprint = Blueprint("authorize", __name__)
        self.blueprint.get("/authorize")(self._begin)

    def finish(self, parameters: Mapping[str, str], session: Session) -> Response:
        """Redirect to the application with a code for the session's user, or with an error."""
        tenant = self._tenant
        now = tenant.clock.now()
        user = tenant.users.change(session.user_id, lambda user: user.logged_in(now, request.remote_addr))
        if user is None:
            return self.fail(parameters, Problem("access_denied", "the user does not exist any more"))
        if user.blocked:
            return self.fail(parameters, Problem("unauthorized", "user is blocked"))
        session.clients.add(parameters["client_id"])
        silent = parameters.get("prompt") == "none"
        kind, text = ("ssa", "Successful silent authentication") if silent else ("s", "Successful login")
        tenant.logs.add(kind, text, client_id=parameters["client_id"], user=user)
        asked = ProtocolRequest(tenant.config, parameters.items())
        audience = parameters.get("audience")
        login = Login(
            user_id=user.user_id,
            sid=session.sid,
            auth_time=session.auth_time,
            client_id=parameters["client_id"],
            scope=tenant.protocol.granted_scope(parameters.get("scope", ""), audience),
            audience=audience if tenant.apis.of_users(audience) is not None else None,
            org_id=self._organization(parameters.get("organization")),
        )
        grant = tenant.protocol.get_authorization_grant(asked)
        answer: Response = tenant.protocol.create_authorization_response(asked, grant_user=login, grant=grant)
        return go(answer.headers["Location"], self._issuer())

    def fail(self, parameters: Mapping[str, str], problem: Problem) -> Response:
        """Redirect to the application with an error, and log it as a failed login."""
        silent = parameters.get("prompt") == "none"
        self._tenant.logs.add(
            "fsa" if silent else "f",
            problem.description,
            client_id=parameters["client_id"],
            details={"error": problem.error},
        )
        answer = {
            "error": problem.error,
            "error_description": problem.description,
            "state": parameters.get("state"),
        }
        return go(parameters["redirect_uri"], {**answer, **self._issuer()})

    def _issuer(self) -> dict[str, str | None]:
        config, settings = self._tenant.config, self._tenant.settings
        return {"iss": issuer_here(config, settings) if settings.callback_iss else None}

    def _begin(self) -> ResponseReturnValue:
        parameters = request.args.to_dict()
        self._refuse_untrusted(parameters)
        problem = self._problem(parameters)
        if problem is not None:
            return self.fail(parameters, problem)
        session = self._usable_session(parameters)
        asked = ProtocolRequest(self._tenant.config, request.args.items(multi=True))
        try:
            self._tenant.protocol.get_consent_grant(asked, end_user=session)
        except OAuth2Error as error:
            if not error.redirect_uri:
                refuse(error.description)
            return self.fail(parameters, Problem(error.error, error.description or _TEXTS[error.error]))
        prompts = parameters.get("prompt", "").split()
        if session is not None and not {"login", "select_account"} & set(prompts):
            return self.finish(parameters, session)
        if prompts == ["none"]:
            return self.fail(parameters, Problem("login_required", _TEXTS["login_required"]))
        return self._show_pages(parameters)

    def _refuse_untrusted(self, parameters: Mapping[str, str]) -> None:
        """Show an error page for an unknown application or callback: it must not get a redirect."""
        if "client_id" not in parameters:
            refuse("Missing required parameter: client_id")
        client = self._tenant.clients.find(parameters["client_id"])
        if client is None:
            refuse(f"Unknown client: {parameters['client_id']}")
        if not client.check_redirect_uri(parameters.get("redirect_uri", "")):
            refuse("Callback URL mismatch. The redirect_uri is not in the list of allowed callback URLs.")
        if parameters.get("response_mode", "query") != "query":
            refuse("The sandbox implements response_mode=query only.", status=501)

    def _problem(self, parameters: Mapping[str, str]) -> Problem | None:
        """The error that Auth0's own checks find before Authlib checks the protocol, or None."""
        settings = self._tenant.settings
        audience, organization = parameters.get("audience"), parameters.get("organization")
        if "response_type" not in parameters:
            return Problem("invalid_request", "Missing required parameter: response_type")
        if parameters["response_type"] != "code":
            return Problem("unsupported_response_type", "The sandbox implements response_type=code only")
        if audience is not None and not self._has_service(audience):
            return Problem("access_denied", f"Service not found: {audience}")
        if parameters.get("connection", DATABASE) not in (DATABASE, SOCIAL):
            return Problem("invalid_request", "the connection was not found")
        client = self._tenant.clients.find(parameters["client_id"])
        required = client is not None and client.record.get("organization_usage") == "require"
        if organization is None and (required or settings.require_organization):
            return Problem("invalid_request", "parameter organization is required for this client")
        if organization is not None and self._organization(organization) is None:
            return Problem("invalid_request", "authorization request parameter organization must exist")
        if "invitation" in parameters and organization is None:
            return Problem("invalid_request", "an invitation needs the parameter organization")
        if not parameters.get("max_age", "0").isdecimal():
            return Problem("invalid_request", "max_age must be a number of seconds")
        return None

    def _has_service(self, audience: str) -> bool:
        return (
            audience == self._tenant.config.userinfo_audience
            or self._tenant.apis.of_users(audience) is not None
        )

    def _organization(self, asked: str | None) -> str | None:
        """The ID of the organization with this ID or name, or None. Names are compared in lower case."""
        settings = self._tenant.settings
        if asked in settings.organizations:
            return asked
        names = settings.organization_names.items()
        return next((it for it, name in names if asked is not None and name == asked.lower()), None)

    def _usable_session(self, parameters: Mapping[str, str]) -> Session | None:
        """The browser's session, or None when it is older than `max_age`, of another connection, or ended."""
        session = self._tenant.sessions.find(request.cookies.get(session_cookie()))
        user = self._tenant.users.get(session.user_id) if session is not None else None
        if session is None or user is None or user.blocked:
            return None
        age = self._tenant.clock.now() - session.auth_time
        if "max_age" in parameters and age > int(parameters["max_age"]):
            return None
        return session if parameters.get("connection", session.connection) == session.connection else None

    def _show_pages(self, parameters: Mapping[str, str]) -> Response:
        browser = request.cookies.get(browser_cookie()) or secrets.token_urlsafe(24)
        state = self._tenant.transactions.start(parameters, browser)
        page = url_for("login.log_in")
        if parameters.get("connection") == SOCIAL or self._tenant.settings.only_social:
            page = f"{self._tenant.config.social_origin}{url_for('login.social')}"
        elif parameters.get("screen_hint") == "signup":
            page = url_for("login.sign_up")
        answer = go(page, {"state": state})
        set_cookie(answer, browser_cookie(), browser)
        return answer


_TEXTS = {
    "login_required": "Login required",
    "consent_required": "Consent required",
    "account_selection_required": "Account selection required",
}
