"""The sandbox's Auth0: a local server that imitates one Auth0 tenant.

    auth0 = create_auth0(Auth0Config(domain="127.0.0.1:8001"))
    Server(auth0.app, port=8001).start()

In addition to the controls that both vendors have, `POST /_sandbox/auth0/rotate` and
`POST /_sandbox/auth0/revoke` change the signing keys, and `GET /_sandbox/auth0/backchannel` lists the
deliveries of logout tokens.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore.sandbox.auth0.authorize import Authorization
from webstore.sandbox.auth0.browser import CONTENT_SECURITY_POLICY
from webstore.sandbox.auth0.config import Auth0Config, Settings
from webstore.sandbox.auth0.dashboard import Dashboard
from webstore.sandbox.auth0.logout import Logout
from webstore.sandbox.auth0.management import ManagementApi
from webstore.sandbox.auth0.oidc import endpoints
from webstore.sandbox.auth0.tenant import Tenant
from webstore.sandbox.auth0.universal_login import UniversalLogin
from webstore.sandbox.clock import Clock
from webstore.sandbox.control import Control

__all__ = ["Auth0", "Auth0Config", "Settings", "create_auth0"]

_SANDBOX = Path(__file__).parent.parent
_PAGES = r"/|/dashboard(/.*)?|/static/.*|/favicon\.ico"


@dataclass(frozen=True)
class Auth0:
    """One tenant: its Flask application, its controls and its state."""

    app: Flask
    control: Control
    state: Tenant


def create_auth0(config: Auth0Config | None = None, clock: Clock | None = None) -> Auth0:
    """Create a tenant with two demo users, `ada@example.com` and `grace@example.com` (`Password1!`)."""
    clock = clock or Clock()
    tenant = Tenant(config or Auth0Config(), clock)
    app = Flask(__name__, template_folder=str(_SANDBOX / "templates"), static_folder=str(_SANDBOX / "static"))
    authorization = Authorization(tenant)
    for blueprint in (
        endpoints(tenant),
        authorization.blueprint,
        UniversalLogin(tenant, authorization).blueprint,
        Logout(tenant).blueprint,
        ManagementApi(tenant).blueprint,
        Dashboard(tenant).blueprint,
        _controls(tenant),
    ):
        app.register_blueprint(blueprint)
    app.after_request(_protect)
    app.add_url_rule("/", "root", lambda: app.redirect("/dashboard/users"))
    control = Control(clock)
    control.install(app, reset=tenant.reset, seed=tenant.seed, settings=tenant.settings, pages=_PAGES)
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

    @blueprint.get("/backchannel")
    def backchannel() -> ResponseReturnValue:
        return {"deliveries": tenant.backchannel.deliveries()}

    return blueprint
