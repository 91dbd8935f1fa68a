"""`flask customers reconcile` as a process of its own, against a sandbox with a population in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import APP_SECRET_KEY
from webstore.sandbox.seed import seed_both
from webstore.sandbox.stripe import ACCOUNT
from webstore.sandbox.tally import Second
from webstore.sandbox.vendors import Sandbox

_TOP = Path(__file__).resolve().parents[2]
#: A real tenant or account in the shell must not shine through.
_NOT_INHERITED = ("APP_", "AUTH0_", "BASE_", "DASHBOARD_", "LINK_", "REDIS_", "STATE_", "STRIPE_")
_POLL_S = 0.05

#: A finding: kind, user and customer.
Found = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class Ended:
    """How a run ended. `code` is None for one that was killed."""

    code: int | None
    printed: str
    #: What it wrote to standard error: progress, and what went wrong.
    said: str
    seconds: float
    #: The most memory that it had in RAM at any time, in MB.
    peak_mb: float

    @property
    def report(self) -> dict[str, Any]:  # Any: JSON
        """What `--json` printed."""
        report: dict[str, Any] = json.loads(self.printed)
        return report

    @property
    def findings(self) -> list[Found]:
        """The findings that `--json` printed."""
        return [(it["kind"], it["user_id"], it["customer_id"]) for it in self.report["findings"]]


@dataclass
class Office:
    """An operator's shell: the command's environment, and the sandbox that it works on."""

    sandbox: Sandbox
    environment: Mapping[str, str]
    folder: Path
    truth: dict[str, Any] = field(default_factory=dict)
    _runs: int = 0

    def seed(self, size: int, faults: int | Mapping[str, int], **given: object) -> None:
        """Fill both vendors. `truth` says with which faults."""
        auth0, stripe = self.sandbox.auth0_server.url, self.sandbox.stripe_server.url
        self.truth = seed_both(auth0, stripe, size=size, faults=faults, **given)

    @property
    def planted(self) -> set[Found]:
        """The faults that were planted."""
        return {(kind, user, customer) for kind, user, customer in self.truth["faults"]}

    def reconcile(self, *options: str, kill_after_s: float | None = None, **environment: str) -> Ended:
        """Run the command to its end, or until it is killed."""
        self._runs += 1
        out, err = (self.folder / f"{self._runs}.{name}" for name in ("out", "err"))
        flask = [sys.executable, "-m", "flask", "--app", "wsgi"]
        command = [*flask, "customers", "reconcile", "--spool", str(self.folder), *options]
        began = time.monotonic()
        with out.open("wb") as printed, err.open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 (our own command)
                command,
                cwd=_TOP,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=said,
            )
            peak = _watch(process, None if kill_after_s is None else began + kill_after_s)
        code = process.returncode
        return Ended(
            code=None if code == -signal.SIGKILL else code,
            printed=out.read_text(),
            said=err.read_text(),
            seconds=time.monotonic() - began,
            peak_mb=peak / 1000,
        )

    def owners(self) -> Counter[str]:
        """How many living customers name each user, read in the sandbox itself."""
        table = self.sandbox.stripe.state.world(ACCOUNT, livemode=False).customers
        customers = map(table.at, range(len(table)))
        return Counter(
            owner
            for it in customers
            if not it.deleted and (owner := it.metadata.get("auth0_user_id")) is not None
        )


def _watch(process: subprocess.Popen[bytes], kill_at: float | None) -> int:
    """Wait for the end of a process, or kill it. Returns its peak in kB.

    The kernel's figure for ended children starts with the parent's memory, so it is read while it runs.
    """
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            status = ""
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                peak = max(peak, int(line.split()[1]))
        if kill_at is not None and time.monotonic() > kill_at:
            process.kill()
        time.sleep(_POLL_S)
    return peak


@contextmanager
def office(folder: Path) -> Iterator[Office]:
    """A sandbox without users and customers, and a shell whose commands work on it."""
    with Sandbox() as sandbox:
        inherited = {name: it for name, it in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        environment = {
            **inherited,
            **sandbox.environment(),
            "APP_SECRET_KEY": APP_SECRET_KEY,
            "STATE_DIR": str(folder / "state"),
            "WEBSTORE_ENV_FILE": "",
        }
        yield Office(sandbox, environment, folder)


def sustained(seconds: Sequence[Second]) -> float:
    """The median of the requests in a second, without the first and the last ones, which are not whole."""
    inner = sorted(it.requests for it in seconds[2:-2])
    return float(inner[len(inner) // 2]) if inner else 0.0


@contextmanager
def in_background(work: threading.Event, *jobs: Any) -> Iterator[None]:  # Any: functions of the event
    """Run each job in a thread until the block ends, which sets the event."""
    threads = [threading.Thread(target=job, args=(work,)) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        work.set()
        for thread in threads:
            thread.join()
