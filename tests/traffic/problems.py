"""The faults of recorded traffic, each once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from tests.traffic.answers import answer_problems, event_problems
from tests.traffic.recorder import Exchange, Traffic
from tests.traffic.requests import request_problems
from tests.traffic.sdk import endpoint_of

_PLACE = re.compile(r"\[\d+\]")


def problems_of_requests(traffic: Traffic) -> list[str]:
    """The faults of the store's requests."""
    return _problems_of_calls(traffic, request_problems)


def problems_of_answers(traffic: Traffic) -> list[str]:
    """The faults of Stripe's answers to them."""
    return _problems_of_calls(traffic, answer_problems)


def problems_of_events(traffic: Traffic) -> list[str]:
    """The faults of the events that Stripe delivered."""
    events = [json.loads(it.body) for it in traffic.deliveries]
    return _once((it["type"], event_problems(it)) for it in events)


def _problems_of_calls(traffic: Traffic, check: Callable[[Exchange], list[str]]) -> list[str]:
    return _once(
        (f"{endpoint_of(it.method, it.path) or f'{it.method} {it.path}'} -> {it.status}", check(it))
        for it in traffic.calls
    )


def _once(checked: Iterable[tuple[str, list[str]]]) -> list[str]:
    """Each problem once, after what it was found in; the places in lists are left out."""
    found = set()
    for what, problems in checked:
        found |= {f"{what}: {_PLACE.sub('[]', problem)}" for problem in problems}
    return sorted(found)
