"""A tenant of the sandbox, and `flask setup auth0` for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from click.testing import Result
from flask import Flask

from tests.support import NO_AUTHORITIES
from webstore.cli import register
from webstore.cli.terminal import keep_settings_problem
from webstore.errors import SettingsError
from webstore.sandbox.auth0 import Auth0, Auth0Config, create_auth0
from webstore.sandbox.server import Server

#: The kinds of objects, and where the Management API has their lists.
LISTS = {
    "clients": "clients",
    "client-grants": "client_grants",
    "resource-servers": "resource_servers",
    "actions/actions": "actions",
    "actions/triggers/post-login/bindings": "bindings",
}


@dataclass
class Tenant:
    """A running tenant, and a client that looks at it as an operator would."""

    auth0: Auth0
    server: Server
    http: httpx.Client
    env_file: Path

    @property
    def domain(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    def token(self, *scopes: str) -> str:
        """A token of the API Explorer, with these scopes, or with all."""
        sent = {"scopes": list(scopes)} if scopes else {}
        answer = self.http.post("/_sandbox/auth0/token", json=sent).raise_for_status()
        return str(answer.json()["access_token"])

    def settings(self, **variables: str | None) -> dict[str, str | None]:
        """The environment of the command: the least that it needs, and a right."""
        least = {
            "AUTH0_DOMAIN": self.domain,
            "BASE_URL": "https://shop.example.com",
            "AUTH0_SETUP_TOKEN": self.token(),
            "WEBSTORE_ENV_FILE": str(self.env_file),
        }
        return {**least, **variables}

    def setup(self, *arguments: str, **variables: str | None) -> Result:
        """Run the command in a store whose other settings are missing."""
        return setup(bare_store(), self.settings(**variables), *arguments)

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers of an operator's own calls."""
        return {"Authorization": f"Bearer {self.token()}"}

    def get(self, path: str, **query: str) -> Any:
        return self.http.get(f"/api/v2/{path}", params=query, headers=self.headers).raise_for_status().json()

    def everything(self) -> dict[str, dict[str, str]]:
        """All objects of each kind, as the Management API shows them: their documents by their IDs."""
        found: dict[str, dict[str, str]] = {}
        for path, key in LISTS.items():
            totals = {} if path.startswith("actions/") else {"include_totals": "true"}
            listed: list[dict[str, Any]] = []
            for page in range(9):
                answer = self.get(path, page=str(page), per_page="50", **totals)
                listed += answer[key]
                if len(listed) >= answer.get("total", 0):
                    break
            found[path] = {it.get("id") or it["client_id"]: json.dumps(it) for it in listed}
        return found

    def written(self) -> list[str]:
        """Method and path of every write so far."""
        return [
            f"{seen.method} {seen.path.removeprefix('/api/v2/')}"
            for seen in self.auth0.control.requests()
            if seen.path.startswith("/api/v2/") and seen.method != "GET"
        ]


@contextmanager
def running_tenant(folder: Path) -> Iterator[Tenant]:
    """A tenant without anything in it but what every new one has."""
    server = Server()
    auth0 = create_auth0(Auth0Config(domain=f"{server.host}:{server.port}"))
    server.app = auth0.app
    auth0.control.reset(empty=True)
    server.start()
    try:
        with httpx.Client(base_url=server.url, verify=NO_AUTHORITIES, trust_env=False) as http:
            yield Tenant(auth0, server, http, folder / ".env")
    finally:
        server.stop()


def bare_store() -> Flask:
    """The commands of a store whose settings are not complete."""
    app = Flask("webstore")
    register(app)
    with app.app_context():
        keep_settings_problem(SettingsError(["STRIPE_SECRET_KEY is missing."]))
    return app


def setup(app: Flask, environ: Mapping[str, str | None], *arguments: str) -> Result:
    """Run the command."""
    done = app.test_cli_runner(env=dict(environ)).invoke(args=["setup", "auth0", *arguments])
    assert "Traceback" not in done.output
    assert "\\" not in done.stdout  # neither an escaped line break nor a control character
    for name, value in environ.items():
        if "SECRET" in name or "TOKEN" in name:
            assert not value or value not in done.output, f"{name} was printed"
    return done


def plan(done: Result) -> dict[str, str]:
    """What a command with --json plans for each kind of object."""
    assert done.exit_code == 0, done.output
    return {it["kind"]: it["act"] for it in json.loads(done.stdout)["plan"]}
