"""Which customer belongs to an account that is to be closed, and the order in which things end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes import USER, Accounts, Memory
from webstore.errors import DirectoryUnavailable, PaymentsUnavailable
from webstore.linking.models import Customer
from webstore.sessions.closing import Holding, close_account, holding_of


class Leavers(Accounts):
    """Accounts whose users can be deleted."""

    def delete_user(self, user_id: str) -> None:
        self.reads.append(f"delete {user_id}")
        self.user = None


@pytest.fixture
def accounts() -> Leavers:
    """A user with a customer."""
    return Leavers()


def held(accounts: Leavers, remembered: str | None = "cus_1") -> Holding:
    return holding_of(accounts.linker(), USER, remembered)


def test_the_recorded_customer_of_the_user(accounts: Leavers) -> None:
    assert held(accounts) == Holding("cus_1")


def test_no_customer_is_made_for_it(accounts: Leavers) -> None:
    assert accounts.user is not None
    accounts.user = replace(accounts.user, customer_id=None, account=None)
    assert held(accounts) == Holding()
    assert list(accounts.customers) == ["cus_1"]


def test_a_recorded_customer_that_names_nobody_counts(accounts: Leavers) -> None:
    accounts.customers["cus_1"] = Customer("cus_1")
    assert held(accounts) == Holding("cus_1")


def test_a_deleted_customer_has_no_subscriptions_left(accounts: Leavers) -> None:
    accounts.delete("cus_1")
    assert held(accounts) == Holding()


def test_an_unknown_customer_is_told_about(accounts: Leavers) -> None:
    accounts.customers.clear()
    assert held(accounts) == Holding(unusable="Stripe does not know cus_1")


def test_somebody_elses_customer_is_left_alone(accounts: Leavers) -> None:
    accounts.customers["cus_1"] = Customer("cus_1", owner="auth0|somebody_else")
    assert held(accounts) == Holding(unusable="cus_1 does not name the user")


@pytest.mark.parametrize("account", ["acct_1 live", "acct_2 test"])
def test_a_customer_of_another_world_is_left_alone_and_named_in_the_log(
    accounts: Leavers, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert accounts.user is not None
    accounts.user = replace(accounts.user, account=account)
    assert held(accounts) == Holding()
    assert "cus_1" not in accounts.reads
    assert f"cus_1 ({account})" in caplog.text


def test_a_malformed_record_is_left_alone(accounts: Leavers) -> None:
    assert accounts.user is not None
    accounts.user = replace(accounts.user, customer_id="../cus_1")
    assert held(accounts).unusable


def test_the_customer_of_a_user_who_is_gone_must_name_them(accounts: Leavers) -> None:
    accounts.user = None
    assert held(accounts) == Holding("cus_1")
    assert held(accounts, remembered=None) == Holding()
    accounts.customers["cus_1"] = Customer("cus_1")
    assert held(accounts).customer_id is None


def test_an_outage_is_not_taken_for_an_absence(accounts: Leavers) -> None:
    accounts.down = True
    with pytest.raises(PaymentsUnavailable):
        held(accounts)


def close(accounts: Leavers, end_charges: object) -> None:
    assert callable(end_charges)
    close_account(
        accounts.linker(),
        Memory(),
        Memory(),
        "issuer",
        USER,
        end_charges=end_charges,
        now=1_000.0,
        kept_s=60.0,
    )


def test_charges_end_before_the_user_is_deleted(accounts: Leavers) -> None:
    close(accounts, lambda: accounts.reads.append("end charges"))
    assert accounts.reads == ["end charges", f"delete {USER}"]


def test_nobody_is_deleted_while_something_can_charge_them(accounts: Leavers) -> None:
    def fail() -> None:
        raise DirectoryUnavailable("any error")

    with pytest.raises(DirectoryUnavailable):
        close(accounts, fail)
    assert accounts.user is not None
