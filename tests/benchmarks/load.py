"""Load for the store: `python -m tests.benchmarks.load pages|logins --help`.

It runs as a process of its own, so that it competes with the store for the machine but not for an
interpreter, and prints its samples as JSON. Standard library only: it starts quickly and costs little.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, RemoteDisconnected
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlencode, urlsplit

#: As many as there are visitors at a time; each keeps its connection open.
VISITORS = 16
#: Enough for the logins that wait in an outage: 20 a second for the budget's 3 s, and some more.
SHOPPERS = 96
#: Seconds; far beyond every promise, so that a slow answer is measured and not cut off.
PATIENCE_S = 30.0

#: Does number so-and-so, due at that reading of the monotonic clock, and gives the seconds to be measured.
Act = Callable[[int, float], float]


@dataclass(frozen=True)
class Sample:
    """One request or login: all times in seconds, and its problem, if it had one."""

    #: When it was due, from the start of the load.
    due_s: float
    #: How much later it was begun, since all clients were busy or the machine was.
    late_s: float
    took_s: float
    problem: str | None = None


class Answer(NamedTuple):
    """What a client makes of an HTTP answer."""

    status: int
    location: str
    cookies: dict[str, str]


class UnexpectedAnswer(Exception):
    """A step of a login did not lead on to the next."""


class Origin:
    """One kept-alive connection, with the cookies of that server."""

    def __init__(self, url: str, cookies: Mapping[str, str] | None = None) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)
        self._cookies: dict[str, str] = dict(cookies or {})

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> Answer:
        """Send a request and read its whole answer.

        As browsers do, it sends a GET again if the server closed the connection after the last answer
        (RFC 9112, section 9.3.1).
        """
        kept = self._connection.sock is not None
        try:
            response = self._send(method, path, form)
        except (RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not kept or method != "GET":
                raise
            self._connection.close()
            response = self._send(method, path, form)
        response.read()
        answer = Answer(response.status, response.getheader("Location", ""), _cookies(response))
        self._cookies |= answer.cookies
        return answer

    def _send(self, method: str, path: str, form: dict[str, str] | None) -> HTTPResponse:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, urlencode(form) if form is not None else None, headers)
        return self._connection.getresponse()

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of this server."""
        return dict(self._cookies)


def _cookies(response: HTTPResponse) -> dict[str, str]:
    pairs = (line.partition(";")[0].partition("=") for line in response.headers.get_all("Set-Cookie", []))
    return {name: value for name, _, value in pairs}


def moments(rate: float, seconds: float) -> list[float]:
    """When to ask, in seconds from the start: steadily, but each anywhere in its slot.

    Two loads at fixed intervals would meet at the same points of time again and again. The dice are the
    same each time, so that what is compared was asked at the same moments.
    """
    dice = random.Random(rate)  # noqa: S311 (dice, not secrets)
    return [(slot + dice.random()) / rate for slot in range(round(rate * seconds))]


def play(due: Iterable[float], start: float, clients: int, client: Callable[[], Act]) -> list[Sample]:
    """Let the clients ask whenever a request is due; `start` is a reading of the monotonic clock."""
    samples: list[Sample] = []
    queue, lock = enumerate(due), threading.Lock()

    def work() -> None:
        act = client()
        while True:
            with lock:
                number, at = next(queue, (-1, 0.0))
            if number < 0:
                return
            time.sleep(max(0.0, start + at - time.monotonic()))
            late_s = time.monotonic() - start - at
            try:
                took_s, problem = act(number, start + at), None
            except (OSError, HTTPException, UnexpectedAnswer) as exc:
                took_s, problem = 0.0, f"{type(exc).__name__}: {exc}"
            samples.append(Sample(at, late_s, took_s, problem))

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return samples


def visitor(store: str, paths: Sequence[str]) -> Act:
    """A stranger who opens these pages one after the other.

    The time counts from when the request was due: one that waited for its turn has waited, too.
    """
    origin = Origin(store)

    def act(number: int, due: float) -> float:
        path = paths[number % len(paths)]
        answer = origin.ask("GET", path)
        if answer.status != 200:
            raise UnexpectedAnswer(f"{path} answered {answer.status}")
        return time.monotonic() - due

    return act


def shopper(store: str, name: str) -> Act:
    """Somebody new each time who signs up; the time is that of the store's callback.

    `name` tells the users of this load from those of others. Pages are not opened: only the road of
    redirects, and the form that is sent.
    """

    def act(number: int, _: float) -> float:
        with Origin(store) as shop:
            back = sign_up(shop, f"{name}-{number}@example.com")[0]
            began = time.monotonic()
            next_step(shop.ask("GET", target(back)), "/")
            return time.monotonic() - began

    return act


def sign_up(shop: Origin, email: str) -> tuple[str, dict[str, str]]:
    """Begin a login, and make an account at the provider: the callback's address, the provider's cookies."""
    to_provider = next_step(shop.ask("GET", "/login?screen_hint=signup"), "/authorize")
    with Origin(to_provider) as provider:
        to_form = next_step(provider.ask("GET", target(to_provider)), "/u/signup")
        form = {
            "state": parse_qs(urlsplit(to_form).query)["state"][0],
            "email": email,
            "password": "Password1!",
        }
        return next_step(provider.ask("POST", "/u/signup", form), "/callback"), provider.cookies


def log_in_again(shop: Origin, provider_cookies: Mapping[str, str]) -> str:
    """Begin a login in a browser that the provider knows: the callback's address."""
    to_provider = next_step(shop.ask("GET", "/login"), "/authorize")
    with Origin(to_provider, provider_cookies) as provider:
        return next_step(provider.ask("GET", target(to_provider)), "/callback")


def next_step(answer: Answer, path: str) -> str:
    """Where the redirect leads. Raises UnexpectedAnswer unless it is to that path."""
    if answer.status != 302 or urlsplit(answer.location).path != path:
        raise UnexpectedAnswer(
            f"instead of on to {path}: {answer.status} {answer.location.partition('?')[0]}"
        )
    return answer.location


def target(url: str) -> str:
    """The path and the query of the address."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load", description=__doc__)
    parser.add_argument("kind", choices=("pages", "logins"))
    parser.add_argument("--store", required=True, help="the store's origin")
    parser.add_argument("--rate", type=float, required=True, help="requests or logins a second")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument(
        "--start", type=float, default=time.monotonic(), help="reading of the monotonic clock"
    )
    parser.add_argument("--name", default="shopper", help="what the new users' addresses begin with")
    parser.add_argument("--path", action="append", help="a page of the store, several times (default: /)")
    options = parser.parse_args()
    due = moments(options.rate, options.seconds)
    if options.kind == "pages":
        samples = play(due, options.start, VISITORS, lambda: visitor(options.store, options.path or ["/"]))
    else:
        samples = play(due, options.start, SHOPPERS, lambda: shopper(options.store, options.name))
    json.dump([asdict(sample) for sample in samples], sys.stdout)


if __name__ == "__main__":
    main()
