"""The processes of a cluster: gunicorn twice, redis-server and nginx."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LOCATIONS = TOP / "docs" / "examples" / "nginx" / "webstore-locations.conf"
HOST = "127.0.0.1"
#: Seconds. More than any start or end takes on a busy machine.
AMPLE_S = 60.0
#: Where to look for programs: the PATH, and folders of system programs that a user's PATH may lack.
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))

#: All of nginx's configuration except the content of the server block, which is in the example.
_NGINX = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-errors.log;
events {{ worker_connections 1024; }}
http {{
  log_format cluster '$msec $request_time $request_method $uri $status upstream=$upstream_addr';
  access_log {folder}/nginx.log cluster;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/static levels=1 keys_zone=webstore_static:1m max_size=100m use_temp_path=off;
  upstream webstore {{
    zone webstore 64k;
    {servers}
  }}
  server {{
    listen {host}:{port};
    include {locations};
  }}
}}
"""


class Missing(Exception):
    """A program is not installed, or does not start. The message is for the person at the keyboard."""


def program(name: str) -> str:
    """The path of a program. Raises `Missing`."""
    found = shutil.which(name, path=_PLACES)
    if found is None:
        raise Missing(
            f"{name} is not installed. On Debian and Ubuntu: apt-get install nginx-light redis-server"
        )
    return found


@dataclass
class Program:
    """One process, with its children; it can be started again after its end."""

    name: str
    command: Sequence[str]
    output: Path
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] | None = None
    stop_signal: int = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Start it and wait until it is ready, or is to stop.

        Raises `Missing` with the end of its output if it does not start.
        """
        end = time.monotonic() + AMPLE_S
        while self.is_ready() and time.monotonic() < end:
            time.sleep(0.05)  # the children of one that was killed end a second later
        if is_stopped():
            return
        with self.output.open("ab") as file:
            self.process = subprocess.Popen(  # noqa: S603 (commands of this package)
                self.command,
                cwd=TOP,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        while not (is_stopped() or self.is_ready()):
            if self.has_ended() or time.monotonic() > end:
                raise Missing(
                    f"{self.name} does not start. The end of its output:\n{self.said()[-1500:].strip()}"
                )
            time.sleep(0.05)

    def has_ended(self) -> bool:
        """Whether it was started and runs no more."""
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.process is not None and not self.has_ended():
            self.process.send_signal(number)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self.signal(self.stop_signal)
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(AMPLE_S)
            self.kill()

    def kill(self) -> None:
        """End it with its children, as the end of its machine would."""
        if self.process is None or self.has_ended():
            return
        # Stopped first: it must not see its children die before itself.
        self.process.send_signal(signal.SIGSTOP)
        victims = [*self.children(), self.process.pid]
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(AMPLE_S)
        end = time.monotonic() + AMPLE_S
        while any(map(_lives, victims)) and time.monotonic() < end:
            time.sleep(0.01)

    def children(self) -> list[int]:
        """The process IDs of its children (on Linux)."""
        assert self.process is not None
        with suppress(OSError):
            text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
            return [int(pid) for pid in text.split()]
        return []

    def said(self) -> str:
        """Everything on its standard output and error so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""


class Cluster:
    """Two stores behind nginx with one Redis. The environment is that of a store with its two vendors."""

    def __init__(self, folder: Path, environment: Mapping[str, str], port: int, ports: Sequence[int]) -> None:
        """`port`: nginx's. `ports`: of Redis, and of each store."""
        self.folder, self.url = folder, f"http://{HOST}:{port}"
        redis_port, *store_ports = ports
        self.redis_url = f"redis://{HOST}:{redis_port}/0"
        self.addresses = [f"{HOST}:{it}" for it in store_ports]
        #: Addresses that nginx gives nothing to.
        self._resting: set[str] = set()
        self._environment, self._port = dict(environment), port
        self.redis = Program(
            "redis-server",
            _redis_command(folder, redis_port),
            folder / "redis.log",
            lambda: _listens(redis_port),
        )
        self.stores = [self._store(number, address) for number, address in enumerate(self.addresses, 1)]
        self.nginx = Program(
            "nginx",
            [program("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx-errors.log")],
            folder / "nginx.output",
            lambda: _listens(port),
            stop_signal=signal.SIGQUIT,
        )

    @property
    def programs(self) -> list[Program]:
        """All of them, in the order of a start."""
        return [self.redis, *self.stores, self.nginx]

    def _store(self, number: int, address: str) -> Program:
        own = self.folder / f"store-{number}"
        own.mkdir(exist_ok=True)
        environment = {
            **self._environment,
            "BIND": address,
            "REDIS_URL": self.redis_url,
            "TRUSTED_PROXY_HOPS": "1",
            "TMPDIR": str(own),  # as on a machine of its own
        }
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--log-level",
            "warning",
            "-c",
            "gunicorn.conf.py",
            "wsgi:app",
        ]
        output = self.folder / f"store-{number}.log"
        return Program(f"store {number}", command, output, lambda: answers(address), environment)

    def start(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Start everything, nginx last, until `is_stopped`. Raises `Missing`."""
        self._write_configuration()
        for it in self.programs:
            it.start(is_stopped)

    def stop(self) -> None:
        """Stop everything: nginx finishes its requests, then both stores end, then Redis."""
        self.nginx.stop()
        for store in self.stores:
            store.signal(signal.SIGTERM)
        for it in (*self.stores, self.redis):
            it.stop()

    def rest(self, number: int) -> None:
        """Let nginx give the store no more requests."""
        self._resting.add(self.addresses[number])
        self._reload()

    def resume(self, number: int) -> None:
        """Let nginx give the store requests again."""
        self._resting.discard(self.addresses[number])
        self._reload()

    def _reload(self) -> None:
        before = self.nginx.children()
        self._write_configuration()
        self.nginx.signal(signal.SIGHUP)
        # The old worker process takes no more connections once there is a new one.
        end = time.monotonic() + AMPLE_S
        while set(self.nginx.children()) <= set(before) and time.monotonic() < end:
            time.sleep(0.02)

    def _write_configuration(self) -> None:
        # As in docs/examples/nginx/webstore.conf.
        servers = "\n    ".join(
            f"server {address} {words}{' down' if address in self._resting else ''};"
            for words in ("max_fails=2 fail_timeout=1s", "backup max_fails=0")
            for address in self.addresses
        )
        # nginx's worker processes would be somebody else's, who may not write into this folder.
        user = "user root;" if os.geteuid() == 0 else ""
        text = _NGINX.format(
            folder=self.folder, user=user, servers=servers, host=HOST, port=self._port, locations=LOCATIONS
        )
        (self.folder / "nginx.conf").write_text(text)


def _redis_command(folder: Path, port: int) -> list[str]:
    options = {
        "port": str(port),
        "bind": HOST,
        "dir": str(folder),
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "save": "",
    }
    return [
        program("redis-server"),
        *(word for name, value in options.items() for word in (f"--{name}", value)),
    ]


def _lives(pid: int) -> bool:
    """Whether a thread of the process is still there, and with it its connections: proc_pid_stat(5)."""
    for file in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):
            if file.read_text().rpartition(")")[2].split()[0] not in "ZX":
                return True
    return False


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def answers(address: str) -> bool:
    """Whether the store at the address is ready for requests."""
    host, _, port = address.partition(":")
    connection = HTTPConnection(host, int(port), timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
