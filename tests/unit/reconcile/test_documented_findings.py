"""docs/operations.md has a section on each kind of finding, in the order of the kinds."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from webstore.cli.customers.reconcile import reconcile
from webstore.reconcile.models import Kind

DOCUMENT = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_each_kind_has_a_section_in_order() -> None:
    assert re.findall(r"^#### (.+)$", DOCUMENT, re.MULTILINE) == [str(kind) for kind in Kind]


def test_each_section_says_what_it_means_and_what_to_do() -> None:
    sections = re.split(r"^#### .+$", DOCUMENT, flags=re.MULTILINE)[1:]
    assert min(len(section.split()) for section in sections) >= 20
    assert [it for it in sections if "safe" not in it and "person" not in it and "`--apply" not in it] == []


def test_each_option_is_described() -> None:
    options = [name for it in reconcile.params for name in it.opts]
    assert [it for it in options if f"`{it}" not in DOCUMENT] == []


def test_the_help_needs_no_store() -> None:
    told = CliRunner().invoke(reconcile, ["--help"])
    assert (told.exit_code, "docs/operations.md" in told.output) == (0, True)
