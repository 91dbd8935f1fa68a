"""Repairs, call by call: a link may change after the finding, and a vendor may fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from tests.fakes import Accounts
from tests.unit.linking.attempts import ADA, change, policy_of
from tests.unit.linking.vendors import Vendors
from webstore.errors import DirectoryRefused, EmailRefused, PaymentsRefused, PaymentsUnavailable
from webstore.linking import protocol
from webstore.linking.calls import Call, CreateCustomer, NoteFailure, RecordLink, UpdateCustomer
from webstore.linking.models import Customer, User
from webstore.linking.protocol import Steps
from webstore.reconcile.models import Finding, Kind, Repair
from webstore.reconcile.repair import Repairer

T = TypeVar("T")
OLD_S = 30 * 24 * 3600.0
Hook = Callable[[Call[Any]], None]


def _nothing(_call: Call[Any]) -> None:
    """Nothing happens before a call."""


@dataclass(frozen=True)
class Repairs(Repairer):
    """Repairs at vendors in memory."""

    vendors: Vendors = field(default_factory=Vendors)
    before: Hook = _nothing

    def _run(self, steps: Steps[T]) -> T:
        def answer(call: Call[Any]) -> object:
            self.before(call)
            return self.vendors.answer(call)

        return protocol.drive(steps, next(steps), answer)


@pytest.fixture
def vendors() -> Vendors:
    """Ada, a month old, who records a customer that names her."""
    found = Vendors()
    created = found.now - OLD_S
    found.users[ADA] = User(ADA, email="ada@example.com", name="Ada", created_at=created)
    found.put(Customer("cus_ada", owner=ADA, tenant=found.tenant, email="ada@example.com", name="Ada"))
    change(found, customer_id="cus_ada", account="acct_1 test")
    return found


def repaired(
    vendors: Vendors, kind: Kind, customer_id: str | None = "cus_ada", *, before: Hook = _nothing, **more: Any
) -> Finding:
    """The finding after its repair."""
    backfill = more.pop("backfill", False)
    finding = Finding(kind, ADA, customer_id, Repair.SAFE, "Found.", commands=("look",), **more)
    linker = replace(Accounts().linker(), policy=policy_of(vendors), now=lambda: vendors.now)
    repairs = Repairs(linker, backfill=backfill, vendors=vendors, before=before)
    assert repairs.can(finding)
    vendors.calls.clear()
    ((before_it, after),) = repairs.repaired([finding])
    assert before_it is finding
    return after


def writes(vendors: Vendors) -> list[str]:
    kinds = (CreateCustomer, UpdateCustomer, RecordLink, NoteFailure)
    return [type(it).__name__ for it in vendors.calls if isinstance(it, kinds)]


def put(vendors: Vendors, customer_id: str = "cus_ada", owner: str | None = ADA, **more: Any) -> None:
    tenant = vendors.tenant if owner else None
    vendors.put(
        Customer(
            customer_id, owner=owner, tenant=tenant, **{"email": "ada@example.com", "name": "Ada", **more}
        )
    )


def test_drift(vendors: Vendors) -> None:
    put(vendors, email="old@example.com")
    done = repaired(vendors, Kind.DRIFT)
    assert (done.repair, done.commands, writes(vendors)) == (Repair.DONE, (), ["UpdateCustomer"])
    assert vendors.customers["cus_ada"].email == "ada@example.com"


def test_what_somebody_else_has_repaired_is_not_written_again(vendors: Vendors) -> None:
    for kind in (Kind.DRIFT, Kind.UNPINNED, Kind.BACK_REFERENCE_MISSING, Kind.CUSTOMER_NOT_RECORDED):
        assert repaired(vendors, kind).repair is Repair.DONE
        assert writes(vendors) == []


def test_a_claim_is_followed_by_the_account_and_the_address(vendors: Vendors) -> None:
    put(vendors, owner=None, email="old@example.com")
    change(vendors, account=None)
    assert repaired(vendors, Kind.BACK_REFERENCE_MISSING).repair is Repair.DONE
    assert vendors.users[ADA].account == "acct_1 test"
    assert vendors.customers["cus_ada"].owner == ADA
    assert vendors.customers["cus_ada"].email == "ada@example.com"


def test_a_customer_that_names_somebody_else_meanwhile_is_left_alone(vendors: Vendors) -> None:
    put(vendors, owner="auth0|grace")
    change(vendors, customer_id=None)
    left = repaired(vendors, Kind.CUSTOMER_NOT_RECORDED)
    assert (left.repair, writes(vendors)) == (Repair.PERSON, [])
    assert "has changed since it was read" in left.message


def test_a_record_that_was_made_meanwhile_is_left_alone(vendors: Vendors) -> None:
    put(vendors, "cus_2")
    left = repaired(vendors, Kind.CUSTOMER_NOT_RECORDED, "cus_2")
    assert (left.repair, writes(vendors)) == (Repair.PERSON, [])
    assert vendors.users[ADA].customer_id == "cus_ada"


def test_a_login_records_it_between_the_reading_and_the_writing(vendors: Vendors) -> None:
    change(vendors, customer_id=None, account=None)

    def login(call: Call[Any]) -> None:
        if isinstance(call, RecordLink):
            change(vendors, customer_id="cus_ada", account="acct_1 test")

    assert repaired(vendors, Kind.CUSTOMER_NOT_RECORDED, before=login).repair is Repair.DONE
    assert vendors.users[ADA].customer_id == "cus_ada"


def test_only_a_deleted_customer_is_replaced_by_a_new_one(vendors: Vendors) -> None:
    vendors.delete("cus_ada")
    left = repaired(vendors, Kind.DRIFT)
    assert (left.repair, writes(vendors)) == (Repair.SAFE, [])
    assert "only --backfill does" in left.message
    assert repaired(vendors, Kind.DANGLING_ID).repair is Repair.DONE
    assert vendors.users[ADA].replaced == ("cus_ada",)
    assert [it.id for it in vendors.owned_by(ADA)] == [vendors.users[ADA].customer_id]


def test_a_dangling_id_gives_way_to_the_customer_that_names_the_user(vendors: Vendors) -> None:
    vendors.delete("cus_ada")
    put(vendors, "cus_2", email="another@example.com")
    vendors.search_missing = True
    done = repaired(vendors, Kind.DANGLING_ID, customers=("cus_ada", "cus_2"))
    assert (done.repair, vendors.users[ADA].customer_id) == (Repair.DONE, "cus_2")
    assert vendors.users[ADA].replaced == ("cus_ada",)
    assert "CreateCustomer" not in writes(vendors)


def test_a_merged_accounts_customer(vendors: Vendors) -> None:
    vendors.users[ADA] = replace(vendors.users[ADA], identities=("auth0|eve",))
    put(vendors, "cus_eve", "auth0|eve")
    vendors.advance(3600)
    assert repaired(vendors, Kind.MERGED_SECONDARY, "cus_eve").repair is Repair.DONE
    assert (vendors.users[ADA].customer_id, vendors.users[ADA].replaced) == ("cus_ada", ("cus_eve",))
    change(vendors, customer_id=None, account=None, replaced=())
    vendors.delete("cus_ada")
    assert repaired(vendors, Kind.MERGED_SECONDARY, "cus_eve").repair is Repair.DONE
    assert (vendors.users[ADA].customer_id, vendors.customers["cus_eve"].owner) == ("cus_eve", ADA)


def test_users_without_a_customer_get_one_with_backfill_alone(vendors: Vendors) -> None:
    vendors.delete("cus_ada")
    change(vendors, customer_id=None, account=None)
    finding = Finding(Kind.UNLINKED_USER, ADA, None, Repair.SAFE)
    assert not Repairer(Accounts().linker()).can(finding)
    assert repaired(vendors, Kind.UNLINKED_USER, None, backfill=True).repair is Repair.DONE
    made = [it for it in vendors.calls if isinstance(it, CreateCustomer)]
    assert [it.key for it in made] == [
        protocol.link_key(vendors.users[ADA], policy_of(vendors), None, 0, "as-given")
    ]
    # Without --backfill, those whom a customer may be adopted for are looked at.
    change(vendors, customer_id=None, account=None)
    vendors.customers.clear()
    left = repaired(vendors, Kind.UNLINKED_USER, None, customers=("cus_old",))
    assert (left.repair, writes(vendors)) == (Repair.SAFE, [])


def test_an_address_that_stripe_refuses_is_for_a_person(vendors: Vendors) -> None:
    put(vendors, email="old@example.com")

    def refuse(call: Call[Any]) -> None:
        if isinstance(call, UpdateCustomer):
            raise EmailRefused("invalid")

    left = repaired(vendors, Kind.DRIFT, before=refuse)
    assert (left.repair, left.commands) == (Repair.PERSON, ("look",))
    assert "Stripe refuses some e-mail addresses" in left.message


def test_an_outage_leaves_it_for_the_next_run(vendors: Vendors) -> None:
    put(vendors, owner=None)

    def fail(_call: Call[Any]) -> None:
        raise PaymentsUnavailable("no answer")

    left = repaired(vendors, Kind.BACK_REFERENCE_MISSING, before=fail)
    assert left.repair is Repair.SAFE
    assert left.message.startswith("Found. Not finished: ")
    # When the run goes on, the reason of then is not told as well.
    again = Repairs(Accounts().linker(), vendors=vendors).repaired([left])
    assert [it.message for _, it in again] == ["Found."]


def test_a_missing_right_ends_the_run(vendors: Vendors) -> None:
    change(vendors, account=None, customer_id=None)

    def refuse(call: Call[Any]) -> None:
        if isinstance(call, RecordLink):
            raise DirectoryRefused("update:users_app_metadata is missing")

    with pytest.raises(DirectoryRefused):
        repaired(vendors, Kind.CUSTOMER_NOT_RECORDED, before=refuse)
    vendors.delete("cus_ada")
    with pytest.raises(DirectoryRefused):
        repaired(vendors, Kind.UNLINKED_USER, None, before=refuse, backfill=True)


@pytest.mark.parametrize("kind", [Kind.DRIFT, Kind.BACK_REFERENCE_MISSING, Kind.CUSTOMER_NOT_RECORDED])
def test_what_is_refused_for_one_user_alone_is_for_a_person(vendors: Vendors, kind: Kind) -> None:
    put(vendors, owner=None if kind is Kind.BACK_REFERENCE_MISSING else ADA, email="old@example.com")
    change(vendors, **({"customer_id": None} if kind is Kind.CUSTOMER_NOT_RECORDED else {}))

    def refuse(call: Call[Any]) -> None:
        if isinstance(call, UpdateCustomer | RecordLink):
            refused = PaymentsRefused("Stripe answered 400: Invalid string")
            refused.only_this = True
            raise refused

    left = repaired(vendors, kind, before=refuse)
    assert (left.repair, left.message.startswith("Found. Not repaired: ")) == (Repair.PERSON, True)
    assert left.commands


def test_a_blocked_or_deleted_user_is_for_a_person(vendors: Vendors) -> None:
    put(vendors, email="old@example.com")
    vendors.users[ADA] = replace(vendors.users[ADA], blocked=True)
    assert repaired(vendors, Kind.DRIFT).repair is Repair.PERSON
    del vendors.users[ADA]
    assert repaired(vendors, Kind.DRIFT).repair is Repair.PERSON
    assert repaired(vendors, Kind.CUSTOMER_NOT_RECORDED).repair is Repair.PERSON
    assert writes(vendors) == []
