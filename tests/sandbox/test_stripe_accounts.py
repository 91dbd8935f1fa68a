"""Accounts, organization keys, tax settings and the time that Stripe says."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx
import pytest
import stripe

from tests.sandbox.auth0 import NO_AUTHORITIES
from tests.sandbox.checkout import price, session
from tests.sandbox.conftest import KEYS, OTHER_ACCOUNT, OTHER_KEY, RunningStripe
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import ACCOUNT, TEST_KEY, StripeConfig, create_stripe

ORG_KEY = "sk_org_test_of_two_accounts"


# Accounts: https://docs.stripe.com/api/accounts/retrieve


@pytest.mark.parametrize(("key", "account"), [(TEST_KEY, ACCOUNT), (OTHER_KEY, OTHER_ACCOUNT)])
def test_a_key_reads_its_own_account_by_id_and_no_other(
    running: RunningStripe, key: str, account: str
) -> None:
    accounts = running.sdk(key).v1.accounts
    own = accounts.retrieve(account)
    assert own.to_dict() == accounts.retrieve_current().to_dict()
    assert (own.country, own.charges_enabled, own.details_submitted) == ("DE", True, True)
    assert own.settings is not None
    assert own.settings.dashboard.display_name == "Sandbox store"
    with pytest.raises(stripe.PermissionError, match="does not have access to account 'acct_1'") as refused:
        accounts.retrieve("acct_1")
    assert refused.value.error is not None
    assert refused.value.error.code == "account_invalid"


# Organization keys: https://docs.stripe.com/keys/organization-api-keys


@pytest.fixture
def organization() -> Iterator[httpx.Client]:
    """The API with an organization key of two accounts."""
    config = StripeConfig(keys=KEYS, organizations={ORG_KEY: ((ACCOUNT, OTHER_ACCOUNT), False)})
    headers = {"Authorization": f"Bearer {ORG_KEY}"}
    with (
        Server(create_stripe(config).app) as server,
        httpx.Client(base_url=server.url, headers=headers, trust_env=False, verify=NO_AUTHORITIES) as client,
    ):
        yield client


def test_an_organization_key_opens_the_account_of_the_context(organization: httpx.Client) -> None:
    for account in (ACCOUNT, OTHER_ACCOUNT):
        context = {"Stripe-Context": account}
        assert organization.get("/v1/account", headers=context).json()["id"] == account
        assert organization.get(f"/v1/accounts/{account}", headers=context).json()["id"] == account
    made = organization.post("/v1/customers", headers={"Stripe-Context": ACCOUNT}).json()
    assert made["livemode"] is False
    elsewhere = organization.get(f"/v1/customers/{made['id']}", headers={"Stripe-Context": OTHER_ACCOUNT})
    assert elsewhere.status_code == 404


def test_an_organization_key_needs_an_account_of_its_own(organization: httpx.Client) -> None:
    nowhere = organization.get("/v1/account")
    assert (nowhere.status_code, nowhere.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "Stripe-Context" in nowhere.json()["error"]["message"]
    foreign = organization.get("/v1/account", headers={"Stripe-Context": "acct_of_nobody"})
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "account_invalid")
    assert ORG_KEY not in foreign.text
    assert "'sk_org_test_***********unts'" in foreign.text


def test_an_organization_without_accounts_of_the_sandbox_is_no_configuration() -> None:
    with pytest.raises(ValueError, match="sk_org_test_"):
        StripeConfig(keys=KEYS, organizations={"sk_org_live_1": ((ACCOUNT,), False)})
    with pytest.raises(ValueError, match="a key of its own"):
        StripeConfig(keys=KEYS, organizations={ORG_KEY: (("acct_2",), False)})


# Tax: https://docs.stripe.com/api/tax/settings


def test_tax_settings_are_active_or_pending(running: RunningStripe, client: stripe.StripeClient) -> None:
    active = client.v1.tax.settings.retrieve()
    assert (active.status, active.livemode) == ("active", False)
    assert active.head_office is not None
    assert session(client, price(client), automatic_tax={"enabled": True}).automatic_tax.enabled
    running.control.change_settings({"tax_settings": "pending"})
    pending = client.v1.tax.settings.retrieve()
    assert (pending.status, pending.head_office) == ("pending", None)
    assert pending.status_details.pending is not None
    assert pending.status_details.pending.missing_fields == ["head_office"]
    with pytest.raises(stripe.InvalidRequestError, match="valid head office address") as refused:
        session(client, price(client), automatic_tax={"enabled": True})
    assert refused.value.param == "automatic_tax[enabled]"
    assert not session(client, price(client)).automatic_tax.enabled


# The time


@pytest.mark.parametrize("ahead_s", [0, 600, -3600])
def test_the_header_date_is_the_time_or_as_far_from_it_as_a_test_says(
    running: RunningStripe, http: httpx.Client, ahead_s: int
) -> None:
    running.control.change_settings({"date_ahead_s": float(ahead_s)})
    began = time.time()
    answer = http.get("/v1/account")
    (date,) = answer.headers.get_list("date")
    said = parsedate_to_datetime(date).timestamp() - ahead_s
    assert began - 1 <= said <= time.time()
