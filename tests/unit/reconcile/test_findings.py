"""Each kind of finding about one user or one customer, and the states without a finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.reconcile.people import (
    ADA,
    EVE,
    FORMER,
    GRACE,
    IN_TEST_MODE,
    SETTING,
    customer,
    user,
)
from webstore.linking.models import Account
from webstore.reconcile.findings import Gone, Setting, UserFacts, of_customer, of_user
from webstore.reconcile.models import Finding, Kind, Repair


def found(facts: UserFacts, setting: Setting = SETTING) -> list[Finding]:
    return list(of_user(facts, setting))


def brief(facts: UserFacts, setting: Setting = SETTING) -> list[tuple[str, str | None, str]]:
    """Kind, customer and repair of each finding about the user."""
    return [(str(it.kind), it.customer_id, str(it.repair)) for it in found(facts, setting)]


def test_a_pair_that_agrees_is_no_finding() -> None:
    assert brief(UserFacts(user(), customer(), naming=(customer(),))) == []


def test_a_user_without_a_customer() -> None:
    facts = UserFacts(user(recorded=None))
    assert brief(facts) == [("unlinked_user", None, "safe")]
    assert brief(replace(facts, user=replace(facts.user, blocked=True))) == []


def test_another_account_or_mode_is_no_finding() -> None:
    assert brief(UserFacts(user(recorded=None), elsewhere=True)) == []


def test_customers_with_the_address_that_may_be_adopted_are_named() -> None:
    (one,) = found(UserFacts(user(recorded=None), adoptable=(customer("cus_old", None),)))
    assert (one.kind, one.customer_id, one.customers) == (Kind.UNLINKED_USER, None, ("cus_old",))


def test_a_customer_that_names_a_user_who_records_none() -> None:
    facts = UserFacts(user(recorded=None), naming=(customer(),))
    assert brief(facts) == [("customer_not_recorded", "cus_ada", "safe")]
    # The store takes the highest generation, then the oldest.
    newer = customer("cus_new", generation=1)
    assert brief(replace(facts, naming=(customer(), newer))) == [
        ("customer_not_recorded", "cus_new", "safe"),
        ("duplicate_customers", "cus_new", "person"),
    ]
    assert brief(replace(facts, elsewhere=True)) == [("customer_not_recorded", "cus_ada", "safe")]


def test_a_customer_of_another_tenant_is_not_the_users() -> None:
    foreign = customer(tenant="other.eu.auth0.com")
    assert brief(UserFacts(user(recorded=None), naming=(foreign,))) == [("unlinked_user", None, "safe")]


def test_a_recorded_customer_that_names_nobody() -> None:
    nobodys = customer(owner=None)
    assert brief(UserFacts(user(), nobodys)) == [("back_reference_missing", "cus_ada", "safe")]
    # Neither the missing account nor another address is a finding beside it: the repair sees to both.
    unpinned = user(pin=None, email="new@example.com")
    assert brief(UserFacts(unpinned, nobodys)) == [("back_reference_missing", "cus_ada", "safe")]


def test_a_recorded_customer_that_names_nobody_beside_one_that_names_the_user() -> None:
    """The next use claims the recorded one. The finding is the same before and after it."""
    facts = UserFacts(user(), customer(owner=None), naming=(customer("cus_2"),))
    (before,) = found(facts)
    (after,) = found(replace(facts, recorded=customer(), naming=(customer(), customer("cus_2"))))
    assert (before.kind, before.customers, before.repair) == (
        Kind.DUPLICATE_CUSTOMERS,
        ("cus_ada", "cus_2"),
        Repair.PERSON,
    )
    assert replace(before, message=after.message) == after
    assert before.message == (
        "Auth0 records cus_ada, which names nobody, and cus_2 names the user. "
        "The store takes the recorded one."
    )
    # A predecessor is in sight.
    noted = replace(facts, user=user(replaced=("cus_2",)))
    assert brief(noted) == [("back_reference_missing", "cus_ada", "safe")]
    # Nobody knows yet whose the shared one is.
    assert [it.kind for it in found(replace(facts, sharers=(GRACE,)))] == [Kind.SHARED_CUSTOMER]


def test_a_recorded_customer_that_names_somebody_else() -> None:
    (one,) = found(UserFacts(user(), customer(owner=GRACE), naming=(customer("cus_2"),)))
    assert (one.kind, one.repair) == (Kind.WRONG_BACK_REFERENCE, Repair.PERSON)
    assert GRACE in one.message
    assert "flask --app wsgi customers link 'auth0|ada'" in one.commands
    assert "flask --app wsgi customers relink 'auth0|ada' cus_ada --take-over" in one.commands
    # The other user is named by a customer that somebody else records: that one finding tells it.
    assert brief(UserFacts(user(GRACE, recorded=None), taken=True)) == []


def test_several_customers_that_name_one_user() -> None:
    (one,) = found(UserFacts(user(), customer(), naming=(customer("cus_2"), customer())))
    assert (one.kind, one.customer_id, one.customers) == (
        Kind.DUPLICATE_CUSTOMERS,
        "cus_ada",
        ("cus_ada", "cus_2"),
    )
    assert one.commands[-1] == "flask --app wsgi customers relink 'auth0|ada' cus_2"


def test_a_predecessor_is_no_duplicate() -> None:
    facts = UserFacts(user(replaced=("cus_2",)), customer(), naming=(customer(), customer("cus_2")))
    assert brief(facts) == []


@pytest.mark.parametrize(
    ("gone", "pin", "setting", "repair"),
    [
        (Gone.DELETED, "acct_1 live", SETTING, "safe"),
        (Gone.DELETED, None, SETTING, "safe"),
        (Gone.MISSING, "acct_1 live", SETTING, "person"),
        (Gone.MISSING, "acct_1 test", IN_TEST_MODE, "safe"),
        (Gone.MISSING, None, IN_TEST_MODE, "person"),
        (Gone.OTHER_MODE, "acct_1 live", SETTING, "person"),
        (Gone.NOT_LISTED, "acct_1 live", SETTING, "person"),
        (Gone.NOT_LISTED, "acct_1 test", IN_TEST_MODE, "person"),
    ],
)
def test_an_id_without_a_customer(gone: Gone, pin: str | None, setting: Setting, repair: str) -> None:
    assert brief(UserFacts(user(pin=pin), gone), setting) == [("dangling_id", "cus_ada", repair)]


def test_an_id_that_is_none_is_for_a_person() -> None:
    assert brief(UserFacts(user(recorded="42"), Gone.DELETED)) == [("dangling_id", "42", "person")]


def test_a_dangling_id_tells_the_customer_that_names_the_user() -> None:
    (one,) = found(UserFacts(user(), Gone.DELETED, naming=(customer("cus_2"),)))
    assert (one.kind, one.customers) == (Kind.DANGLING_ID, ("cus_ada", "cus_2"))


def test_two_users_who_record_one_customer() -> None:
    grace = user(GRACE, recorded="cus_ada")
    owner = UserFacts(user(), customer(), sharers=(GRACE,), naming=(customer(),))
    assert brief(owner) == []
    (one,) = found(UserFacts(grace, customer(), sharers=(ADA,)))
    assert (one.kind, one.user_id, one.users) == (Kind.SHARED_CUSTOMER, GRACE, (GRACE, ADA))
    assert one.commands[0] == "flask --app wsgi customers show cus_ada"


def test_a_shared_customer_that_names_nobody_is_one_finding() -> None:
    nobodys = customer(owner=None)
    facts = [
        UserFacts(user(), nobodys, sharers=(GRACE,)),
        UserFacts(user(GRACE, recorded="cus_ada"), nobodys, sharers=(ADA,)),
    ]
    ones = [it for each in facts for it in found(each)]
    assert [(it.kind, it.user_id, it.users) for it in ones] == [(Kind.SHARED_CUSTOMER, ADA, (ADA, GRACE))]


def test_another_tenant_and_a_former_domain() -> None:
    foreign = customer(tenant="other.eu.auth0.com")
    assert brief(UserFacts(user(), foreign)) == [("other_tenant", "cus_ada", "person")]
    former = customer(tenant=FORMER)
    assert brief(UserFacts(user(), former)) == [("other_tenant", "cus_ada", "safe")]
    assert brief(UserFacts(user(), customer(tenant=None))) == []


def test_a_record_without_an_account() -> None:
    facts = UserFacts(user(pin=None), customer())
    assert brief(facts) == [("unpinned", "cus_ada", "safe")]
    # A key that may not read its account cannot write one.
    restricted = replace(SETTING, account=Account(None, livemode=True))
    assert brief(facts, restricted) == []
    # Keys with a suffix say by their name whose they are.
    assert brief(replace(facts, user=replace(facts.user, suffix="_live"))) == []


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"email": "old@example.com"}, "e-mail"),
        ({"name": "Old"}, "name"),
        ({"email": None, "name": None}, "e-mail and name"),
    ],
)
def test_an_address_or_a_name_that_differs(changed: dict[str, Any], fields: str) -> None:
    (one,) = found(UserFacts(user(), customer(**changed)))
    assert (one.kind, one.repair) == (Kind.DRIFT, Repair.SAFE)
    assert one.message.startswith(f"The {fields} of cus_ada differ")


def test_what_auth0_lacks_is_no_drift() -> None:
    assert brief(UserFacts(user(email=None, name=None), customer())) == []
    assert brief(UserFacts(user(name="n" * 300), customer(name="n" * 256))) == []


def test_a_customer_of_a_merged_account() -> None:
    eves = customer("cus_eve", EVE)
    primary = user(identities=(EVE,))
    linked = UserFacts(primary, customer(), naming=(customer(),), merged=(eves,))
    assert brief(linked) == [("merged_secondary", "cus_eve", "safe")]
    # The protocol makes it a predecessor; from then on its orders are in sight.
    noted = replace(primary, replaced=("cus_eve",), merged=(EVE,))
    assert brief(replace(linked, user=noted)) == []
    (one,) = found(replace(linked, user=noted, running={"cus_eve": ("sub_1",)}))
    assert (one.kind, one.repair, one.subscriptions) == (Kind.MERGED_SECONDARY, Repair.PERSON, ("sub_1",))
    # The protocol looks each account up once.
    assert brief(replace(linked, user=replace(primary, merged=(EVE,)))) == [
        ("merged_secondary", "cus_eve", "person")
    ]


def test_a_merged_account_has_the_only_customer() -> None:
    eves = customer("cus_eve", EVE)
    none = UserFacts(user(recorded=None, identities=(EVE,)), merged=(eves,))
    assert brief(none) == [("merged_secondary", "cus_eve", "safe")]
    its = UserFacts(user(recorded="cus_eve", identities=(EVE,)), eves, merged=(eves,))
    assert brief(its) == [("merged_secondary", "cus_eve", "safe")]


def test_a_blocked_users_findings_are_for_a_person() -> None:
    facts = UserFacts(user(blocked=True), customer(owner=None))
    (one,) = found(facts)
    assert (one.kind, one.repair) == (Kind.BACK_REFERENCE_MISSING, Repair.PERSON)
    assert "blocked" in one.message


def test_customers_without_a_user() -> None:
    one = of_customer(customer(), SETTING, running=())
    assert (one.kind, one.user_id, one.customer_id) == (Kind.ORPHAN_CUSTOMER, ADA, "cus_ada")
    charged = of_customer(customer(), SETTING, running=("sub_1",))
    assert (charged.kind, charged.subscriptions) == (Kind.ORPHAN_SUBSCRIPTION, ("sub_1",))
    assert "sub_1 runs" in charged.message
    foreign = of_customer(customer(tenant="other.eu.auth0.com"), SETTING, running=("sub_1",))
    assert (foreign.kind, foreign.repair) == (Kind.OTHER_TENANT, Repair.PERSON)
    former = of_customer(customer(tenant=FORMER), SETTING, running=())
    assert former.kind is Kind.ORPHAN_CUSTOMER


def test_what_needs_money_or_a_person_comes_first() -> None:
    assert next(iter(Kind)) is Kind.ORPHAN_SUBSCRIPTION
    assert len(Kind) == 13


def test_a_user_id_with_quotes_is_quoted_in_commands() -> None:
    strange = "waad|it's $(me)"
    (one,) = found(UserFacts(user(strange), customer(owner=GRACE)))
    assert one.commands[0] == "flask --app wsgi customers show 'waad|it'\"'\"'s $(me)'"
