"""Stripe's rate limiters. Source: https://docs.stripe.com/rate-limits"""

import threading
import time
from collections import defaultdict, deque

from webstore.sandbox.stripe.errors import StripeError


class RateLimit:
    """Counts the requests of one account and mode in the last second of real time, also by endpoint."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()
        self._by_endpoint: defaultdict[str, deque[float]] = defaultdict(deque)

    def count(self, limit: int) -> None:
        """Count a request. Raises StripeError 429 when the last second already had `limit` requests."""
        self._count(self._recent, limit, "global-rate")

    def count_endpoint(self, endpoint: str, limit: int) -> None:
        """Count a request to an endpoint such as `GET /v1/customers/{}`. Raises StripeError 429.

        All requests with this method and path count together. The IDs in the path make no difference.
        """
        self._count(self._by_endpoint[endpoint], limit, "endpoint-rate")

    def _count(self, recent: deque[float], limit: int, reason: str) -> None:
        if limit <= 0:
            return
        with self._lock:
            now = time.monotonic()
            while recent and recent[0] <= now - 1:
                recent.popleft()
            if len(recent) >= limit:
                raise StripeError(
                    429,
                    "Request rate limit exceeded. Learn more about rate limits at"
                    " https://stripe.com/docs/rate-limits.",
                    code="rate_limit",
                    headers={"Stripe-Rate-Limited-Reason": reason},
                )
            recent.append(now)
