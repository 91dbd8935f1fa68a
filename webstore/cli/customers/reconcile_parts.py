"""The parts of `flask customers reconcile`: the vendors behind their limits, and the place of the spool."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, NoReturn

import click
import httpx

from webstore.cli.terminal import store
from webstore.errors import StateUnavailable, WebstoreError
from webstore.gateways.auth0 import Auth0Directory
from webstore.gateways.auth0_exports import Auth0Exports
from webstore.gateways.paced import Limit, Paced
from webstore.gateways.state import default_directory, require_own_folder
from webstore.gateways.stripe import StripeListing, StripePayments, stripe_client
from webstore.gateways.wire import Wire
from webstore.linking import Linker
from webstore.linking.executor import InlineExecutor
from webstore.reconcile.collect import THREADS
from webstore.reconcile.lock import Owner, TakenOver, is_alive, locked
from webstore.reconcile.ports import Exports, Listing
from webstore.reconcile.spool import Spool
from webstore.routes import Services
from webstore.state import State

#: Calls a second: what Stripe allows, less a share for the running store.
#: https://docs.stripe.com/rate-limits
STRIPE_LIVE_RPS, STRIPE_TEST_RPS = 80.0, 20.0
#: The fewest calls a second that a run may make: with fewer, not even one thread links in time.
LEAST_AUTH0_RPS, LEAST_STRIPE_RPS = 0.1, 0.25
#: Calls that an attempt of linking makes to each vendor, and the seconds that it may wait for their turns.
AUTH0_CALLS, STRIPE_CALLS, LINKING_S = 4, 8, 40.0
#: Seconds that one call may take, and a step of linking with the wait for its turn.
_CALL_S, _STEP_S = 20.0, 60.0
#: Seconds. Data read longer ago than the first is not compared with data read now. An import checks its pairs
#: one by one, so it may go on for longer.
READ_AGE_S, IMPORT_AGE_S = 6 * 3600.0, 3 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Vendors:
    """Both vendors, with calls that keep their limits."""

    linker: Linker
    exports: Exports
    listing: Listing
    auth0: Limit
    stripe: Limit
    #: Threads that link, so that each of them has its turn in time.
    threads: int


@dataclass(slots=True)
class Stop:
    """Ends the run: no thread makes another call, and the main thread gets a `KeyboardInterrupt`."""

    asked: threading.Event = field(default_factory=threading.Event)
    #: Why, if it is not because of SIGINT or SIGTERM.
    reason: TakenOver | None = None
    #: Whether signals are handled: only the main thread can.
    handled: bool = False

    def because(self, reason: TakenOver) -> None:
        """End the run from another thread."""
        self.reason = reason
        self.asked.set()
        if self.handled:
            # A real signal also ends what the main thread waits for.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def now(self, *_: object) -> NoReturn:
        """The handler of the signals."""
        self.asked.set()
        raise self.reason or KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[Stop]:
    """SIGINT and SIGTERM end the run with `KeyboardInterrupt`."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    stop.handled = True
    before = {it: signal.signal(it, stop.now) for it in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for it, handler in before.items():
            signal.signal(it, handler)


@contextmanager
def vendors(
    services: Services, stripe_rps: float | None, auth0_rps: float, stopped: threading.Event
) -> Iterator[Vendors]:
    """Both vendors, with connections of this command's own. `..._rps`: calls a second.

    `stopped`: no thread makes another call from then on.
    """
    settings, tls = services.settings, httpx.create_ssl_context()
    usual = STRIPE_LIVE_RPS if settings.stripe_livemode else STRIPE_TEST_RPS
    management, stripe, files = (
        Wire(service, total_s=_CALL_S, tls=tls)
        for service in ("the Auth0 Management API", "Stripe", "the server of Auth0's exports")
    )
    auth0_limit, stripe_limit = (
        Limit(per_s, sleep=stopped.wait) for per_s in (auth0_rps, stripe_rps or usual)
    )
    directory = Auth0Directory(
        Paced(management, auth0_limit, sleep=stopped.wait, stopped=stopped.is_set),
        services.state,
        base_url=settings.auth0_mgmt_url,
        domain=settings.auth0_mgmt_domain,
        client_id=settings.auth0_mgmt_client_id,
        client_secret=settings.auth0_mgmt_client_secret,
    )
    client = stripe_client(
        Paced(stripe, stripe_limit, sleep=stopped.wait, stopped=stopped.is_set),
        api_key=settings.stripe_secret_key,
        api_base=settings.stripe_api_base,
        account=settings.stripe_account,
    )
    key = hashlib.sha256(f"{settings.stripe_secret_key}\n{settings.stripe_account}".encode()).hexdigest()[:16]
    payments = StripePayments(
        client, services.state, livemode=settings.stripe_livemode, account_key=f"reconcile-account:{key}"
    )
    linker = replace(
        services.linker,
        directory=directory,
        payments=payments,
        executor=InlineExecutor(),
        side=InlineExecutor(),
        budget_s=_STEP_S,
    )
    try:
        exports = Auth0Exports(directory, files)
        threads = threads_at(auth0_rps, stripe_rps or usual)
        yield Vendors(linker, exports, StripeListing(client), auth0_limit, stripe_limit, threads)
    finally:
        for wire in (management, stripe, files):
            wire.close()


def threads_at(auth0_rps: float, stripe_rps: float) -> int:
    """How many threads may link at these rates. Linking gives up an attempt that takes a minute."""
    turns = min(auth0_rps / AUTH0_CALLS, stripe_rps / STRIPE_CALLS) * LINKING_S
    return max(1, min(THREADS, int(turns)))


@dataclass(frozen=True, slots=True)
class How:
    """The options that do not decide what is searched: output, report and temporary file."""

    as_json: bool = False
    report: Path | None = None
    #: Whether to start from the beginning, even if an earlier run was cut short.
    fresh: bool = False
    #: Where the spool is to be.
    folder: Path | None = None


class CannotRun(WebstoreError):
    """The run cannot be made as it is; the message is for the operator."""


@contextmanager
def alone(state: State, lost: Callable[[TakenOver], None]) -> Iterator[None]:
    """The only run of this store, as far as its machines share a state. Raises `Locked` and `CannotRun`.

    `lost`: called if another run takes the lock over.
    """
    owner = Owner(socket.gethostname(), os.getpid(), _user_name(), time.time())
    try:
        with locked(state, owner, is_alive, lost=lost):
            yield
    except StateUnavailable as exc:
        raise CannotRun(f"The shared state cannot be used, so other runs are not seen: {exc}") from exc


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


@contextmanager
def spooled(name: str, subject: Sequence[object], how: How, *, age_s: float) -> Iterator[Spool]:
    """The spool of a run, removed at the end. After a failure it is kept, and the next run continues it.

    `subject`: what the run is about. A run with another subject starts with an empty spool, and so does one
    that was begun `age_s` seconds ago. Raises `CannotRun`, also if the file fails during the run.
    """
    settings = store().settings
    place = how.folder or default_directory(f"{settings.fingerprint}-reconcile")
    path = place / f"{name}-{settings.fingerprint}.sqlite"
    try:
        if how.folder is None:
            require_own_folder(place)
        alone = _alone(path)
        spool, began, old = _open(path, json.dumps(subject), age_s, fresh=how.fresh)
    except (OSError, sqlite3.Error) as exc:
        words = f"The file {path} cannot be used ({exc}). Remove it, or name another folder with --spool."
        raise CannotRun(words) from exc
    if began is not None:
        at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(began))
        told = f"The data of the run of {at} is too old to compare with today's: starts over."
        click.echo(told if old else f"Continues the run of {at}. --fresh starts over.", err=True)

    def remove() -> None:
        spool.remove()
        Path(alone.name).unlink(missing_ok=True)

    try:
        yield spool
    except BrokenPipeError:
        # The reader closed the pipe, for example `head`. The run itself has ended.
        remove()
        raise
    except BaseException as exc:
        spool.close()
        if isinstance(exc, TakenOver):
            # The other run may use the same file.
            raise
        click.echo(
            f"The data read so far, with e-mail addresses, is in {path}. The next run continues from it. "
            "Delete the file if you do not want another run.",
            err=True,
        )
        if isinstance(exc, OSError | sqlite3.Error):
            raise CannotRun(f"A file cannot be written or read ({exc}). Is the disk full?") from exc
        raise
    else:
        remove()
    finally:
        alone.close()


def _alone(path: Path) -> IO[bytes]:
    """Hold the file until the result is closed: a suspended run of this machine may wake up beside this one.

    Raises `CannotRun`, and `OSError`.
    """
    lock = path.with_suffix(".lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        lock.close()
        raise CannotRun(f"Another run on this machine uses {path}. Wait for it, or end it.") from exc
    return lock


def _open(path: Path, subject: str, age_s: float, *, fresh: bool) -> tuple[Spool, float | None, bool]:
    """The spool; when an earlier run about the same was begun; and whether that one is too old to go on."""
    now = time.time()
    spool = Spool(path)
    same = not fresh and spool.note("subject") == subject
    began = float(spool.note("began") or 0) if same else None
    if began is not None and 0 <= now - began < age_s:
        return spool, began, False
    spool.remove()
    spool = Spool(path)
    spool.keep(subject=subject, began=str(now))
    return spool, began, True
