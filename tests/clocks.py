"""A clock for tests that must not wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Hands:
    """A clock that stands still until a test moves its hands."""

    now: float = 1000.0
    #: How far the hands move by themselves each time that the clock is read (seconds).
    step: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now
