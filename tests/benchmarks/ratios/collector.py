"""Collects the figures of a run, and measures windows again that other programs disturbed."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import ParamSpec, TypeVar

from tests.benchmarks import machine

from .figures import Figure, Goal, Note, Results

P = ParamSpec("P")
T = TypeVar("T")

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
WINDOW_S = float(os.environ.get("BENCH_SECONDS", "2"))
#: A window beside more work of other programs than this (processors) is measured once more.
QUIET, MOST_TRIES = 0.3, 2


class Collector:
    """What the tests of this folder found so far."""

    def __init__(self) -> None:
        self._figures: list[Figure] = []
        self._notes: list[Note] = []
        self._others: list[float] = []
        self._client_busy = 0.0

    def add(
        self,
        part: str,
        subject: str,
        measure: str,
        unit: str,
        each: Sequence[float],
        *,
        goal: Goal | None = None,
    ) -> None:
        """Add a figure with the value of each round. Without values, nothing is added."""
        if each:
            self._figures.append(Figure(part, subject, measure, unit, tuple(each), goal))

    def note(self, part: str, text: str) -> None:
        """Add a remark below the table of this part."""
        self._notes.append(Note(part, text))

    def window(self, measure: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Measure a window: the quietest of at most `MOST_TRIES`; the first quiet one will do."""
        tries: list[tuple[float, T]] = []
        while len(tries) < MOST_TRIES:
            before = machine.usage()
            found = measure(*args, **kwargs)
            tries.append((machine.others(before, machine.usage()) or 0.0, found))
            if tries[-1][0] <= QUIET:
                break
        others, best = min(tries, key=lambda tried: tried[0])
        self._others.append(others)
        return best

    def client_was_busy(self, share: float) -> None:
        """Note which share of one processor a load's client used."""
        self._client_busy = max(self._client_busy, share)

    def results(self) -> Results:
        """All figures, with the circumstances of the run."""
        run = {
            "measured": time.strftime("%Y-%m-%d"),
            "processors": str(os.cpu_count()),
            "Python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "rounds": str(ROUNDS),
            "seconds of a window": f"{WINDOW_S:g}",
        }
        if self._others:
            run["processors busy with other programs"] = (
                f"{median(self._others):.1f} (at most {max(self._others):.1f})"
            )
        if self._client_busy:
            run["busiest client"] = f"{self._client_busy:.2f} of a processor"
        return Results(tuple(self._figures), run, tuple(self._notes))
