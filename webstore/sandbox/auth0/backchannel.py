"""Delivery of logout tokens to applications when a session ends.

https://auth0.com/docs/authenticate/login/logout/back-channel-logout
"""

import threading
from dataclasses import asdict, dataclass

import httpx

_TIMEOUT_S = 5


@dataclass(frozen=True)
class Delivery:
    """The result of sending one logout token. `status` is None when the application did not answer."""

    sid: str
    status: int | None


class BackChannel:
    """Posts each logout token in its own thread, and keeps the results."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: list[Delivery] = []

    def clear(self) -> None:
        """Remove all past deliveries."""
        with self._lock:
            # A new list, because a delivery in progress still appends its result to the old one.
            self._deliveries = []

    def deliveries(self) -> list[dict[str, object]]:
        """The finished deliveries, oldest first."""
        with self._lock:
            return [asdict(delivery) for delivery in self._deliveries]

    def send(self, url: str, logout_token: str, sid: str) -> None:
        """Start a delivery in the background."""
        arguments = (url, logout_token, sid, self._deliveries)
        threading.Thread(target=self._post, args=arguments, daemon=True).start()

    def _post(self, url: str, logout_token: str, sid: str, deliveries: list[Delivery]) -> None:
        status = None
        try:
            with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
                status = client.post(url, data={"logout_token": logout_token}).status_code
        except httpx.HTTPError:
            pass  # No retry, as at Auth0. The delivery's status stays None.
        with self._lock:
            deliveries.append(Delivery(sid, status))
