"""Subscriptions as Stripe sends them, and as the store reads them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.gateways.stripe_wire import Call, StripeWire, listed, refusal
from webstore.errors import NoSuchCustomer, PaymentsRefused, PaymentsUnavailable, WebstoreError
from webstore.gateways.stripe.open_sessions import StripeOpenSessions
from webstore.gateways.stripe.subscriptions import StripeSubscriptions
from webstore.shop.models import Money, Recurrence, Subscription, SubscriptionItem

BEGUN, END = 1_790_000_000, 1_792_592_000
PAY = "https://invoice.stripe.com/i/x"


def item(number: int = 1, **changes: Any) -> dict[str, Any]:
    found = {
        "id": f"si_{number}",
        "object": "subscription_item",
        "current_period_end": END,
        "quantity": 2,
        "price": {
            "id": f"price_{number}",
            "object": "price",
            "product": "prod_1",
            "billing_scheme": "per_unit",
            "unit_amount": 900,
            "currency": "eur",
            "nickname": "250 g",
            "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        },
    }
    price = {**found["price"], **changes.pop("price", {})}  # type: ignore[dict-item]  # the literal's type is wide
    return {**found, "price": price, **changes}


def subscription(subscription_id: str = "sub_1", **changes: Any) -> dict[str, Any]:
    return {
        "id": subscription_id,
        "object": "subscription",
        "status": "active",
        "created": BEGUN,
        "items": listed(item()),
        "cancel_at": None,
        "cancel_at_period_end": False,
        "pause_collection": None,
        "latest_invoice": {"id": "in_1", "object": "invoice", "status": "paid", "hosted_invoice_url": PAY},
        **changes,
    }


def read(*found: dict[str, Any]) -> tuple[Subscription, ...]:
    """What the store reads when Stripe lists these."""
    wire = StripeWire(lambda _: (200, listed(*found), False))
    return StripeSubscriptions(wire.client).list_subscriptions("cus_1")


def test_a_running_subscription() -> None:
    each = SubscriptionItem("price_1", "prod_1", 2, Money(900, "eur"), Recurrence("month"), "250 g")
    assert read(subscription()) == (Subscription("sub_1", "active", BEGUN, (each,), period_end=END),)


def test_the_list_is_asked_for_with_its_invoices() -> None:
    wire = StripeWire(lambda _: (200, listed(), False))
    assert StripeSubscriptions(wire.client).list_subscriptions("cus_1") == ()
    (call,) = wire.calls
    assert (str(call), call.params) == (
        "GET /v1/subscriptions",
        {"customer": "cus_1", "expand[0]": "data.latest_invoice", "limit": "100"},
    )


def test_all_pages_are_read_and_ended_ones_left_out() -> None:
    pages = {
        None: listed(subscription("sub_3"), subscription("sub_2", status="canceled"), more=True),
        "sub_2": listed(subscription("sub_1"), subscription("sub_0", status="incomplete_expired")),
    }
    wire = StripeWire(lambda call: (200, pages[call.params.get("starting_after")], False))
    found = StripeSubscriptions(wire.client).list_subscriptions("cus_1")
    assert [it.id for it in found] == ["sub_3", "sub_1"]


def test_twelve_items_are_all_read() -> None:
    items = [item(number) for number in range(12)]

    def answer(call: Call) -> tuple[int, Any, bool]:
        if call.path == "/v1/subscription_items":
            assert (call.params["subscription"], call.params["starting_after"]) == ("sub_1", "si_9")
            return 200, listed(*items[10:]), False
        return 200, listed(subscription(items=listed(*items[:10], more=True))), False

    (found,) = StripeSubscriptions(StripeWire(answer).client).list_subscriptions("cus_1")
    assert [it.price_id for it in found.items] == [f"price_{number}" for number in range(12)]


@pytest.mark.parametrize(
    ("status", "address", "shown"),
    [
        ("open", PAY, PAY),
        ("paid", PAY, None),
        ("void", PAY, None),
        ("uncollectible", PAY, None),
        ("draft", None, None),
        ("open", "javascript:alert(1)", None),
        ("open", "http://invoice.example/x", None),
        ("open", 5, None),
    ],
)
def test_an_invoice_can_be_paid_while_it_is_open(status: str, address: object, shown: str | None) -> None:
    invoice = {"id": "in_1", "object": "invoice", "status": status, "hosted_invoice_url": address}
    assert read(subscription(latest_invoice=invoice))[0].invoice_url == shown


@pytest.mark.parametrize(
    ("fields", "ends_at"),
    [
        ({"cancel_at": END + 5}, END + 5),
        ({"cancel_at": None, "cancel_at_period_end": True}, END),
        ({"cancel_at": END, "cancel_at_period_end": True}, END),
        ({"cancel_at": "x", "cancel_at_period_end": "x"}, None),
    ],
)
def test_when_it_ends(fields: dict[str, Any], ends_at: float | None) -> None:
    assert read(subscription(**fields))[0].ends_at == ends_at


def test_items_with_periods_of_their_own() -> None:
    items = listed(item(1, current_period_end=END + 9), item(2))
    assert read(subscription(items=items))[0].period_end == END
    # At the end of the period means: of the last one.
    assert read(subscription(items=items, cancel_at_period_end=True))[0].ends_at == END + 9


def test_a_pause_of_collection() -> None:
    (found,) = read(subscription(pause_collection={"behavior": "void", "resumes_at": END}))
    assert (found.status, found.collection_paused, found.resumes_at) == ("active", True, END)
    (found,) = read(subscription(pause_collection={"behavior": "void", "resumes_at": None}))
    assert (found.collection_paused, found.resumes_at) == (True, None)


@pytest.mark.parametrize(
    "price",
    [
        {"billing_scheme": "tiered"},
        {"unit_amount": None},
        {"recurring": {"interval": "month", "usage_type": "metered"}},
        {"transform_quantity": {"divide_by": 5, "round": "up"}},
        {"currency": None},
    ],
)
def test_an_amount_that_depends_on_use_is_not_guessed(price: dict[str, Any]) -> None:
    assert read(subscription(items=listed(item(price=price))))[0].items[0].money is None


@pytest.mark.parametrize(
    ("fields", "adjusted"),
    [
        ({}, False),
        ({"discounts": ["di_1"]}, True),
        ({"automatic_tax": {"enabled": True}}, True),
        (
            {"items": listed(item(price={"tax_behavior": "inclusive"})), "automatic_tax": {"enabled": True}},
            False,
        ),
        ({"items": listed(item(discounts=["di_1"]))}, True),
    ],
)
def test_discounts_and_tax_on_top_are_noticed(fields: dict[str, Any], adjusted: bool) -> None:
    assert read(subscription(**fields))[0].adjusted is adjusted


WRONG: list[Any] = [None, [], {}, "x", -1, True, ["x"], {"a": 1}, 10**30, [None], 5]


def test_optional_fields_of_the_wrong_kind_count_as_absent() -> None:
    required = {"id", "status", "created"}
    for name in set(subscription()) - required - {"object"}:
        for value in WRONG:
            assert read(subscription(**{name: value}))[0].id == "sub_1", (name, value)
    for name in set(item()) - {"object", "id"}:
        for value in WRONG:
            changed = copy.deepcopy(item())
            changed[name] = value
            assert read(subscription(items=listed(changed)))[0].id == "sub_1", (name, value)


@pytest.mark.parametrize("name", ["id", "status", "created"])
def test_a_subscription_without_what_it_must_have_is_not_skipped(name: str) -> None:
    # It may be one that has to end: an error is better than a list without it.
    with pytest.raises(PaymentsUnavailable):
        read(subscription(), subscription("sub_2", **{name: None}))


def test_ending_one_at_once() -> None:
    wire = StripeWire(lambda _: (200, subscription(status="canceled"), False))
    StripeSubscriptions(wire.client).cancel_subscription("sub_1")
    (call,) = wire.calls
    assert str(call) == "DELETE /v1/subscriptions/sub_1"
    # No last invoice, and no credit for the rest of the period.
    assert call.params == {"invoice_now": "false", "prorate": "false"}


def test_one_that_has_ended_already_counts_as_ended() -> None:
    wire = StripeWire(lambda _: refusal(404, code="resource_missing", param="id"))
    StripeSubscriptions(wire.client).cancel_subscription("sub_1")


@pytest.mark.parametrize(
    ("status", "error"), [(403, PaymentsRefused), (400, PaymentsRefused), (500, PaymentsUnavailable)]
)
def test_one_that_cannot_be_ended_is_an_error(status: int, error: type[WebstoreError]) -> None:
    wire = StripeWire(lambda _: refusal(status))
    with pytest.raises(error):
        StripeSubscriptions(wire.client).cancel_subscription("sub_1")


def test_an_unknown_customer() -> None:
    wire = StripeWire(lambda _: refusal(400, code="resource_missing", param="customer"))
    with pytest.raises(NoSuchCustomer):
        StripeSubscriptions(wire.client).list_subscriptions("cus_1")


def test_open_payment_pages_are_listed_with_their_buyers() -> None:
    session = {
        "id": "cs_1",
        "object": "checkout.session",
        "status": "open",
        "payment_status": "unpaid",
        "mode": "subscription",
        "created": BEGUN,
        "expires_at": END,
        "url": "https://checkout.stripe.com/c/x",
        "metadata": {"auth0_user_id": "auth0|ada"},
    }
    wire = StripeWire(lambda _: (200, listed(session), False))
    (found,) = StripeOpenSessions(wire.client).list_open_sessions("cus_1")
    assert (found.id, found.owner) == ("cs_1", "auth0|ada")
    assert wire.calls[0].params == {"customer": "cus_1", "status": "open", "limit": "100"}
