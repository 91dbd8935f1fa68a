"""Stripe's rate limiter. Source: https://docs.stripe.com/rate-limits"""

import threading
import time
from collections import deque

from webstore.sandbox.stripe.errors import StripeError


class RateLimit:
    """Counts the requests of one account and mode in the last second of real time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()

    def count(self, limit: int) -> None:
        """Count a request. Raises StripeError 429 when the last second already had `limit` requests."""
        if limit <= 0:
            return
        with self._lock:
            now = time.monotonic()
            while self._recent and self._recent[0] <= now - 1:
                self._recent.popleft()
            if len(self._recent) >= limit:
                raise StripeError(
                    429,
                    "Request rate limit exceeded. Learn more about rate limits at"
                    " https://stripe.com/docs/rate-limits.",
                    code="rate_limit",
                    headers={"Stripe-Rate-Limited-Reason": "global-rate"},
                )
            self._recent.append(now)
