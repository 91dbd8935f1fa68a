"""The store and the Action link the same users at the same time, in every order of their steps."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tests.action.under_node import Asked, Tenant, living
from webstore import linking
from webstore.linking.attempt import Linker
from webstore.linking.executor import InlineExecutor
from webstore.linking.models import LinkOutcome

#: Users who are linked at the same time.
AT_ONCE = 8


@dataclass
class Race:
    """What came of it."""

    users: list[str] = field(default_factory=list)
    #: How often each way of linking ended how.
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def race(tenant: Tenant, users: int) -> Race:
    """Link so many new users, each in the next one of the orders; then everybody logs in once more."""
    found = Race()
    # A linking thread for each user: the store's own would be busy.
    linker = replace(tenant.shop.linker, executor=InlineExecutor())
    runner = _Runner(tenant, linker, found.counts)
    found.users = [tenant.shop.add_user(f"racer{number}@example.com") for number in range(users)]
    linker.payments.account()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(runner.run, range(users), found.users))
        settled = dict(zip(found.users, threads.map(runner.settle, found.users), strict=True))
    customers = living(tenant.shop)
    for user_id in found.users:
        metadata, own = tenant.shop.sandbox.auth0.state.users.get(user_id), customers.get(user_id, [])
        recorded = (metadata.app_metadata or {}) if metadata else {}
        pin = linker.payments.account().pin
        if len(own) != 1:
            found.problems.append(f"{user_id} has the customers {own}")
        if [recorded.get("stripe_customer_id")] != own or recorded.get("stripe_account") != pin:
            found.problems.append(f"{user_id} has {own} and is recorded with {recorded}")
        if settled[user_id] != own:
            found.problems.append(f"{user_id} has {own}, and the last logins gave {settled[user_id]}")
    found.counts["customers"] = sum(map(len, customers.values()))
    return found


class Killed(BaseException):
    """The worker is gone, between two lines."""


class Before:
    """A port of the store on which something else happens just before one of its methods."""

    def __init__(self, port: object, method: str, first: Callable[[], None]) -> None:
        self._port, self._method, self._first = port, method, first

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            self._first()
        return getattr(self._port, name)


@dataclass(frozen=True)
class _Runner:
    tenant: Tenant
    linker: Linker
    counts: Counter[str]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, number: int, user_id: str) -> None:
        """Link the user in one of the orders."""
        orders: tuple[Callable[[str], None], ...] = (
            self.action_first,
            self.store_first,
            self.both_at_once,
            self.store_within_the_flow,
            self.flow_ends_before_the_record,
            self.store_ends_after_the_create,
            self.action_between_read_and_create,
            self.action_between_create_and_record,
        )
        order = orders[number % len(orders)]
        order(user_id)
        self._count(f"order: {order.__name__}")

    def settle(self, user_id: str) -> list[str | None]:
        """One more login with the Action and then at the store; the customer that both know."""
        asked = self.tenant.log_in(user_id)
        named = {value for name, value in asked.id_token.items() if name.endswith("/stripe_customer_id")}
        return sorted({*named, self.store(user_id).customer_id})

    def action_first(self, user_id: str) -> None:
        self.action(user_id)
        self.store(user_id)

    def store_first(self, user_id: str) -> None:
        self.store(user_id)
        self.action(user_id)

    def both_at_once(self, user_id: str) -> None:
        asked = self.tenant.action.begin(self.tenant.event(user_id))
        self.store(user_id)
        self._finish(user_id, asked.result(60))

    def store_within_the_flow(self, user_id: str) -> None:
        """The Action has made the customer, and Auth0 has not written it yet."""
        asked = self.tenant.action.log_in(self.tenant.event(user_id))
        self.store(user_id)
        self._finish(user_id, asked)

    def flow_ends_before_the_record(self, user_id: str) -> None:
        self.tenant.action.log_in(self.tenant.event(user_id))
        self.action(user_id)
        self.store(user_id)

    def store_ends_after_the_create(self, user_id: str) -> None:
        """The store's worker is killed before it records the customer."""

        def kill() -> None:
            raise Killed

        directory: Any = Before(self.linker.directory, "write_records", kill)
        with suppress(Killed):
            self.store(user_id, replace(self.linker, directory=directory))
        self.action(user_id)
        self.store(user_id)

    def action_between_read_and_create(self, user_id: str) -> None:
        """A whole login with the Action while the store has read the user and created nothing yet."""
        payments: Any = Before(self.linker.payments, "create_customer", lambda: self.action(user_id))
        self.store(user_id, replace(self.linker, payments=payments))

    def action_between_create_and_record(self, user_id: str) -> None:
        """A whole login with the Action between the store's create and its record."""
        directory: Any = Before(self.linker.directory, "write_records", lambda: self.action(user_id))
        self.store(user_id, replace(self.linker, directory=directory))

    def action(self, user_id: str) -> None:
        self._finish(user_id, self.tenant.action.log_in(self.tenant.event(user_id)))

    def store(self, user_id: str, linker: Linker | None = None) -> LinkOutcome:
        outcome = linking.ensure_customer(linker or self.linker, user_id)
        self._count(f"store: {outcome.status}")
        return outcome

    def _finish(self, user_id: str, asked: Asked) -> None:
        self.tenant.finish(user_id, asked)
        if asked.metadata:
            self._count("action: linked")
        elif asked.id_token:
            self._count("action: already linked")
        else:
            self._count(re.sub(" req_.*", "", asked.log[0].replace("webstore: not linked here", "action")))
        if asked.denied or asked.threw:
            self._count(f"action: {asked.threw or 'denied'}")

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1
