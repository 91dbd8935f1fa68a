"""Whose account a Stripe key belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateways.stripe_wire import StripeWire, refusal
from webstore.errors import PaymentsError, PaymentsRefused, PaymentsUnavailable
from webstore.gateways.stripe.account import KeyAccount, account_of_key


def account(**fields: Any) -> KeyAccount | None:
    wire = StripeWire(lambda _: (200, {"object": "account", "id": "acct_1", **fields}, False))
    return account_of_key(wire.client)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"settings": {"dashboard": {"display_name": "My\x1b shop"}}}, "My  shop"),
        ({"settings": {"dashboard": {"display_name": None}}, "business_profile": {"name": "GmbH"}}, "GmbH"),
        ({"settings": {"dashboard": 3}, "business_profile": {"name": 5}}, ""),
        ({"settings": None, "business_profile": None}, ""),
        ({}, ""),
    ],
)
def test_an_account_has_its_name_in_the_dashboard_or_its_business_name(
    fields: dict[str, Any], name: str
) -> None:
    assert account(**fields) == KeyAccount("acct_1", name)


def test_a_restricted_key_may_work_without_reading_its_account() -> None:
    wire = StripeWire(lambda _: refusal(403, "The provided key does not have the required permissions."))
    assert account_of_key(wire.client) is None


@pytest.mark.parametrize(
    ("status", "error"), [(401, PaymentsRefused), (400, PaymentsRefused), (429, PaymentsUnavailable)]
)
def test_every_other_refusal_is_an_error(status: int, error: type[PaymentsError]) -> None:
    with pytest.raises(error):
        account_of_key(StripeWire(lambda _: refusal(status)).client)


def test_an_answer_without_an_id_is_an_error() -> None:
    with pytest.raises(PaymentsUnavailable):
        account(id=None)
