"""Writes the results of a run: a report, JSON and a chart."""

from __future__ import annotations

from pathlib import Path

from .chart import bar_chart
from .figures import Results
from .hammer import TOP
from .tables import report

#: Git ignores it.
RESULTS = TOP / "bench-results"


def write(results: Results, folder: Path) -> list[Path]:
    """Write the three files, in place of those of an earlier run. Gives their paths."""
    folder.mkdir(exist_ok=True)
    contents = {
        "ratios.md": report(results) + "\n",
        "ratios.json": results.to_json(),
        "ratios.svg": bar_chart(results),
    }
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in contents]
