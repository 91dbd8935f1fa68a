"""The JSON API from pages of other origins (CORS)."""

from __future__ import annotations

import pytest

from tests.api.conftest import APP
from tests.callers import ask, signed
from tests.support import Shop


def test_an_origin_on_the_list_may_read_answers_and_errors(shared: Shop) -> None:
    paths = {"/api/products": 200, "/api/products/nothing": 404, "/api/nothing": 404}
    for path, status in paths.items():
        answer = ask(shared, path, signed(shared), headers={"Origin": APP, "Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    unknown = ask(shared, "/api/me", headers={"Origin": APP})
    assert "WWW-Authenticate" in unknown.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{APP}.evil.example", "http://app.example", "*"]
)
def test_no_other_origin_may_read_them(shared: Shop, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        answer = ask(shared, "/api/products", signed(shared), method=method, headers=headers)
        assert not [name for name in dict(answer.headers) if name.startswith("Access-Control-")]
        assert "Origin" in answer.headers["Vary"]


def test_a_preflight_request_needs_no_token(shared: Shop) -> None:
    headers = {
        "Origin": APP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        "Sec-Fetch-Site": "cross-site",
    }
    answer = ask(shared, "/api/checkout", method="OPTIONS", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type"} <= set(allowed)


def test_a_page_of_another_origin_may_buy(shared: Shop) -> None:
    price = ask(shared, "/api/products/mug", signed(shared)).get_json()["prices"][0]["id"]
    answer = ask(
        shared,
        "/api/checkout",
        signed(shared),
        method="POST",
        json={"lines": [{"price": price, "quantity": 1}]},
        headers={"Origin": APP, "Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 201
    assert answer.headers["Access-Control-Allow-Origin"] == APP


def test_pages_of_the_store_are_not_shared_with_other_origins(shared: Shop) -> None:
    answer = ask(shared, "/healthz", headers={"Origin": APP})
    assert "Access-Control-Allow-Origin" not in answer.headers
