"""A Redis that a test runs for itself."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.support import until


def redis_server() -> str:
    """The path of the program. Without it the test is skipped, and fails if CI is set."""
    executable = shutil.which("redis-server")
    if executable is None:
        if "CI" in os.environ:
            pytest.fail("redis-server is not installed")
        pytest.skip("redis-server is not installed")
    return executable


class RedisServer:
    """A Redis on a free port, with nothing on the disk."""

    def __init__(self, folder: Path, *more: str, configuration: Path | None = None) -> None:
        """`more`: options of redis-server; `configuration`: its file, which it may write to."""
        executable = redis_server()
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options: tuple[str, ...] = ("--bind", "127.0.0.1", "--dir", str(folder))
        if configuration is None:
            options += ("--save", "", "--appendonly", "no")
        file = () if configuration is None else (str(configuration),)
        self._command = [executable, *file, "--port", str(self.port), *options, *more]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603 (from the PATH)
        until(self._answers, within_s=20)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "redis-server ended"
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            # One that asks for a password is ready, too.
            return connection.recv(7) in (b"+PONG\r\n", b"-NOAUTH")
        return False

    def kill(self) -> None:
        """End it as a crash does: it saves nothing."""
        self._process.kill()
        self._process.wait(20)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


@contextmanager
def running_redis(folder: Path, *more: str, configuration: Path | None = None) -> Iterator[RedisServer]:
    """A Redis for as long as the block lasts, with what `RedisServer` takes."""
    server = RedisServer(folder, *more, configuration=configuration)
    try:
        yield server
    finally:
        server.stop()
