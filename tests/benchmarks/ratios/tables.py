"""The results as Markdown tables, as they are printed and as docs/performance.md has them."""

from __future__ import annotations

from collections.abc import Sequence

from .figures import Figure, Results

#: The parts, in the order of the tables, with the heading of their first column.
PARTS = {
    "pages": "Page",
    "wire": "Home page, without pictures",
    "login": "Login",
    "counts": "Request",
    "stores": "Page, behind nginx",
    "process": "Process",
}


def part_table(results: Results, part: str) -> str:
    """The table of one part, with its notes below. Without figures only the notes."""
    blocks = []
    if figures := results.of(part):
        blocks.append(markdown(PARTS[part], figures))
    blocks += [note.text for note in results.notes if note.part == part]
    return "\n\n".join(blocks)


def markdown(corner: str, figures: Sequence[Figure]) -> str:
    """A row for each subject, a column for each measure; a cell that was not measured is empty."""
    measures = list(dict.fromkeys(figure.measure for figure in figures))
    cells = {(figure.subject, figure.measure): figure.shown() for figure in figures}
    lines = [_line([corner, *measures]), _line(["---"] * (1 + len(measures)))]
    lines += [
        _line([subject, *(cells.get((subject, measure), "") for measure in measures)])
        for subject in dict.fromkeys(figure.subject for figure in figures)
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def verdict(results: Results) -> str:
    """How many goals are met, and which are not."""
    goals = results.goals()
    missed = [figure for figure in goals if not figure.met]
    lines = [f"{len(goals) - len(missed)} of {len(goals)} goals are met."]
    lines += [f"- {figure.subject}, {figure.measure}: {figure.shown()}" for figure in missed]
    return "\n".join(lines)


def run_line(results: Results) -> str:
    """When, where and how the run measured."""
    return ", ".join(f"{name}: {value}" for name, value in results.run.items())


def report(results: Results) -> str:
    """Everything: the run, a table for each part, the goals."""
    tables = [part_table(results, part) for part in PARTS]
    return "\n\n".join([run_line(results), *filter(None, tables), verdict(results)])
