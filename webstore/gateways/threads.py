"""Runs work in the background, so that no request waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from webstore import request_id


def in_background(work: Callable[[], None]) -> None:
    """Start the work on a daemon thread, under the ID of the request at hand.

    Raises `RuntimeError` if no thread can be started.
    """
    threading.Thread(target=request_id.carried(work), name="background", daemon=True).start()
