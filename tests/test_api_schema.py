"""The API holds to its OpenAPI document: schemathesis runs over real HTTP, with a user's token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.callers import user_token
from tests.goods import sell
from tests.support import Shop, running_shop
from webstore.routes import api
from webstore.shop import cart

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "20"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    state = tmp_path_factory.mktemp("schema") / "state"
    with running_shop(state, LOGIN_RATE_PER_10S="1000000") as shop:
        sell(shop, "Mug", 1200, description="Holds tea.")
        sell(shop, "Tea", 900, every="month")
        yield shop


def document(shop: Shop) -> dict[str, Any]:
    """The OpenAPI document that the store gives out."""
    found: dict[str, Any] = shop.http.get(f"{shop.url}/api/openapi.json").raise_for_status().json()
    return found


def run(shop: Shop, where: str, *options: str) -> None:
    """Every check and every phase of a schemathesis run, with no failure."""
    command = (
        *(sys.executable, "-m", "schemathesis.cli", "run", where, *options),
        *("--header", f"Authorization: Bearer {user_token(shop)}"),
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1"),
        *("--generation-database", "none", "--no-color"),
    )
    folder = shop.environment["STATE_DIR"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  # made of constants
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_schemathesis_run_finds_nothing(shop: Shop) -> None:
    run(shop, f"{shop.url}/api/openapi.json")


def test_nor_does_one_that_knows_what_is_sold(shop: Shop, tmp_path: Path) -> None:
    prices = shop.stripe("GET", "/prices")["data"]
    told = document(shop)
    told["paths"]["/api/products/{id}"]["get"]["parameters"][0]["schema"] = {
        "enum": [price["product"] for price in prices]
    }
    lines = told["components"]["schemas"]["Purchase"]["properties"]["lines"]
    lines["items"]["properties"]["price"]["enum"] = [price["id"] for price in prices]
    (tmp_path / "openapi.json").write_text(json.dumps(told))

    run(shop, str(tmp_path / "openapi.json"), "--url", shop.url)

    begun = shop.stripe("GET", "/checkout/sessions", limit="100")["data"]
    assert {session["mode"] for session in begun} == {"payment", "subscription"}


def test_the_document_has_the_stores_own_limits(shop: Shop) -> None:
    told = document(shop)

    lines = told["components"]["schemas"]["Purchase"]["properties"]["lines"]
    assert lines["maxItems"] == cart.MAX_LINES
    assert lines["items"]["properties"]["quantity"]["maximum"] == cart.MAX_QUANTITY
    limit = told["paths"]["/api/products"]["get"]["parameters"][0]["schema"]
    assert (limit["maximum"], limit["default"]) == (api.MAX_LIMIT, api.DEFAULT_LIMIT)
    assert told["components"]["schemas"]["ReturnAddress"]["maxLength"] == api.MAX_URL


def test_the_document_tells_of_every_route(shop: Shop) -> None:
    told = {(path, method.upper()) for path, item in document(shop)["paths"].items() for method in item}
    there = {
        (str(rule).replace("<path:product_id>", "{id}"), method)
        for rule in shop.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.document"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert told == there
