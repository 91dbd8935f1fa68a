"""Shoppers at a cluster, and what nginx wrote down about their requests."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.benchmarks.load import Act, Origin, Sample, UnexpectedAnswer, moments, play, shopper

#: Requests, or logins, a second: what one store can answer while the other one starts, on two processors.
PAGES_PER_S, FORMS_PER_S, LOGINS_PER_S = 20.0, 5.0, 2.0
#: Clients of each kind at a time.
_CLIENTS = 16


@dataclass(frozen=True)
class Request:
    """A request that shoppers make again and again, and the statuses of a good answer."""

    path: str
    statuses: tuple[int, ...] = (200,)
    form: dict[str, str] | None = None
    cookies: Mapping[str, str] | None = None


def visit(
    url: str, seconds: float, pages: Sequence[Request], forms: Sequence[Request] = (), name: str = "visitor"
) -> list[Sample]:
    """Open pages, send forms and sign up at the same time, at steady rates. Gives a sample of each."""
    start = time.monotonic() + 0.2
    loads: list[tuple[float, Act]] = [(PAGES_PER_S, _act(url, pages)), (LOGINS_PER_S, shopper(url, name))]
    if forms:
        loads.append((FORMS_PER_S, _act(url, forms)))
    with ThreadPoolExecutor(len(loads)) as pool:
        running = [
            pool.submit(play, moments(rate, seconds), start, _CLIENTS, lambda act=act: act)  # type: ignore[misc]
            for rate, act in loads
        ]
        return [sample for it in running for sample in it.result()]


def _act(url: str, requests: Sequence[Request]) -> Act:
    return partial(_do, url, requests)


def _do(url: str, requests: Sequence[Request], number: int, due: float) -> float:
    """Each request on a connection of its own, as by somebody else."""
    it = requests[number % len(requests)]
    with Origin(url, it.cookies) as origin:
        answer = origin.ask("GET" if it.form is None else "POST", it.path, it.form)
    if answer.status not in it.statuses:
        raise UnexpectedAnswer(f"{it.path} answered {answer.status}")
    return time.monotonic() - due


@dataclass(frozen=True)
class Line:
    """A request as nginx saw it. Times are seconds since 1970."""

    began: float
    ended: float
    method: str
    path: str
    status: int
    #: The stores that were asked, one after the other.
    asked: tuple[str, ...]


_LINE = re.compile(r"([\d.]+) ([\d.]+) (\S+) (\S+) (\d+) upstream=(.+)")


def lines_of(log: Path) -> list[Line]:
    """The lines of nginx's log, which `tests.cluster.processes` formats."""
    found = [match for text in log.read_text().splitlines() if (match := _LINE.fullmatch(text))]
    return [
        Line(
            float(ended) - float(took),
            float(ended),
            method,
            path,
            int(status),
            tuple(re.findall(r"[\d.]+:\d+", asked)),
        )
        for ended, took, method, path, status, asked in (match.groups() for match in found)
    ]


@dataclass(frozen=True)
class Kill:
    """A store that was killed, from just before the signal until it was gone. Seconds since 1970."""

    address: str
    began: float
    gone: float

    def caught(self, line: Line) -> bool:
        """Whether the request was in flight on the store."""
        # nginx writes milliseconds.
        return (
            self.address in line.asked
            and line.began <= self.gone + 0.001
            and line.ended >= self.began - 0.001
        )


@dataclass
class Outcome:
    """What became of all requests."""

    lines: list[Line]
    samples: list[Sample]
    kills: list[Kill] = field(default_factory=list)
    #: Processors that other programs kept busy; None where the system does not tell.
    others: float | None = None

    @property
    def problems(self) -> list[str]:
        """What the shoppers saw go wrong."""
        return [sample.problem for sample in self.samples if sample.problem]

    @property
    def caught(self) -> list[Line]:
        """The requests that were in flight on a store when it was killed."""
        return [line for line in self.lines if any(kill.caught(line) for kill in self.kills)]

    def failed(self, lines: Iterable[Line] | None = None) -> list[Line]:
        """Those that nginx answered with an error."""
        return [line for line in (self.lines if lines is None else lines) if line.status >= 400]

    def failed_otherwise(self) -> list[Line]:
        """Those that failed without having been in flight on a killed store."""
        caught = set(self.caught)
        return [line for line in self.failed() if line not in caught]

    def __str__(self) -> str:
        statuses = Counter(line.status for line in self.lines)
        slowest = max(sample.took_s for sample in self.samples)
        text = f"{len(self.lines)} requests {dict(sorted(statuses.items()))}, slowest {slowest:.2f} s"
        if self.kills:
            text += (
                f", {len(self.kills)} kills, {len(self.caught)} in flight, shoppers saw {len(self.problems)} "
                f"problems, failed otherwise {len(self.failed_otherwise())}"
            )
        return text + f"; other programs: {self.others or 0:.1f} processors"
