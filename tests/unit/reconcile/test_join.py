"""The join of both sides in the spool gives what the rules give, for any mixture of users and customers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest

from tests.unit.reconcile.people import ADA, EVE, FORMER, GRACE, SETTING, TENANT, customer, user
from webstore.linking.models import Customer, User
from webstore.reconcile import join as joining
from webstore.reconcile.findings import Gone, Setting, UserFacts, of_customer, of_user
from webstore.reconcile.join import Join
from webstore.reconcile.models import CustomersPage, Finding, Kind, Repair, Slice
from webstore.reconcile.rows import KeptUser
from webstore.reconcile.spool import Spool

FAR = 2.0**33


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool.sqlite")
    yield made
    made.remove()


def fill(
    spool: Spool,
    users: list[User],
    customers: list[Customer],
    newest: float = FAR,
    logins: tuple[float, ...] = (),
) -> None:
    at = [*logins, *repeat(5000.0, len(users))]
    kept = [
        KeptUser(it, login, "_acct_1_live", elsewhere=False, refused=False)
        for it, login in zip(users, at, strict=False)
    ]
    assert sum(spool.replace_users(kept)) == len(users)
    page = CustomersPage(tuple(customers), more=False)
    assert spool.add_customers(spool.add_slice(Slice(0, 2**33)), page, newest) is None
    spool.index(addresses=True)


def joined(spool: Spool, setting: Setting = SETTING, since: float = 0.0) -> list[Finding]:
    for _ in Join(spool, setting, since=since).run():
        pass
    return list(joining.listed(spool))


def brief(findings: list[Finding]) -> list[tuple[str, str | None, str | None]]:
    return [(str(it.kind), it.user_id, it.customer_id) for it in findings]


def by_the_rules(users: list[User], customers: list[Customer]) -> list[Finding]:
    """The findings without a database: every user is looked at, and every customer."""
    by_id = {it.id: it for it in customers}
    recorded_by: dict[str, list[str]] = {}
    for one in users:
        recorded_by.setdefault(one.customer_id or "", []).append(one.user_id)
    found: list[Finding] = []

    def of_another(it: Customer, me: User) -> bool:
        return any(who != me.user_id for who in recorded_by.get(it.id, ()))

    for one in users:
        naming = [it for it in customers if it.owner == one.user_id]
        recorded: Customer | Gone | None = None
        if one.customer_id is not None:
            recorded = by_id.get(one.customer_id, Gone.NOT_LISTED)
        sharers = [it for it in recorded_by.get(one.customer_id or "", ()) if it != one.user_id]
        facts = UserFacts(
            one,
            recorded,
            tuple(sorted(sharers)) if isinstance(recorded, Customer) else (),
            tuple(it for it in naming if not of_another(it, one)),
            taken=any(of_another(it, one) for it in naming),
            merged=tuple(it for it in customers if it.owner in one.identities and not of_another(it, one)),
        )
        found += of_user(facts, SETTING)
    known = {it.user_id for it in users} | {identity for it in users for identity in it.identities}
    for it in customers:
        if it.owner and it.id not in recorded_by and (not SETTING.ours(it) or it.owner not in known):
            found.append(of_customer(it, SETTING, running=()))
    order = {kind: number for number, kind in enumerate(Kind)}
    return sorted(found, key=lambda it: (order[it.kind], it.user_id or "", it.customer_id or ""))


@pytest.mark.parametrize("number", range(40))
def test_it_gives_what_the_rules_give(spool: Spool, number: int) -> None:
    draw = random.Random(number)  # noqa: S311  # which cases are tried
    ids = ["cus_1", "cus_2", "cus_3", "cus_4"]
    people = [ADA, GRACE, "auth0|mary"]
    users = [
        user(
            it,
            draw.choice([None, *ids, "cus_none"]),
            draw.choice(["acct_1 live", "acct_1 live", None]),
            name=draw.choice(["Name", "Other"]),
            identities=(EVE,) if it == ADA and draw.random() < 0.3 else (),
            replaced=tuple(draw.sample(ids, draw.choice([0, 0, 1]))),
        )
        for it in draw.sample(people, draw.randint(1, 3))
    ]
    customers = [
        customer(
            it,
            draw.choice([None, *people, EVE, "auth0|nobody"]),
            tenant=draw.choice([TENANT, TENANT, None, FORMER, "other.eu.auth0.com"]),
            created=float(draw.randint(1, 3)),
        )
        for it in draw.sample(ids, draw.randint(0, 4))
    ]
    fill(spool, users, customers)
    assert joined(spool) == by_the_rules(users, customers)


def _pairs() -> dict[str, tuple[list[User], list[Customer]]]:
    """A sound pair, with one thing changed in each."""
    return {
        "record": ([user(recorded=None)], [customer()]),
        "account": ([user(pin=None)], [customer()]),
        "owner": ([user()], [customer(owner=None)]),
        "other owner": ([user(), user(GRACE, None)], [customer(owner=GRACE)]),
        "tenant": ([user()], [customer(tenant="other.eu.auth0.com")]),
        "former tenant": ([user()], [customer(tenant=FORMER)]),
        "address": ([user()], [customer(email="old@example.com")]),
        "no address": ([user()], [customer(email=None)]),
        "name": ([user()], [customer(name="Old")]),
        "another one": ([user()], [customer(), customer("cus_2")]),
        "shared": ([user(), user(GRACE, "cus_ada")], [customer()]),
        "merged": ([user(identities=(EVE,))], [customer(), customer("cus_eve", EVE)]),
        "gone": ([user()], []),
        "nobody": ([], [customer()]),
        "nobody of another tenant": ([], [customer(tenant="other.eu.auth0.com")]),
        "no user": ([user(recorded=None)], []),
    }


@pytest.mark.parametrize("changed", _pairs())
def test_no_finding_is_left_out(spool: Spool, changed: str) -> None:
    users, customers = _pairs()[changed]
    fill(spool, users, customers)
    assert joined(spool) == by_the_rules(users, customers) != []


def test_sound_pairs_are_none(spool: Spool) -> None:
    pairs = [user(), user(GRACE, "cus_grace")], [customer(), customer("cus_grace", GRACE, tenant=None)]
    fill(spool, *pairs)
    assert joined(spool) == by_the_rules(*pairs) == []


def test_links_that_are_made_during_the_run_are_left_out(spool: Spool) -> None:
    users = [user(recorded=None), user(GRACE, "cus_new")]
    new = customer("cus_new", GRACE, created=2000.0)
    fill(
        spool,
        users,
        [customer("cus_ada", created=2000.0), new, customer("cus_x", "auth0|x", created=2000.0)],
        1999.0,
    )
    assert joined(spool) == []


def test_only_those_who_logged_in_since_then(spool: Spool) -> None:
    fill(spool, [user(recorded=None)], [customer("cus_x", "auth0|x")])
    assert brief(joined(spool, since=5000.0)) == [("unlinked_user", ADA, None)]
    assert joined(spool, since=5001.0) == []
    assert brief(joined(spool, since=1000.0))[0] == ("orphan_customer", "auth0|x", "cus_x")


@pytest.mark.parametrize("named", [ADA, GRACE, None, "auth0|mary"])
@pytest.mark.parametrize("logins", [(5000.0, 1.0), (1.0, 5000.0)])
def test_a_shared_customer_counts_if_one_of_its_users_logged_in_since_then(
    spool: Spool, named: str | None, logins: tuple[float, ...]
) -> None:
    users = [user(), user(GRACE, "cus_ada")]
    fill(spool, users, [customer(owner=named)], logins=logins)
    (everything,) = [it for it in joined(spool) if it.kind is Kind.SHARED_CUSTOMER]
    assert joined(spool, since=5000.0) == [everything]
    assert joined(spool, since=5001.0) == []


def test_a_customer_that_names_somebody_who_logged_in_since_then(spool: Spool) -> None:
    users = [user(pin=None, name="Other"), user(GRACE, None)]
    fill(spool, users, [customer(owner=GRACE)], logins=(1.0, 5000.0))
    assert brief(joined(spool, since=5000.0)) == [("wrong_back_reference", ADA, "cus_ada")]


def test_nothing_else_about_those_who_did_not(spool: Spool) -> None:
    users = [user(), user(GRACE, "cus_ada", email="new@example.com")]
    fill(spool, users, [customer(), customer("cus_2")], logins=(1.0, 5000.0))
    assert brief(joined(spool, since=5000.0)) == [("shared_customer", GRACE, "cus_ada")]


def test_a_user_who_is_twice_in_the_export_counts_once(spool: Spool) -> None:
    merged = user(recorded=None, identities=(EVE,), name="Other")
    fill(spool, [user(), merged, merged], [customer("cus_eve", EVE)])
    # The later record counts.
    assert brief(joined(spool)) == [("merged_secondary", ADA, "cus_eve")]
    assert spool.count("users") == 1


def test_ids_with_line_breaks_and_quotes_are_kept(spool: Spool) -> None:
    strange = ('waad|it\'s "me"\nhere', "oidc|two")
    fill(spool, [user(recorded=None, identities=strange)], [customer("cus_it", strange[0])])
    assert brief(joined(spool)) == [("merged_secondary", ADA, "cus_it")]
    ((cell,),) = spool.rows("SELECT identities FROM users")
    assert json.loads(str(cell)) == list(strange)


def test_subscriptions_that_run_are_told(spool: Spool) -> None:
    fill(spool, [], [customer("cus_1", "auth0|x"), customer("cus_2", "auth0|y")])
    join = Join(spool, SETTING)
    assert sorted(join.with_subscriptions(10)) == ["cus_1", "cus_2"]
    spool.add_running([("cus_2", "sub_1")])
    assert brief(joined(spool)) == [
        ("orphan_subscription", "auth0|y", "cus_2"),
        ("orphan_customer", "auth0|x", "cus_1"),
    ]


def test_users_of_another_world_with_backfill(spool: Spool) -> None:
    (kept,) = [KeptUser(user(recorded=None), 1.0, "_x", elsewhere=True, refused=False)]
    list(spool.replace_users([kept, replace(kept, user=user(GRACE, None), refused=True)]))
    spool.index(addresses=False)
    assert joined(spool) == []
    assert (Join(spool, SETTING).elsewhere(), Join(spool, SETTING).refused()) == (1, 1)
    for _ in Join(spool, SETTING, everywhere=True).run():
        pass
    assert brief(list(joining.listed(spool))) == [("unlinked_user", ADA, None)]


def test_an_id_of_another_world_without_an_account(spool: Spool) -> None:
    fill(spool, [user(pin=None), user(GRACE, "cus_grace")], [])
    join = Join(spool, SETTING)
    assert sorted(join.unlisted()) == ["cus_ada", "cus_grace"]
    for it in ("cus_ada", "cus_grace"):
        spool.settle(it, Gone.MISSING, FAR)
        join.belongs_elsewhere(it)
    assert brief(joined(spool)) == [("dangling_id", GRACE, "cus_grace")]
    assert (join.missing(), join.recorded(), join.elsewhere()) == (2, 1, 1)


def test_addresses_are_adopted_in_any_case(spool: Spool) -> None:
    adopting = replace(SETTING, policy=replace(SETTING.policy, adopt_by_email=True))
    ada = user(recorded=None, email="ada@example.com", email_verified=True)
    fill(
        spool,
        [ada, user(GRACE, None, email="ADA@example.com")],
        [customer("cus_old", None, email="Ada@Example.com")],
    )
    by_user = {it.user_id: it for it in joined(spool, adopting)}
    assert by_user[ADA].customers == ("cus_old",)
    # Not verified.
    assert by_user[GRACE].customers == ()


def test_a_finding_keeps_everything(spool: Spool) -> None:
    made = Finding(
        Kind.SHARED_CUSTOMER, ADA, "cus_1", Repair.SAFE, "So it is.", "ada@example.com",
        customers=("cus_1", "cus_2"), users=(ADA, GRACE), subscriptions=("sub_1",), commands=("true",),
    )  # fmt: skip
    joining.add(spool, [made])
    assert list(joining.listed(spool)) == [made]
    join = Join(spool, SETTING)
    ((number, one),) = join.safe(None)
    assert (one, join.count_safe(0), join.count_safe(None)) == (made, 0, 1)
    joining.put(spool, number, replace(made, repair=Repair.DONE))
    assert (list(join.safe(None)), joining.ends(spool)) == ([], {(Kind.SHARED_CUSTOMER, Repair.DONE): 1})


def test_a_user_whose_record_cannot_be_read_exists_and_is_left_alone(spool: Spool) -> None:
    fill(spool, [], [customer()])
    unread = KeptUser(user(recorded=None, pin=None), -1.0, "_acct_1_live", elsewhere=False, refused=False)
    assert list(spool.replace_users([unread])) == [1]
    assert joined(spool) == []


def test_what_could_not_be_finished_is_tried_when_the_run_goes_on(spool: Spool) -> None:
    fill(spool, [user(pin=None), user(GRACE, "cus_grace", None)], [customer(), customer("cus_grace", GRACE)])
    joined(spool)
    join = Join(spool, SETTING)
    (number, first), (other, second) = join.safe(None)
    joining.put(spool, number, replace(first, message="Not finished."))
    joining.put(spool, other, replace(second, repair=Repair.DONE))
    assert [it.user_id for _, it in join.safe(None)] == [first.user_id]
