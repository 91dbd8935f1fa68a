"""The smallest login with Authlib's Flask client, against which the store's is measured: a WSGI `app`.

It does what the first page of Authlib's documentation does: authorization code flow with PKCE, and the user's
ID in Flask's session. It has none of the store's own checks, sessions, limits or headers, and links nobody.
Source: https://docs.authlib.org/en/latest/client/flask.html
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session
from werkzeug.wrappers import Response


def minimal_app(environment: Mapping[str, str]) -> Flask:
    """The application with the settings of a store: the same names, the same provider and client."""
    base_url = environment["BASE_URL"]
    issuer = environment.get("AUTH0_ISSUER") or f"https://{environment['AUTH0_DOMAIN']}/"
    app = Flask(__name__)
    # Cookies ignore ports, so the name is not Flask's usual one.
    app.config.update(SECRET_KEY=environment["APP_SECRET_KEY"], SESSION_COOKIE_NAME="minimal")
    auth0 = OAuth(app).register(
        "auth0",
        client_id=environment["AUTH0_CLIENT_ID"],
        client_secret=environment["AUTH0_CLIENT_SECRET"],
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
    )

    @app.get("/")
    def hello() -> str:
        return "Hello"

    @app.get("/login")
    def login() -> Response:
        answer: Response = auth0.authorize_redirect(f"{base_url}/callback")
        return answer

    @app.get("/callback")
    def callback() -> Response:
        session["user"] = auth0.authorize_access_token()["userinfo"]["sub"]
        return redirect("/")

    return app


app = minimal_app(os.environ)
