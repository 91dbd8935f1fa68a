"""How many requests a vendor answered in each second, and how many of them with 429."""

import threading
import time
from collections import OrderedDict
from typing import NamedTuple

#: For how many seconds with requests the counts are kept.
KEPT = 7200


class Second(NamedTuple):
    """The requests that were answered within one second. `at` is in Unix seconds of real time."""

    at: int
    requests: int
    refused: int


class Tally:
    """Counts answers by second of real time. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: OrderedDict[int, list[int]] = OrderedDict()

    def clear(self) -> None:
        """Forget all counts."""
        with self._lock:
            self._seconds.clear()

    def count(self, status: int) -> None:
        """Count an answer with this status now."""
        with self._lock:
            counts = self._seconds.setdefault(int(time.time()), [0, 0])
            counts[0] += 1
            counts[1] += status == 429
            if len(self._seconds) > KEPT:
                self._seconds.popitem(last=False)

    def seconds(self) -> list[Second]:
        """The seconds with requests, oldest first."""
        with self._lock:
            return [Second(at, requests, refused) for at, (requests, refused) in self._seconds.items()]
