"""Results that nobody measured, for the tests of the tables, the chart and the arithmetic."""

from __future__ import annotations

from tests.benchmarks.ratios.figures import Figure, Goal, Note, Results
from tests.benchmarks.ratios.scaling import LOGINS, VISIT

HOME = Figure(
    "pages", "home, 24 products", "rate, of hello's", "ratio", (0.5, 0.9, 0.7), Goal(0.8, at_least=True)
)
WALL = Figure("login", "returning & back", "wall", "ratio", (1.0, 1.04), Goal(1.05))
PLAIN = Figure("pages", "hello", "CPU", "ms", (0.25,))


def results(*figures: Figure, notes: tuple[Note, ...] = ()) -> Results:
    """Results with these figures."""
    return Results(figures, {"measured": "2026-01-02", "processors": "2"}, notes)


def whole_run() -> Results:
    """Each figure that the arithmetic of docs/scaling.md needs: every CPU time is 2 ms, every count 1."""
    figures = [
        Figure("login", "/login", "CPU", "ms", (2.0,)),
        Figure("counts", "/login", "trips to Redis", "times", (1,)),
    ]
    for login in LOGINS:
        figures.append(Figure("login", login.timed, "CPU", "ms", (2.0,)))
        figures.append(Figure("counts", login.counted, "trips to Redis", "times", (1,)))
    for view in VISIT:
        figures.append(Figure("pages", view.page, "CPU", "ms", (2.0,)))
        figures += [
            Figure("counts", view.counted or view.page, measure, "times", (1,))
            for measure in ("trips to Redis", "Management API", "Stripe")
        ]
    return results(*figures)
