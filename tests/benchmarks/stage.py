"""The store as it runs in production, under gunicorn, beside the sandbox in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

from tests.ports import free_port, free_ports
from tests.support import NO_AUTHORITIES, Browser, until

from .load import Sample

TOP = Path(__file__).parents[2]
WORKERS = 2
#: Seconds; the store's default, given so that the promise that is checked is the one that was made.
BUDGET_S = 3.0
#: Seconds for the load's processes to start, before their first request is due.
_HEAD_START_S = 0.7
#: Of the shell only this is passed on: a setting of a real store must not shine through.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "WEBSTORE_ENV_FILE")

Vendor = Literal["auth0", "stripe"]
#: On the store's PYTHONPATH: it can make the look-up of Stripe's name hang.
_HANGING_NAMES = Path(__file__).parent / "hanging_names"


@dataclass
class Stage:
    """The running store and its two vendors."""

    store: str
    vendors: dict[Vendor, str]
    http: httpx.Client
    #: While this file exists, the store's look-up of Stripe's name hangs.
    names_hang: Path
    _loads: int = 0

    def disturb(self, vendor: Vendor, action: str, path: str, **more: object) -> None:
        """Disturb all such requests to the vendor, until `calm`: see `webstore.sandbox.faults.Fault`."""
        fault = {"action": action, "path": path, "times": None, **more}
        self.http.post(f"{self.vendors[vendor]}/_sandbox/faults", json=fault).raise_for_status()

    def hang_names(self) -> None:
        """Make the look-up of Stripe's name hang, until `calm`; connections that are open now are reset."""
        self.names_hang.touch()
        self.disturb("stripe", "reset", ".*")

    def calm(self) -> None:
        """Both vendors answer as they should, and names are looked up at once."""
        self.names_hang.unlink(missing_ok=True)
        for url in self.vendors.values():
            self.http.delete(f"{url}/_sandbox/faults").raise_for_status()

    def change_settings(self, vendor: Vendor, **settings: object) -> None:
        """Turn switches of the vendor."""
        self.http.patch(f"{self.vendors[vendor]}/_sandbox/settings", json=settings).raise_for_status()

    def requests(self, vendor: Vendor) -> list[dict[str, Any]]:
        """What the vendor was asked since `forget_requests`."""
        listed = self.http.get(f"{self.vendors[vendor]}/_sandbox/requests").raise_for_status().json()
        found: list[dict[str, Any]] = listed["requests"]
        return found

    def forget_requests(self) -> None:
        """Empty both request logs."""
        for url in self.vendors.values():
            self.http.delete(f"{url}/_sandbox/requests").raise_for_status()

    def links_recorded(self) -> int:
        """How many links were recorded in the Management API since `forget_requests`."""
        asked = self.requests("auth0")
        return sum(1 for seen in asked if seen["method"] == "PATCH" and seen["status"] == 200)

    @contextmanager
    def browser(self) -> Iterator[Browser]:
        """A browser without cookies."""
        with httpx.Client(
            base_url=self.store, follow_redirects=True, timeout=30, verify=NO_AUTHORITIES, trust_env=False
        ) as client:
            yield Browser(client)

    def load(
        self,
        seconds: float,
        *,
        pages_per_s: float = 0.0,
        logins_per_s: float = 0.0,
        paths: Sequence[str] = ("/",),
    ) -> tuple[list[Sample], list[Sample]]:
        """The samples of the pages and of the logins' callbacks, asked for at the same time."""
        self._loads += 1
        start = time.monotonic() + _HEAD_START_S
        running = [
            self._load_process(kind, rate, seconds, start, paths)
            for kind, rate in (("pages", pages_per_s), ("logins", logins_per_s))
        ]
        try:
            pages, logins = (
                [Sample(**sample) for sample in json.loads(process.communicate()[0])] for process in running
            )
        finally:
            for process in running:
                process.kill()
                process.wait()
        return pages, logins

    def _load_process(
        self, kind: str, rate: float, seconds: float, start: float, paths: Sequence[str]
    ) -> subprocess.Popen[bytes]:
        given = {
            "store": self.store,
            "rate": rate,
            "seconds": seconds if rate else 0,
            "start": start,
            "name": f"load{self._loads}",
        }
        options = [f"--{name}={value}" for name, value in given.items()]
        options += [f"--path={path}" for path in paths]
        command = [sys.executable, "-m", "tests.benchmarks.load", kind, *options]
        return subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE)  # noqa: S603 (ourselves)


@contextmanager
def running_stage(folder: Path) -> Iterator[Stage]:
    """Both vendors and the store, started as `make run` does; `folder` takes its state and its output."""
    port, store_port = free_ports(2), free_port()
    command = [sys.executable, "-m", "webstore.sandbox", f"--port={port}", f"--store-port={store_port}"]
    names_hang = folder / "names-hang"
    # The store reaches Stripe by a name, so that there is a name to look up.
    command += [
        "--",
        "env",
        f"PYTHONPATH={_HANGING_NAMES}",
        f"HANG_NAMES_WHILE={names_hang}",
        f"STRIPE_API_BASE=http://localhost:{port + 1}",
    ]
    command += [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
        "WEB_CONCURRENCY": str(WORKERS),
        "LINK_BUDGET_S": str(BUDGET_S),
        "STATE_DIR": str(folder / "state"),
    }
    output = folder / "output"
    with output.open("wb") as sink:
        sandbox = subprocess.Popen(  # noqa: S603 (ourselves)
            command,
            cwd=TOP,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: b"Ctrl-C stops everything" in output.read_bytes(), within_s=40)
        vendors: dict[Vendor, str] = {
            "auth0": f"http://127.0.0.1:{port}",
            "stripe": f"http://127.0.0.1:{port + 1}",
        }
        with httpx.Client(timeout=30, verify=NO_AUTHORITIES, trust_env=False) as http:
            yield Stage(f"http://127.0.0.1:{store_port}", vendors, http, names_hang)
    finally:
        # It stops the store; what does not stop by itself within ten seconds it kills.
        sandbox.terminate()
        sandbox.wait(30)
