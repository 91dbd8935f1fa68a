"""Unusable answers of Stripe prove nothing."""

from __future__ import annotations

import pytest

from tests.gateways.raw_server import AMPLE_S, SHORT_S
from tests.gateways.shopfront import DRAFT, EVERY_CALL, Act, Shopfront, named
from webstore.errors import (
    EmailRefused,
    KeyReused,
    NoSuchCustomer,
    PaymentsError,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
)
from webstore.gateways.stripe.customers import StripePayments
from webstore.sandbox.stripe import ACCOUNT

# No use


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_rate_limit_is_unavailable_at_once(shopfront: Shopfront, sleeps: list[float], act: Act) -> None:
    error = {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "slow down"}}
    headers = {"Retry-After": "3600", "Stripe-Should-Retry": "true"}
    shopfront.fault(action="status", status=429, times=None, body=error, headers=headers)
    with pytest.raises(PaymentsUnavailable, match="429") as unavailable:
        act(shopfront.payments())
    assert sleeps == []
    assert not isinstance(unavailable.value, PaymentsFailed)
    assert len(shopfront.asked()) == 1, "the SDK asked again"


def test_stripes_own_rate_limit_is_unavailable(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.settings(rate_limit_per_s=1)
    payments.account()
    with pytest.raises(PaymentsUnavailable, match="429"):
        payments.get_customer("cus_1")


SERVER_ERRORS = [
    pytest.param(500, {"error": {"type": "api_error", "message": "An unknown error occurred"}}, id="500"),
    pytest.param(502, "<h1>Bad gateway</h1>", id="502"),
    pytest.param(503, "", id="503"),
    pytest.param(504, ["no object"], id="504"),
]


@pytest.mark.parametrize("act", EVERY_CALL)
@pytest.mark.parametrize(("status", "body"), SERVER_ERRORS)
def test_an_error_of_stripes_own_leaves_the_effect_unknown(
    shopfront: Shopfront, act: Act, status: int, body: object
) -> None:
    shopfront.fault(action="status", status=status, times=None, body=body)
    with pytest.raises(PaymentsFailed) as failed:
        act(shopfront.payments())
    assert not failed.value.replayed
    assert len(shopfront.asked()) == 1, "the SDK asked again"


@pytest.mark.parametrize("act", EVERY_CALL)
@pytest.mark.parametrize("action", ["truncate", "reset", "hang"])
def test_an_answer_that_does_not_arrive_proves_nothing(shopfront: Shopfront, act: Act, action: str) -> None:
    shopfront.fault(action=action, times=None, seconds=0.0)
    with pytest.raises(PaymentsUnavailable, match="Stripe cannot be reached") as unavailable:
        act(shopfront.payments())
    assert not isinstance(unavailable.value, PaymentsFailed)
    assert len(shopfront.asked()) == 1, "the SDK asked again"


NO_DETAILS = dict.fromkeys(("email", "name", "description"))
GARBAGE: list[object] = [
    "",
    "<h1>Welcome to our Wi-Fi</h1>",
    "null",
    "42",
    '"text"',
    [],
    ["cus_1"],
    {},
    {"object": "customer"},
    {"object": "customer", "id": "cus_1"},
    {"object": "customer", "id": None, "created": 1, "metadata": {}, **NO_DETAILS},
    {"object": "customer", "id": 42, "created": 1, "metadata": {}, **NO_DETAILS},
    {"object": "customer", "id": "cus_1", "created": "once", "metadata": {}, **NO_DETAILS},
    {"object": "customer", "id": "cus_1", "created": 1, "metadata": "none", **NO_DETAILS},
    {"object": "customer", "id": "cus_1", "created": 1, "metadata": {"link_generation": 5}, **NO_DETAILS},
    {"object": "list", "has_more": False},
    {"object": "list", "has_more": False, "data": None},
    {"object": "list", "has_more": False, "data": ["cus_1"]},
    {"object": "list", "has_more": False, "data": [{"object": "customer"}]},
    {"object": "account", "id": None},
    {"object": "account", "id": 42},
    {"error": "an error with 200"},
]


@pytest.mark.parametrize("act", EVERY_CALL)
def test_an_answer_that_makes_no_sense_proves_nothing(
    shopfront: Shopfront, payments: StripePayments, act: Act
) -> None:
    believed = []
    for body in GARBAGE:
        shopfront.stripe.control.clear_faults()
        shopfront.fault(action="status", status=200, times=None, body=body)
        try:
            believed.append((body, act(payments)))
        except PaymentsUnavailable:
            continue
        except Exception as exc:  # noqa: BLE001 (what must not come out of a gateway)
            believed.append((body, exc))
    assert believed == []


@pytest.mark.parametrize("more", [{}, {"has_more": None}, {"has_more": "no"}])
@pytest.mark.parametrize("act", EVERY_CALL[4:6])
def test_a_list_that_does_not_say_whether_it_is_whole_proves_nothing(
    shopfront: Shopfront, payments: StripePayments, act: Act, more: dict[str, object]
) -> None:
    shopfront.fault(action="status", status=200, body={"object": "list", "data": [], **more})
    with pytest.raises(PaymentsUnavailable):
        act(payments)


def test_bytes_that_are_not_text_prove_nothing(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.fault(action="status", status=200, body="ok", headers={"Content-Encoding": "gzip"})
    with pytest.raises(PaymentsUnavailable):
        payments.get_customer("cus_1")


@pytest.mark.parametrize(
    "body", ["", "<h1>Forbidden by the proxy</h1>", {"message": "no"}, {"error": "no"}, []]
)
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 418, 429])
def test_a_refusal_that_makes_no_sense_is_one_of_the_tree(
    shopfront: Shopfront, payments: StripePayments, status: int, body: object
) -> None:
    """Above all it is not a missing customer: that would be a proof of absence."""
    shopfront.fault(action="status", status=status, body=body)
    with pytest.raises(PaymentsError) as failed:
        payments.get_customer("cus_1")
    assert not isinstance(failed.value, NoSuchCustomer | EmailRefused | KeyReused)


def test_an_address_that_stripe_does_not_have_is_not_a_missing_customer(shopfront: Shopfront) -> None:
    error = {"type": "invalid_request_error", "message": "Unrecognized request URL"}
    shopfront.fault(action="status", status=404, body={"error": error})
    with pytest.raises(PaymentsRefused, match="Stripe answered 404"):
        shopfront.payments().get_customer("cus_1")


def test_a_redirect_proves_nothing(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.fault(action="status", status=302, headers={"Location": "/v1/account"})
    with pytest.raises(PaymentsUnavailable):
        payments.get_customer("cus_1")
    assert len(shopfront.asked()) == 1


def test_a_stripe_that_hangs_is_unavailable_in_time(shopfront: Shopfront) -> None:
    # It would go on longer than a test may take, and end without an answer.
    shopfront.fault(action="hang", times=None, seconds=AMPLE_S)
    with pytest.raises(PaymentsUnavailable, match="did not answer in time"):
        shopfront.payments(total_s=SHORT_S).create_customer(DRAFT, "key")


def test_a_create_that_was_not_answered_in_time_is_replayed_by_the_next(shopfront: Shopfront) -> None:
    shopfront.fault(action="reset", path="/v1/customers", when="after")
    payments = shopfront.payments()
    with pytest.raises(PaymentsUnavailable):
        payments.create_customer(DRAFT, "key")
    assert payments.create_customer(DRAFT, "key").replayed


def test_a_stripe_that_is_down_is_unavailable(shopfront: Shopfront, payments: StripePayments) -> None:
    payments.account()
    shopfront.server.stop()
    with pytest.raises(PaymentsUnavailable, match="Stripe cannot be reached"):
        payments.get_customer("cus_1")
    assert payments.account().id == ACCOUNT


def test_a_message_names_the_request_for_stripes_support_and_nothing_of_it(
    payments: StripePayments,
) -> None:
    with pytest.raises(EmailRefused) as refused:
        payments.create_customer(named("auth0|hush", "hush@"), "hush key")
    assert "req_" in str(refused.value)
    assert "hush" not in str(refused.value)
