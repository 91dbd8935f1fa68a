"""Customers at Stripe: requests, answers, idempotency keys and refusals."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from urllib.parse import unquote

import pytest

from tests.gateways.shopfront import DRAFT, EVERY_CALL, METADATA, Act, Shopfront, delete, named
from tests.support import ADA, OTHER_KEY, RESTRICTED_KEY, in_background
from webstore.errors import (
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchCustomer,
    PaymentsFailed,
    PaymentsRefused,
    SearchUnavailable,
)
from webstore.gateways.stripe.customers import StripePayments
from webstore.linking.models import Customer, CustomerDraft
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY, TEST_KEY
from webstore.sandbox.stripe import api as stripe_api

# Customers


def test_a_customer_is_created_with_everything_in_the_draft(
    shopfront: Shopfront, payments: StripePayments
) -> None:
    before = int(time.time())
    made = payments.create_customer(
        CustomerDraft(
            "ada@example.com",
            "Käthe 日本 & Söhne",
            "50% + [x]=y",
            {**METADATA, "replaces": "cus_0", "link_generation": "3", "other": "kept"},
        ),
        "key",
    )
    assert not made.replayed
    assert made.customer == payments.get_customer(made.customer.id)
    assert before <= made.customer.created <= time.time()
    assert made.customer == Customer(
        id=made.customer.id,
        email="ada@example.com",
        name="Käthe 日本 & Söhne",
        description="50% + [x]=y",
        created=made.customer.created,
        owner=ADA,
        tenant="shop.eu.auth0.com",
        generation=3,
    )
    kept = shopfront.stripe.state.world(ACCOUNT, livemode=False).customers.get(made.customer.id)
    assert kept is not None
    assert kept.metadata == {**METADATA, "replaces": "cus_0", "link_generation": "3", "other": "kept"}


def test_what_a_draft_leaves_out_is_not_sent(payments: StripePayments) -> None:
    made = payments.create_customer(CustomerDraft(None, None, None, {}), "key").customer
    assert made == Customer(id=made.id, created=made.created)
    bare = CustomerDraft(None, None, None, {"auth0_user_id": ADA})
    full = payments.create_customer(DRAFT, "another key").customer
    changed = payments.update_customer(full.id, bare, None)
    assert (changed.email, changed.name, changed.description) == (full.email, full.name, full.description)
    assert changed.tenant == full.tenant


def test_an_update_changes_what_the_draft_gives(payments: StripePayments) -> None:
    made = payments.create_customer(named("somebody"), "key").customer
    changed = payments.update_customer(made.id, CustomerDraft("new@example.com", "New", None, METADATA), None)
    assert (changed.email, changed.name, changed.owner) == ("new@example.com", "New", ADA)
    assert payments.get_customer(made.id) == changed


def test_a_deleted_customer_keeps_nothing_but_its_id(shopfront: Shopfront, payments: StripePayments) -> None:
    made = payments.create_customer(DRAFT, "key").customer
    delete(shopfront, made.id)
    assert payments.get_customer(made.id) == Customer(made.id, deleted=True)
    with pytest.raises(NoSuchCustomer) as missing:
        payments.update_customer(made.id, DRAFT, None)
    assert not missing.value.other_mode


@pytest.mark.parametrize(
    ("text", "generation"),
    [("0", 0), ("7", 7), ("99999", 99999), ("100000", 0), ("-1", 0), ("x", 0), ("٣", 0), ("²", 0), ("", 0)],
)
def test_a_generation_other_than_a_small_number_counts_as_none(
    payments: StripePayments, text: str, generation: int
) -> None:
    draft = CustomerDraft(None, None, None, {"link_generation": text} if text else {})
    assert payments.create_customer(draft, "key").customer.generation == generation


# Idempotency keys


def test_the_same_create_again_is_replayed(payments: StripePayments) -> None:
    first, second = payments.create_customer(DRAFT, "key"), payments.create_customer(DRAFT, "key")
    assert (first.replayed, second.replayed) == (False, True)
    assert first.customer == second.customer


def test_a_key_with_other_parameters_is_reused(payments: StripePayments) -> None:
    made = payments.create_customer(DRAFT, "key").customer
    with pytest.raises(KeyReused):
        payments.create_customer(named(ADA), "key")
    with pytest.raises(KeyReused):
        payments.update_customer(made.id, DRAFT, "key")


def test_a_key_whose_first_request_still_runs_is_in_flight(
    shopfront: Shopfront, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, released = threading.Event(), threading.Event()

    def run(_: float) -> None:
        running.set()
        released.wait(20)

    monkeypatch.setattr(stripe_api, "time", SimpleNamespace(sleep=run))
    shopfront.settings(execution_s=1.0)
    first = in_background(lambda: shopfront.payments().create_customer(DRAFT, "key"))
    assert running.wait(20)
    with pytest.raises(KeyInFlight):
        shopfront.payments().create_customer(DRAFT, "key")
    assert not first.done()
    released.set()
    assert not first.result(20).replayed
    assert len(shopfront.asked()) == 2, "the SDK asked again"


@pytest.mark.parametrize("type_", ["invalid_request_error", "idempotency_error"])
def test_a_conflict_is_in_flight_whatever_its_type(shopfront: Shopfront, type_: str) -> None:
    body = {"error": {"type": type_, "code": "idempotency_key_in_use", "message": "in progress"}}
    shopfront.fault(action="status", path="/v1/customers", status=409, body=body)
    with pytest.raises(KeyInFlight):
        shopfront.payments().create_customer(DRAFT, "key")


def test_an_update_without_a_key_of_ours_is_never_in_the_way_of_another(payments: StripePayments) -> None:
    made = payments.create_customer(DRAFT, "key").customer
    for name in ("One", "Two"):
        payments.update_customer(made.id, CustomerDraft(None, name, None, {}), None)
    assert payments.get_customer(made.id).name == "Two"


def test_a_failure_is_stored_under_the_key_and_replayed_as_such(
    shopfront: Shopfront, payments: StripePayments
) -> None:
    shopfront.stripe.fail(method="POST", path="/v1/customers", effect="none")
    for replayed in (False, True, True):
        with pytest.raises(PaymentsFailed, match="Stripe answered 500") as failed:
            payments.create_customer(DRAFT, "key")
        assert failed.value.replayed is replayed
    assert not payments.create_customer(DRAFT, "another key").replayed
    assert len(shopfront.asked()) == 4, "the SDK asked again"


def test_a_failure_may_have_had_its_effect(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.stripe.fail(method="POST", path="/v1/customers", effect="now")
    with pytest.raises(PaymentsFailed):
        payments.create_customer(DRAFT, "key")
    (made,) = payments.list_by_email("ada@example.com")
    assert made.owner == ADA


# Refusals


@pytest.mark.parametrize("email", ["not an address", "ada@", "@example.com"])
def test_an_address_that_stripe_does_not_take_is_refused(payments: StripePayments, email: str) -> None:
    with pytest.raises(EmailRefused):
        payments.create_customer(named(ADA, email), "key")
    made = payments.create_customer(named(ADA), "key")
    assert not made.replayed, "nothing is stored under the key of a request that was not executed"
    with pytest.raises(EmailRefused):
        payments.update_customer(made.customer.id, named(ADA, email), None)


def test_other_parameters_that_stripe_does_not_take_are_refused(payments: StripePayments) -> None:
    with pytest.raises(PaymentsRefused, match="Stripe answered 400"):
        payments.create_customer(CustomerDraft(None, None, None, {"x" * 100: "too long"}), "key")


def test_an_unknown_customer_is_missing(payments: StripePayments) -> None:
    with pytest.raises(NoSuchCustomer) as missing:
        payments.get_customer("cus_1")
    assert not missing.value.other_mode
    with pytest.raises(NoSuchCustomer):
        payments.update_customer("cus_1", DRAFT, None)


@pytest.mark.parametrize(
    "customer_id", ["cus_1/sources", "../account", "cus_ü", "cus_1?expand[]=x", "cus_1#"]
)
def test_an_id_with_anything_in_it_is_a_customers_and_no_other_address(
    shopfront: Shopfront, payments: StripePayments, customer_id: str
) -> None:
    with pytest.raises(NoSuchCustomer):
        payments.get_customer(customer_id)
    (asked,) = shopfront.asked()
    assert unquote(asked) == f"GET /v1/customers/{customer_id}"


@pytest.mark.parametrize(("makes", "asks"), [(TEST_KEY, LIVE_KEY), (LIVE_KEY, TEST_KEY)])
def test_a_customer_of_the_other_mode_is_missing_and_said_to_be_there(
    shopfront: Shopfront, makes: str, asks: str
) -> None:
    made = shopfront.payments(makes).create_customer(DRAFT, "key").customer
    with pytest.raises(NoSuchCustomer) as missing:
        shopfront.payments(asks).get_customer(made.id)
    assert missing.value.other_mode


def test_a_customer_of_another_account_is_missing_like_any_other(shopfront: Shopfront) -> None:
    made = shopfront.payments(OTHER_KEY).create_customer(DRAFT, "key").customer
    with pytest.raises(NoSuchCustomer) as missing:
        shopfront.payments().get_customer(made.id)
    assert not missing.value.other_mode


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_wrong_key_is_the_set_ups_fault_and_never_told(shopfront: Shopfront, act: Act) -> None:
    with pytest.raises(PaymentsRefused, match="Stripe answered 401") as refused:
        act(shopfront.payments("sk_test_a_wrong_key_hush"))
    assert not isinstance(refused.value, SearchUnavailable)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("act", EVERY_CALL[1:])
def test_a_restricted_key_without_the_permission_is_the_set_ups_fault(shopfront: Shopfront, act: Act) -> None:
    shopfront.settings(denied_permissions=["customer_read", "customer_write"])
    with pytest.raises(PaymentsRefused, match="Stripe answered 403"):
        act(shopfront.payments(RESTRICTED_KEY))
