"""The account page reads a verdict about the link once in a process, and still believes none for too long."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from flask import Flask

from tests.fakes import Clock, Subscribers, TimedMemory
from tests.unit.routes.kept_pages import Counter, Everybody, Visitor, shopper, with_accounts
from webstore.linking.verdicts import FORGOTTEN, VERDICT_S, forget_verdict, keys_of, verdict
from webstore.routes import Services, attach
from webstore.shop.subscription_changes import CHANGES, mark_event

USER, CUSTOMER = "auth0|Ada", "cus_ofAda"
VERDICT, _ = keys_of(USER)


class Noted(TimedMemory):
    """A shared state that notes which keys are read together."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.rounds: list[set[str]] = []

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        self.rounds.append(set(keys))
        return super().get_many(keys)


@dataclass
class Account:
    """Ada's account page, whose clock the test moves."""

    ada: Visitor
    clock: Clock
    state: Noted
    everybody: Everybody

    def customer(self) -> str:
        """The customer on the page."""
        page = self.ada.ask("/account")
        assert page.status_code == 200, page.text
        (found,) = {name for name in ("cus_ofAda", "cus_new") if f">{name}<" in page.text}
        return found

    def rounds(self) -> list[set[str]]:
        """What one more page reads together."""
        self.state.rounds.clear()
        self.customer()
        return list(self.state.rounds)


@pytest.fixture
def account(store: Flask, counter: Counter) -> Account:
    clock = Clock()
    clock.now = time.time() + 1  # no verdict from before the login counts
    state = Noted(clock)
    everybody = with_accounts(store, state, Subscribers({CUSTOMER: [], "cus_new": []}))
    services: Services = store.extensions["webstore"]
    attach(store, replace(services, linker=replace(services.linker, now=clock)))
    return Account(shopper(counter.app, "Ada"), clock, state, everybody)


def moved(account: Account) -> None:
    """From now on Ada has another customer, as linking has it when it replaces a deleted one."""
    account.everybody.moved[USER] = "cus_new"


def test_a_verdict_is_read_once_and_what_may_end_it_each_time(account: Account) -> None:
    account.customer()
    first, then = account.rounds(), account.rounds()
    assert [VERDICT in keys for keys in (*first, *then)] == [True, False]
    assert all(key.startswith((FORGOTTEN, CHANGES)) for key in then[0])


def test_a_verdict_that_is_forgotten_elsewhere_is_not_believed(account: Account) -> None:
    for _ in range(3):
        assert account.customer() == CUSTOMER
    moved(account)
    assert account.customer() == CUSTOMER
    forget_verdict(account.state, USER)
    for _ in range(3):
        assert account.customer() == "cus_new"


def test_a_verdict_ends_a_minute_after_the_vendors_were_read(account: Account) -> None:
    assert account.customer() == CUSTOMER
    account.clock.now += VERDICT_S - 1
    for _ in range(2):
        assert account.customer() == CUSTOMER
    moved(account)
    assert account.customer() == CUSTOMER
    account.clock.now += 1
    assert account.customer() == "cus_new"
    assert account.customer() == "cus_new"


def test_a_new_verdict_takes_the_place_of_the_one_that_ended(account: Account) -> None:
    for _ in range(2):
        account.customer()
    account.clock.now += VERDICT_S
    account.customer()
    first, then = account.rounds(), account.rounds()
    assert [VERDICT in keys for keys in (*first, *then)] == [True, False]


def test_a_newer_verdict_of_another_process_counts(account: Account) -> None:
    for _ in range(2):
        account.customer()
    account.clock.now += VERDICT_S
    # The other process shares the state, and has verified the link again.
    services: Services = account.ada.app.extensions["webstore"]
    verdict(services.linker, account.state, USER)
    moved(account)
    for _ in range(2):
        assert account.customer() == CUSTOMER


def test_without_the_state_no_kept_verdict_counts(account: Account) -> None:
    for _ in range(2):
        account.customer()
    moved(account)
    account.state.down = True
    assert account.customer() == "cus_new"


def test_a_mark_is_read_beside_a_kept_verdict(account: Account) -> None:
    for _ in range(2):
        account.customer()
    mark_event(account.state, CUSTOMER)
    assert any(key.endswith(CUSTOMER) for key in account.rounds()[0])
