"""Servers under the store's own gunicorn configuration: one worker of eight threads each."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.stage import KEPT
from tests.ports import free_ports
from tests.support import until

from . import processor
from .hammer import TOP
from .raw import Client

STORE, MINIMAL = "wsgi:app", "tests.benchmarks.minimal_login:app"
THREADS = 8


@dataclass(frozen=True)
class Server:
    """A running gunicorn."""

    #: With the port.
    host: str
    #: Its worker; none where the system does not tell.
    workers: tuple[int, ...]
    #: Seconds from its start to its first answer.
    started_s: float


@contextmanager
def running_server(
    app: str, environment: Mapping[str, str], host: str, folder: Path, **more: str
) -> Iterator[Server]:
    """The application under gunicorn at `host`, with a store's environment and more of it."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {name: os.environ[name] for name in KEPT if name in os.environ} | {
        **environment,
        "BASE_URL": f"http://{host}",
        "BIND": host,
        "STATE_DIR": str(folder / "state"),
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": str(THREADS),
        # All logins come from one address.
        "LOGIN_RATE_PER_10S": "1000000",
        # A shop's settings in .env must not shine through.
        "WEBSTORE_ENV_FILE": "",
        **more,
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", app]
    output = folder / "output"
    with output.open("wb") as sink:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 (ourselves)
            command, cwd=TOP, env=given, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: _answers(host, process, output), within_s=40)
        yield Server(host, processor.children(process.pid), time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _answers(host: str, process: subprocess.Popen[bytes], output: Path) -> bool:
    assert process.poll() is None, output.read_text()
    with suppress(OSError), Client(host) as client:
        return client.get("/healthz").status > 0
    return False


def free_hosts(count: int) -> list[str]:
    """So many different addresses of this machine that nothing listens on."""
    first = free_ports(count)
    return [f"127.0.0.1:{port}" for port in range(first, first + count)]
