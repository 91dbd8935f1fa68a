"""Delivers logout tokens to the application, as Auth0 does when a session ends.

https://auth0.com/docs/authenticate/login/logout/back-channel-logout
"""

import threading
from dataclasses import asdict, dataclass

import httpx

_TIMEOUT_S = 5


@dataclass(frozen=True)
class Delivery:
    """What became of one logout token; `status` is None when there was no answer."""

    sid: str
    status: int | None


class BackChannel:
    """Posts logout tokens, each in a thread of its own, and keeps what came of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: list[Delivery] = []

    def clear(self) -> None:
        """Forget past deliveries."""
        with self._lock:
            # A new list, so that a delivery under way ends up in the old one.
            self._deliveries = []

    def deliveries(self) -> list[dict[str, object]]:
        """The finished deliveries, oldest first."""
        with self._lock:
            return [asdict(delivery) for delivery in self._deliveries]

    def send(self, url: str, logout_token: str, sid: str) -> None:
        """Begin a delivery and return at once."""
        arguments = (url, logout_token, sid, self._deliveries)
        threading.Thread(target=self._post, args=arguments, daemon=True).start()

    def _post(self, url: str, logout_token: str, sid: str, deliveries: list[Delivery]) -> None:
        status = None
        try:
            with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
                status = client.post(url, data={"logout_token": logout_token}).status_code
        except httpx.HTTPError:
            pass  # Auth0 does not try again either; the list says that there was no answer.
        with self._lock:
            deliveries.append(Delivery(sid, status))
