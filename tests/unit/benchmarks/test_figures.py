"""Medians, goals and ratios of the benchmarks, and their JSON."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.ratios.figures import Figure, Goal, Note, Results, ratios
from tests.unit.benchmarks.run import HOME, PLAIN, WALL, results


def test_a_figure_is_the_median_of_its_rounds() -> None:
    assert HOME.value == 0.7
    assert WALL.value == 1.02


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal(0.8, at_least=True), 0.8, True),
        (Goal(0.8, at_least=True), 0.79, False),
        (Goal(1.05), 1.05, True),
        (Goal(1.05), 1.06, False),
    ],
)
def test_a_goal_is_met_at_its_limit(goal: Goal, value: float, met: bool) -> None:
    assert goal.met(value) is met


def test_a_cell_shows_the_goal_with_yes_or_no() -> None:
    assert HOME.shown() == "0.70 (≥ 0.80: no)"
    assert WALL.shown() == "1.02 (≤ 1.05: yes)"
    assert PLAIN.shown() == "0.25 ms"


def test_a_goal_that_is_just_missed_is_shown_with_more_digits() -> None:
    assert Figure("login", "back", "wall", "ratio", (1.0512,), Goal(1.05)).shown() == "1.0512 (≤ 1.05: no)"


def test_a_ratio_is_taken_within_its_round() -> None:
    # Of the medians it would be 3.
    assert ratios((2.0, 30.0, 6.0), (1.0, 10.0, 2.0)) == (2.0, 3.0, 3.0)
    assert Figure("pages", "home", "rate", "ratio", ratios((1.0, 8.0), (1.0, 2.0))).value == 2.5


def test_each_value_needs_its_own_baseline() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios((1.0, 2.0), (1.0,))


def test_the_json_gives_the_same_results_back() -> None:
    run = results(HOME, WALL, PLAIN, notes=(Note("pages", "two processors"),))
    assert Results.from_json(run.to_json()) == run


def test_the_json_has_the_medians_and_the_verdicts() -> None:
    figures = json.loads(results(HOME, PLAIN).to_json())["figures"]
    assert [(figure["value"], figure["met"]) for figure in figures] == [(0.7, False), (0.25, None)]


def test_a_value_is_found_by_its_place_in_the_tables() -> None:
    run = results(HOME, PLAIN)
    assert run.value("pages", "hello", "CPU") == 0.25
    assert run.value("login", "hello", "CPU") is None
