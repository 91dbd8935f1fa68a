"""A large catalogue under load: how often Stripe is read, and what shoppers get while Stripe is gone.

Takes five minutes; CATALOGUE_MINUTES and OUTAGE_MINUTES (2 each by default) change that.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from statistics import quantiles
from typing import Any

import pytest

from .stage import Stage, running_stage

pytestmark = pytest.mark.timeout(3600)

PRODUCTS, PRICES_EACH = 1000, 3
MINUTES = float(os.environ.get("CATALOGUE_MINUTES", "2"))
OUTAGE_MINUTES = float(os.environ.get("OUTAGE_MINUTES", "2"))
PAGES_PER_S = 30.0
PATHS = ("/", "/?page=2", "/?page=41", "/?q=seed", "/?sort=price", "/sitemap.xml")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A store with a large catalogue."""
    with running_stage(tmp_path_factory.mktemp("large")) as stage:
        seed = {"products": PRODUCTS, "prices_each": PRICES_EACH}
        stage.http.post(f"{stage.vendors['stripe']}/_sandbox/seed", json=seed).raise_for_status()
        stage.forget_requests()
        yield stage


def readings(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first pages of the price lists that Stripe was asked for; each begins a reading."""
    return [seen for seen in asked if seen["path"] == "/v1/prices" and "starting_after" not in seen["query"]]


def test_stripe_is_read_once_a_minute_whatever_the_traffic(large: Stage, tables: list[str]) -> None:
    # The store may have its first reading from before the seed.
    large.load(5, pages_per_s=PAGES_PER_S)
    large.forget_requests()
    pages, _ = large.load(60 * MINUTES, pages_per_s=PAGES_PER_S, paths=PATHS)
    asked = large.requests("stripe")
    begun = readings(asked)
    milliseconds = [1000 * page.took_s for page in pages]
    tables.append(
        f"{PRODUCTS} products, {PRODUCTS * PRICES_EACH} prices, two workers, {len(pages)} pages in "
        f"{MINUTES:g} minutes: {len(begun)} readings ({len(asked)} requests), "
        f"p50 {quantiles(milliseconds, n=100)[49]:.1f} ms, p95 {quantiles(milliseconds, n=100)[94]:.1f} ms"
    )
    assert [page.problem for page in pages if page.problem] == []
    assert 1 <= len(begun) <= math.ceil(MINUTES)


def test_shoppers_are_served_while_stripe_is_gone(large: Stage, tables: list[str]) -> None:
    large.load(1, pages_per_s=PAGES_PER_S)
    large.disturb("stripe", "reset", ".*")
    large.forget_requests()
    pages, _ = large.load(60 * OUTAGE_MINUTES, pages_per_s=PAGES_PER_S, paths=PATHS)
    asked = len(large.requests("stripe"))
    large.calm()
    tables.append(
        f"Stripe gone for {OUTAGE_MINUTES:g} minutes: {len(pages)} pages, "
        f"{sum(page.problem is not None for page in pages)} without a 200; Stripe was tried {asked} times"
    )
    assert [page.problem for page in pages if page.problem] == []
    assert asked <= math.ceil(OUTAGE_MINUTES)
