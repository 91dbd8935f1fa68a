"""What the ratio benchmarks found: figures with the values of each round, their medians and their goals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Self


@dataclass(frozen=True)
class Goal:
    """A limit that a figure is compared with."""

    limit: float
    #: Whether larger is better: requests a second, for example.
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether this value is as good as the limit or better."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Unit:
    """How a value is written: `{:.2f}` for a ratio."""

    pattern: str

    def shown(self, value: float) -> str:
        """The value as the tables have it."""
        return self.pattern.format(value)


UNITS = {
    "ratio": Unit("{:.2f}"),
    "ms": Unit("{:.2f} ms"),
    "s": Unit("{:.2f} s"),
    "MB": Unit("{:.1f} MB"),
    "a second": Unit("{:,.0f}"),
    "times": Unit("{:g}"),
    "hops": Unit("{:.2f}"),
    "bytes": Unit("{:,.0f}"),
}


@dataclass(frozen=True)
class Figure:
    """One cell of the tables.

    `part` names the table, `subject` the row, `measure` the column.
    """

    part: str
    subject: str
    measure: str
    unit: str
    #: The value of each round, never empty.
    each: tuple[float, ...]
    goal: Goal | None = None

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return median(self.each)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        return None if self.goal is None else self.goal.met(self.value)

    def shown(self) -> str:
        """The value, and the goal with yes or no."""
        unit = UNITS[self.unit]
        if self.goal is None:
            return unit.shown(self.value)
        value, limit = unit.shown(self.value), unit.shown(self.goal.limit)
        if value == limit and not self.met:
            # Rounded, it would look as if the goal was met.
            value = f"{self.value:.5g}"
        return f"{value} ({'≥' if self.goal.at_least else '≤'} {limit}: {'yes' if self.met else 'no'})"


@dataclass(frozen=True)
class Note:
    """A remark below a part's table: why a figure is missing, or what it says little about."""

    part: str
    text: str


@dataclass(frozen=True)
class Results:
    """All figures of one run, and where and how they were measured."""

    figures: tuple[Figure, ...]
    #: When, on which machine, how many rounds, how long a window.
    run: Mapping[str, str]
    notes: tuple[Note, ...] = ()

    def of(self, part: str) -> list[Figure]:
        """The figures of this part, in the order in which they were added."""
        return [figure for figure in self.figures if figure.part == part]

    def value(self, part: str, subject: str, measure: str) -> float | None:
        """The median of one figure; None if it was not measured."""
        for figure in self.of(part):
            if (figure.subject, figure.measure) == (subject, measure):
                return figure.value
        return None

    def goals(self) -> list[Figure]:
        """The figures that have a goal."""
        return [figure for figure in self.figures if figure.goal is not None]

    def to_json(self) -> str:
        """The results as JSON, with the medians beside the rounds."""
        figures = [{**asdict(figure), "value": figure.value, "met": figure.met} for figure in self.figures]
        notes = [asdict(note) for note in self.notes]
        document = {"run": dict(self.run), "notes": notes, "figures": figures}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The results that `to_json` wrote. Raises `ValueError` or `KeyError` for another document."""
        document = json.loads(text)
        notes = tuple(Note(**note) for note in document["notes"])
        return cls(tuple(map(_figure, document["figures"])), document["run"], notes)


def _figure(document: Mapping[str, Any]) -> Figure:  # Any: JSON
    goal = document["goal"]
    return Figure(
        document["part"],
        document["subject"],
        document["measure"],
        document["unit"],
        tuple(document["each"]),
        None if goal is None else Goal(**goal),
    )


def ratios(values: Sequence[float], baselines: Sequence[float]) -> tuple[float, ...]:
    """Each value by the baseline of its own round: the windows were neighbours in time."""
    return tuple(value / baseline for value, baseline in zip(values, baselines, strict=True))
