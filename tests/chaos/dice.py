"""One seed decides everything that is left to chance."""

from __future__ import annotations

import random

Dice = random.Random


def dice(seed: int, what_for: str) -> Dice:
    """A sequence of its own for each purpose, so that threads do not draw from one another's."""
    return random.Random(f"{seed} {what_for}")  # noqa: S311 (to be repeated, not to be secret)
