"""A webhook endpoint of a store, for tests of deliveries."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flask import Flask, request

from webstore.sandbox.server import Server


@dataclass
class Receiver:
    """A store's webhook endpoint. It keeps its requests and answers with `answers`, then with 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    #: The endpoint does not answer until this is set.
    gate: threading.Event = field(default_factory=threading.Event)

    def take(self) -> tuple[str, int, dict[str, str]]:
        """Keep a request and answer it."""
        self.got.append((request.get_data(), dict(request.headers)))
        status = self.answers.pop(0) if self.answers else 200
        self.gate.wait(20)
        return f"answer {status}", status, {"Location": "/elsewhere"} if status == 302 else {}

    def names(self) -> list[str]:
        """The names of the customers in the events."""
        return [json.loads(body)["data"]["object"]["name"] for body, _ in self.got]

    def wait_for(self, count: int) -> None:
        """Wait for exactly `count` requests. Fails when another one follows within a moment."""
        until(lambda: len(self.got) >= count)
        time.sleep(0.3)
        assert len(self.got) == count


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A receiver that answers over HTTP."""
    app, receiver = Flask(__name__), Receiver()
    app.add_url_rule("/webhooks/stripe", "take", receiver.take, methods=["POST"])
    app.add_url_rule("/elsewhere", "elsewhere", receiver.take, methods=["GET", "POST"])
    receiver.gate.set()
    with Server(app) as server:
        receiver.url = f"{server.url}/webhooks/stripe"
        yield receiver
        receiver.gate.set()


def until(condition: Callable[[], bool], within_s: float = 10) -> None:
    """Wait until the condition holds. Fails after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
