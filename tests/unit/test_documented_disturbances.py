"""The tables of disturbances in docs name tests that exist; the listed safeguards exist, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.chaos.mutations import MUTATIONS, Mutation

_TOP = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"^\| (?P<disturbance>[^|]+) \| [^|]+ \| (?P<tests>`.+`) \|$", re.MULTILINE)


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The tests of each disturbance in the section of this page."""
    text = (_TOP / "docs" / page).read_text()
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {row["disturbance"]: re.findall(r"`([^`]+)`", row["tests"]) for row in _ROW.finditer(section)}


def is_there(test: str) -> bool:
    """Whether this test, or this state machine, exists: file and name."""
    file, _, name = test.partition("::")
    path = _TOP / "tests" / file
    pattern = rf"^(?:(?:def|class) {name}\b|{name} = )"
    return path.is_file() and re.search(pattern, path.read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize(
    ("page", "heading"),
    [("linking.md", "Disturbances and outcomes"), ("reliability.md", "Deployments and attackers")],
)
def test_each_disturbance_names_tests_that_exist(page: str, heading: str) -> None:
    rows = table(page, heading)
    assert len(rows) > 40
    assert [test for tests in rows.values() for test in tests if not is_there(test)] == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.what for mutation in MUTATIONS])
def test_each_safeguard_is_there_once_and_its_test_exists(mutation: Mutation) -> None:
    assert (_TOP / mutation.file).read_text().count(mutation.old) == 1
    assert is_there(mutation.test.removeprefix("tests/"))
