"""Machines that give a program little: nothing can be written, nobody has a home, temporary files vanish."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx

from tests.server.under_gunicorn import Store, running_store
from tests.support import NO_AUTHORITIES, link_status

#: Runs before any module of the server: a read-only file system, and a user without an entry in /etc/passwd.
#: A server needs the file in memory by which gunicorn watches its workers.
READ_ONLY = """
import errno, os, pwd, sys

def no_entry(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")

def refuse(event, args):
    writes = event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if event in ("os.mkdir", "os.rename", "os.chmod", "os.chown", "sqlite3.connect") or writes:
        path = os.fsdecode(args[0]) if isinstance(args[0], (str, bytes)) else "/dev/a number"
        if not path.startswith(("/dev/null", "/dev/a number", "/dev/shm/wgunicorn-")):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

pwd.getpwuid = no_entry
sys.addaudithook(refuse)
"""


def assert_serves(store: Store) -> None:
    """A shopper logs in, is linked and logs out."""
    with store.browser() as browser:
        page = browser.log_in("ada@example.com")
        assert (page.status_code, page.url.path, link_status(page)) == (200, "/account", "linked")
        assert browser.log_out().status_code == 200


def metrics(store: Store) -> httpx.Response:
    return httpx.get(f"{store.url}/metrics", verify=NO_AUTHORITIES, trust_env=False)


def test_a_store_that_can_write_nowhere_serves_and_says_what_it_lacks(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(READ_ONLY)
    with running_store(tmp_path, PYTHONPATH=str(site)) as store:
        assert_serves(store)
        assert metrics(store).status_code == 200
        assert store.stop() == 0
        said = store.said()
    assert said.count("No temporary folder can be written: /metrics has the counters of one worker") == 1
    assert "Traceback" not in said
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_store_goes_on_when_its_temporary_files_are_deleted_and_leaves_the_home_alone(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with running_store(tmp_path, HOME=str(home), WEB_CONCURRENCY="1") as store:
        assert_serves(store)
        assert "webstore_link_outcomes_total" in metrics(store).text
        for found in store.temporary.iterdir():
            shutil.rmtree(found)
        assert_serves(store)
        answer = metrics(store)
        assert answer.status_code == 404
        assert "The counters are lost until the next start" in answer.text
        assert_serves(store)
        assert metrics(store).status_code == 404
        assert store.stop() == 0
        said = store.said()
    assert said.count("the counters of /metrics are lost until the next start") == 1
    assert "Traceback" not in said
    assert list(home.iterdir()) == []
