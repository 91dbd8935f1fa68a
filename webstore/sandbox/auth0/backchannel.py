"""Delivery of logout tokens to applications when a session ends.

https://auth0.com/docs/authenticate/login/logout/back-channel-logout
"""

import ssl
import threading
import time
from dataclasses import asdict, dataclass
from functools import cache

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
        self._threads: set[threading.Thread] = set()
        self._stopped = False

    def start(self) -> None:
        """Accept deliveries again after `stop`."""
        with self._lock:
            self._stopped = False

    def stop(self) -> None:
        """Send nothing more, and wait for the deliveries under way, 5 seconds at most."""
        with self._lock:
            self._stopped = True
            threads = list(self._threads)
        ends = time.monotonic() + _TIMEOUT_S
        for thread in threads:
            thread.join(max(0.0, ends - time.monotonic()))

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
        with self._lock:
            if self._stopped:
                return
            arguments = (url, logout_token, sid, self._deliveries)
            thread = threading.Thread(target=self._post, args=arguments, name="logout token", daemon=True)
            thread.start()
            self._threads.add(thread)

    def _post(self, url: str, logout_token: str, sid: str, deliveries: list[Delivery]) -> None:
        status = None
        try:
            with httpx.Client(timeout=_TIMEOUT_S, verify=_authorities(), trust_env=False) as client:
                status = client.post(url, data={"logout_token": logout_token}).status_code
        except httpx.HTTPError:
            pass  # No retry, as at Auth0. The delivery's status stays None.
        with self._lock:
            deliveries.append(Delivery(sid, status))
            self._threads.discard(threading.current_thread())


@cache
def _authorities() -> ssl.SSLContext:
    """Read once: it takes 20 ms, more than a delivery."""
    return httpx.create_ssl_context()
