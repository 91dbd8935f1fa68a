"""A printed Action under Node, with Stripe's real SDK and a stand-in for Auth0's `event` and `api`."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import Shop
from webstore.sandbox.auth0.user import profile_of
from webstore.sandbox.auth0.user_update import updated

_HERE = Path(__file__).parent
_SDK = _HERE / "node_modules" / "stripe"


@dataclass(frozen=True)
class Asked:
    """What the Action asked Auth0 for in one login."""

    #: `api.user.setAppMetadata`; Auth0 writes it at the end of the flow.
    metadata: dict[str, Any]
    id_token: dict[str, Any]
    access_token: dict[str, Any]
    denied: bool
    threw: str | None
    log: list[str]

    @property
    def nothing(self) -> bool:
        """Whether the login goes on without any effect of the Action."""
        return not (self.metadata or self.id_token or self.access_token or self.denied or self.threw)


class ActionError(Exception):
    """A function of the Action threw."""


@dataclass
class Runner:
    """A Node process that runs one printed Action."""

    process: subprocess.Popen[str]
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _waiting: dict[int, Future[Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def log_in(self, event: Mapping[str, Any], **how: Any) -> Asked:
        """Run the Action for one login. `how`: `refused` methods of `api`, `withoutStripe`."""
        return self.begin(event, **how).result(60)

    def begin(self, event: Mapping[str, Any], **how: Any) -> Future[Asked]:
        """Start a login, beside others that are under way."""
        asked: Future[Asked] = Future()

        def convert(done: Future[Any]) -> None:
            found = done.result()
            asked.set_result(
                Asked(
                    found["metadata"],
                    found["idToken"],
                    found["accessToken"],
                    found["denied"],
                    found["threw"],
                    found["log"],
                )
            )

        self._send({"login": {"event": event, **how}}).add_done_callback(convert)
        return asked

    def call(self, name: str, *args: Any) -> Any:
        """Call a function of the Action. Raises `ActionError` if it throws."""
        found = self._send({"call": {"name": name, "args": args}}).result(60)
        if "error" in found:
            raise ActionError(found["error"])
        return found.get("value")

    def _send(self, line: Mapping[str, Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        assert self.process.stdin is not None
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = answer
            self.process.stdin.write(json.dumps({"number": number, **line}) + "\n")
            self.process.stdin.flush()
        return answer

    def read(self) -> None:
        """Hand out the answers, until the process ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = json.loads(line)
            self._waiting.pop(found["number"]).set_result(found["result"])
        for answer in self._waiting.values():
            answer.set_exception(RuntimeError("Node ended"))


def required_node() -> str:
    """Node's path. Without Node or Stripe's SDK for it the test is skipped, and fails if CI is set."""
    node = shutil.which("node")
    missing = "node is not installed" if node is None else None if _SDK.exists() else "run `make test` first"
    if missing is not None or node is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)(missing or "")
    return node


@contextmanager
def under_node(printed: str, folder: Path, stripe_url: str) -> Iterator[Runner]:
    """Run a printed Action for as long as the block lasts, against the API at this address."""
    file = folder / "action.cjs"
    file.write_text(printed, encoding="utf-8")
    process = subprocess.Popen(  # noqa: S603 (from the PATH)
        [required_node(), str(_HERE / "runner.cjs"), str(file), stripe_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    runner = Runner(process)
    reader = threading.Thread(target=runner.read)
    reader.start()
    try:
        yield runner
    finally:
        process.stdin.close()
        process.wait(20)
        reader.join(20)
        process.stdout.close()


def living(shop: Shop) -> dict[str, list[str]]:
    """The living customers at Stripe by the user whom they name."""
    found: dict[str, list[str]] = {}
    page: dict[str, Any] = {"has_more": True, "data": []}
    while page["has_more"]:
        after = {"starting_after": page["data"][-1]["id"]} if page["data"] else {}
        page = shop.stripe("GET", "/customers", limit="100", **after)
        for customer in page["data"]:
            found.setdefault(customer["metadata"].get("auth0_user_id", ""), []).append(customer["id"])
    return found


def printed_action(shop: Shop, *arguments: str) -> str:
    """What `flask setup action` prints for this store."""
    done = shop.app.test_cli_runner().invoke(args=["setup", "action", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


@dataclass(frozen=True)
class Tenant:
    """The sandbox's Auth0 with an Action in its login flow."""

    shop: Shop
    action: Runner
    secret_key: str

    def event(self, user_id: str, /, **changes: Any) -> dict[str, Any]:
        """The event of a login of this user; `changes`: fields of `event.user`."""
        user = self.shop.sandbox.auth0.state.users.get(user_id)
        assert user is not None
        return {"user": {**profile_of(user), **changes}, "secrets": {"STRIPE_SECRET_KEY": self.secret_key}}

    def log_in(self, user_id: str, **how: Any) -> Asked:
        """A login at any application of the tenant."""
        asked = self.action.log_in(self.event(user_id), **how)
        self.finish(user_id, asked)
        return asked

    def finish(self, user_id: str, asked: Asked) -> None:
        """The end of a login flow: Auth0 writes what the Action asked for in one update."""
        if asked.metadata:
            control = self.shop.sandbox.auth0.control
            body = {"app_metadata": asked.metadata}
            self.shop.sandbox.auth0.state.users.change(
                user_id, lambda user: updated(user, body, control.clock.now())
            )


@contextmanager
def running_tenant(shop: Shop, folder: Path) -> Iterator[Tenant]:
    """The store's own Action in the login flow, with the store's key."""
    url = shop.environment["STRIPE_API_BASE"]
    with under_node(printed_action(shop), folder, url) as action:
        yield Tenant(shop, action, shop.environment["STRIPE_SECRET_KEY"])
