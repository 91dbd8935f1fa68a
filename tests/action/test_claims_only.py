"""The variant without a Stripe key: it copies links into the tokens and does nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.action.steps import claims, new_user
from tests.action.under_node import Runner, Tenant, printed_action, under_node
from tests.support import Shop

LINKS = {
    "stripe_customer_id": "cus_live",
    "stripe_account": "acct_1 live",
    "stripe_customer_id_acct_1_test": "cus_test",
    "stripe_account_acct_1_test": "acct_1 test",
    "stripe_customer_id_live": "cus_by_mode",
}
OTHERS = {
    "stripe_replaced": "cus_0",
    "stripe_merged": "samlp|8",
    "stripe_link_failed_at": 1_800_000_000,
    "stripe_account_manager": "Grace",
    "stripe_customer_id_of_the_old_shop": "4711",
    "roles": ["buyer"],
}


@pytest.fixture(scope="module")
def copying(shared: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """The claims-only Action, where Stripe's SDK is not installed."""
    folder, url = tmp_path_factory.mktemp("claims"), shared.environment["STRIPE_API_BASE"]
    with under_node(printed_action(shared, "--claims-only"), folder, url) as action:
        yield action


def test_every_pair_is_in_both_tokens_and_nothing_else(tenant: Tenant, copying: Runner) -> None:
    event = tenant.event(new_user(tenant, app_metadata={**LINKS, **OTHERS}))
    del event["secrets"]
    asked = copying.log_in(event, withoutStripe=True)
    assert asked.id_token == asked.access_token == claims(tenant, LINKS)
    assert (asked.metadata, asked.denied, asked.threw) == ({}, False, None)
    assert tenant.shop.stripe_requests() == []


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"app_metadata": None},
        {"app_metadata": {}},
        {"app_metadata": ["a"]},
        {"app_metadata": "a"},
        None,
        7,
    ],
    ids=repr,
)
def test_without_links_the_login_goes_on(copying: Runner, user: Any) -> None:
    assert copying.log_in({"user": user}, withoutStripe=True).nothing


@pytest.mark.parametrize("garbage", [7, None, True, {"id": "cus_1"}, ["cus_1"]], ids=repr)
def test_value_that_is_no_text_is_left_out(tenant: Tenant, copying: Runner, garbage: object) -> None:
    records = {"stripe_customer_id": garbage, "stripe_account": "acct_1 test"}
    asked = copying.log_in({"user": {"app_metadata": records}})
    assert asked.id_token == claims(tenant, {"stripe_account": "acct_1 test"})


@pytest.mark.parametrize("refused", ["idToken", "accessToken"])
def test_refused_by_auth0_the_login_goes_on(copying: Runner, refused: str) -> None:
    asked = copying.log_in({"user": {"app_metadata": LINKS}}, refused=[refused])
    assert (asked.denied, asked.threw) == (False, None)
    assert len(asked.log) == 1
