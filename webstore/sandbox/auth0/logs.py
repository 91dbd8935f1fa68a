"""The tenant's log: https://auth0.com/docs/deploy-monitor/logs .

The types: https://auth0.com/docs/deploy-monitor/logs/log-event-type-codes
"""

import threading
from collections import deque

from flask import has_request_context, request

from webstore.sandbox.auth0.clients import Clients
from webstore.sandbox.auth0.config import Auth0Config
from webstore.sandbox.auth0.records import Record
from webstore.sandbox.auth0.user import User, timestamp
from webstore.sandbox.clock import Clock

_KEPT = 10_000


class Logs:
    """The log of one tenant: the last 10,000 entries. Thread-safe."""

    def __init__(self, config: Auth0Config, clock: Clock, clients: Clients) -> None:
        self._config, self._clock, self._clients = config, clock, clients
        self._lock = threading.Lock()
        self._entries: deque[Record] = deque(maxlen=_KEPT)
        self._count = 0

    def clear(self) -> None:
        """Empty the log."""
        with self._lock:
            self._entries.clear()

    def all(self) -> list[Record]:
        """All entries, oldest first."""
        with self._lock:
            return list(self._entries)

    def add(
        self,
        kind: str,
        description: str,
        *,
        client_id: str | None = None,
        user: User | None = None,
        **more: object,
    ) -> None:
        """Add an entry about the request that is being served. Fields that are None are left out."""
        client = None if client_id is None else self._clients.get(client_id)
        fields = {
            "date": timestamp(self._clock.now()),
            "type": kind,
            "description": description,
            "client_id": client_id,
            "client_name": None if client is None else client["name"],
            "user_id": None if user is None else user.user_id,
            "user_name": None if user is None else user.email or user.name,
            "connection": None if user is None else user.connection,
            "strategy": None if user is None else ("auth0" if user.is_database else user.provider),
            "strategy_type": None if user is None else ("database" if user.is_database else "social"),
            "hostname": self._config.domain,
            "ip": request.remote_addr if has_request_context() else None,
            "user_agent": request.headers.get("User-Agent") if has_request_context() else None,
            "isMobile": False,
            **more,
        }
        with self._lock:
            self._count += 1
            log_id = f"900{self._clock.now():.0f}{self._count:016d}"
            entry = {name: value for name, value in fields.items() if value is not None}
            self._entries.append({**entry, "_id": log_id, "log_id": log_id})
