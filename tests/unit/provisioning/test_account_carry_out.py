"""Carrying out the plan of `flask setup stripe`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from tests.unit.provisioning.account import EVENTS, MUG, MemoryAccount, endpoint, wanted
from webstore.errors import EnvFileError, PaymentsRefused, PaymentsUnavailable
from webstore.provisioning.account.carry_out import carry_out, read
from webstore.provisioning.account.models import NewEndpoint, Wanted
from webstore.provisioning.account.plan import plan


@dataclass
class EnvFile:
    """A `.env` in memory."""

    values: dict[str, str] = field(default_factory=dict)
    broken: bool = False

    def __call__(self, values: Mapping[str, str]) -> None:
        if self.broken:
            raise EnvFileError(".env cannot be written: it is full.")
        self.values |= values


def set_up(account: MemoryAccount, file: EnvFile, wants: Wanted) -> list[str]:
    """Plan and carry out, as a store does that reads the file. Gives the steps that are left."""
    wants = replace(
        wants,
        has_secret=wants.has_secret or "STRIPE_WEBHOOK_SECRET" in file.values,
        portal_configuration=file.values.get("STRIPE_PORTAL_CONFIGURATION", wants.portal_configuration),
    )
    done = carry_out(account, wants, plan(wants, read(account, wants)), file)
    return [words for _, words in done if words]


def test_twice_the_second_changes_nothing() -> None:
    account, file = MemoryAccount(), EnvFile()
    wants = wanted(catalogue=(MUG,))
    assert set_up(account, file, wants) == []
    assert account.changes == [
        "create_endpoint",
        "create_portal",
        "create_product",
        "create_price",
        "set_default_price price_mug",
    ]
    assert file.values == {
        "STRIPE_WEBHOOK_SECRET": "whsec_of_the_new_endpoint",
        "STRIPE_PORTAL_CONFIGURATION": "bpc_new",
    }
    account.changes.clear()
    kept = dict(file.values)
    assert set_up(account, file, wants) == []
    assert (account.changes, file.values) == ([], kept)


def test_other_endpoints_stay_as_they_are() -> None:
    others = [endpoint("we_other", url="https://other.example/hook", enabled=False, events=("*",))]
    account = MemoryAccount(hooks=[*others, endpoint(events=("*",))])
    set_up(account, EnvFile(), wanted(has_secret=True, portal_configuration="bpc_1"))
    assert account.changes == ["change_endpoint"]
    assert account.hooks == [*others, endpoint()]


def test_it_goes_on_where_it_was_interrupted() -> None:
    account, file = MemoryAccount(instead={"create_price": PaymentsUnavailable("no answer")}), EnvFile()
    wants = wanted(catalogue=(MUG,))
    with pytest.raises(PaymentsUnavailable):
        set_up(account, file, wants)
    account.instead.clear()
    account.changes.clear()
    set_up(account, file, wants)
    assert account.changes == ["create_price", "set_default_price price_mug"]


def test_a_secret_that_was_set_before_stays() -> None:
    account, file = MemoryAccount(portals=["bpc_1"]), EnvFile()
    (left,) = set_up(account, file, wanted(has_secret=True))
    assert "STRIPE_WEBHOOK_SECRET is set already and was left alone" in left
    assert "/workbench/webhooks/we_new0 > Signing secret" in left
    assert file.values == {"STRIPE_PORTAL_CONFIGURATION": "bpc_1"}
    assert "whsec_" not in left


def test_what_cannot_be_kept_is_told_without_the_secret() -> None:
    secret, portal = set_up(MemoryAccount(), EnvFile(broken=True), wanted())
    assert "it is full" in secret
    assert "/workbench/webhooks/we_new0 > Signing secret" in secret
    assert portal.endswith("Set STRIPE_PORTAL_CONFIGURATION=bpc_new yourself.")
    assert "whsec_" not in secret + portal


def test_a_new_endpoint_does_not_show_its_secret() -> None:
    assert "whsec_" not in repr(NewEndpoint("we_1", "whsec_secret"))


def test_what_need_not_be_read_may_be_refused() -> None:
    refused = PaymentsRefused("the key lacks a permission")
    account = MemoryAccount(instead={"destinations": refused, "tax_pending": refused})
    found = read(account, wanted(automatic_tax=True))
    assert (found.destinations, found.tax_pending) == (None, None)
    account.instead = {"endpoints": refused}
    with pytest.raises(PaymentsRefused):
        read(account, wanted())


def test_tax_is_read_only_if_it_matters() -> None:
    account = MemoryAccount(pending=True)
    assert read(account, wanted()).tax_pending is None
    assert read(account, wanted(automatic_tax=True)).tax_pending is True


def test_the_events_are_those_of_the_plan() -> None:
    account = MemoryAccount()
    set_up(account, EnvFile(), wanted())
    assert account.hooks == [endpoint("we_new0", events=EVENTS)]
