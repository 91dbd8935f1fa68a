"""The documents: their links lead somewhere; each file and each reason of a pending link is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

_TOP = Path(__file__).resolve().parents[2]
_PAGES = sorted([*_TOP.glob("*.md"), *_TOP.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: Folders whose files the tour describes together.
_DESCRIBED_AS_ONE = {"sandbox", "cli", "probes", "checks"}


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    headings = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", it.lower()) for it in _HEADING.findall(page.read_text()))
    return {re.sub(r"[^\w\- ]", "", it).strip().replace(" ", "-") for it in headings}


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.relative_to(_TOP).as_posix())
def test_each_link_leads_somewhere(page: Path) -> None:
    broken = []
    for file, anchor in _LINK.findall(page.read_text()):
        target = (page.parent / file) if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(f"{file}#{anchor}")
    assert broken == []


def test_the_tour_names_each_file() -> None:
    tour = "".join((_TOP / "docs" / page).read_text() for page in ("architecture.md", "linking.md"))
    files = [
        path
        for path in (_TOP / "webstore").rglob("*.py")
        if path.name != "__init__.py" and not _DESCRIBED_AS_ONE & set(path.parts)
    ]
    assert len(files) > 100
    assert [path for path in files if not re.search(rf"[`/ ]{re.escape(path.name)}`", tour)] == []


def reasons() -> set[str]:
    """The beginnings of the fixed words of what `NotYet` is raised with."""
    tree = ast.parse((_TOP / "webstore/linking/protocol.py").read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "NotYet":
            values = [it.value for it in ast.walk(node.args[0]) if isinstance(it, ast.Constant)]
            texts = [it for it in values if isinstance(it, str)]
            found.add(max(texts, key=len).strip("; ,")[:18])
    return found


def test_each_reason_of_a_pending_link_is_explained() -> None:
    section = (_TOP / "docs/linking.md").read_text().partition("## Why is a link pending?")[2]
    assert len(reasons()) > 8
    assert [it for it in reasons() if it not in section] == []
