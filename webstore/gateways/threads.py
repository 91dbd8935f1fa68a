"""Runs work in the background, so that no request waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable


def in_background(work: Callable[[], None]) -> None:
    """Start the work on a daemon thread. Raises `RuntimeError` if no thread can be started."""
    threading.Thread(target=work, name="background", daemon=True).start()
