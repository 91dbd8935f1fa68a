"""Products in the JSON API, and how it answers requests in general."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.callers import ask, assert_problem, signed
from tests.fakes import Clock
from tests.support import GRACE, Shop, running_shop
from webstore.routes import limits


def test_a_product_has_everything_that_a_client_shows(shared: Shop) -> None:
    answer = ask(shared, "/api/products/mug", signed(shared))

    assert answer.content_type == "application/json"
    found = answer.get_json()
    assert (found["id"], found["name"], found["in_stock"]) == ("mug", "A mug", True)
    assert found["url"] == f"{shared.environment['BASE_URL']}/products/mug"
    prices = {price["currency"]: price for price in found["prices"]}
    assert (prices["eur"]["amount"], prices["eur"]["exponent"]) == (1200, 2)
    assert (prices["jpy"]["amount"], prices["jpy"]["exponent"]) == (500, 0)
    assert prices["eur"]["recurring"] is None


def test_pages_hold_every_product_once(shared: Shop) -> None:
    token, seen, path = signed(shared), [], "/api/products?limit=2"
    for _ in range(4):
        page = ask(shared, path, token).get_json()
        seen += [product["id"] for product in page["data"]]
        if not page["has_more"]:
            break
        path = f"/api/products?limit=2&starting_after={seen[-1]}"
    assert sorted(seen) == sorted(["mug", *(f"card-{number}" for number in range(5))])


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1e9", "ten", "", "1.5", "٣", "9" * 400])
def test_a_limit_is_a_number_up_to_100(shared: Shop, limit: str) -> None:
    assert_problem(ask(shared, f"/api/products?limit={limit}", signed(shared)), 400)


def test_a_product_that_is_not_sold_is_not_found(shared: Shop) -> None:
    for path in ("/api/products/nothing", "/api/products?starting_after=nothing", "/api/products/%ff"):
        assert_problem(ask(shared, path, signed(shared)), 404)


def test_a_catalogue_that_was_never_read(shop: Shop) -> None:
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/p.*")

    answer = ask(shop, "/api/products", signed(shop))

    assert_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


# Requests in general


def test_without_an_audience_there_is_no_api(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", AUTH0_AUDIENCE="") as shop:
        for path in ("/api/products", "/api/me", "/api/openapi.json", "/api"):
            assert_problem(ask(shop, path, signed(shop)), 404)


def test_errors_under_the_api_are_problem_documents(shared: Shop) -> None:
    token = signed(shared)
    assert_problem(ask(shared, "/api/nothing", token), 404)
    assert_problem(ask(shared, "/api", token), 404)
    refused = ask(shared, "/api/me", token, method="DELETE")
    assert_problem(refused, 405)
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    large = ask(
        shared, "/api/checkout", token, method="POST", data=b" " * 70_000, content_type="application/json"
    )
    assert_problem(large, 413)


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/*", "application/json;q=0, */*"])
def test_a_client_that_does_not_take_json_is_refused(shared: Shop, accept: str) -> None:
    assert_problem(ask(shared, "/api/products", signed(shared), headers={"Accept": accept}), 406)


@pytest.mark.parametrize("accept", ["*/*", "application/*", "application/json", "text/html, */*;q=0.1", ""])
def test_a_client_that_takes_json_is_served(shared: Shop, accept: str) -> None:
    assert ask(shared, "/api/products", signed(shared), headers={"Accept": accept}).status_code == 200


def test_answers_are_private(shared: Shop) -> None:
    answer = ask(shared, "/api/products", signed(shared))
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in answer.headers


def test_one_subject_cannot_flood_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # However long the requests take, they are in one window.
    monkeypatch.setattr(limits, "time", Clock())
    with running_shop(tmp_path / "state", LOGIN_RATE_PER_10S="3") as shop:
        mine, others = signed(shop, sub=GRACE), signed(shop)
        statuses = [ask(shop, "/api/products/x", mine).status_code for _ in range(8)]
        assert statuses[-1] == 429
        limited = ask(shop, "/api/products/x", mine)
        assert_problem(limited, 429)
        assert 0 < int(limited.headers["Retry-After"]) <= 10
        assert ask(shop, "/api/products/x", others).status_code == 404
        assert [ask(shop, "/api/me").status_code for _ in range(8)][-1] == 429
