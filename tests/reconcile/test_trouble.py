"""`flask customers reconcile` when the machine fails it: a full disk, a closed pipe, no report."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
from pathlib import Path

import pytest
from click.testing import Result

from tests.linking.operators import customers, made
from tests.support import Shop
from webstore.reconcile.lock import KEY
from webstore.reconcile.run import Run
from webstore.reconcile.spool import Spool

FAST = ("--stripe-rps", "2000", "--auth0-rps", "2000")


@pytest.fixture
def shop(shared: Shop) -> Shop:
    """A store whose two vendors are empty."""
    for vendor in (shared.sandbox.auth0, shared.sandbox.stripe):
        vendor.control.reset()
    return shared


def reconcile(shop: Shop, folder: Path, *arguments: str) -> Result:
    return customers(shop, "reconcile", *FAST, "--spool", str(folder), *arguments)


@pytest.mark.parametrize(
    ("method", "failure"),
    [
        ("index", sqlite3.OperationalError("database or disk is full")),
        ("export_file", OSError(errno.ENOSPC, "No space left on device")),
    ],
)
def test_a_full_disk_is_said_and_the_run_goes_on_later(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, failure: Exception
) -> None:
    def full(*_: object, **__: object) -> None:
        raise failure

    with monkeypatch.context() as patched:
        patched.setattr(Spool, method, full)
        failed = reconcile(shop, tmp_path, "--json")
    assert failed.exit_code == 1
    assert "Is the disk full?" in json.loads(failed.stdout)["error"]
    again = reconcile(shop, tmp_path, "--json")
    assert "Continues the run of" in again.stderr
    assert json.loads(again.stdout)["customers"] == 0


def test_a_run_about_the_last_days_goes_on_as_well(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "index", full)
        assert reconcile(shop, tmp_path, "--since", "90d").exit_code == 1
    assert "Continues the run of" in reconcile(shop, tmp_path, "--since", "90d").stderr
    for wrong in ("nonsense", "2999-01-01", "9" * 400 + "d"):
        assert reconcile(shop, tmp_path, "--since", wrong).exit_code == 2


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
