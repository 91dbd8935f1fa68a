"""The vendors, the servers and the results that all files of this folder share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from .collector import Collector
from .files import RESULTS, write
from .hammer import TOP
from .servers import MINIMAL, STORE, Server, free_hosts, running_server
from .tables import report
from .vendors import Vendors, running_vendors

STRICT = os.environ.get("BENCH_STRICT") == "1"
#: As many as the home page shows at a time.
PRODUCTS = 24


class Hosts(NamedTuple):
    """The hosts that the provider sends browsers back to, with their ports."""

    store: str
    minimal: str
    #: A store whose trips to Redis are counted.
    counted: str
    #: nginx, in front of two stores.
    balanced: str


class Pair(NamedTuple):
    """The store and the app that it is compared with."""

    store: Server
    minimal: Server


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    """Free ports of this machine."""
    return Hosts(*free_hosts(len(Hosts._fields)))


@pytest.fixture(scope="session")
def vendors(hosts: Hosts) -> Iterator[Vendors]:
    """The two vendors, with two dozen products."""
    with running_vendors(*(f"http://{host}" for host in hosts)) as running:
        running.fill_catalogue(PRODUCTS)
        yield running


@pytest.fixture(scope="module")
def pair(vendors: Vendors, hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The store and the minimal app under the same gunicorn configuration."""
    folder = tmp_path_factory.mktemp("pair")
    environment = vendors.environment
    with (
        running_server(STORE, environment, hosts.store, folder / "store") as store,
        running_server(MINIMAL, environment, hosts.minimal, folder / "minimal") as minimal,
    ):
        yield Pair(store, minimal)


_COLLECTOR = pytest.StashKey[Collector]()


@pytest.fixture(scope="session")
def found(pytestconfig: pytest.Config) -> Collector:
    """Takes the figures of this run."""
    return pytestconfig.stash.setdefault(_COLLECTOR, Collector())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With BENCH_STRICT=1, a goal that is not met fails the run. See pytest's hook of this name."""
    collector = session.config.stash.get(_COLLECTOR, None)
    if STRICT and collector is not None and not all(goal.met for goal in collector.results().goals()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """See pytest's hook of this name."""
    collector = config.stash.get(_COLLECTOR, None)
    if collector is None:
        return
    results = collector.results()
    terminalreporter.write_line("")
    terminalreporter.write_line(report(results))
    for file in write(results, RESULTS):
        terminalreporter.write_line(f"Written: {file.relative_to(TOP)}")
