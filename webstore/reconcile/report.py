"""The report of a run as a file: HTML to hand on, CSV for a spreadsheet, JSON for programs.

The list of findings is read once and never held: it may have a million. The HTML has a bounded number of
samples of each kind, CSV and JSON have all.
"""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, TypeGuard

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from webstore.dashboards import customer_page, user_page

from .models import Finding, Kind, Repair, Summary
from .words import WORDS, Weight, Words

#: Samples of each kind in the HTML report.
SAMPLES = 10
#: More than these and a spreadsheet or a browser gets no wiser.
_MOST_COMMANDS, _MOST_RELATED = 3, 10
#: First characters of a formula in a spreadsheet: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # the last four are full-width
#: Where a spreadsheet that separates cells by semicolons would begin a cell with a formula.
_INNER = re.compile(f'(;)(?=[\\s"]*[{re.escape("".join(_FORMULA))}])')
_COLUMNS = (
    "kind", "repair", "user_id", "customer_id", "email", "message", "customers", "users", "subscriptions",
    "commands", "user_page", "customer_page",
)  # fmt: skip
FORMATS = (".html", ".csv", ".json")


@dataclass(frozen=True, slots=True)
class Dashboards:
    """The addresses of the vendors' dashboards for this tenant, account and mode. None: no links."""

    auth0: str | None
    stripe: str | None

    def user(self, user_id: str | None) -> str | None:
        """The address of the user's page; None also for an ID that is not a valid text."""
        return None if self.auth0 is None or not _is_text(user_id) else user_page(self.auth0, user_id)

    def customer(self, customer_id: str | None) -> str | None:
        """The address of the customer's page; None also for an ID that is not a valid text."""
        if self.stripe is None or not _is_text(customer_id):
            return None
        return customer_page(self.stripe, customer_id)


def _is_text(id: str | None) -> TypeGuard[str]:
    """Whether there is an ID without half a character, which no address can hold."""
    return id is not None and not any("\ud800" <= letter <= "\udfff" for letter in id)


def write_report(path: Path, findings: Iterable[Finding], summary: Summary, dashboards: Dashboards) -> None:
    """Write the report that the path's suffix asks for: `.html`, `.csv` or `.json`.

    It replaces an existing file only once it is complete. It has personal data, so only its owner can read
    it. Raises ValueError for another suffix, and OSError.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f"a report ends in {', '.join(FORMATS)}, and {path.name} does not")
    # Excel takes a CSV file for UTF-8 only with a byte order mark.
    encoding = "utf-8-sig" if suffix == ".csv" else "utf-8"
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding=encoding, errors="replace", newline="") as file:
            if suffix == ".html":
                write_html(file, findings, summary, dashboards)
            elif suffix == ".csv":
                write_csv(file, findings, dashboards)
            else:
                write_json(file, findings, summary)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(file: TextIO, findings: Iterable[Finding], summary: Summary) -> None:
    """Write all findings and the summary as one JSON object, a finding a line."""
    file.write('{"findings": [')
    for number, finding in enumerate(findings):
        file.write(("," if number else "") + "\n" + json.dumps(finding_json(finding)))
    rest = asdict(summary)
    file.write("\n], " + json.dumps(rest)[1:] + "\n")


def finding_json(finding: Finding) -> dict[str, object]:
    """A finding as JSON: kind, user, customer and repair always, other fields only with a value."""
    shown = asdict(finding)
    needed = ("kind", "user_id", "customer_id", "repair")
    return {name: value for name, value in shown.items() if value or name in needed}


def write_csv(file: TextIO, findings: Iterable[Finding], dashboards: Dashboards) -> None:
    """Write all findings as CSV. No cell can be a formula; spaces separate several values in one cell."""
    rows = csv.writer(file)
    rows.writerow(_COLUMNS)
    for finding in findings:
        values = {
            **asdict(finding),
            "customers": " ".join(finding.customers),
            "users": " ".join(finding.users),
            "subscriptions": " ".join(finding.subscriptions),
            "commands": "; ".join(finding.commands),
            "user_page": dashboards.user(finding.user_id),
            "customer_page": dashboards.customer(finding.customer_id),
        }
        rows.writerow(_inert(values[name]) for name in _COLUMNS)


def _inert(value: object) -> str:
    """The value as a cell that no spreadsheet executes: an apostrophe in front makes it a text."""
    text = _INNER.sub(r"\1'", "" if value is None else str(value))
    return f"'{text}" if text.lstrip(' "').startswith(_FORMULA) else text


@dataclass(slots=True)
class _Section:
    """One kind of finding in the HTML report."""

    kind: Kind
    words: Words
    count: int
    #: The share of the kind with most findings, from 0 to 100.
    share: float
    samples: list[Finding] = field(default_factory=list)


def write_html(file: TextIO, findings: Iterable[Finding], summary: Summary, dashboards: Dashboards) -> None:
    """Write a page that needs nothing but itself: counts, a chart, explanations and samples of each kind."""
    samples: dict[Kind, list[Finding]] = {kind: [] for kind in Kind}
    repairs: Counter[Repair] = Counter()
    for finding in findings:
        repairs[finding.repair] += 1
        if len(samples[finding.kind]) < SAMPLES:
            samples[finding.kind].append(finding)
    total = sum(summary.counts.values())
    most = max([1, *summary.counts.values()])
    sections = [
        _Section(kind, WORDS[kind], count, 100 * count / most, samples[kind])
        for kind in Kind
        if (count := summary.counts.get(kind, 0))
    ]
    stream = _page().stream(
        summary=summary,
        sections=sections,
        total=total,
        repairs=_strip(summary.repairs or repairs),
        urgent=sum(it.count for it in sections if it.words.weight is Weight.URGENT),
        dashboards=dashboards,
        most_commands=_MOST_COMMANDS,
        most_related=_MOST_RELATED,
        weights=_WEIGHTS.items(),
    )
    for chunk in stream:
        file.write(chunk)


_WEIGHTS = {
    Weight.URGENT: "Urgent",
    Weight.BROKEN: "Broken, or one side only",
    Weight.MINOR: "Works, but incomplete",
}
_REPAIRS = {
    Repair.DONE: "repaired in this run",
    Repair.SAFE: "can be repaired by the command",
    Repair.PERSON: "need a person",
}


def _strip(repairs: Mapping[Repair, int]) -> list[tuple[Repair, str, int, float, float]]:
    """The parts of the strip that shows who repairs: repair, label, count, start and width in percent."""
    total = sum(repairs.values())
    parts, start = [], 0.0
    for repair, label in _REPAIRS.items():
        count = repairs.get(repair, 0)
        width = 100 * count / total if total else 0.0
        if count:
            parts.append((repair, label, count, start, width))
        start += width
    return parts


def _page() -> Template:
    environment = Environment(
        loader=PackageLoader("webstore.reconcile"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["moment"] = _moment
    environment.filters["duration"] = _duration
    environment.filters["related"] = _related
    return environment.get_template("report.html")


def _related(finding: Finding) -> list[tuple[str, list[str]]]:
    """What else the finding is about, unless its message says so, by kind of object."""
    kinds = (
        ("Customers", finding.customers),
        ("Users", finding.users),
        ("Subscriptions", finding.subscriptions),
    )
    unnamed = ((kind, [it for it in ids if it not in finding.message]) for kind, ids in kinds)
    return [(kind, ids) for kind, ids in unnamed if ids]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %B %Y, %H:%M UTC")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
