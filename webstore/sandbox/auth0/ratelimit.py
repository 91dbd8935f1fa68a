"""The Management API's rate limit: a token bucket that is refilled once a second.

Each response reports the limit in three headers.
https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy/rate-limit-use-cases
"""

import math
import threading
import time
from dataclasses import dataclass

from webstore.sandbox.auth0.config import Settings


@dataclass(frozen=True)
class Allowance:
    """Whether a request may pass, and the rate limit headers of its response."""

    granted: bool
    headers: dict[str, str]


class RateLimit:
    """A bucket of `rate_limit_burst` requests. Each second of real time adds `rate_limit_per_s`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Fill the bucket."""
        with self._lock:
            self._used = 0.0
            self._refilled = math.floor(time.time())

    def take(self) -> Allowance:
        """Take one request from the bucket, unless it is empty."""
        burst, rate = self._settings.rate_limit_burst, self._settings.rate_limit_per_s
        with self._lock:
            second = math.floor(time.time())
            self._used = max(0.0, self._used - (second - self._refilled) * rate)
            self._refilled = second
            granted = burst - self._used >= 1
            self._used += granted
            left = max(0, math.floor(burst - self._used))
            wait = 1 if left or rate <= 0 else math.ceil((1 - (burst - self._used)) / rate)
            headers = {
                "x-ratelimit-limit": str(burst),
                "x-ratelimit-remaining": str(left),
                "x-ratelimit-reset": str(second + max(1, wait)),
            }
            return Allowance(granted, headers)
