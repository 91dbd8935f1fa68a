"""The stores of the storm: one for each Stripe account and mode, all on the same tenant."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.office import Office
from tests.chaos.store import Store
from tests.support import APP_SECRET_KEY, OTHER_ACCOUNT, OTHER_KEY
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY, TEST_KEY
from webstore.sandbox.vendors import Sandbox

#: By name: the key, its account, and whether it is a live key.
KEYS = {
    "test": (TEST_KEY, ACCOUNT, False),
    "live": (LIVE_KEY, ACCOUNT, True),
    "other": (OTHER_KEY, OTHER_ACCOUNT, False),
}
_ID, _PIN, _NOTE = "stripe_customer_id", "stripe_account", "stripe_link_failed_try"


@dataclass(eq=False)
class World:
    """One account and mode: its store, and what its operator sees. A switch of keys changes the store."""

    name: str
    account: str
    livemode: bool
    settings: Mapping[str, str]
    store: Store
    office: Office

    @property
    def pin(self) -> str:
        """What `stripe_account` holds for this account and mode."""
        return f"{self.account} {'live' if self.livemode else 'test'}"

    @property
    def suffix(self) -> str:
        """What stands behind the names of this world's keys where another one has the plain ones."""
        return f"_{self.pin.replace(' ', '_')}"

    def link_in(self, metadata: Mapping[str, Any]) -> str | None:
        """The customer's ID that this world's store reads in `app_metadata`."""
        plain = metadata.get(_PIN) == self.pin
        found = metadata.get(_ID if plain else _ID + self.suffix)
        return None if found is None else str(found)

    def note_in(self, metadata: Mapping[str, Any]) -> str | None:
        """The note of a failed create in `app_metadata` that may be this world's."""
        plain = metadata.get(_PIN, self.pin) == self.pin
        found = metadata.get(_NOTE + self.suffix, metadata.get(_NOTE) if plain else None)
        return None if found is None else str(found)

    def links(self, customer_id: str, *, plain: bool) -> dict[str, str]:
        """`app_metadata` of a link to this customer."""
        suffix = "" if plain else self.suffix
        return {_ID + suffix: customer_id, _PIN + suffix: self.pin}


@contextmanager
def running_worlds(
    names: Sequence[str],
    addresses: Sequence[str],
    sandbox: Sandbox,
    *,
    limits: Mapping[str, str],
    folder: Path,
    workers: int,
) -> Iterator[list[World]]:
    """A store at each address, with the key of the world of this name, and its operator's view."""
    with ExitStack() as stack:
        worlds = []
        for name, address in zip(names, addresses, strict=True):
            key, account, livemode = KEYS[name]
            environment = {**sandbox.environment(f"http://{address}"), **limits}
            mode = "" if livemode else "/test"
            elsewhere = "" if account == ACCOUNT else f"/{account}"
            settings = {
                "APP_SECRET_KEY": APP_SECRET_KEY,
                "STRIPE_SECRET_KEY": key,
                "STRIPE_DASHBOARD_URL": f"{environment['STRIPE_API_BASE']}{elsewhere}{mode}",
            }
            home = folder / name
            home.mkdir()
            office = Office({**environment, **settings})
            stack.callback(office.close)
            store = stack.enter_context(Store({**environment, **settings}, home, workers))
            worlds.append(World(name, account, livemode, settings, store, office))
        yield worlds


def switch_keys(worlds: Sequence[World], dice: random.Random) -> None:
    """Two stores exchange their keys and start again, each with the state that it shared before."""
    one, other = dice.sample(worlds, 2)
    one.store, other.store = other.store, one.store
    for world in (one, other):
        world.store.restart(world.settings)
