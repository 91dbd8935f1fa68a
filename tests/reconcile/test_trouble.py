"""`flask customers reconcile` when the machine fails it: a full disk, a closed pipe, no report."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from click.testing import Result

from tests.linking.operators import customers, made
from tests.support import Shop
from webstore.cli.customers import reconcile_parts
from webstore.cli.customers.reconcile_parts import (
    AUTH0_CALLS,
    LEAST_AUTH0_RPS,
    LEAST_STRIPE_RPS,
    READ_AGE_S,
    STRIPE_CALLS,
    threads_at,
)
from webstore.linking.attempt import MAX_ATTEMPT_S
from webstore.reconcile.lock import KEY, locked
from webstore.reconcile.pairs import Import
from webstore.reconcile.run import Run
from webstore.reconcile.spool import Spool
from webstore.sandbox.stripe import ACCOUNT

FAST = ("--stripe-rps", "2000", "--auth0-rps", "2000")
FULL = sqlite3.OperationalError("database or disk is full")


@pytest.fixture
def shop(shared: Shop) -> Shop:
    """A store whose two vendors are empty."""
    for vendor in (shared.sandbox.auth0, shared.sandbox.stripe):
        vendor.control.reset()
    return shared


def reconcile(shop: Shop, folder: Path, *arguments: str) -> Result:
    return customers(shop, "reconcile", *FAST, "--spool", str(folder), *arguments)


@contextmanager
def failing(owner: type, method: str, failure: Exception = FULL) -> Iterator[None]:
    """Let this step of a run fail."""

    def fail(*_: object, **__: object) -> None:
        raise failure

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, method, fail)
        yield


@pytest.mark.parametrize(
    ("method", "failure"),
    [
        ("index", FULL),
        ("export_file", OSError(errno.ENOSPC, "No space left on device")),
    ],
)
def test_a_full_disk_is_said_and_the_run_goes_on_later(
    shop: Shop, tmp_path: Path, method: str, failure: Exception
) -> None:
    with failing(Spool, method, failure):
        failed = reconcile(shop, tmp_path, "--json")
    assert failed.exit_code == 1
    assert "Is the disk full?" in json.loads(failed.stdout)["error"]
    again = reconcile(shop, tmp_path, "--json")
    assert "Continues the run of" in again.stderr
    assert json.loads(again.stdout)["customers"] == 0


def test_a_run_about_the_last_days_goes_on_as_well(shop: Shop, tmp_path: Path) -> None:
    with failing(Spool, "index"):
        assert reconcile(shop, tmp_path, "--since", "90d").exit_code == 1
    assert "Continues the run of" in reconcile(shop, tmp_path, "--since", "90d").stderr
    for wrong in ("nonsense", "2999-01-01", "9" * 400 + "d"):
        assert reconcile(shop, tmp_path, "--since", wrong).exit_code == 2


def age(folder: Path, seconds: float) -> None:
    """Make the run whose file is in the folder so much older."""
    (path,) = folder.glob("*.sqlite")
    spool = Spool(path)
    spool.keep(began=str(float(spool.note("began") or 0) - seconds))
    spool.close()


def test_what_was_read_long_ago_is_not_compared_with_what_is_read_now(shop: Shop, tmp_path: Path) -> None:
    def link(user_id: str) -> str:
        customer_id = made(shop, owner=user_id, email="eve@shop.example", name="Eve")
        records = {"stripe_customer_id": customer_id, "stripe_account": f"{ACCOUNT} test"}
        shop.management("PATCH", user_id, {"app_metadata": records})
        return customer_id

    eve = shop.add_user("eve@shop.example", name="Eve")
    one = link(eve)
    with failing(Spool, "replace_users"):
        assert reconcile(shop, tmp_path).exit_code == 1
    # What was read of this customer would make it a duplicate.
    shop.stripe("DELETE", f"/customers/{one}")
    link(eve)
    age(tmp_path, READ_AGE_S)
    done = reconcile(shop, tmp_path, "--json")
    found = json.loads(done.stdout)
    assert [it for it in found["findings"] if it["user_id"] == eve] == []
    assert "is too old to compare" in done.stderr


def test_a_run_that_goes_on_tells_when_its_reading_began(shop: Shop, tmp_path: Path) -> None:
    with failing(Spool, "index"):
        assert reconcile(shop, tmp_path).exit_code == 1
    age(tmp_path, READ_AGE_S - 600)
    done = reconcile(shop, tmp_path, "--json")
    assert "Continues the run of" in done.stderr
    assert json.loads(done.stdout)["took_s"] > READ_AGE_S - 600


def test_an_import_goes_on_for_longer(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("user_id,customer_id\nauth0|1,cus_1\n", encoding="utf-8")
    with failing(Import, "run"):
        assert reconcile(shop, tmp_path, "--import", str(file)).exit_code == 1
    age(tmp_path, 2 * READ_AGE_S)
    assert "Continues the run of" in reconcile(shop, tmp_path, "--import", str(file)).stderr


def test_a_run_whose_lock_was_taken_over_stops_and_leaves_the_file_alone(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = shop.app.extensions["webstore"].state
    theirs = json.dumps({"host": "another", "pid": 1, "name": "grace", "since": 1.0})
    handler = signal.getsignal(signal.SIGTERM)

    def suspended(*_: object, **__: object) -> None:
        state.set(KEY, theirs, 60)
        threading.Event().wait(60)

    with monkeypatch.context() as patched:
        patched.setattr(reconcile_parts, "locked", partial(locked, beat_s=0.01))
        patched.setattr(Spool, "index", suspended)
        stopped = reconcile(shop, tmp_path, "--json")
    assert stopped.exit_code == 1
    assert "grace on another (process 1), has taken over the lock" in json.loads(stopped.stdout)["error"]
    assert "is kept" not in stopped.stderr
    assert list(tmp_path.glob("reconcile-*.sqlite"))
    assert (state.get(KEY), signal.getsignal(signal.SIGTERM)) == (theirs, handler)
    state.delete(KEY)


@pytest.mark.parametrize("auth0_rps", [LEAST_AUTH0_RPS, 0.3, 0.5, 2.0, 10.0, 10_000.0])
@pytest.mark.parametrize("stripe_rps", [LEAST_STRIPE_RPS, 1.0, 20.0, 80.0, 10_000.0])
def test_each_thread_has_its_turn_before_its_link_is_given_up(auth0_rps: float, stripe_rps: float) -> None:
    threads = threads_at(auth0_rps, stripe_rps)
    waits = threads * max(AUTH0_CALLS / auth0_rps, STRIPE_CALLS / stripe_rps)
    assert 1 <= threads <= 16
    assert waits < 0.75 * MAX_ATTEMPT_S
    assert threads_at(10.0, 20.0) == 16


@pytest.mark.parametrize("option", [("--stripe-rps", "0.2"), ("--auth0-rps", "0.09"), ("--auth0-rps", "0")])
def test_a_rate_at_which_nothing_would_be_done_in_time_is_refused(
    shop: Shop, tmp_path: Path, option: tuple[str, str]
) -> None:
    refused = reconcile(shop, tmp_path, *option)
    assert (refused.exit_code, "is not in the range" in refused.stderr) == (2, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_says_so_and_frees_the_lock(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    with monkeypatch.context() as patched:
        patched.setattr(Spool, "index", lambda *_, **__: os.kill(os.getpid(), number))
        stopped = reconcile(shop, tmp_path, "--json")
    assert (stopped.exit_code, "Stopped" in json.loads(stopped.stdout)["error"]) == (1, True)
    assert shop.app.extensions["webstore"].state.get(KEY) is None
    assert signal.getsignal(number) is before
    assert "Continues the run of" in reconcile(shop, tmp_path).stderr


def test_whoever_closes_the_pipe_has_seen_enough(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with monkeypatch.context() as patched:
        patched.setattr(Run, "findings", closed)
        assert reconcile(shop, tmp_path, "--json").exit_code == 1
    assert not list(tmp_path.iterdir())
    assert "Continues" not in reconcile(shop, tmp_path).stderr


def test_a_report_that_cannot_be_written_is_said_before_the_run(shop: Shop, tmp_path: Path) -> None:
    refused = reconcile(shop, tmp_path, "--report", str(tmp_path / "none" / "report.html"))
    assert (refused.exit_code, "cannot be written to" in refused.stderr) == (2, True)
    assert not shop.management_requests()


@pytest.mark.parametrize("option", ["--stripe-rps", "--auth0-rps"])
def test_a_rate_is_a_number(shop: Shop, tmp_path: Path, option: str) -> None:
    assert reconcile(shop, tmp_path, option, "nan").exit_code == 2


def test_the_spool_of_another_user_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spool"
    path.touch(mode=0o666)
    path.chmod(0o666)
    Spool(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="another user's"):
        Spool(path)


def test_what_is_refused_for_one_user_does_not_keep_the_others_from_repair(
    shop: Shop, tmp_path: Path
) -> None:
    users = [shop.add_user(f"u{n}@shop.example") for n in range(6)]
    ids = [made(shop, owner=it) for it in users]
    body = {"error": {"type": "invalid_request_error", "param": "name", "message": "Invalid string"}}
    stripe, auth0 = shop.sandbox.stripe.control, shop.sandbox.auth0.control
    refusing: dict[str, object] = {"action": "status", "status": 400, "times": None}
    stripe.add_fault(method="POST", path=f"/v1/customers/{ids[0]}", body=json.dumps(body), **refusing)
    path = f"/api/v2/users/.*{users[1].partition('|')[2]}"
    auth0.add_fault(method="PATCH", path=path, body=json.dumps({"errorCode": "invalid_body"}), **refusing)
    try:
        found = json.loads(reconcile(shop, tmp_path, "--json", "--apply").stdout)
    finally:
        stripe.clear_faults()
        auth0.clear_faults()
    ends = {it["user_id"]: it["repair"] for it in found["findings"] if it["user_id"] in users}
    assert ends == dict.fromkeys(users[:2], "person") | dict.fromkeys(users[2:], "done")
    assert all(it["commands"] for it in found["findings"] if it["repair"] == "person")


def test_two_runs_of_a_machine_never_use_one_file(shop: Shop, tmp_path: Path) -> None:
    """One was suspended for so long that its lock in the shared state ran out."""
    with failing(Spool, "index"):
        assert reconcile(shop, tmp_path, "--json").exit_code == 1
    (held,) = tmp_path.glob("*.lock")
    with held.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        refused = reconcile(shop, tmp_path, "--json", "--fresh")
    assert refused.exit_code == 1
    assert "Another run on this machine uses" in json.loads(refused.stdout)["error"]
    assert "Continues the run of" in reconcile(shop, tmp_path, "--json").stderr
