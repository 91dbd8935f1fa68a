"""A whole tenant with faults of every kind: found, repaired, killed, resumed; logins go on.

Environment: RECONCILE_USERS (20000) and RECONCILE_FAULTS (a twentieth of them, 2000 at most); RECONCILE_KILLS
(5); CHAOS_SEED, to repeat a run: it decides who has which fault, and when the command is killed.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.dice import dice
from tests.chaos.reconciling import Ended, Office, in_background, office
from tests.chaos.visits import say
from webstore import create_app
from webstore.linking import LinkStatus, ensure_customer
from webstore.routes import Services
from webstore.settings import Settings

USERS = int(os.environ.get("RECONCILE_USERS", "20000"))
FAULTS = int(os.environ.get("RECONCILE_FAULTS") or min(2000, USERS // 20))
KILLS = int(os.environ.get("RECONCILE_KILLS", "5"))
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))

FEW = 10_000
MOST_MB, GROWTH = 250.0, 1.2
#: No limit: this is about results.
FAST = ("--stripe-rps", "10000", "--auth0-rps", "10000")
REPAIR = ("--apply", "--backfill")
#: Kinds that nobody but a person may repair.
FOR_A_PERSON = {
    "orphan_subscription",
    "orphan_customer",
    "shared_customer",
    "wrong_back_reference",
    "other_tenant",
    "duplicate_customers",
}
DONE, FOUND = 0, 3
#: What strikes one call in fifty each, and how many repairs it takes at most to come through it.
FAILURES: tuple[dict[str, object], ...] = (
    {"action": "reset"},
    {"action": "reset", "when": "after"},
    {"action": "truncate"},
    {"action": "status", "status": 503},
    {"action": "status", "status": 500, "when": "after"},
    {"action": "status", "status": 429},
)
CALLS = "/v1/.*|/api/v2/.*|/exports/.*"
MOST_REPAIRS = 10

pytestmark = pytest.mark.timeout(6 * 3600)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as it:
        it.sandbox.stripe.control.change_settings({"search_lag_s": 0.0})
        yield it


def seed(shell: Office, size: int = USERS, faults: int = FAULTS) -> None:
    say(f"CHAOS_SEED={SEED}")
    shell.seed(size, faults, random=SEED, subscribed=size // 1000)


def audit(shell: Office) -> Ended:
    return shell.reconcile("--json", "--fresh", *FAST)


def check_result(shell: Office, before: Counter[str]) -> None:
    """Nothing is left but what a person decides, and nobody got a second customer."""
    again = audit(shell)
    left = {it for it in shell.planted if it[0] in FOR_A_PERSON}
    assert set(again.findings) == left
    assert len(again.findings) == len(left)
    assert again.code == (FOUND if left else DONE)
    assert twice(shell.owners()) == twice(before)


def twice(owners: Counter[str]) -> dict[str, int]:
    return {owner: number for owner, number in owners.items() if number > 1}


def test_every_fault_is_found_and_repaired_in_flat_memory(shell: Office, tmp_path: Path) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    with office(folder) as small:
        seed(small, FEW, min(FAULTS, FEW // 20))
        few = audit(small)
        assert set(few.findings) == small.planted

    seed(shell)
    before = shell.owners()
    found = audit(shell)
    assert set(found.findings) == shell.planted
    assert len(found.findings) == len(shell.planted)
    assert (found.report["users"], found.report["customers"]) == (
        shell.truth["users"],
        shell.truth["customers"],
    )
    assert found.code == FOUND

    repaired = shell.reconcile("--json", *REPAIR, *FAST)
    ends = Counter((it["kind"] in FOR_A_PERSON, it["repair"]) for it in repaired.report["findings"])
    assert set(ends) == {(True, "person"), (False, "done")}
    check_result(shell, before)
    say(f"{USERS} users: found in {found.seconds:.0f} s with {found.peak_mb:.0f} MB")
    say(f"repaired in {repaired.seconds:.0f} s with {repaired.peak_mb:.0f} MB; few: {few.peak_mb:.0f} MB")
    assert max(found.peak_mb, repaired.peak_mb) < MOST_MB
    assert found.peak_mb < GROWTH * few.peak_mb


def test_a_run_that_is_killed_goes_on_where_it_was(shell: Office) -> None:
    seed(shell)
    before = shell.owners()
    took = audit(shell).seconds
    chance = dice(SEED, "kills")
    killed = 0
    while killed < KILLS:
        # A run that ends sooner does not count. The next one begins again.
        ended = shell.reconcile("--json", *REPAIR, *FAST, kill_after_s=chance.uniform(0.2, 1.0) * took)
        killed += ended.code is None
        say(f"{ended.seconds:.1f} s: {'killed' if ended.code is None else ended.code}")
    ended = shell.reconcile("--json", *REPAIR, *FAST)
    assert ended.code in (DONE, FOUND), ended.said
    check_result(shell, before)


def test_vendors_that_fail_again_and_again_change_nothing(shell: Office) -> None:
    seed(shell, min(USERS, 3000), min(FAULTS, 130))
    before = shell.owners()
    for control in (shell.sandbox.stripe.control, shell.sandbox.auth0.control):
        for failure in FAILURES:
            control.add_fault(**failure, path=CALLS, probability=0.02, times=None)
    paced = ("--stripe-rps", "300", "--auth0-rps", "300")
    found = shell.reconcile("--json", *paced)
    assert set(found.findings) == shell.planted, found.said
    for _ in range(MOST_REPAIRS):
        ended = shell.reconcile("--json", *REPAIR, *paced)
        ends = Counter(it["repair"] for it in ended.report["findings"])
        say(f"{ended.seconds:.0f} s: {dict(ends)}")
        if not ends["safe"]:
            break
    for control in (shell.sandbox.stripe.control, shell.sandbox.auth0.control):
        control.clear_faults()
    check_result(shell, before)


def test_logins_meanwhile_make_no_second_customer(shell: Office) -> None:
    seed(shell)
    before = shell.owners()
    services: Services = create_app(Settings.from_env(shell.environment)).extensions["webstore"]
    affected = sorted({user for kind, user, _ in shell.planted if user and "orphan" not in kind})
    logins: Counter[LinkStatus] = Counter()
    lock = threading.Lock()

    def log_in(over: threading.Event) -> None:
        chance = dice(SEED, f"logins {threading.get_ident()}")
        while not over.is_set():
            outcome = ensure_customer(services.linker, chance.choice(affected))
            with lock:
                logins[outcome.status] += 1

    try:
        with in_background(threading.Event(), *[log_in] * 4):
            ended = shell.reconcile("--json", *REPAIR, *FAST)
    finally:
        services.close()
    say(f"logins meanwhile: { ({str(status): number for status, number in logins.items()}) }")
    assert ended.code in (DONE, FOUND), ended.said
    assert {LinkStatus.ALREADY_LINKED, LinkStatus.CREATED} <= set(logins)
    check_result(shell, before)
