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
from webstore.routes import api, api_input
from webstore.shop import cart

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    state = tmp_path_factory.mktemp("schema") / "state"
    with running_shop(state, LOGIN_RATE_PER_10S="1000000") as shop:
        sell(shop, "Mug", 1200, description="Holds tea.")
        sell(shop, "Tea", 900, every="month")
        yield shop


def document(shop: Shop) -> dict[str, Any]:
    """The store's OpenAPI document."""
    found: dict[str, Any] = shop.http.get(f"{shop.url}/api/openapi.json").raise_for_status().json()
    return found


def operations(shop: Shop) -> set[tuple[str, str]]:
    """Path and method of everything that the document describes."""
    return {(path, method.upper()) for path, item in document(shop)["paths"].items() for method in item}


def run(shop: Shop, where: str, *options: str) -> None:
    """Run every check and every phase of schemathesis on every operation; none may fail."""
    command = (
        *(sys.executable, "-m", "schemathesis.cli", "run", where, *options),
        *("--header", f"Authorization: Bearer {user_token(shop)}"),
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1"),
        *("--generation-database", "none", "--no-color"),
    )
    folder = shop.environment["STATE_DIR"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 (made of constants)
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"Tested: {len(operations(shop))}\n" in found.stdout, found.stdout
    for phase in ("Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}\n" in found.stdout, found.stdout


def test_a_schemathesis_run_finds_nothing(shop: Shop) -> None:
    run(shop, f"{shop.url}/api/openapi.json")


def test_a_schemathesis_run_that_knows_what_is_sold_finds_nothing(shop: Shop, tmp_path: Path) -> None:
    prices = shop.stripe("GET", "/prices")["data"]
    described = document(shop)
    described["paths"]["/api/products/{id}"]["get"]["parameters"][0]["schema"] = {
        "enum": [price["product"] for price in prices]
    }
    lines = described["components"]["schemas"]["Purchase"]["properties"]["lines"]
    lines["items"]["properties"]["price"]["enum"] = [price["id"] for price in prices]
    (tmp_path / "openapi.json").write_text(json.dumps(described))

    run(shop, str(tmp_path / "openapi.json"), "--url", shop.url)

    begun = shop.stripe("GET", "/checkout/sessions", limit="100")["data"]
    assert {session["mode"] for session in begun} == {"payment", "subscription"}


def test_the_document_has_the_stores_own_limits(shop: Shop) -> None:
    described = document(shop)

    lines = described["components"]["schemas"]["Purchase"]["properties"]["lines"]
    assert lines["maxItems"] == cart.MAX_LINES
    assert lines["items"]["properties"]["quantity"]["maximum"] == cart.MAX_QUANTITY
    limit = described["paths"]["/api/products"]["get"]["parameters"][0]["schema"]
    assert (limit["maximum"], limit["default"]) == (api.MAX_LIMIT, api.DEFAULT_LIMIT)
    assert described["components"]["schemas"]["ReturnAddress"]["maxLength"] == api_input.MAX_URL


def test_the_document_names_the_license_of_the_store(shop: Shop) -> None:
    license_ = document(shop)["info"]["license"]
    # https://spec.openapis.org/oas/v3.1.0#license-object
    assert license_ == {"name": "MIT", "identifier": "MIT"}
    assert (Path(__file__).parents[2] / "LICENSE").read_text().startswith("MIT License")


def test_the_document_describes_every_route(shop: Shop) -> None:
    there = {
        (str(rule).replace("<path:product_id>", "{id}"), method)
        for rule in shop.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.document"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert operations(shop) == there
