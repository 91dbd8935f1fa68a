"""What `flask setup stripe` asks Stripe for, and how it reads the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.gateways.stripe_wire import Call, StripeWire, listed, refusal
from webstore.errors import PaymentsRefused, PaymentsUnavailable
from webstore.gateways.stripe import API_VERSION
from webstore.gateways.stripe.setup import StripeSetup
from webstore.provisioning.account.models import CataloguePrice, CatalogueProduct, Destination, Endpoint

URL = "https://shop.example"
HOOK = f"{URL}/webhooks/stripe"
ENDPOINT: dict[str, Any] = {
    "id": "we_1",
    "object": "webhook_endpoint",
    "api_version": None,
    "created": 1000,
    "enabled_events": ["*"],
    "status": "disabled",
    "url": HOOK,
}
PRICE: dict[str, Any] = {
    "id": "price_1",
    "object": "price",
    "active": False,
    "currency": "eur",
    "lookup_key": "mug",
    "nickname": "",
    "product": "blue-mug",
    "recurring": {"interval": "month", "interval_count": 3},
    "unit_amount": None,
}


def account(answer: Callable[[Call], tuple[int, Any, bool]]) -> tuple[StripeSetup, StripeWire]:
    wire = StripeWire(answer)
    return StripeSetup(wire.client, URL), wire


def always(document: Any) -> Callable[[Call], tuple[int, Any, bool]]:
    return lambda _: (200, document, False)


def test_endpoints_of_all_pages_are_read() -> None:
    def answer(call: Call) -> tuple[int, Any, bool]:
        if "starting_after" in call.params:
            return 200, listed({**ENDPOINT, "id": "we_2", "status": "enabled", "api_version": "v"}), False
        return 200, listed(ENDPOINT, more=True), False

    setup, wire = account(answer)
    assert setup.endpoints() == (
        Endpoint("we_1", HOOK, ("*",), None, enabled=False, created=1000.0),
        Endpoint("we_2", HOOK, ("*",), "v", enabled=True, created=1000.0),
    )
    assert [call.params.get("starting_after") for call in wire.calls] == [None, "we_1"]


def test_event_destinations_of_all_pages_are_read() -> None:
    first = {
        "id": "ed_1",
        "object": "v2.core.event_destination",
        "event_payload": "thin",
        "webhook_endpoint": {"url": HOOK},
    }
    bus = {"id": "ed_2", "object": "v2.core.event_destination", "events_from": ["@accounts"]}

    def answer(call: Call) -> tuple[int, Any, bool]:
        if "page" in call.params:
            return 200, {"data": [bus], "next_page_url": None}, False
        return 200, {"data": [first], "next_page_url": "/v2/core/event_destinations?page=2"}, False

    setup, wire = account(answer)
    assert setup.destinations() == (
        Destination("ed_1", HOOK, thin=True, own_events=True),
        Destination("ed_2", None, thin=False, own_events=False),
    )
    assert wire.calls[0].params["include[0]"] == "webhook_endpoint.url"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_event_destinations_that_are_refused_are_a_refusal(status: int) -> None:
    body = {"error": {"code": "forbidden", "message": "No.", "type": "invalid_request_error"}}
    setup, _ = account(lambda _: (status, body, False))
    with pytest.raises(PaymentsRefused):
        setup.destinations()


def test_prices_are_asked_for_ten_keys_at_a_time() -> None:
    setup, wire = account(always(listed()))
    assert setup.prices([f"key{number}" for number in range(11)]) == ()
    sent = [[value for name, value in call.params.items() if "lookup_keys" in name] for call in wire.calls]
    assert sent == [[f"key{number}" for number in range(10)], ["key10"]]


def test_products_are_asked_for_a_hundred_at_a_time() -> None:
    setup, wire = account(always(listed()))
    assert setup.products([f"id{number}" for number in range(101)]) == ()
    sent = [[value for name, value in call.params.items() if "ids" in name] for call in wire.calls]
    assert [len(ids) for ids in sent] == [100, 1]
    assert sent[1] == ["id100"]


def test_a_price_and_a_product_are_read() -> None:
    setup, _ = account(always(listed(PRICE)))
    assert setup.prices(["mug"]) == (
        CataloguePrice("mug", "blue-mug", None, "eur", "month", 3, active=False),
    )
    product = {"id": "blue-mug", "object": "product", "name": "Blue mug", "default_price": {"id": "price_1"}}
    setup, _ = account(always(listed({**product, "active": True})))
    assert setup.products(["blue-mug"]) == (CatalogueProduct("blue-mug", "Blue mug", has_default_price=True),)


def test_an_endpoint_is_made_for_whole_events_of_the_stores_version() -> None:
    setup, wire = account(always({**ENDPOINT, "secret": "whsec_1"}))
    made = setup.create_endpoint(HOOK, ("refund.failed", "invoice.paid"))
    assert (made.id, made.secret) == ("we_1", "whsec_1")
    sent = wire.calls[0].params
    assert sent == {
        "url": HOOK,
        "enabled_events[0]": "refund.failed",
        "enabled_events[1]": "invoice.paid",
        "api_version": API_VERSION,
        "description": "The store (flask setup stripe)",
        "metadata[webstore]": "1",
    }


def test_an_answer_without_the_secret_is_malformed() -> None:
    setup, _ = account(always(ENDPOINT))
    with pytest.raises(PaymentsUnavailable):
        setup.create_endpoint(HOOK, ("refund.failed",))


@pytest.mark.parametrize("answer", [{}, listed({"id": "we_1"}), listed(42), {"data": "x", "has_more": False}])
def test_a_malformed_list_proves_nothing(answer: Any) -> None:
    setup, _ = account(always(answer))
    with pytest.raises(PaymentsUnavailable):
        setup.endpoints()


def test_an_endpoint_that_is_gone_is_a_refusal() -> None:
    setup, wire = account(lambda _: refusal(code="resource_missing", param="id", message="No such endpoint"))
    with pytest.raises(PaymentsRefused, match="resource_missing"):
        setup.change_endpoint("we_1", ("refund.failed",))
    assert wire.calls[0].params == {"enabled_events[0]": "refund.failed", "disabled": "false"}


@pytest.mark.parametrize(("status", "pending"), [("active", False), ("pending", True)])
def test_tax_that_is_not_active_is_pending(status: str, pending: bool) -> None:
    setup, wire = account(always({"object": "tax.settings", "status": status}))
    assert setup.tax_pending() is pending
    assert wire.asked == ["GET /v1/tax/settings"]


def test_a_price_is_sent_with_what_it_has() -> None:
    setup, wire = account(always(PRICE))
    assert setup.create_price(CataloguePrice("mug", "blue-mug", 0, "eur")) == "price_1"
    setup.create_price(CataloguePrice("club", "blue-mug", 5, "eur", "week", 2, "Club", "exclusive"))
    assert [call.params for call in wire.calls] == [
        {"product": "blue-mug", "currency": "eur", "unit_amount": "0", "lookup_key": "mug"},
        {
            "product": "blue-mug",
            "currency": "eur",
            "unit_amount": "5",
            "lookup_key": "club",
            "recurring[interval]": "week",
            "recurring[interval_count]": "2",
            "nickname": "Club",
            "tax_behavior": "exclusive",
        },
    ]
