"""The store as it is served in production: gunicorn's master and its workers, which can be killed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support import NO_AUTHORITIES

_TOP = Path(__file__).resolve().parents[2]
#: A real tenant or account in the shell, or a setting of another store, must not shine through.
_NOT_INHERITED = (
    "APP_", "AUTH0_", "BASE_", "BIND", "DASHBOARD_", "GUNICORN_", "LINK_", "METRICS_", "PROMETHEUS_",
    "PORT", "REDIS_", "STATE_", "STRIPE_", "WEB_",
)  # fmt: skip
_START_S, _STOP_S, _RESPAWN_S = 30.0, 15.0, 20.0
_OUTCOME = re.compile(r'^webstore_link_outcomes_total\{status="(\w+)",.*\} ([0-9.e+]+)$', re.MULTILINE)


@dataclass(eq=False)
class _Kill:
    """From just before the signal until the process was gone, on the monotonic clock."""

    began: float
    gone: float = float("inf")


def free_address() -> str:
    """`host:port` on loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host, port = probe.getsockname()
    return f"{host}:{port}"


class Store:
    """Gunicorn with several workers at `url`; `with` starts it and leaves no process behind."""

    def __init__(self, environment: Mapping[str, str], folder: Path, workers: int) -> None:
        """`environment`: the store's settings; `folder`: where its log, state and counters go."""
        self.url = environment["BASE_URL"]
        self.state_dir = folder / "state"
        self.log_file = folder / "gunicorn.log"
        temporary = folder / "tmp"
        temporary.mkdir()
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        settings = {**environment, "STATE_DIR": str(self.state_dir), "WEB_CONCURRENCY": str(workers)}
        self._environment = {**inherited, **settings, "TMPDIR": str(temporary)}
        self._workers = workers
        self._master: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._kills: list[_Kill] = []

    def __enter__(self) -> Store:
        self._start()
        return self

    def restart(self, settings: Mapping[str, str]) -> None:
        """Stop the store and start it again, at the same address, with these settings changed."""
        self.stop()
        self._environment |= settings
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
        with self.log_file.open("ab") as log:
            # Its own process group: Ctrl-C goes to the test, which stops the store in its own time.
            self._master = subprocess.Popen(  # noqa: S603 (nothing of the command comes from outside)
                command,
                cwd=_TOP,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        try:
            self._await_all_workers(_START_S)
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the master, its workers through it, and then whatever is left of its process group."""
        master, self._master = self._master, None
        if master is None:
            return
        master.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                master.wait(_STOP_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGKILL)
            master.wait()

    def workers(self) -> list[int]:
        """The process IDs of the workers that live now."""
        return sorted(_children(self._pid))

    def kill(self, worker: int) -> bool:
        """SIGKILL one worker and wait until it is gone; whether it was still there to be killed."""
        kill = _Kill(time.monotonic())
        with self._lock:
            self._kills.append(kill)
        if worker not in _children(self._pid):
            with self._lock:
                self._kills.remove(kill)
            return False
        os.kill(worker, signal.SIGKILL)
        # Not before its last thread has ended are its connections closed and can the master reap it.
        while Path(f"/proc/{worker}").exists():
            time.sleep(0.002)
        kill.gone = time.monotonic()
        return True

    def kills(self) -> int:
        """How many workers were killed."""
        with self._lock:
            return len(self._kills)

    def killed_during(self, began: float, ended: float) -> bool:
        """Whether a worker was killed in this time (on the monotonic clock)."""
        with self._lock:
            return any(kill.began <= ended and kill.gone >= began for kill in self._kills)

    def kill_all(self) -> None:
        """Kill every worker, as a power cut does, and wait for the master to start new ones."""
        for worker in self.workers():
            self.kill(worker)
        self._await_all_workers(_RESPAWN_S)

    def lose_state(self) -> None:
        """Delete what the workers share."""
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def last_words(self, user_id: str) -> str:
        """What the store's log says last about the link of a user."""
        lines = self.log_file.read_text(errors="replace").splitlines()
        return next((line for line in reversed(lines) if f"link user={user_id} " in line), "")

    def outcomes(self) -> dict[str, int]:
        """How the attempts to link ended, added up over all workers that ever lived, from /metrics."""
        with httpx.Client(verify=NO_AUTHORITIES, trust_env=False, timeout=30) as http:
            text = http.get(f"{self.url}/metrics").raise_for_status().text
        outcomes: Counter[str] = Counter()
        for status, number in _OUTCOME.findall(text):
            outcomes[status] += int(float(number))
        return dict(outcomes)

    @property
    def _pid(self) -> int:
        if self._master is None:
            raise RuntimeError("the store does not run")
        return self._master.pid

    def _await_all_workers(self, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self._master is None or self._master.poll() is not None:
                break
            if len(self.workers()) == self._workers and self._answers():
                return
            time.sleep(0.02)
        raise AssertionError(f"the store does not serve:\n{self.log_file.read_text()[-3000:]}")

    def _answers(self) -> bool:
        try:
            with httpx.Client(verify=NO_AUTHORITIES, trust_env=False, timeout=5) as http:
                return http.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False


def _children(parent: int) -> Iterator[int]:
    """Process IDs whose parent is `parent`; the dead that were not waited for yet are none."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _parent(int(folder.name)) == parent:
            yield int(folder.name)


def _parent(process: int) -> int | None:
    """The parent of a living process: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    state, parent = text.rpartition(")")[2].split()[:2]
    return None if state in "ZX" else int(parent)
