"""The checks of the recorded traffic can fail: each wrong request, answer and event is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.traffic.answers import answer_problems, error_problems, event_problems
from tests.traffic.recorder import Exchange
from tests.traffic.requests import LENGTHS, request_problems
from tests.traffic.sdk import endpoint_of, params_of

NOW = 1_800_000_000.0
SESSION = {
    "mode": "payment",
    "customer": "cus_1",
    "currency": "eur",
    "line_items[0][price]": "price_1",
    "line_items[0][quantity]": "2",
    "success_url": "https://store.example/success",
    "metadata[auth0_user_id]": "auth0|1",
    "expires_at": str(int(NOW) + 3600),
    "expand[0]": "line_items",
    "payment_intent_data[description]": "Order",
}
PRODUCT: Mapping[str, Any] = {
    "id": "prod_1",
    "object": "product",
    "active": True,
    "created": 1,
    "default_price": None,
    "images": [],
    "livemode": False,
    "marketing_features": [],
    "metadata": {},
    "name": "Mug",
    "type": "service",
    "updated": 1,
}
PRICE: Mapping[str, Any] = {
    "id": "price_1",
    "object": "price",
    "active": True,
    "billing_scheme": "per_unit",
    "created": 1,
    "currency": "eur",
    "livemode": False,
    "metadata": {"a": "b"},
    "product": "prod_1",
    "recurring": None,
    "type": "one_time",
    "unit_amount": 100,
    "unit_amount_decimal": "100",
}


def exchange(method: str, path: str, *, answer: object = None, status: int = 200, **rest: Any) -> Exchange:
    """An exchange as if it was recorded. `form`: its parameters; `headers`: those of the request."""
    sent = urlencode(rest.get("form", {}))
    query, body = (sent, "") if method == "GET" else ("", sent)
    return Exchange(method, path, query, body, rest.get("headers", {}), status, answer, NOW)


def session(**changes: str | None) -> list[str]:
    """The faults found in the request for a new session with these parameters changed; None: left out."""
    form = {name: value for name, value in {**SESSION, **changes}.items() if value is not None}
    return request_problems(exchange("POST", "/v1/checkout/sessions", form=form))


def listed(*items: object, more: bool = False) -> dict[str, object]:
    """A list of prices."""
    return {"object": "list", "data": list(items), "has_more": more, "url": "/v1/prices"}


def prices(*items: object, form: dict[str, str] | None = None, more: bool = False) -> list[str]:
    """The faults found in the answer that lists these prices."""
    answer = listed(*items, more=more)
    return answer_problems(exchange("GET", "/v1/prices", form=form or {}, answer=answer))


def invoice(lines: int, *, more: bool) -> dict[str, Any]:
    """As much of an invoice as the check of its list of lines looks at."""
    return {
        "object": "invoice",
        "lines": {
            "object": "list",
            "data": [{"object": "line_item", "id": f"il_{number}"} for number in range(lines)],
            "has_more": more,
            "url": "/v1/invoices/in_1/lines",
        },
    }


def test_a_valid_request_has_no_problems() -> None:
    assert session() == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"line_item": "x"}, "line_item is not a parameter of SessionCreateParams"),
        ({"line_items[0][prize]": "x"}, "line_items[0][prize] is not a parameter of"),
        ({"mode": "payments"}, "mode: 'payments' is not"),
        ({"customer": ""}, "customer: '' is not str"),
        ({"line_items[0][quantity]": "two"}, "line_items[0][quantity]: 'two' is not int"),
        ({"line_items[0][quantity]": "1.5"}, "line_items[0][quantity]: '1.5' is not int"),
        ({"line_items[2][price]": "price_2"}, "are not the places of a list"),
        ({"automatic_tax": "true"}, "automatic_tax: 'true' is not SessionCreateParamsAutomaticTax"),
        ({"automatic_tax[liability][type]": "self"}, "automatic_tax[enabled] is missing"),
        ({"automatic_tax[enabled]": "True"}, "automatic_tax[enabled]: 'True' is not bool"),
        ({"shipping_address_collection[allowed_countries][0]": "de"}, "allowed_countries][0]: 'de' is not"),
        ({f"metadata[{'k' * 41}]": "x"}, "is too long"),
        ({"metadata[k]": "x" * 501}, "metadata[k] is not a text"),
        ({"metadata[a][b]": "x"}, "metadata[a] is not a text"),
        ({f"metadata[{n}]": "x" for n in range(50)}, "metadata has 51 keys"),
        ({"expand[0]": "lines"}, "there is no field lines"),
        ({"expand[0]": "currency"}, "the field is always there as it is"),
        ({"expand[0]": "invoice.payments.data.payment.payment_intent"}, "more than 4 levels"),
        ({"client_reference_id": "x" * 201}, "client_reference_id has 201 characters"),
        ({"payment_intent_data[description]": "x" * 1001}, "[description] has 1001 characters"),
        ({"subscription_data[description]": "x"}, "subscription_data is for the mode subscription"),
        ({"expires_at": str(int(NOW) + 1700)}, "expires_at is 1700 seconds ahead"),
        ({"customer": None, "customer_update[address]": "auto"}, "customer_update needs a customer"),
        ({f"line_items[{n}][price]": "p" for n in range(101)}, "line_items has 101 items"),
        ({"a[b": "x"}, "a[b is no name of a parameter"),
        ({"mode[x]": "y"}, "mode[x] is there twice"),
    ],
)
def test_a_wrong_request_is_found(changes: dict[str, str | None], problem: str) -> None:
    assert problem in " ".join(session(**changes))


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many"])
def test_a_wrong_limit_is_found(limit: str) -> None:
    assert request_problems(exchange("GET", "/v1/prices", form={"limit": limit}))


def test_a_parameter_that_is_there_twice_is_found() -> None:
    found = request_problems(Exchange("GET", "/v1/prices", "limit=1&limit=2", "", {}, 200, None, NOW))
    assert found == ["limit is there twice"]


def test_a_missing_parameter_is_found() -> None:
    assert request_problems(exchange("GET", "/v1/customers/search")) == ["query is missing"]


def test_an_empty_text_unsets_only_what_can_be_unset() -> None:
    assert request_problems(exchange("POST", "/v1/customers/cus_1", form={"metadata": "", "name": ""})) == [
        "name: '' is not str"
    ]


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/prices"), ("GET", "/v1/orders"), ("GET", "/v1/prices/")]
)
def test_an_unknown_endpoint_is_found(method: str, path: str) -> None:
    unknown = exchange(method, path, answer={})
    assert request_problems(unknown) == answer_problems(unknown) == ["the SDK has no such endpoint"]


def test_a_long_idempotency_key_is_found() -> None:
    headers = {"idempotency-key": "k" * 256}
    found = request_problems(exchange("POST", "/v1/customers", headers=headers))
    assert found == ["the idempotency key has 256 characters"]


def test_the_limits_are_about_parameters_that_exist() -> None:
    for name, limits in LENGTHS.items():
        method, path = name.split()
        endpoint = endpoint_of(method, path)
        assert endpoint is not None
        assert {limit.partition("[")[0] for limit in limits} <= set(params_of(endpoint.params))


def test_a_valid_answer_has_no_problems() -> None:
    assert prices(PRICE, {**PRICE, "id": "price_2", "recurring": None}) == []
    assert prices({**PRICE, "product": dict(PRODUCT)}, form={"expand[0]": "data.product"}) == []
    gone = {"id": "cus_1", "object": "customer", "deleted": True}
    assert answer_problems(exchange("GET", "/v1/customers/cus_1", answer=gone)) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"colour": "red"}, "data[0].colour is not a field of Price"),
        ({"type": "twice"}, "data[0].type: 'twice' is not"),
        ({"object": "plan"}, "data[0].object: 'plan' is not"),
        ({"active": None}, "data[0].active is null"),
        ({"unit_amount": "100"}, "data[0].unit_amount: '100' is not int"),
        ({"unit_amount": True}, "data[0].unit_amount: 'True' is not int"),
        ({"unit_amount_decimal": 100}, "data[0].unit_amount_decimal: '100' is not Decimal"),
        ({"metadata": {"a": 1}}, "data[0].metadata.a: '1' is not str"),
        ({"product": dict(PRODUCT)}, "data[0].product is expanded"),
        ({"recurring": {"interval": "month"}}, "data[0].recurring.interval_count is missing"),
        ({"tiers": []}, "data[0].tiers is there without being expanded"),
        ({"deleted": True}, "data[0].active is not a field of Price"),
    ],
)
def test_a_wrong_object_is_found(changes: dict[str, object], problem: str) -> None:
    assert problem in " ".join(prices({**PRICE, **changes}))


def test_a_missing_field_is_found() -> None:
    assert prices({name: value for name, value in PRICE.items() if name != "livemode"}) == [
        "data[0].livemode is missing"
    ]


def test_what_was_to_be_expanded_is_looked_for() -> None:
    assert prices(PRICE, form={"expand[0]": "data.product"}) == ["data[0].product is an ID"]
    assert prices(PRICE, form={"expand[0]": "data.tiers"}) == ["data[0].tiers is not expanded"]


def test_a_page_of_the_wrong_size_is_found() -> None:
    many = [{**PRICE, "id": f"price_{number}"} for number in range(11)]
    assert prices(*many) == [".data has 11 items, 10 at most"]
    assert prices(*many, form={"limit": "12"}, more=True) == [".has_more is true, and data has only 11 items"]
    assert prices(*many, form={"limit": "11"}, more=True) == []
    assert prices(PRICE, PRICE) == [".data has an item twice"]


@pytest.mark.parametrize(
    ("count", "more", "problem"),
    [(11, False, "data.object.lines.data has 11 items, 10 at most"), (9, True, "lines.has_more is true")],
)
def test_an_embedded_list_of_the_wrong_size_is_found(count: int, more: bool, problem: str) -> None:
    assert problem in " ".join(event_problems(event("invoice.paid", invoice(count, more=more))))


def event(kind: str, about: object, **data: object) -> dict[str, object]:
    """An event."""
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1,
        "data": {"object": about, **data},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def test_a_wrong_event_is_found() -> None:
    price = dict(PRICE)
    assert event_problems(event("price.created", price)) == []
    assert event_problems(event("price.updated", price, previous_attributes={"active": False})) == []
    for wrong, problem in (
        (event("price.updated", price), "previous_attributes is missing"),
        (event("price.created", price, previous_attributes={"active": True}), "nothing was before"),
        (event("price.updated", price, previous_attributes={"colour": 1}), "colour is not a field"),
        (event("price.painted", price), "'price.painted' is not"),
        (event("price.created", {**price, "object": "cost"}), "cost is not an object of Stripe"),
        (event("price.created", {**price, "active": "yes"}), "data.object.active: 'yes' is not bool"),
        ({**event("price.created", price), "livemode": None}, "livemode is null"),
    ):
        assert problem in " ".join(event_problems(wrong))


def test_a_wrong_thin_event_is_found() -> None:
    related = {"id": "cs_1", "type": "checkout.session", "url": "/v1/checkout/sessions/cs_1"}
    thin = {
        "id": "evt_1",
        "object": "v2.core.event",
        "created": "2026-11-26T12:00:00.000Z",
        "livemode": False,
        "related_object": related,
        "type": "v1.checkout.session.completed",
    }
    assert event_problems(thin) == []
    for changes, problem in (
        ({"created": 1}, "created: '1' is not str"),
        ({"data": {}}, "data is not a field of Event"),
        ({"related_object": {**related, "type": "charge"}}, "charge is not at /v1/checkout/sessions/cs_1"),
        ({"related_object": {**related, "id": "cs_2"}}, "is not at"),
        ({"related_object": {**related, "object": {}}}, "is not an ID, a type and a URL"),
    ):
        assert problem in " ".join(event_problems({**thin, **changes}))


def test_a_wrong_error_is_found() -> None:
    error = {"type": "invalid_request_error", "message": "No such price", "code": "resource_missing"}
    assert error_problems(404, {"error": error}) == []
    for status, wrong, problem in (
        (404, {"error": {**error, "code": "price_missing"}}, "price_missing is not a code"),
        (404, {"error": {**error, "type": "wrong"}}, "the type wrong has not the status 404"),
        (500, {"error": error}, "has not the status 500"),
        (404, {"error": {**error, "hint": "x"}}, "error.hint is not a field"),
        (404, {"error": {"type": "invalid_request_error"}}, "error.message is missing"),
        (404, {"error": {"message": "x"}}, "error.type is missing"),
        (404, error, "is not the body of an error"),
        (502, None, "is not the body of an error"),
    ):
        assert problem in " ".join(error_problems(status, wrong))
