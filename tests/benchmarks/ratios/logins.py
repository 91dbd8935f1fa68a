"""Logins whose callbacks are prepared, so that nothing but the callback is measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.load import Origin, log_in_again, sign_up, target

from . import processor
from .raw import Answer, Client, cookie_header, request
from .servers import Server


@dataclass(frozen=True)
class Person:
    """Somebody with an account at the provider, and a browser that the provider knows."""

    provider_cookies: dict[str, str]
    #: Of the session that began with the first login at the store.
    session_cookies: dict[str, str]


def first_callback(host: str, email: str) -> tuple[bytes, dict[str, str]]:
    """The callback of somebody who has just signed up, as a request; and the provider's cookies."""
    with Origin(f"http://{host}") as shop:
        back, provider_cookies = sign_up(shop, email)
        return request(target(back), host, cookie_header(shop.cookies)), provider_cookies


def next_callback(host: str, person: Person) -> bytes:
    """The callback of somebody who comes back without a session, as a request."""
    with Origin(f"http://{host}") as shop:
        back = log_in_again(shop, person.provider_cookies)
        return request(target(back), host, cookie_header(shop.cookies))


def new_person(host: str, email: str) -> Person:
    """Sign up and log in at the store."""
    callback, provider_cookies = first_callback(host, email)
    with Client(host) as shop:
        answer = logged_in(shop.exchange(callback))
    return Person(provider_cookies, {name: value for name, value in answer.cookies.items() if value})


def logged_in(answer: Answer) -> Answer:
    """The answer of a callback, if the login succeeded; otherwise the benchmark is wrong."""
    assert answer.status == 302, answer.head.decode()
    assert answer.header("Location").rpartition("/")[2] == "", answer.head.decode()
    return answer


@dataclass(frozen=True)
class Window:
    """What the requests of one window took, one after the other."""

    #: Median of the wall time, in milliseconds.
    wall_ms: float
    #: CPU time of the worker for each, on average, in milliseconds; None where the system does not tell.
    cpu_ms: float | None


def one_by_one(server: Server, requests: Sequence[bytes]) -> tuple[Window, list[Answer]]:
    """Send the requests on one connection, each after the answer to the one before it."""
    answers, took = [], []
    with Client(server.host) as shop:
        # The connection is made before the first request that counts.
        shop.get("/healthz")
        before = processor.used_s(server.workers)
        for data in requests:
            began = time.perf_counter()
            answers.append(shop.exchange(data))
            took.append(time.perf_counter() - began)
        after = processor.used_s(server.workers)
    cpu_ms = None if before is None or after is None else 1000 * (after - before) / len(requests)
    return Window(1000 * median(took), cpu_ms), answers
