"""`flask customers reconcile` against a tenant with every kind of fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.linking.operators import customers, made, owner, written
from tests.support import OTHER_ACCOUNT, Shop
from webstore.provisioning.tenant.models import STORE_SCOPES
from webstore.reconcile.lock import KEY
from webstore.reconcile.models import Kind
from webstore.sandbox.seed import seed_both
from webstore.sandbox.stripe import ACCOUNT

FAST = ("--stripe-rps", "2000", "--auth0-rps", "2000")
SAFE = {
    *("dangling_id", "merged_secondary", "back_reference_missing", "customer_not_recorded"),
    *("unpinned", "drift", "unlinked_user"),
}


@pytest.fixture
def shop(shared: Shop) -> Iterator[Shop]:
    """A store whose two vendors are empty."""
    for vendor in (shared.sandbox.auth0, shared.sandbox.stripe):
        vendor.control.reset()
    yield shared
    shared.sandbox.auth0.control.change_settings({"management_scopes": list(STORE_SCOPES)})


def reconcile(shop: Shop, *arguments: str) -> Result:
    return customers(shop, "reconcile", *FAST, *arguments)


def document(shop: Shop, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reconcile(shop, "--json", *arguments).stdout)
    assert "findings" in found, found
    return found


def brief(found: dict[str, Any]) -> list[list[str | None]]:
    return sorted([it["kind"], it["user_id"], it["customer_id"]] for it in found["findings"])


def seeded(shop: Shop, faults: object) -> list[list[str | None]]:
    """Two hundred users with these faults, which are returned."""
    issuer, api = shop.environment["AUTH0_ISSUER"].rstrip("/"), shop.environment["STRIPE_API_BASE"]
    planted = seed_both(issuer, api, size=200, faults=faults, random=7)["faults"]
    shop.forget_requests()
    return sorted(planted)


def test_every_fault_is_found_repaired_and_not_found_again(shop: Shop, tmp_path: Path) -> None:
    planted = seeded(shop, 26)
    report = tmp_path / "report.html"
    dry = reconcile(shop, "--json", "--report", str(report))
    found = json.loads(dry.stdout)
    assert (dry.exit_code, brief(found)) == (3, planted)
    assert found["counts"] == {str(kind): 2 for kind in Kind}
    assert (found["users"], found["customers"]) == (192, 194)
    assert {it["kind"] for it in found["findings"] if it["repair"] == "safe"} == SAFE
    assert all(it["commands"] for it in found["findings"] if it["repair"] == "person")
    assert written(shop) == ["POST"], "the export job alone"
    assert planted[0][2] is not None
    assert planted[0][2] in report.read_text(encoding="utf-8")

    # Without --backfill, nobody gets a customer who has none.
    applied = document(shop, "--apply")
    ends = {(it["kind"], it["repair"]) for it in applied["findings"]}
    assert {kind for kind, repair in ends if repair == "done"} == SAFE - {"unlinked_user"}
    assert ("unlinked_user", "safe") in ends
    document(shop, "--apply", "--backfill")

    shop.forget_requests()
    again = document(shop, "--apply", "--backfill")
    assert brief(again) == [it for it in planted if it[0] not in SAFE]
    assert written(shop) == ["POST"]


def test_a_clean_tenant_ends_with_0(shop: Shop) -> None:
    seeded(shop, 0)
    done = reconcile(shop)
    assert (done.exit_code, "No findings." in done.output) == (0, True)
    assert document(shop)["findings"] == []


def test_the_summary_tells_samples_and_what_to_do(shop: Shop) -> None:
    planted = seeded(shop, {"drift": 5, "wrong_back_reference": 2, "unlinked_user": 1})
    done = reconcile(shop)
    assert done.exit_code == 3
    assert "drift                 5      0     5" in done.output
    assert "docs/operations.md#wrong_back_reference" in done.output
    assert "flask --app wsgi customers relink" in done.output
    assert "--apply repairs what is safe." in done.output
    assert "--backfill makes customers" in done.output
    ids = [it[1] for it in planted if it[0] == "drift"]
    assert sum(str(it) in done.output for it in ids) == 3


def test_some_kinds_and_some_findings(shop: Shop) -> None:
    seeded(shop, {"drift": 4, "unpinned": 2})
    found = document(shop, "--apply", "--only", "drift", "--limit", "3")
    assert found["counts"] == {"drift": 4}
    assert [it["repair"] for it in found["findings"]] == ["done"] * 3
    assert document(shop)["counts"] == {str(kind): 0 for kind in Kind} | {"drift": 1, "unpinned": 2}


def test_too_many_missing_customers_stop_the_repair(shop: Shop) -> None:
    # Every second dangling customer was never made; the others were deleted.
    seeded(shop, {"dangling_id": 42, "drift": 1})
    refused = reconcile(shop, "--json", "--apply")
    found = json.loads(refused.stdout)
    assert refused.exit_code == 1
    assert "Stripe does not know 21 of the 200 recorded customers" in found["error"]
    assert {it["repair"] for it in found["findings"]} == {"safe"}
    assert written(shop) == ["POST"]
    done = reconcile(shop, "--json", "--apply", "--despite-missing")
    assert {it["repair"] for it in json.loads(done.stdout)["findings"]} == {"done"}
    assert reconcile(shop).exit_code == 0


def test_what_is_no_customer_id_says_nothing_about_the_key(shop: Shop) -> None:
    seeded(shop, {"drift": 1})
    for number in range(22):
        user_id = shop.add_user(f"eve{number}@example.com")
        shop.management("PATCH", user_id, {"app_metadata": {"stripe_customer_id": f"none {number}"}})
    odd = shop.add_user("odd@example.com")
    shop.management("PATCH", odd, {"app_metadata": {"stripe_customer_id": "cus_odd"}})
    stripe = shop.sandbox.stripe.control
    body = json.dumps({"error": {"type": "invalid_request_error", "message": "Invalid id"}})
    stripe.add_fault(action="status", status=400, path="/v1/customers/cus_odd", times=None, body=body)
    found = document(shop, "--apply")
    stripe.clear_faults()
    assert found["counts"]["dangling_id"] == 23
    assert Counter(it["repair"] for it in found["findings"]) == {"done": 1, "person": 23}


def test_another_worlds_pairs_are_no_finding(shop: Shop) -> None:
    seeded(shop, 0)
    elsewhere = f"{OTHER_ACCOUNT} test"
    user_id = shop.add_user("eve@example.com")
    records = {"stripe_customer_id": "cus_elsewhere", "stripe_account": elsewhere}
    shop.management("PATCH", user_id, {"app_metadata": records})
    found = document(shop)
    assert (brief(found), found["elsewhere"]) == ([], 1)
    backfilled = document(shop, "--apply", "--backfill")
    assert [it["repair"] for it in backfilled["findings"]] == ["done"]
    records = shop.app_metadata(user_id)
    assert records["stripe_customer_id"] == "cus_elsewhere"
    assert records[f"stripe_customer_id_{ACCOUNT}_test"].startswith("cus_")


def test_one_user_alone(shop: Shop) -> None:
    planted = seeded(shop, {"back_reference_missing": 2, "orphan_customer": 1})
    (_, user_id, customer_id), _, (_, gone, its) = planted
    assert user_id
    assert customer_id
    assert its
    found = document(shop, "--user", user_id, "--apply")
    assert [(it["kind"], it["user_id"], it["repair"]) for it in found["findings"]] == [
        ("back_reference_missing", user_id, "done")
    ]
    assert (owner(shop, customer_id), found["users"]) == (user_id, 1)
    assert brief(document(shop, "--user", user_id)) == []
    assert brief(document(shop, "--user", its)) == [["orphan_customer", gone, its]]
    assert brief(document(shop, "--user", str(gone))) == [["orphan_customer", gone, its]]
    assert not [it for it in shop.management_requests() if "users-exports" in it]
    mistyped = reconcile(shop, "--user", f"{user_id}0")
    assert (mistyped.exit_code, "Auth0 has no such user." in mistyped.output) == (1, True)
    assert reconcile(shop, "--user", "nonsense").exit_code == 2


def test_an_account_that_was_merged_means_the_user_whom_it_was_merged_into(shop: Shop) -> None:
    planted = seeded(shop, {"merged_secondary": 2, "orphan_customer": 1})
    for _, primary, its in planted[:2]:
        assert its
        secondary = owner(shop, its)
        assert secondary not in (None, primary)
        for who in (its, str(secondary), str(primary)):
            assert brief(document(shop, "--user", who)) == [["merged_secondary", primary, its]]
    _, primary, its = planted[0]
    (done,) = document(shop, "--user", str(its), "--apply")["findings"]
    assert (done["repair"], done["user_id"]) == ("done", primary)


def test_an_account_that_is_none_makes_no_second_customer(shop: Shop) -> None:
    seeded(shop, 0)
    user_id = shop.add_user("eve@shop.example", name="Eve")
    one = made(shop, owner=user_id, email="eve@shop.example", name="Eve")
    for pin in ("nonsense", 7):
        records = {"stripe_customer_id": one, "stripe_account": pin}
        shop.management("PATCH", user_id, {"app_metadata": records})
        assert brief(document(shop)) == [["unpinned", user_id, one]]
        assert [it["repair"] for it in document(shop, "--apply", "--backfill")["findings"]] == ["done"]
        assert shop.app_metadata(user_id) == {"stripe_customer_id": one, "stripe_account": f"{ACCOUNT} test"}
    assert brief(document(shop)) == []


def test_pairs_from_a_file(shop: Shop, tmp_path: Path) -> None:
    ada, grace, eve = (
        shop.add_user(f"{it}@shop.example", email_verified=True) for it in ("ada", "grace", "eve")
    )
    free, hers, foreign, other = (
        made(shop),
        made(shop, owner=grace),
        made(shop, owner="auth0|other"),
        made(shop),
    )
    shop.management("PATCH", eve, {"app_metadata": {"stripe_customer_id": other}})
    file = tmp_path / "pairs.csv"
    lines = [
        "user_id,customer_id",
        f"ada@shop.example,{free}",
        f"{grace},{hers}",
        f"{grace.replace('0', '1')},{made(shop)}",
        f"{ada[:-1]}z,{foreign}",
        f"{eve},{made(shop)}",
        f"nobody@shop.example,{made(shop)}",
        "eve@shop.example,cus_unknown",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    shop.forget_requests()
    dry = reconcile(shop, "--import", str(file), "--json")
    results = [(it["line"], it["result"]) for it in json.loads(dry.stdout)["pairs"]]
    assert results == [(2, "safe"), (3, "safe"), *((line, "person") for line in range(4, 9))]
    assert (dry.exit_code, written(shop)) == (3, [])
    applied = json.loads(reconcile(shop, "--import", str(file), "--json", "--apply").stdout)
    assert applied["counts"] == {"linked": 0, "done": 2, "safe": 0, "person": 5}
    assert (owner(shop, free), shop.app_metadata(ada)["stripe_customer_id"]) == (ada, free)
    assert shop.app_metadata(grace)["stripe_customer_id"] == hers
    assert (owner(shop, foreign), owner(shop, other)) == ("auth0|other", None)
    shop.forget_requests()
    again = reconcile(shop, "--import", str(file), "--apply")
    assert "2 linked already" in again.output
    assert written(shop) == []


def test_one_run_at_a_time(shop: Shop) -> None:
    seeded(shop, 0)
    state = shop.app.extensions["webstore"].state
    held = {"host": "another", "pid": 1, "name": "grace", "since": time.time() - 600}
    state.set(KEY, json.dumps(held), 60)
    refused = reconcile(shop)
    assert refused.exit_code == 1
    assert "grace on another (process 1) started it 10 minutes ago" in refused.output
    state.delete(KEY)
    assert reconcile(shop).exit_code == 0
    assert state.get(KEY) is None


def test_a_missing_right_is_named(shop: Shop) -> None:
    seeded(shop, 0)
    shop.sandbox.auth0.control.change_settings({"management_scopes": ["update:users"]})
    # Without the token that the store has.
    shop.remove_state()
    refused = reconcile(shop)
    # Nor does a later test get this one.
    shop.remove_state()
    assert refused.exit_code == 1
    assert "read:users is missing" in refused.output


def test_a_run_that_was_killed_goes_on(shop: Shop, tmp_path: Path) -> None:
    planted = seeded(
        shop, {"drift": 3, "back_reference_missing": 3, "unlinked_user": 3, "orphan_customer": 2}
    )
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "customers", "reconcile", "--json", "--apply"]
    slow = ["--backfill", "--spool", str(tmp_path), "--auth0-rps", "15", "--stripe-rps", "2000"]
    environment = {**os.environ, **shop.environment, "WEBSTORE_ENV_FILE": ""}
    running = subprocess.Popen(  # noqa: S603  # our own command
        [*command, *slow], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    ends = time.monotonic() + 60
    while "PATCH" not in written(shop) and running.poll() is None and time.monotonic() < ends:
        time.sleep(0.02)
    assert "PATCH" in written(shop)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert list(tmp_path.glob("reconcile-*.sqlite"))
    shop.forget_requests()
    done = reconcile(shop, "--json", "--apply", "--backfill", "--spool", str(tmp_path))
    assert "Continues the run of" in done.stderr
    found = json.loads(done.stdout)
    assert brief(found) == planted
    assert Counter(it["repair"] for it in found["findings"]) == {"done": 9, "person": 2}
    # Nothing was read again, and nobody has two customers.
    assert "POST /api/v2/jobs/users-exports" not in shop.management_requests()
    assert not list(tmp_path.glob("reconcile-*"))
    assert brief(document(shop)) == [it for it in planted if it[0] not in SAFE]


@pytest.mark.parametrize(
    "arguments",
    [("--report", "report.pdf"), ("--limit", "0"), ("--only", "nothing"), ("--import", "missing")],
)
def test_wrong_options_end_with_2(shop: Shop, arguments: tuple[str, ...]) -> None:
    assert reconcile(shop, *arguments).exit_code == 2
