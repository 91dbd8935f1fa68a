"""How many threads of a server process may wait for whom, and work in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from webstore import request_id


def in_background(work: Callable[[], None]) -> None:
    """Start the work on a daemon thread, under the ID of the request at hand.

    Raises `RuntimeError` if no thread can be started.
    """
    threading.Thread(target=request_id.carried(work), name="background", daemon=True).start()


@dataclass(frozen=True, slots=True)
class Threads:
    """How many of a server process's threads may wait for whom.

    Of five threads or more, at least one is left for pages while one vendor hangs, or Stripe and the
    Management API do.
    """

    #: For linking.
    linking: int
    #: For Stripe, in pages. One more may wait for its turn.
    pages: int
    #: For the login provider. One more may wait for its turn.
    provider: int
    #: For Stripe, while handling webhooks. They are some of those of pages.
    webhooks: int
    #: For the fulfil hooks, which may hang.
    hooks: int
    #: For webhooks that wait until it may be asked again whether something is for sale.
    waiting: int

    @classmethod
    def of_server(cls, threads: int) -> Threads:
        """The shares of a process with so many threads."""
        # Few: at the beginning of an outage each of them keeps a login waiting for its whole budget.
        linking = max(1, min(4, threads // 2), threads // 4)
        pages = max(1, threads - linking - 2)
        return cls(
            linking=linking,
            pages=pages,
            provider=max(1, threads - 2),
            webhooks=max(1, pages // 3),
            hooks=max(1, threads // 4),
            waiting=max(1, threads // 8),
        )
