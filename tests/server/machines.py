"""Several machines of one store behind an nginx that gives each request to the next of them.

Each machine is a gunicorn with a temporary folder of its own, as in a container of its own. Their settings
are the same, and they share a Redis if REDIS_URL is one of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.nginx_server import running_nginx
from tests.ports import free_port
from tests.server.under_gunicorn import AMPLE_S, Store, answers, start
from tests.support import NO_AUTHORITIES, Browser, until
from webstore.sandbox.vendors import Sandbox

#: As in docs/login.md.
_DIRECTIVES = """
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Request-ID $request_id;
"""


@dataclass
class Machines:
    """The addresses of the machines behind nginx, those that run, and their two vendors."""

    sandbox: Sandbox
    folder: Path
    environment: dict[str, str]
    addresses: list[str]
    #: By address, oldest first.
    running: dict[str, Store] = field(default_factory=dict)
    stopped: list[Store] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address of nginx, at which shoppers reach the store."""
        return self.environment["BASE_URL"]

    @contextmanager
    def browser(self) -> Iterator[Browser]:
        """A browser, which knows nothing of the machines."""
        with httpx.Client(
            base_url=self.url, follow_redirects=True, timeout=30, verify=NO_AUTHORITIES, trust_env=False
        ) as client:
            yield Browser(client)

    def start(self, *folders: str) -> None:
        """Start machines at addresses that are free, with these temporary folders, until they answer."""
        new = dict(zip((it for it in self.addresses if it not in self.running), folders, strict=False))
        assert len(new) == len(folders), "too few addresses"
        for address, folder in new.items():
            temporary, output = self.folder / folder, self.folder / f"{address.rpartition(':')[2]}.output"
            environment = {**self.environment, "BIND": address}
            process = start(environment, temporary, output)
            self.running[address] = Store(self.sandbox, environment, process, temporary, output)
        for address in new:
            store = self.running[address]
            until(lambda store=store: store.process.poll() is not None or answers_at(store), AMPLE_S)  # type: ignore[misc]
            assert store.process.poll() is None, store.said()

    def stop_oldest(self) -> None:
        """Stop the machine that has run for the longest time, after its requests in progress."""
        address = next(iter(self.running))
        self.stopped.append(self.running.pop(address))
        assert self.stopped[-1].stop() == 0

    def ask_each(self, path: str, cookies: str) -> list[tuple[int, str]]:
        """What each running machine itself answers to a copy of a browser's cookies: status and Location."""
        # As nginx asks: the Host header of the shopper.
        headers = {"Cookie": cookies, "Host": httpx.URL(self.url).netloc.decode()}
        seen = [
            httpx.get(
                f"http://{address}{path}", headers=headers, timeout=30, verify=NO_AUTHORITIES, trust_env=False
            )
            for address in self.running
        ]
        return [(answer.status_code, answer.headers.get("Location", "")) for answer in seen]

    def says(self, words: str) -> bool:
        """Whether the log of a machine has these words."""
        return any(words in store.said() for store in self._all())

    def warnings(self) -> list[int]:
        """How many lines of each machine's log name REDIS_URL."""
        return [store.said().count("Give all of them the same REDIS_URL") for store in self._all()]

    def tracebacks(self) -> int:
        """How many tracebacks the machines have logged."""
        return sum(store.said().count("Traceback") for store in self._all())

    def _all(self) -> list[Store]:
        return [*self.stopped, *self.running.values()]


def answers_at(store: Store) -> bool:
    """Whether the machine itself answers."""
    return answers(f"http://{store.environment['BIND']}")


@contextmanager
def machines_behind_nginx(folder: Path, number: int, **more: str) -> Iterator[Machines]:
    """Addresses for so many machines behind nginx. No machine runs yet. `more`: settings of all."""
    url = f"http://127.0.0.1:{free_port()}"
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(number)]
    with Sandbox(url) as sandbox:
        one_worker = {"WEB_CONCURRENCY": "1", "TRUSTED_PROXY_HOPS": "1"}
        environment = {**sandbox.environment(), **one_worker, **more}
        machines = Machines(sandbox, folder, environment, addresses)
        port = httpx.URL(url).port or 0
        # A machine that starts later gets its turn at once.
        servers = [f"{address} max_fails=0" for address in addresses]
        try:
            with running_nginx(folder / "nginx", port, *servers, directives=_DIRECTIVES):
                yield machines
        finally:
            for store in machines.running.values():
                store.process.terminate()
            for store in machines.running.values():
                store.process.wait(AMPLE_S)
