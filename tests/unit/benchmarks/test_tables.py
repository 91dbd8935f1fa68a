"""The tables and the chart of the benchmarks."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.benchmarks.ratios.chart import bar_chart
from tests.benchmarks.ratios.figures import Figure, Goal, Note
from tests.benchmarks.ratios.tables import part_table, report, verdict
from tests.unit.benchmarks.run import HOME, PLAIN, WALL, results

SVG = "{http://www.w3.org/2000/svg}"


def test_a_table_has_a_row_for_each_subject_and_leaves_unmeasured_cells_empty() -> None:
    assert part_table(results(PLAIN, HOME), "pages").splitlines() == [
        "| Page | CPU | rate, of hello's |",
        "| --- | --- | --- |",
        "| hello | 0.25 ms |  |",
        "| home, 24 products |  | 0.70 (≥ 0.80: no) |",
    ]


def test_notes_are_below_the_table_of_their_part() -> None:
    run = results(PLAIN, notes=(Note("pages", "Busy."), Note("stores", "No nginx.")))
    assert part_table(run, "pages").endswith("\n\nBusy.")
    assert part_table(run, "stores") == "No nginx."


def test_the_verdict_counts_the_goals_and_names_the_missed_ones() -> None:
    assert verdict(results(HOME, WALL, PLAIN)).splitlines() == [
        "1 of 2 goals are met.",
        "- home, 24 products, rate, of hello's: 0.70 (≥ 0.80: no)",
    ]


def test_the_report_begins_with_the_run_and_has_every_part() -> None:
    text = report(results(HOME, WALL))
    assert text.startswith("measured: 2026-01-02, processors: 2\n")
    assert "| home, 24 products |" in text
    assert "| returning & back |" in text


def test_the_chart_has_a_bar_for_each_ratio_with_a_goal() -> None:
    memory = Figure("process", "memory", "store", "MB", (80.0,), Goal(90.0))
    drawing = ElementTree.fromstring(bar_chart(results(HOME, WALL, PLAIN, memory)))  # noqa: S314 (our own)
    bars = [rect for rect in drawing.iter(f"{SVG}rect") if rect.get("x")]
    texts = ["".join(text.itertext()) for text in drawing.iter(f"{SVG}text")]
    assert len(bars) == 2
    assert "returning & back: wall" in texts
    assert "0.70 (≥ 0.80: no)" in texts
    met, missed = bars[1].get("fill"), bars[0].get("fill")
    assert met != missed


def test_a_bar_is_as_long_as_its_ratio() -> None:
    drawing = ElementTree.fromstring(bar_chart(results(HOME, WALL)))  # noqa: S314 (our own)
    short, long = [float(rect.get("width", "")) for rect in drawing.iter(f"{SVG}rect") if rect.get("x")]
    assert abs(short / long - 0.7 / 1.02) < 0.01


def test_the_goal_is_marked_where_a_bar_of_that_length_would_end() -> None:
    drawing = ElementTree.fromstring(bar_chart(results(WALL)))  # noqa: S314 (our own)
    (bar,) = [rect for rect in drawing.iter(f"{SVG}rect") if rect.get("x")]
    (mark,) = [line for line in drawing.iter(f"{SVG}line") if line.get("stroke-width")]
    start, width = float(bar.get("x", "")), float(bar.get("width", ""))
    assert abs(float(mark.get("x1", "")) - (start + width * 1.05 / 1.02)) < 0.2


def test_the_chart_of_a_run_without_goals_is_a_drawing_too() -> None:
    assert ElementTree.fromstring(bar_chart(results(PLAIN))).tag == f"{SVG}svg"  # noqa: S314 (our own)
