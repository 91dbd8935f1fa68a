"""docs/operations.md has a section on each check, in the order of the checks."""

from __future__ import annotations

import re
from pathlib import Path

from webstore.doctor.check import GROUPS
from webstore.doctor.checks import CHECKS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_each_check_has_a_section_in_order() -> None:
    assert re.findall(r"^### (.+)$", DOCUMENT, re.MULTILINE) == [check.id for check in CHECKS]


def test_each_section_says_something() -> None:
    sections = re.split(r"^### .+$", DOCUMENT, flags=re.MULTILINE)[1:]
    assert min(len(section.split()) for section in sections) >= 15


def test_groups_are_named() -> None:
    assert [group for group in GROUPS if f"`{group}`" not in DOCUMENT] == []
    assert {check.group for check in CHECKS} == set(GROUPS)


def test_what_is_needed_comes_first() -> None:
    seen: set[str] = set()
    for check in CHECKS:
        assert set(check.needs) <= seen, check.id
        seen.add(check.id)
