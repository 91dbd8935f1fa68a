"""Requests a second of two stores behind nginx with one Redis, compared with one store behind nginx.

On a machine with two processors, nginx, Redis, the client and the stores share them, so the ratio says more
about the machine than about the store. The table names the number of processors.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from tests.nginx_server import running_nginx
from tests.redis_server import running_redis

from . import hammer
from .collector import ROUNDS, WINDOW_S, Collector
from .conftest import Hosts
from .figures import ratios
from .hammer import Load, Order
from .logins import new_person
from .pages import Page
from .raw import cookie_header, request
from .servers import STORE, free_hosts, running_server
from .vendors import Vendors

pytestmark = pytest.mark.timeout(1800)

#: Connections to the stores stay open, and the stores see the shoppers' own host and address.
_PROXY = (
    'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; '
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
)
#: Enough for both stores.
CONNECTIONS = 2 * hammer.CONNECTIONS
NEEDED = {"nginx": ("nginx", "/usr/sbin/nginx"), "redis-server": ("redis-server",)}


@dataclass(repr=False)
class Behind:
    """The loads of one page with one store and with two."""

    one: list[Load] = field(default_factory=list)
    two: list[Load] = field(default_factory=list)


def missing() -> list[str]:
    """The programs that this part needs and that are not installed."""
    return [name for name, places in NEEDED.items() if not any(map(shutil.which, places))]


@pytest.fixture(scope="module")
def measured(
    found: Collector, vendors: Vendors, hosts: Hosts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Behind]]:
    if absent := missing():
        found.note("stores", f"Two stores were not measured: {' and '.join(absent)} not installed.")
        yield {}
        return
    folder = tmp_path_factory.mktemp("stores")
    base_url, windows = f"http://{hosts.balanced}", {}
    with ExitStack() as running:
        (folder / "redis").mkdir()
        redis = running.enter_context(running_redis(folder / "redis"))
        environment = {**vendors.environment, "REDIS_URL": redis.url, "TRUSTED_PROXY_HOPS": "1"}
        stores = free_hosts(2)
        for number, host in enumerate(stores):
            place = folder / f"store{number}"
            running.enter_context(running_server(STORE, environment, host, place, BASE_URL=base_url))
        port = int(hosts.balanced.partition(":")[2])
        (one_port,) = (int(host.partition(":")[2]) for host in free_hosts(1))
        for name, at, behind in (("two", port, stores), ("one", one_port, stores[:1])):
            proxy = running_nginx(folder / name, at, *behind, keepalive=CONNECTIONS, directives=_PROXY)
            running.enter_context(proxy)
        person = new_person(hosts.balanced, "balanced@example.com")
        pages = kinds(hosts.balanced, cookie_header(person.session_cookies))
        for kind in pages:
            windows[kind.name] = Behind()
        for _ in range(ROUNDS):
            for kind in pages:
                for at, kept in ((one_port, windows[kind.name].one), (port, windows[kind.name].two)):
                    order = Order(f"127.0.0.1:{at}", kind.requests, WINDOW_S, connections=CONNECTIONS)
                    kept.append(found.window(hammer.run, order))
        add_figures(found, windows)
        yield windows


def kinds(host: str, session: dict[str, str]) -> list[Page]:
    """A page that is the same for all strangers, and one for a shopper."""
    return [
        Page("home", (request("/", host),)),
        Page("home, logged in", (request("/", host, session),)),
    ]


def add_figures(found: Collector, windows: dict[str, Behind]) -> None:
    """The rows of the table."""
    for name, loads in windows.items():
        rates = [load.per_s for load in loads.one], [load.per_s for load in loads.two]
        found.add("stores", name, "one store", "a second", rates[0])
        found.add("stores", name, "two stores", "a second", rates[1])
        found.add("stores", name, "two, of one's", "ratio", ratios(rates[1], rates[0]))
    count = os.cpu_count() or 1
    found.note("stores", f"Measured with {count} processors for nginx, Redis, both stores and the client.")


def test_every_answer_through_nginx_was_a_page(measured: dict[str, Behind]) -> None:
    wrong = [load.wrong for loads in measured.values() for load in loads.one + loads.two if load.wrong]
    assert wrong == []
