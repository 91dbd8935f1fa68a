"""`flask customers reconcile` when the machine fails it: a full disk, a closed pipe, no place for a report."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.linking.operators import customers
from tests.support import Shop
from webstore.reconcile.run import Run
from webstore.reconcile.spool import Spool

FAST = ("--stripe-rps", "2000", "--auth0-rps", "2000")


@pytest.fixture
def shop(shared: Shop) -> Iterator[Shop]:
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
