"""The sandbox's Auth0: a local server that imitates one Auth0 tenant.

    auth0 = create_auth0(Auth0Config(domain="127.0.0.1:8001"))
    Server(auth0.app, port=8001).start()

`GET /_sandbox/` lists the controls: those that both vendors have, and the tenant's own.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore.sandbox import pages
from webstore.sandbox.auth0.authorize import Authorization
from webstore.sandbox.auth0.browser import CONTENT_SECURITY_POLICY
from webstore.sandbox.auth0.config import Auth0Config, Settings
from webstore.sandbox.auth0.dashboard import Dashboard
from webstore.sandbox.auth0.downloads import downloads
from webstore.sandbox.auth0.logout import Logout
from webstore.sandbox.auth0.management import ManagementApi
from webstore.sandbox.auth0.oidc import endpoints
from webstore.sandbox.auth0.scopes import MANAGEMENT_SCOPES
from webstore.sandbox.auth0.tenant import Tenant
from webstore.sandbox.auth0.universal_login import UniversalLogin
from webstore.sandbox.clock import Clock
from webstore.sandbox.control import Control
from webstore.sandbox.control_http import json_object

__all__ = ["Auth0", "Auth0Config", "Settings", "create_auth0"]

_SANDBOX = Path(__file__).parent.parent
_INDEX = {
    "POST /_sandbox/reset": (
        'restore the initial state, clock and settings; remove faults and requests; with {"empty": true} the '
        "tenant is a new one: no user, no API, no grant, no Action, and only the Default App"
    ),
    "POST /_sandbox/seed": (
        'replace the seeded users, {"users": n, "linked": m, "stripe_account": "acct_... test"}; or add what '
        'others have in the tenant, {"clients": n, "actions": n, "grants": n}: the Actions are bound; or '
        'replace all users by a population, {"population": {"size": n, "faults": k, ...}}, best with '
        "python -m webstore.sandbox.seed"
    ),
    "POST /_sandbox/auth0/token": (
        "a Management API token as the API Explorer of the dashboard gives it, with all scopes or with "
        '{"scopes": [...]}'
    ),
    "POST /_sandbox/auth0/rotate": "sign with the next key; the previous one stays published",
    "POST /_sandbox/auth0/revoke": "publish the previous key no longer",
    "GET /_sandbox/auth0/backchannel": "the deliveries of logout tokens",
}
_PAGES = r"/|/dashboard(/.*)?|/static/.*|/favicon\.ico"


@dataclass(frozen=True)
class Auth0:
    """One tenant: its Flask application, its controls and its state."""

    app: Flask
    control: Control
    state: Tenant

    def start(self) -> None:
        """Resume sending logout tokens after `stop`."""
        self.state.backchannel.start()

    def stop(self) -> None:
        """Stop sending logout tokens, and wait for those under way."""
        self.state.backchannel.stop()


def create_auth0(config: Auth0Config | None = None, clock: Clock | None = None) -> Auth0:
    """Create a tenant with two demo users, `ada@example.com` and `grace@example.com` (`Password1!`)."""
    clock = clock or Clock()
    tenant = Tenant(config or Auth0Config(), clock)
    app = Flask(__name__, template_folder=str(_SANDBOX / "templates"), static_folder=str(_SANDBOX / "static"))
    pages.install(app, "auth0/page.html")
    authorization = Authorization(tenant)
    for blueprint in (
        endpoints(tenant),
        authorization.blueprint,
        UniversalLogin(tenant, authorization).blueprint,
        Logout(tenant).blueprint,
        ManagementApi(tenant).blueprint,
        Dashboard(tenant).blueprint,
        downloads(tenant),
        _controls(tenant),
    ):
        app.register_blueprint(blueprint)
    app.after_request(_protect)
    app.add_url_rule("/", "root", lambda: app.redirect("/dashboard/users"))
    control = Control(clock)
    control.install(
        app,
        reset=tenant.reset,
        seed=tenant.seed,
        settings=tenant.settings,
        pages=_PAGES,
        empty=tenant.empty,
        index=_INDEX,
    )
    return Auth0(app, control, tenant)


def _protect(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Auth0-RequestId"] = secrets.token_hex(10)
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["Referrer-Policy"] = "same-origin"
    return response


def _controls(tenant: Tenant) -> Blueprint:
    blueprint = Blueprint("auth0_control", __name__, url_prefix="/_sandbox/auth0")

    @blueprint.post("/rotate")
    def rotate() -> ResponseReturnValue:
        tenant.keys.rotate()
        return "", 204

    @blueprint.post("/revoke")
    def revoke() -> ResponseReturnValue:
        tenant.keys.revoke()
        return "", 204

    @blueprint.post("/token")
    def token() -> ResponseReturnValue:
        try:
            scopes = json_object().get("scopes", list(MANAGEMENT_SCOPES))
        except ValueError as problem:
            return {"error": str(problem)}, 400
        if not isinstance(scopes, list) or not set(scopes) <= set(MANAGEMENT_SCOPES):
            return {"error": "scopes must be an array of scopes of the Management API"}, 400
        return tenant.explorer_token(scopes)

    @blueprint.get("/backchannel")
    def backchannel() -> ResponseReturnValue:
        return {"deliveries": tenant.backchannel.deliveries()}

    return blueprint
