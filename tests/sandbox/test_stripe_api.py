"""Rules for every request to the sandbox's Stripe: API keys, modes, headers, errors and parameters."""

import base64
import re
from pathlib import Path

import httpx
import pytest
import stripe

from tests.sandbox.conftest import OTHER_ACCOUNT, OTHER_KEY, RESTRICTED_KEY, RunningStripe
from tests.traffic import sdk
from webstore.sandbox.stripe import ACCOUNT, API_VERSION, LIVE_KEY, TEST_KEY, StripeConfig, operations

# Keys: https://docs.stripe.com/api/authentication


def test_the_account_is_the_one_of_the_key(running: RunningStripe) -> None:
    assert running.sdk().v1.accounts.retrieve_current().id == ACCOUNT
    account = running.sdk(OTHER_KEY).v1.accounts.retrieve_current()
    assert (account.id, account.object, account.type) == (OTHER_ACCOUNT, "account", "standard")


def test_an_unknown_key_is_401_and_masked(running: RunningStripe) -> None:
    with pytest.raises(stripe.AuthenticationError) as refused:
        running.sdk("sk_test_wrong_key_9876").v1.customers.list()
    assert refused.value.http_status == 401
    assert refused.value.user_message == "Invalid API Key provided: sk_test_**********9876"


def test_no_key_is_401_and_says_how(running: RunningStripe) -> None:
    answer = httpx.get(f"{running.url}/v1/customers", trust_env=False)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "invalid_request_error")
    assert answer.json()["error"]["message"].startswith("You did not provide an API key.")
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_basic_authentication_carries_the_key_as_user(running: RunningStripe) -> None:
    good = httpx.get(f"{running.url}/v1/account", auth=(TEST_KEY, ""), trust_env=False)
    assert good.json()["id"] == ACCOUNT
    for wrong in ("not base64!", base64.b64encode(b"\xff:").decode()):
        headers = {"Authorization": f"Basic {wrong}"}
        bad = httpx.get(f"{running.url}/v1/account", headers=headers, trust_env=False)
        assert bad.status_code == 401


def test_a_key_of_the_wrong_mode_is_no_configuration() -> None:
    with pytest.raises(ValueError, match="sk_live_"):
        StripeConfig(keys={TEST_KEY: (ACCOUNT, True)})
    with pytest.raises(ValueError, match="at least one"):
        StripeConfig(keys={})


def test_a_restricted_key_without_the_permission_is_403(running: RunningStripe) -> None:
    restricted = running.sdk(RESTRICTED_KEY)
    running.control.change_settings({"denied_permissions": ["customer_write"]})
    assert restricted.v1.customers.list().data == []
    with pytest.raises(
        stripe.PermissionError, match=r"'customer_write'\) permissions on this key"
    ) as refused:
        restricted.v1.customers.create({})
    assert refused.value.http_status == 403
    assert running.sdk().v1.customers.create({}).object == "customer"


# Test and live mode, and several accounts


@pytest.mark.parametrize(
    ("key", "other_key", "has", "used"),
    [(TEST_KEY, LIVE_KEY, "test", "live"), (LIVE_KEY, TEST_KEY, "live", "test")],
)
def test_an_id_of_the_other_mode_is_missing_and_says_where_it_is(
    running: RunningStripe, key: str, other_key: str, has: str, used: str
) -> None:
    customer = running.sdk(key).v1.customers.create({"name": "Ada"})
    assert customer.livemode is (has == "live")
    with pytest.raises(stripe.InvalidRequestError) as missing:
        running.sdk(other_key).v1.customers.retrieve(customer.id)
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert missing.value.user_message == (
        f"No such customer: '{customer.id}'; a similar object exists in {has} mode, but a {used} mode key was"
        " used to make this request."
    )
    assert running.sdk(other_key).v1.customers.list().data == []


def test_another_accounts_objects_are_plainly_missing(running: RunningStripe) -> None:
    customer = running.sdk().v1.customers.create({})
    with pytest.raises(stripe.InvalidRequestError) as missing:
        running.sdk(OTHER_KEY).v1.customers.retrieve(customer.id)
    assert missing.value.user_message == f"No such customer: '{customer.id}'"


# Headers and errors: https://docs.stripe.com/api/errors


def test_every_answer_names_the_request_and_the_version(http: httpx.Client) -> None:
    answers = [
        http.get("/v1/customers"),
        http.get("/v1/customers/cus_none"),
        http.post("/v1/customers", data={"email": "no"}),
        http.get("/v1/nothing"),
        http.get("/v1/payouts"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 400, 404, 501]
    for answer in answers:
        assert answer.headers["request-id"].startswith("req_")
        assert answer.headers["stripe-version"] == API_VERSION
        assert answer.headers["content-type"] == "application/json"
    assert len({answer.headers["request-id"] for answer in answers}) == len(answers)


def test_an_error_has_stripes_shape(http: httpx.Client) -> None:
    answer = http.get("/v1/customers/cus_none")
    error = answer.json()["error"]
    assert error == {
        "type": "invalid_request_error",
        "code": "resource_missing",
        "doc_url": "https://stripe.com/docs/error-codes/resource-missing",
        "message": "No such customer: 'cus_none'",
        "param": "id",
        "request_log_url": f"https://dashboard.stripe.com/test/logs/{answer.headers['request-id']}",
    }


@pytest.mark.parametrize(
    "address",
    [
        *("/v1/foo", "/v1/customers/", "/v1", "/v1/", "/v2/foo", "/v1/customers/cus_1/nothing"),
        *("/v1/payouts/po_1/x", "/v1/payouts//reverse", "/v2/core/events/"),
    ],
)
def test_an_address_that_stripe_does_not_have_is_404(http: httpx.Client, address: str) -> None:
    answer = http.get(address)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith(f"Unrecognized request URL (GET: {address}).")


def test_a_method_that_an_address_does_not_take_is_404(http: httpx.Client) -> None:
    answer = http.put("/v1/customers/cus_1")
    assert answer.status_code == 404
    assert "Unrecognized request URL (PUT: /v1/customers/cus_1)." in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "/v1/payouts"),
        ("POST", "/v1/payment_links"),
        ("GET", "/v1/customers/cus_1/tax_ids"),
        ("GET", "/v2/core/events"),
    ],
)
def test_what_the_sandbox_does_not_implement_is_501_and_says_so(
    http: httpx.Client, method: str, address: str
) -> None:
    answer = http.request(method, address)
    assert answer.status_code == 501
    assert f"The sandbox does not implement {method} {address}" in answer.json()["error"]["message"]


def test_the_sandbox_knows_the_operations_of_the_sdk() -> None:
    listed = Path(operations.__file__).with_name("operations.txt").read_text().splitlines()
    assert set(listed) == sdk.operations()
    assert len(listed) == len(set(listed)) > 600


def test_every_real_operation_is_answered_or_said_to_be_missing(http: httpx.Client) -> None:
    unrecognized, missing = [], 0
    for operation in sorted(sdk.operations()):
        method, path = operation.split()
        answer = http.request(method, re.sub(r"\{\w+\}", "x_1", path))
        missing += answer.status_code == 501
        if "Unrecognized request URL" in answer.text:
            unrecognized.append(operation)
    assert unrecognized == []
    assert missing > 500


@pytest.mark.parametrize("header", [{"Stripe-Version": "2020-08-27"}, {"Stripe-Account": "acct_1"}])
def test_other_versions_and_connected_accounts_are_501(http: httpx.Client, header: dict[str, str]) -> None:
    assert http.get("/v1/customers", headers=header).status_code == 501


def _list_often(client: stripe.StripeClient) -> None:
    for _ in range(20):
        client.v1.customers.list()


def test_too_many_requests_are_429(running: RunningStripe) -> None:
    running.control.change_settings({"rate_limit_per_s": 3})
    client = running.sdk()
    with pytest.raises(stripe.RateLimitError) as limited:
        _list_often(client)
    assert limited.value.error is not None
    assert (limited.value.http_status, limited.value.error.code) == (429, "rate_limit")
    assert running.sdk(LIVE_KEY).v1.customers.list().data == []


def test_each_endpoint_has_a_limit_of_its_own(running: RunningStripe, http: httpx.Client) -> None:
    customers = [http.post("/v1/customers").json()["id"] for _ in range(2)]
    running.control.change_settings({"endpoint_rate_limit_per_s": 1})
    # The last second is counted, so that ten calls in a row meet the limit on any machine.
    answers = [http.get(f"/v1/customers/{customers[number % 2]}") for number in range(10)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert {it.headers["Stripe-Rate-Limited-Reason"] for it in limited} == {"endpoint-rate"}
    assert http.get("/v1/products").status_code == 200


# Parameters


def test_an_unknown_parameter_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/customers", data={"foo": "1"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "parameter_unknown", "foo")
    assert error["message"] == "Received unknown parameter: foo"
    nested = http.post("/v1/customers", data={"address[planet]": "x", "address[city]": "y"}).json()["error"]
    assert nested["message"] == "Received unknown parameter: address[planet]"
    query = http.get("/v1/customers", params={"mail": "x", "post": "y"}).json()["error"]
    assert query["message"] == "Received unknown parameters: mail, post"


def test_a_missing_parameter_is_named(http: httpx.Client) -> None:
    error = http.get("/v1/customers/search").json()["error"]
    assert (error["code"], error["param"]) == ("parameter_missing", "query")
    assert error["message"] == "Missing required param: query."


@pytest.mark.parametrize(
    ("encoded", "param"),
    [
        ("address=Berlin", "address"),
        ("name[first]=Ada", "name"),
        ("preferred_locales=de", "preferred_locales"),
        ("metadata=text", "metadata"),
        ("balance=1.5", "balance"),
        ("tax_exempt=perhaps", "tax_exempt"),
        ("name=Ada&name[first]=Ada", "name[first]"),
        ("[name]=Ada", "[name]"),
        ("shipping[name]=Ada", "shipping[address]"),
        ("expand[]=everything", "expand"),
    ],
)
def test_a_parameter_of_the_wrong_form_is_400(http: httpx.Client, encoded: str, param: str) -> None:
    answer = http.post(
        "/v1/customers", content=encoded, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_a_json_body_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/customers", json={"name": "Ada"})
    assert answer.status_code == 400
    assert "application/x-www-form-urlencoded" in answer.json()["error"]["message"]


def test_parameters_that_the_sandbox_does_not_implement_are_501(http: httpx.Client) -> None:
    answer = http.post("/v1/customers", data={"payment_method": "pm_card_visa"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (501, "payment_method")


def test_requests_are_logged_with_their_idempotency_key(running: RunningStripe) -> None:
    client = running.sdk()
    for _ in range(2):
        client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k1"})
    httpx.get(f"{running.url}/test/customers", trust_env=False).raise_for_status()
    log = [
        (entry.method, entry.path, entry.idempotency_key, entry.replayed)
        for entry in running.control.requests()
    ]
    assert log == [("POST", "/v1/customers", "k1", False), ("POST", "/v1/customers", "k1", True)]
