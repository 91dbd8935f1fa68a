"""The store under its server, with its two vendors: `gunicorn -c gunicorn.conf.py wsgi:app`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.ports import free_port
from tests.support import NO_AUTHORITIES, Browser, until
from webstore.sandbox.vendors import Sandbox

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
STORE_COMMAND = [sys.executable, "-m", "webstore"]
#: More than any of this takes on a busy machine (seconds).
AMPLE_S = 60.0


def start(
    environment: Mapping[str, str], temporary: Path, output: Path, command: Sequence[str] = COMMAND
) -> subprocess.Popen[bytes]:
    """Start the server with these variables and the two that any program has."""
    temporary.mkdir(exist_ok=True)
    everything = {
        "PATH": os.environ["PATH"],
        "WEBSTORE_ENV_FILE": "",
        "TMPDIR": str(temporary),
        **environment,
    }
    with output.open("wb") as file:
        return subprocess.Popen(  # noqa: S603 (one of the commands above)
            command,
            cwd=ROOT,
            env=everything,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            process_group=0,
        )


@dataclass
class Store:
    """A store under gunicorn, and its two vendors."""

    sandbox: Sandbox
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    temporary: Path
    output: Path

    @property
    def url(self) -> str:
        return self.environment["BASE_URL"]

    def said(self) -> str:
        """Everything on its standard output and error so far."""
        return self.output.read_text()

    def workers(self) -> set[int]:
        """The process IDs of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(child) for child in children}

    @contextmanager
    def browser(self) -> Iterator[Browser]:
        """A browser. Each of its requests may reach another worker."""
        headers = {"Connection": "close"}
        with httpx.Client(
            base_url=self.url,
            headers=headers,
            follow_redirects=True,
            timeout=30,
            verify=NO_AUTHORITIES,
            trust_env=False,
        ) as client:
            yield Browser(client)

    def stop(self) -> int:
        """Ask it to end and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(AMPLE_S)


@contextmanager
def running_store(folder: Path, *, command: Sequence[str] = COMMAND, **more: str) -> Iterator[Store]:
    """A store and its two vendors. `more`: further settings."""
    port = free_port()
    with Sandbox(f"http://127.0.0.1:{port}") as sandbox:
        environment = {**sandbox.environment(), **more}
        assert environment["BIND"] == f"127.0.0.1:{port}"
        process = start(environment, folder / "tmp", folder / "output", command)
        store = Store(sandbox, environment, process, folder / "tmp", folder / "output")
        try:
            until(lambda: process.poll() is not None or answers(store.url), AMPLE_S)
            assert process.poll() is None, store.said()
            yield store
        finally:
            sandbox.auth0.control.clear_faults()
            sandbox.stripe.control.clear_faults()
            if process.poll() is None:
                store.stop()


def answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return (
            httpx.get(f"{url}/healthz", timeout=5, verify=NO_AUTHORITIES, trust_env=False).status_code == 200
        )
    return False
