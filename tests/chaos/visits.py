"""One login from the first click to the account page, and what went wrong on the way."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import httpx

from tests.chaos.people import Person
from tests.chaos.worlds import World
from tests.support import NO_AUTHORITIES, Browser, link_status, shown_customer


def say(line: str) -> None:
    """Show a line at once, also where the output is a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@dataclass
class Ledger:
    """What all visits came to. Safe for several threads."""

    done: int = 0
    pending: int = 0
    #: Visits whose request was under way on a worker when it was killed.
    cut: int = 0
    #: Visits that ended with an error because the account was merged or split during them.
    overtaken: int = 0
    #: Visits that were asked to wait, because the shopper came too often within a few seconds.
    limited: int = 0
    #: What no shopper should meet, in words.
    bad: list[str] = field(default_factory=list)
    #: Seconds that each callback took.
    callbacks: list[float] = field(default_factory=list)
    #: By world and user ID, each customer that a page showed, and how often.
    shown: defaultdict[str, defaultdict[str, Counter[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Counter))
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def finished(self, world: World, user_id: str, customer_id: str | None) -> None:
        """A visit reached the account page, which showed this customer."""
        with self._lock:
            self.done += 1
            self.pending += customer_id is None
        self.showed(world, user_id, customer_id)

    def showed(self, world: World, user_id: str, customer_id: str | None) -> None:
        """The account page showed this customer, or none."""
        if customer_id is not None:
            with self._lock:
                self.shown[world.name][user_id][customer_id] += 1

    def was_cut(self) -> None:
        """A visit ended with the worker that served it."""
        with self._lock:
            self.cut += 1

    def was_overtaken(self) -> None:
        """The account was merged or split during a visit."""
        with self._lock:
            self.overtaken += 1

    def was_limited(self) -> None:
        """The shopper opened the account page more often than a person does, and was asked to wait."""
        with self._lock:
            self.limited += 1

    def went_wrong(self, what: str) -> None:
        """A visit met what no shopper should meet."""
        say(f"  WRONG    {what}")
        with self._lock:
            self.bad.append(what)

    def called_back(self, seconds: float) -> None:
        """A callback was answered."""
        with self._lock:
            self.callbacks.append(seconds)


class _Limited(Exception):
    """The page says that this shopper has to wait a moment."""


class _NotServed(Exception):
    """An answer or a page that no shopper should get. The ledger has its text."""


class Visit:
    """A new browser, one login, and perhaps a look at the two records side by side."""

    def __init__(self, world: World, ledger: Ledger, person: Person) -> None:
        self._world, self._store, self._ledger, self._person = world, world.store, ledger, person
        self._asked, self._began = httpx.URL(), time.monotonic()
        self._came = self._began

    def log_in(self, *, compare: bool = False) -> str | None:
        """Do it and write it into the ledger; gives the customer that the account page shows at last.

        `compare`: look at the two records side by side, too, and at the account page again. Where the
        recorded customer turns out to be dead, this is the use that heals it.
        """
        with httpx.Client(
            base_url=self._store.url,
            follow_redirects=True,
            timeout=30,
            verify=NO_AUTHORITIES,
            trust_env=False,
            event_hooks={"request": [self._asks], "response": [self._answered]},
        ) as client:
            try:
                return self._on_the_road(Browser(client), compare=compare)
            except _Limited:
                self._ledger.was_limited()
            except (_NotServed, AssertionError) as problem:
                if self._person.regrouped_at >= self._came:
                    # The account was merged or split during the visit: it logs in another user now.
                    self._ledger.was_overtaken()
                    return None
                self._ledger.went_wrong(f"{self._who()}: {problem}")
            except httpx.TransportError as problem:
                self._broken_off(problem)
        return None

    def _on_the_road(self, browser: Browser, *, compare: bool) -> str | None:
        if self._person.social:
            page = browser.open("/login?next=/account&connection=google-oauth2")
            page = browser.submit(page, email="", name=self._person.login)
        else:
            page = browser.log_in(self._person.login)
        customer_id = self._shown_on(page)
        self._ledger.finished(self._world, self._person.user_id, customer_id)
        if compare:
            browser.open("/account/link")
            customer_id = self._shown_on(browser.open("/account"))
            self._ledger.showed(self._world, self._person.user_id, customer_id)
        return customer_id

    def _shown_on(self, page: httpx.Response) -> str | None:
        status, customer_id = link_status(page), shown_customer(page)
        if page.url.path != "/account" or (status, customer_id is None) not in (
            ("linked", False),
            ("pending", True),
        ):
            raise _NotServed(f"ended on {page.url.path} with the link {status} and customer {customer_id}")
        return customer_id

    def _asks(self, request: httpx.Request) -> None:
        self._asked, self._began = request.url, time.monotonic()

    def _answered(self, response: httpx.Response) -> None:
        if response.url.path == "/callback":
            self._ledger.called_back(time.monotonic() - self._began)
        if response.status_code == 429 and response.url.path == "/account":
            raise _Limited
        if response.status_code >= 400:
            response.read()
            words = " ".join(response.text.split())[-400:]
            raise _NotServed(f"{response.status_code} from {self._where()}: {words}")

    def _broken_off(self, problem: httpx.TransportError) -> None:
        at_the_store = str(self._asked).startswith(f"{self._store.url}/")
        if at_the_store and self._store.killed_during(self._began, time.monotonic()):
            self._ledger.was_cut()
        else:
            what = f"{type(problem).__name__} ({problem}) from {self._where()}"
            self._ledger.went_wrong(f"{self._who()}: {what}")

    def _who(self) -> str:
        return f"{self._world.name}: {self._person.user_id} ({self._person.kind})"

    def _where(self) -> str:
        """The address without its query, which is long and holds codes."""
        return f"{self._asked.host}:{self._asked.port}{self._asked.path}"
