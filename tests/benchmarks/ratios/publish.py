"""Writes the figures of the last `make bench` into the documentation: `make figures`.

They go between `<!-- figures: NAME -->` and `<!-- end -->`. Parts that the run left out stay as they are.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping

from . import scaling
from .figures import Results
from .files import RESULTS
from .hammer import TOP
from .tables import PARTS, part_table, run_line, verdict

DOCUMENTS = (TOP / "docs" / "performance.md", TOP / "docs" / "scaling.md")
CHART = TOP / "docs" / "images" / "ratios.svg"
_BLOCK = re.compile(r"<!-- figures: (?P<name>[a-z-]+) -->\n.*?<!-- end -->", re.DOTALL)


def blocks(results: Results) -> dict[str, str]:
    """The text between the markers, by their names."""
    found = {part: part_table(results, part) for part in PARTS if results.of(part)}
    found |= {"run": run_line(results), "goals": verdict(results)}
    found |= {"limits": scaling.limit_table(), "assumptions": scaling.assumptions()}
    try:
        found |= {"processor": scaling.processor_table(results), "sizes": scaling.size_table(results)}
    except scaling.Missing as missing:
        sys.stderr.write(f"The tables of docs/scaling.md stay as they are. Not measured: {missing}\n")
    return found


def with_blocks(text: str, found: Mapping[str, str]) -> str:
    """The document with these blocks between its markers. Raises `ValueError` without markers."""
    if not _BLOCK.search(text):
        raise ValueError("the document has no place for figures")

    def block(match: re.Match[str]) -> str:
        new = found.get(match["name"])
        return match[0] if new is None else f"<!-- figures: {match['name']} -->\n{new}\n<!-- end -->"

    return _BLOCK.sub(block, text)


def main() -> None:
    """Run the command line. Exits with a message without results."""
    file = RESULTS / "ratios.json"
    if not file.exists():
        sys.exit(f"There is no {file.relative_to(TOP)}. Run make bench first.")
    results = Results.from_json(file.read_text(encoding="utf-8"))
    found = blocks(results)
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        document.write_text(with_blocks(text, found), encoding="utf-8")
    if results.goals():
        shutil.copyfile(RESULTS / "ratios.svg", CHART)


if __name__ == "__main__":
    main()
