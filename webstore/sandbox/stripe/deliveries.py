"""Webhook deliveries: each event is signed and POSTed to an endpoint until the endpoint confirms it.

An endpoint has its own thread while events wait for it. So its events are sent in order, unless a test
changes that, and an endpoint that hangs does not delay the others. No lock is held during a request.
Sources: https://docs.stripe.com/webhooks and https://docs.stripe.com/webhooks/signature
"""

import contextlib
import hashlib
import hmac
import http.client
import itertools
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from webstore.sandbox.clock import Clock
from webstore.sandbox.stripe.config import API_VERSION, StripeSettings
from webstore.sandbox.stripe.events import Event
from webstore.sandbox.stripe.tables import RowTable
from webstore.sandbox.stripe.thin_events import notification
from webstore.sandbox.stripe.webhook_tables import LOOPBACK, Attempt, Delivery, WebhookEndpoint

_Endpoints = RowTable[WebhookEndpoint]
_Find = Callable[[str], WebhookEndpoint | None]

USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
_SHOWN_BYTES = 500
# How often a waiting thread reads the sandbox's clock, in real seconds.
_POLL_S = 0.1


class Deliveries:
    """Sends events to endpoints in threads. A thread ends when nothing is left to send, or at `stop`."""

    def __init__(self, settings: StripeSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._numbers = itertools.count()
        # Guards the attributes below. Never held during a request.
        self._changed = threading.Condition()
        self._waiting: dict[str, list[Delivery]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._connections: set[http.client.HTTPConnection] = set()
        self._stopped = False

    def announce(self, endpoints: _Endpoints, event: Event) -> None:
        """Send a new event to the endpoints that want it."""
        wanted = [endpoint for endpoint in endpoints if endpoint.wants(event.type)]
        event.deliveries.extend(self._new(endpoint) for endpoint in wanted)
        for endpoint, delivery in zip(wanted, event.deliveries, strict=True):
            self._send(delivery, _payload(event, endpoint), self._settings.webhook_copies, endpoints.get)

    def redeliver(self, endpoints: _Endpoints, event: Event) -> int:
        """Send an event once more to all endpoints that want it. Returns the number of these endpoints."""
        wanted = [endpoint for endpoint in endpoints if endpoint.wants(event.type)]
        known = {delivery.endpoint_id: delivery for delivery in event.deliveries}
        for endpoint in wanted:
            if endpoint.id not in known:
                known[endpoint.id] = self._new(endpoint)
                event.deliveries.append(known[endpoint.id])
        for endpoint in wanted:
            self._send(known[endpoint.id], _payload(event, endpoint), 1, endpoints.get)
        return len(wanted)

    def clear(self) -> None:
        """Drop all waiting deliveries."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def start(self) -> None:
        """Accept deliveries again after `stop`. Deliveries that waited then are lost."""
        with self._changed:
            self._stopped = False

    def stop(self) -> None:
        """Drop all waiting deliveries, close open connections, and wait until the threads end."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            threads, connections = list(self._threads.values()), list(self._connections)
            self._changed.notify_all()
        for connection in connections:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(2)

    def idle(self) -> bool:
        """Whether no delivery is waiting."""
        with self._changed:
            return not any(self._waiting.values())

    def _new(self, endpoint: WebhookEndpoint) -> Delivery:
        return Delivery(endpoint.id, endpoint.url, next(self._numbers))

    def _send(self, delivery: Delivery, payload: bytes, copies: int, find: _Find) -> None:
        """Queue a delivery. `find` returns the current endpoint for its ID, or None when it was deleted."""
        with self._changed:
            if self._stopped:
                return
            delivery.payload, delivery.copies, delivery.failures = payload, copies, 0
            delivery.due = self._clock.now() + self._settings.webhook_delay_s
            waiting = self._waiting.setdefault(delivery.endpoint_id, [])
            if delivery not in waiting:
                waiting.append(delivery)
            if delivery.endpoint_id not in self._threads:
                self._begin(delivery.endpoint_id, find)
            self._changed.notify_all()

    def _begin(self, endpoint_id: str, find: _Find) -> None:
        thread = threading.Thread(
            target=self._work, args=(endpoint_id, find), name=f"deliveries-{endpoint_id}", daemon=True
        )
        self._threads[endpoint_id] = thread
        thread.start()

    def _work(self, endpoint_id: str, find: _Find) -> None:
        while (delivery := self._next(endpoint_id)) is not None:
            endpoint = find(endpoint_id)
            if endpoint is None or endpoint.disabled:
                self._give_up(delivery)
                continue
            delivery.url = endpoint.url
            attempt = self._attempt(endpoint, delivery.payload)
            with self._changed:
                self._note(delivery, attempt)

    def _next(self, endpoint_id: str) -> Delivery | None:
        """Wait for the next delivery of an endpoint until it is due. None when no delivery is left."""
        with self._changed:
            while waiting := self._waiting.get(endpoint_id):
                now = self._clock.now()
                ready = [delivery for delivery in waiting if delivery.due is None or delivery.due <= now]
                if ready and self._settings.webhooks == "on":
                    return self._chosen(ready)
                self._changed.wait(_POLL_S)
            self._threads.pop(endpoint_id, None)
            return None

    def _chosen(self, ready: list[Delivery]) -> Delivery:
        if self._settings.webhook_order == "shuffled":
            return random.choice(ready)  # noqa: S311 (no secret)
        in_order = sorted(ready, key=lambda delivery: delivery.number)
        return in_order[0 if self._settings.webhook_order == "kept" else -1]

    def _note(self, delivery: Delivery, attempt: Attempt) -> None:
        """Record an attempt, and schedule the next one or finish the delivery."""
        delivery.attempts.append(attempt)
        if delivery not in self._waiting.get(delivery.endpoint_id, []):
            return  # `clear` or `stop` has dropped the delivery
        if attempt.succeeded:
            delivery.copies, delivery.failures = delivery.copies - 1, 0
            again = delivery.copies > 0
            delivery.due = attempt.at
        else:
            again = delivery.failures < len(self._settings.webhook_retries_s)
            if again:
                delivery.due = self._clock.now() + self._settings.webhook_retries_s[delivery.failures]
            delivery.failures += 1
        if not again:
            self._finish(delivery)

    def _give_up(self, delivery: Delivery) -> None:
        with self._changed:
            self._finish(delivery)

    def _finish(self, delivery: Delivery) -> None:
        delivery.due, delivery.payload = None, b""
        waiting = self._waiting.get(delivery.endpoint_id, [])
        if delivery in waiting:
            waiting.remove(delivery)

    def _attempt(self, endpoint: WebhookEndpoint, payload: bytes) -> Attempt:
        began = self._clock.now()
        try:
            status, body = self._post(endpoint, payload)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            return Attempt(began, None, str(problem) or type(problem).__name__, "")
        return Attempt(began, status, None, body)

    def _post(self, endpoint: WebhookEndpoint, payload: bytes) -> tuple[int, str]:
        """POST a payload. Returns the response's status and the beginning of its body.

        Raises OSError, HTTPException and ValueError.
        """
        address = urlsplit(endpoint.url)
        if address.scheme != "http" or address.hostname not in LOOPBACK:
            raise ValueError("The sandbox sends nothing to other machines, and speaks plain http only.")
        connection = http.client.HTTPConnection(
            address.hostname, address.port, timeout=self._settings.webhook_timeout_s
        )
        with self._changed:
            if self._stopped:
                raise ValueError("The sandbox is stopping.")
            self._connections.add(connection)
        try:
            target = (address.path or "/") + (f"?{address.query}" if address.query else "")
            connection.request("POST", target, payload, _headers(endpoint.secret, payload))
            answer = connection.getresponse()
            return answer.status, answer.read(_SHOWN_BYTES).decode("utf-8", "replace")
        finally:
            with self._changed:
                self._connections.discard(connection)
            connection.close()


def signature(payload: bytes, secret: str, moment: int) -> str:
    """The value of the header `Stripe-Signature` for a body sent at `moment` (Unix seconds).

    Source: https://docs.stripe.com/webhooks/signature
    """
    signed = f"{moment}.".encode() + payload
    return f"t={moment},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def _headers(secret: str, payload: bytes) -> dict[str, str]:
    # The signature carries real time, because the store compares it with its own clock.
    return {
        "Accept": "*/*; q=0.5, application/xml",
        "Cache-Control": "no-cache",
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature(payload, secret, int(time.time())),
        "User-Agent": USER_AGENT,
    }


def _payload(event: Event, endpoint: WebhookEndpoint) -> bytes:
    shown = notification(event) if endpoint.thin else event.to_json(endpoint.api_version or API_VERSION)
    return json.dumps(shown, indent=2, ensure_ascii=False).encode()
