"""docs/webhooks.md and the code name the same kinds and fields."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from webstore.shop.models import BoughtLine
from webstore.shop.order_events import Kind, OrderEvent

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()


def first_column(heading: str) -> list[str]:
    """The names in the first column of the table under a heading."""
    section = PAGE.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def test_every_kind_is_documented() -> None:
    assert set(first_column("Kinds")) == set(Kind)


def test_every_field_is_documented() -> None:
    assert sorted(first_column("Fields")) == sorted(field.name for field in fields(OrderEvent))


def test_every_field_of_a_line_is_documented() -> None:
    (row,) = [row for row in PAGE.splitlines() if row.startswith("| `lines` |")]
    assert set(re.findall(r"`(\w+)`", row)) == {"lines", *(field.name for field in fields(BoughtLine))}
