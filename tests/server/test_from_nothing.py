"""From an empty tenant and an empty account to a linked shopper, by the commands of the README alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from dotenv import dotenv_values

from tests.ports import free_port
from tests.server.under_gunicorn import AMPLE_S, STORE_COMMAND, Store, answers, start
from tests.support import link_status, shown_customer, until
from webstore.dotenv_file import VARIABLE
from webstore.sandbox.stripe import TEST_KEY
from webstore.sandbox.vendors import Sandbox

TOP = Path(__file__).parents[2]
CATALOGUE = "docs/examples/catalogue.yaml"
SHOPPER = "ada@example.com"


class NewStore:
    """A store of which only the address is settled, a new tenant, and a new Stripe account."""

    def __init__(self, sandbox: Sandbox, folder: Path, url: str) -> None:
        self.sandbox, self.folder, self.file = sandbox, folder, folder / "settings.env"
        #: What an operator has in the shell. The last three say where the vendors and the file are.
        self.shell = {
            "PATH": os.environ["PATH"],
            "BASE_URL": url,
            "AUTH0_DOMAIN": f"127.0.0.1:{sandbox.auth0_server.port}",
            "STRIPE_SECRET_KEY": TEST_KEY,
            "AUTH0_ISSUER": f"{sandbox.auth0_server.url}/",
            "STRIPE_API_BASE": sandbox.stripe_server.url,
            VARIABLE: str(self.file),
        }

    def flask(self, *command: str, **more: str) -> str:
        """Run one of the store's commands, which has to end well. Returns what it printed."""
        done = subprocess.run(  # noqa: S603  # made of constants
            [sys.executable, "-m", "flask", "--app", "wsgi", *command],
            cwd=TOP,
            env={**self.shell, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=AMPLE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def writes(self) -> list[str]:
        """The calls to the vendors' APIs since the last time, without reads and token requests."""
        found = []
        for vendor in (self.sandbox.auth0, self.sandbox.stripe):
            asked = [(it.method, it.path) for it in vendor.control.requests()]
            found += [
                f"{method} {path}" for method, path in asked if method != "GET" and "/oauth/" not in path
            ]
            vendor.control.clear_requests()
        return found

    def set_up(self) -> str:
        """The commands of the README, up to the doctor. Returns what they printed."""
        token = httpx.post(f"{self.sandbox.auth0_server.url}/_sandbox/auth0/token", json={}, trust_env=False)
        printed = self.flask("setup", "env", "--from-environment")
        printed += self.flask(
            "setup", "auth0", "--apply", AUTH0_SETUP_TOKEN=token.raise_for_status().json()["access_token"]
        )
        return printed + self.flask("setup", "stripe", "--apply", "--catalogue", CATALOGUE)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewStore]:
    folder, url = tmp_path_factory.mktemp("new"), f"http://127.0.0.1:{free_port()}"
    with Sandbox(url) as sandbox:
        sandbox.auth0.control.reset(empty=True)
        yield NewStore(sandbox, folder, url)


@pytest.fixture(scope="module")
def set_up(new: NewStore) -> NewStore:
    """After the commands."""
    new.set_up()
    return new


@pytest.fixture(scope="module")
def store(set_up: NewStore) -> Iterator[Store]:
    """The store, started with the file that the commands wrote."""
    folder = set_up.folder
    bind = set_up.shell["BASE_URL"].removeprefix("http://")
    process = start({**set_up.shell, "BIND": bind}, folder / "tmp", folder / "output", STORE_COMMAND)
    found = Store(set_up.sandbox, set_up.shell, process, folder / "tmp", folder / "output")
    until(lambda: process.poll() is not None or answers(found.url), AMPLE_S)
    assert process.poll() is None, found.said()
    yield found
    found.stop()


def test_the_commands_write_a_private_file_with_every_value_that_the_vendors_gave(set_up: NewStore) -> None:
    written = dotenv_values(set_up.file)
    assert {name for name, value in written.items() if value} >= {
        "APP_SECRET_KEY",
        "AUTH0_CLIENT_ID",
        "AUTH0_CLIENT_SECRET",
        "STRIPE_PORTAL_CONFIGURATION",
        "STRIPE_WEBHOOK_SECRET",
    }
    assert set_up.file.stat().st_mode & 0o777 == 0o600


def test_the_same_commands_again_change_nothing(set_up: NewStore) -> None:
    before = set_up.file.read_text()
    set_up.writes()
    printed = set_up.set_up()
    assert set_up.writes() == []
    assert set_up.file.read_text() == before
    assert not any(secret in printed for secret in secrets_in(set_up.file))


def test_a_shopper_signs_up_and_is_linked(set_up: NewStore, store: Store) -> None:
    with store.browser() as browser:
        account = browser.sign_up(SHOPPER)
    assert link_status(account) == "linked"
    shown = json.loads(set_up.flask("customers", "show", SHOPPER, "--json"))
    assert json.dumps(shown_customer(account)) in json.dumps(shown)


def test_a_returning_login_makes_no_management_call(set_up: NewStore, store: Store) -> None:
    with store.browser() as browser:
        browser.sign_up("grace@example.com")
    set_up.writes()
    with store.browser() as browser:
        assert link_status(browser.log_in("grace@example.com", "/")) == "linked"
    asked = [it.path for it in store.sandbox.auth0.control.requests()]
    assert "/oauth/token" in asked
    assert [path for path in asked if path.startswith("/api/v2/")] == []


@pytest.mark.usefixtures("store")
def test_the_doctor_finds_no_fault_in_the_running_store(set_up: NewStore) -> None:
    checks = json.loads(set_up.flask("doctor", "--json"))["checks"]
    assert {it["id"]: it["summary"] for it in checks if it["status"] in ("failure", "warning")} == {}
    assert sum(it["status"] == "ok" for it in checks) >= 20


def secrets_in(file: Path) -> list[str]:
    return [value for name, value in dotenv_values(file).items() if value and "SECRET" in name]
