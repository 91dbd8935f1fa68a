"""How much of a large set a test goes through: a sample in `make unit`, which sets QUICK, else all of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

QUICK = os.environ.get("QUICK") == "yes"


def sample(things: Sequence[T], every: int, offset: int = 0) -> Sequence[T]:
    """One of so many things, beginning with one of the first; another `offset` gives another sample."""
    return things[offset % every :: every] if QUICK else things


def examples(many: int, few: int) -> int:
    """How many examples Hypothesis tries."""
    return few if QUICK else many
