"""What a login and a page cost in calls to the vendors and in trips to Redis, one request at a time."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import pytest
import redis

from .collector import Collector
from .conftest import Hosts
from .counted_redis import Relay, counted_redis
from .figures import Goal
from .logins import first_callback, new_person, next_callback
from .pages import pages
from .raw import Client, request
from .servers import STORE, running_server
from .vendors import Vendors

pytestmark = pytest.mark.timeout(600)

#: Requests of each kind; the median leaves out what happens once a second or once a minute.
TIMES = 9
#: Somebody else for each of them.
PEOPLE = TIMES
#: Trips to the shared state.
MOST_OF_PAGE, MOST_OF_LOGIN = 1.0, 2.0
CODE, MANAGEMENT, STRIPE, STATE = "code exchange", "Management API", "Stripe", "trips to Redis"


@dataclass(repr=False)
class Counted:
    """Counts what a request of the store causes."""

    found: Collector
    vendors: Vendors
    host: str
    relay: Relay | None
    rows: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def row(self, subject: str, prepared: Callable[[], bytes], status: int, most_trips: float | None) -> None:
        """Count for each of `TIMES` requests, and add the row of the table."""
        counts: dict[str, list[int]] = {CODE: [], MANAGEMENT: [], STRIPE: [], STATE: []}
        with Client(self.host) as client:
            for _ in range(TIMES):
                for name, number in self._one(client, prepared(), status).items():
                    counts[name].append(number)
        self.rows[subject] = counts
        for name in (CODE, MANAGEMENT, STRIPE):
            self.found.add("counts", subject, name, "times", counts[name])
        if self.relay is not None:
            goal = None if most_trips is None else Goal(most_trips)
            self.found.add("counts", subject, STATE, "times", counts[STATE], goal=goal)

    def _one(self, client: Client, data: bytes, status: int) -> Counter[str]:
        self.vendors.forget_calls()
        before = self.relay.trips if self.relay else 0
        answer = client.exchange(data)
        assert answer.status == status, answer.head.decode()
        trips = self.relay.trips - before if self.relay else 0
        counted = Counter({CODE: 0, MANAGEMENT: 0, STRIPE: 0, STATE: trips})
        for vendor, _, path in self.vendors.calls():
            if vendor == "stripe":
                counted[STRIPE] += path != "/v1/prices"  # the catalogue, once a minute
            elif path.startswith("/api/v2/"):
                counted[MANAGEMENT] += 1
            else:
                counted[CODE] += path == "/oauth/token"
        return counted


@pytest.fixture(scope="module")
def counted(
    found: Collector, vendors: Vendors, hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Counted]:
    folder = tmp_path_factory.mktemp("counted")
    # The prefix of the tenant's claims is the first store's address.
    environment = {**vendors.environment, "AUTH0_CLAIM_NAMESPACE": vendors.environment["BASE_URL"]}
    if shutil.which("redis-server") is None:
        found.note("counts", "Trips to Redis were not counted: redis-server is not installed.")
        with running_server(STORE, environment, hosts.counted, folder / "store"):
            yield measured(Counted(found, vendors, hosts.counted, None))
        return
    with (
        counted_redis(folder / "redis") as (url, relay),
        running_server(STORE, environment, hosts.counted, folder / "store", REDIS_URL=url),
    ):
        yield measured(Counted(found, vendors, hosts.counted, relay))


def measured(counted: Counted) -> Counted:
    """The rows: the parts of a login, then the pages."""
    host, vendors = counted.host, counted.vendors
    people = [new_person(host, f"counted-{number}@example.com") for number in range(PEOPLE)]
    numbers = count()
    counted.row("/login", partial(request, "/login", host), 302, MOST_OF_PAGE)
    kinds: dict[str, Callable[[], bytes]] = {
        "callback, returning, with the claim": partial(next_callback, host, people[0]),
        "callback, returning, without the claim": partial(next_callback, host, people[0]),
        "callback, first login": lambda: first_callback(host, f"counted-new-{next(numbers)}@example.com")[0],
    }
    for name, prepared in kinds.items():
        vendors.claim(given=name.endswith("with the claim"))
        counted.row(name, prepared, 302, MOST_OF_LOGIN)
    vendors.claim(given=False)
    for page in pages(host, people):
        if page.name == "account":
            # The link is verified at both vendors, and counts as verified for a minute.
            counted.row("account, first in a minute", iter(page.requests).__next__, page.status, None)
        counted.row(page.name, partial(bytes, page.requests[0]), page.status, MOST_OF_PAGE)
    return counted


def test_the_commands_of_a_pipeline_are_one_trip(counted: Counted) -> None:
    if counted.relay is None:
        assert counted.found.results().value("counts", "/login", STATE) is None
        return
    relay = counted.relay
    with redis.Redis(port=relay.port) as client:
        client.ping()  # connects
        before = relay.trips
        with client.pipeline(transaction=False) as pipe:
            pipe.get("one").get("other").execute()
        assert relay.trips - before == 1
        client.get("one")
        client.get("other")
        assert relay.trips - before == 3


def test_a_login_asks_the_vendors_as_documented(counted: Counted) -> None:
    calls = {
        name: {vendor: numbers[-1] for vendor, numbers in row.items() if vendor != STATE}
        for name, row in counted.rows.items()
        if name.startswith("callback")
    }
    assert calls == {
        "callback, returning, with the claim": {CODE: 1, MANAGEMENT: 0, STRIPE: 0},
        "callback, returning, without the claim": {CODE: 1, MANAGEMENT: 1, STRIPE: 0},
        "callback, first login": {CODE: 1, MANAGEMENT: 2, STRIPE: 1},
    }


def test_a_stranger_costs_the_vendors_nothing(counted: Counted) -> None:
    for name in ("home, 24 products", "product", "search", "cart, two products", "/login"):
        row = counted.rows[name]
        assert sum(row[MANAGEMENT] + row[CODE]) == 0
