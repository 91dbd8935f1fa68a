"""Work that no request waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable


def in_background(work: Callable[[], None]) -> None:
    """Start the work on a thread that ends with the process. Raises RuntimeError if it cannot start one."""
    threading.Thread(target=work, name="background", daemon=True).start()
