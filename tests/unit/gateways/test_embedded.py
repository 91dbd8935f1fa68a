"""Lists inside of Stripe's objects are read to their end, or the reading fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from webstore import deadline
from webstore.errors import PaymentsUnavailable
from webstore.gateways.stripe.embedded import Item, complete, page_of


def numbered(first: int, end: int) -> list[Item]:
    return [{"id": f"li_{number}"} for number in range(first, end)]


@dataclass
class Pages:
    """A list at Stripe that is read in pages of a hundred."""

    items: list[Item]
    #: The cursors that were asked for.
    asked: list[str | None] = field(default_factory=list)

    def __call__(self, after: str | None) -> tuple[list[Item], bool]:
        self.asked.append(after)
        ids = [item["id"] for item in self.items]
        first = ids.index(after) + 1 if after else 0
        return self.items[first : first + 100], first + 100 < len(self.items)


def never(_: str | None) -> tuple[list[Item], bool]:
    raise AssertionError("a complete list was read again")


@pytest.mark.parametrize("count", [1, 10])
def test_a_list_that_is_complete_costs_no_call(count: int) -> None:
    items = numbered(0, count)
    assert complete({"object": "list", "data": items, "has_more": False}, never) == items


@pytest.mark.parametrize("found", [None, "li_1", [], {}, {"data": None}, {"data": "x", "has_more": "yes"}])
def test_a_list_that_is_missing_or_of_another_type_is_empty(found: object) -> None:
    assert complete(found, never) == []


@pytest.mark.parametrize("count", [11, 110, 111, 250])
def test_all_pages_are_read_after_the_items_that_are_there(count: int) -> None:
    pages = Pages(numbered(0, count))
    assert complete({"data": pages.items[:10], "has_more": True}, pages) == pages.items
    assert pages.asked[0] == "li_9"
    assert len(pages.asked) == -(-(count - 10) // 100)


def test_a_list_of_which_nothing_is_embedded_is_read_from_its_beginning() -> None:
    pages = Pages(numbered(0, 150))
    assert complete({"has_more": True}, pages) == pages.items
    assert pages.asked == [None, "li_99"]


def test_a_page_that_comes_twice_ends_the_reading() -> None:
    with pytest.raises(PaymentsUnavailable, match="twice"):
        complete({"data": numbered(0, 10), "has_more": True}, lambda _: (numbered(0, 10), True))


def test_an_empty_page_that_promises_more_ends_the_reading() -> None:
    with pytest.raises(PaymentsUnavailable, match="twice"):
        complete({"data": numbered(0, 10), "has_more": True}, lambda _: ([], True))


def test_an_item_that_comes_twice_counts_once() -> None:
    found = complete({"data": numbered(0, 10), "has_more": True}, lambda _: (numbered(8, 12), False))
    assert found == numbered(0, 12)


def test_an_item_without_an_id_is_no_cursor() -> None:
    with pytest.raises(PaymentsUnavailable, match="no ID"):
        complete({"data": [{"object": "item"}], "has_more": True}, never)


def test_a_very_long_list_is_cut_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    pages = Pages(numbered(0, 5000))
    found = complete({"data": pages.items[:10], "has_more": True, "url": "/v1/x"}, pages, maximum=300)
    assert found == pages.items[:300]
    assert len(pages.asked) == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_no_page_is_read_after_the_deadline() -> None:
    with deadline.within(0), pytest.raises(PaymentsUnavailable, match="time"):
        complete({"data": numbered(0, 10), "has_more": True}, never)


@dataclass
class Listed:
    """The SDK's list object."""

    data: Any
    has_more: Any


@pytest.mark.parametrize("found", [Listed(None, has_more=False), Listed([], None), Listed([], "no"), None])
def test_an_answer_that_is_no_page_is_malformed(found: object) -> None:
    with pytest.raises(TypeError):
        page_of(found)
