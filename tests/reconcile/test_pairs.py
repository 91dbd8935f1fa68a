"""`--import`: lines of one file about the same user or customer, and addresses that prove nothing."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.linking.operators import customers, made, owner
from tests.support import Shop
from webstore.reconcile.pairs import Import, Pair
from webstore.reconcile.spool import Spool


@pytest.fixture
def shop(shared: Shop) -> Shop:
    """A store whose two vendors are empty."""
    for vendor in (shared.sandbox.auth0, shared.sandbox.stripe):
        vendor.control.reset()
    return shared


def imported(shop: Shop, folder: Path, lines: list[str], *arguments: str) -> list[dict[str, Any]]:
    file = folder / "pairs.csv"
    file.write_text("\n".join(["user_id,customer_id", *lines]), encoding="utf-8")
    fast = ("--stripe-rps", "2000", "--auth0-rps", "2000")
    done = customers(shop, "reconcile", *fast, "--import", str(file), "--json", *arguments)
    found: list[dict[str, Any]] = json.loads(done.stdout)["pairs"]
    return found


def test_a_user_who_is_named_in_two_ways_has_one_customer(shop: Shop, tmp_path: Path) -> None:
    users = [(f"u{n}@shop.example", made(shop), made(shop)) for n in range(5)]
    ids = {email: shop.add_user(email, email_verified=True) for email, _, _ in users}
    lines = [line for email, one, two in users for line in (f"{email},{one}", f"{ids[email]},{two}")]
    for arguments in ((), ("--apply",)):
        found = imported(shop, tmp_path, lines, *arguments)
        assert {it["message"] for it in found} == {"The file has several customers for this user."}
    assert not any("stripe_customer_id" in shop.app_metadata(it) for it in ids.values())
    assert {owner(shop, it) for _, *both in users for it in both} == {None}


def test_lines_that_say_the_same_are_done_once(shop: Shop, tmp_path: Path) -> None:
    ada, one = shop.add_user("ada@shop.example", email_verified=True), made(shop)
    found = imported(shop, tmp_path, [f"{ada},{one}", f"ada@shop.example,{one}"] * 8, "--apply")
    assert Counter(it["result"] for it in found) == {"done": 1, "linked": 15}
    assert (shop.app_metadata(ada)["stripe_customer_id"], owner(shop, one)) == (one, ada)


def test_a_customer_of_somebody_unknown_is_nobody_elses(shop: Shop, tmp_path: Path) -> None:
    ada, one = shop.add_user("ada@shop.example"), made(shop)
    found = imported(shop, tmp_path, [f"nobody@shop.example,{one}", f"{ada},{one}"], "--apply")
    assert [it["result"] for it in found] == ["person", "person"]
    assert owner(shop, one) is None


def test_an_address_that_is_not_verified_proves_nothing(shop: Shop, tmp_path: Path) -> None:
    eve, one = shop.add_user("eve@shop.example"), made(shop)
    (found,) = imported(shop, tmp_path, [f"eve@shop.example,{one}"], "--apply")
    assert (found["result"], "has not verified this address" in found["message"]) == ("person", True)
    assert ("stripe_customer_id" in shop.app_metadata(eve), owner(shop, one)) == (False, None)
    (found,) = imported(shop, tmp_path, [f"{eve},{one}"], "--apply")
    assert found["result"] == "done"
    (found,) = imported(shop, tmp_path, [f"eve@shop.example,{one}"])
    assert found["result"] == "linked"


def test_a_file_that_was_half_read_is_read_again(shop: Shop, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    linker = shop.app.extensions["webstore"].linker
    for _ in range(2):
        # The first run was killed before it noted that the file is read.
        spool.change("DELETE FROM notes WHERE ?", [(1,)])
        assert Import(spool, linker, lambda *_: None).load([Pair(2, "auth0|1", "cus_1")]) == 1
    spool.remove()
