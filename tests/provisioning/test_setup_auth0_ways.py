"""`flask setup auth0` through the `auth0` command, and what a set-up changes for a running store."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provisioning.tenant import Tenant, plan, running_tenant, setup
from tests.support import Shop, shown_customer

#: Like the real one as far as the store uses it. Its login is the token in the file beside it.
COMMAND = f"""#!{sys.executable} -IS
import http.client, pathlib, sys
word, method, path, *flags = sys.argv[1:]
assert word == "api" and flags[2:] == ["--no-input", "--no-color"], sys.argv
tenant = flags[flags.index("--tenant") + 1]
token = pathlib.Path(__file__).with_name("token").read_text()
body = None if method == "get" else sys.stdin.read() or None
connection = http.client.HTTPConnection(tenant)
headers = {{"Authorization": f"Bearer {{token}}", "Content-Type": "application/json"}}
connection.request(method.upper(), f"/api/v2/{{path}}", body, headers)
answer = connection.getresponse()
text = answer.read().decode()
if answer.status >= 400:
    sys.exit(f"API request failed: {{text}}")
print(text)
"""


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    with running_tenant(tmp_path) as running:
        yield running


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """An `auth0` command that is logged in, in a folder for PATH."""
    path = tmp_path / "bin" / "auth0"
    path.parent.mkdir()
    path.write_text(COMMAND)
    path.chmod(stat.S_IRWXU)
    return path


def test_the_auth0_command_is_used_where_it_is_installed(tenant: Tenant, command: Path) -> None:
    token = command.with_name("token")
    token.write_text(tenant.token())
    environ = {"AUTH0_SETUP_TOKEN": None, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    done = tenant.setup("--apply", "--no-action", "--json", **environ)
    assert plan(done)["application"] == "create"
    assert json.loads(done.stdout)["through"] == "the auth0 command"
    written = len(tenant.written())
    token.write_text(tenant.token("read:clients"))
    refused = tenant.setup("--no-action", "--via", "cli", **environ)
    assert refused.exit_code == 1
    assert "auth0 login --scopes read:client_grants" in refused.stderr
    assert len(tenant.written()) == written


def set_up(shop: Shop, *arguments: str, **variables: str) -> str:
    """Set up the tenant of a running store, by the operator's own token."""
    answer = shop.http.post(f"{shop.environment['AUTH0_ISSUER']}_sandbox/auth0/token", json={})
    token = answer.raise_for_status().json()["access_token"]
    environ = {**shop.environment, "AUTH0_SETUP_TOKEN": token, **variables}
    done = setup(shop.app, environ, *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_after_it_a_returning_login_makes_no_management_call(shop: Shop) -> None:
    shown = set_up(shop, "--apply")
    assert "leave   application: " in shown
    browser = shop.browser()
    first = shown_customer(browser.log_in(path="/"))
    browser.log_out()
    shop.forget_requests()
    assert shown_customer(browser.log_in(path="/")) == first
    assert first is not None
    assert shop.management_requests() == []
    assert shop.stripe_requests() == []


def test_the_linking_action_gets_a_key_of_its_own_once(shop: Shop) -> None:
    key = {"AUTH0_ACTION_STRIPE_KEY": "rk_test_for_the_action_alone"}
    assert "+ secret: STRIPE_SECRET_KEY" in set_up(shop, "--linking", "--apply", **key)
    (action,) = shop.sandbox.auth0.state.actions.all()
    assert [(it.name, it.value) for it in action.draft.secrets] == [
        ("STRIPE_SECRET_KEY", "rk_test_for_the_action_alone")
    ]
    assert [it["name"] for it in action.draft.dependencies] == ["stripe"]
    assert "Nothing was changed." in set_up(shop, "--linking", "--apply")
    changed = set_up(shop, "--linking", "--renew-secrets", "--apply")
    assert "+ secret: STRIPE_SECRET_KEY" in changed
    (action,) = shop.sandbox.auth0.state.actions.all()
    assert action.draft.secrets[0].value == shop.environment["STRIPE_SECRET_KEY"]
    # It stays what it is until somebody says otherwise.
    assert "Nothing was changed." in set_up(shop, "--apply")
    assert "- package: stripe" in set_up(shop, "--apply", "--claims-only")
    assert len(shop.sandbox.auth0.state.actions.all()) == 1
