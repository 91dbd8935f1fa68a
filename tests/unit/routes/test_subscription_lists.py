"""The account page shows a kept list of subscriptions while nothing can have changed it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from tests.fakes import Clock, Subscribers, TimedMemory, a_subscription
from tests.unit.offline import offline_store
from tests.unit.routes.kept_pages import HOST, Counter, Everybody, Visitor, shopper, sold, with_accounts
from webstore.errors import PaymentsUnavailable
from webstore.linking.verdicts import VERDICT_S
from webstore.routes import Services, attach, subscription_lists
from webstore.routes.limits import SHOPPER_LIMIT
from webstore.shop.models import Subscription
from webstore.shop.subscription_changes import KEPT_S, mark_event, mark_visit

ADA, CUSTOMER = "Ada", "cus_ofAda"
PORTAL = "https://billing.stripe.com/p/session/test_1"


@dataclass
class Account:
    """Ada's account page in a store whose state another process shares."""

    app: Flask
    clock: Clock
    state: TimedMemory
    stripe: Subscribers
    everybody: Everybody
    ada: Visitor

    def shown(self) -> list[str]:
        """The subscriptions on the page, by their descriptions."""
        page = self.ada.ask("/account")
        assert page.status_code == 200, page.text
        return re.findall(r'class="subscription-name">\s*<bdi>([^<]*)', page.text)

    def has(self, *subscriptions: Subscription) -> None:
        """From now on Ada has these at Stripe."""
        self.stripe.running[CUSTOMER] = list(subscriptions)

    def send(self, path: str, **form: str) -> int:
        """Send a form of Ada's; returns the answer's status."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.ada.cookies.items())
        headers = {"Host": HOST, "Cookie": cookies, "Origin": f"http://{HOST}"}
        sent = {"csrf_token": self.ada.secrets[1], **form}
        return Client(self.app, use_cookies=False).post(path, data=sent, headers=headers).status_code

    @property
    def asked(self) -> int:
        """How often Stripe was asked for the list."""
        return self.stripe.calls.count(f"list {CUSTOMER}")


def tea(name: str = "Tea", **changes: Any) -> Subscription:
    return a_subscription(f"sub_{name}", description=name, **changes)


@contextmanager
def opened(folder: Path, **changes: str) -> Iterator[Account]:
    with offline_store(folder, **changes) as app:
        clock = Clock()
        state, stripe = TimedMemory(clock), Subscribers({CUSTOMER: [tea()]})
        Counter(app).sell(sold(1))
        everybody = with_accounts(app, state, stripe)
        services: Services = app.extensions["webstore"]
        portals = SimpleNamespace(portal_url=lambda _customer, _back: PORTAL)
        attach(app, replace(services, portals=portals))
        subscription_lists.install(app, clock)
        yield Account(app, clock, state, stripe, everybody, shopper(app, ADA))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with opened(tmp_path / "state") as account:
        yield account


def test_stripe_is_asked_once_in_half_a_minute(account: Account) -> None:
    for _ in range(5):
        assert account.shown() == ["Tea"]
    assert account.asked == 1
    account.has()
    account.clock.now += KEPT_S - 1
    assert account.shown() == ["Tea"]
    account.clock.now += 1
    assert account.shown() == []
    assert account.asked == 2


TOLD: dict[str, Callable[[Account], object]] = {
    "an event": lambda account: mark_event(account.state, CUSTOMER),
    "an event that names no customer": lambda account: mark_event(account.state, None),
    "a checkout": lambda account: mark_visit(account.state, CUSTOMER),
    "the portal": lambda account: account.send("/account/portal"),
}


@pytest.mark.parametrize("how", TOLD)
def test_a_change_that_the_store_hears_of_shows_at_once(account: Account, how: str) -> None:
    assert account.shown() == ["Tea"]
    account.has(tea("Coffee"))
    TOLD[how](account)
    assert account.shown() == ["Coffee"]


@pytest.mark.parametrize("how", ["a checkout", "the portal"])
def test_while_a_shopper_may_be_at_stripe_every_change_shows_at_once(account: Account, how: str) -> None:
    """An event about the first change, and its end, say nothing about the next ones."""
    TOLD[how](account)
    for number in range(20):
        account.has(tea(f"Tea {number}"))
        assert account.shown() == [f"Tea {number}"]
        if number == 0:
            mark_event(account.state, CUSTOMER)
        account.clock.now += KEPT_S - 1


def test_another_customers_change_is_not_asked_for(account: Account) -> None:
    account.shown()
    mark_event(account.state, "cus_other")
    mark_visit(account.state, "cus_other")
    account.shown()
    assert account.asked == 1


def test_a_list_that_was_read_before_a_change_is_not_shown_after_it(account: Account) -> None:
    """The change comes between Stripe's answer and the end of the request, and then the next ones."""
    account.stripe.meanwhile = lambda: mark_event(account.state, CUSTOMER)
    assert account.shown() == ["Tea"]
    account.stripe.meanwhile = lambda: None
    account.has()
    for _ in range(20):
        assert account.shown() == []
        account.clock.now += 20


def test_a_failure_is_not_kept(account: Account) -> None:
    account.stripe.down = PaymentsUnavailable("Stripe is down")
    assert "can't be loaded right now" in account.ada.ask("/account").text
    account.stripe.down = None
    assert account.shown() == ["Tea"]


@pytest.mark.parametrize("status", ["past_due", "unpaid", "incomplete"])
def test_what_has_to_be_paid_is_asked_for_each_time(account: Account, status: str) -> None:
    """The link to the invoice leads to Stripe, and nothing tells the store that the shopper pays there."""
    account.has(tea(), tea("Late", status=status, invoice_url="https://invoice.stripe.com/i/x"))
    assert account.shown() == ["Tea", "Late"]
    account.has(tea(), tea("Paid"))
    assert account.shown() == ["Tea", "Paid"]
    account.shown()
    assert account.asked == 2


def test_without_webhooks_stripe_is_asked_each_time(tmp_path: Path) -> None:
    with opened(tmp_path / "state", STRIPE_WEBHOOK_SECRET="") as account:
        account.shown()
        account.has()
        assert account.shown() == []


def test_while_the_state_cannot_be_read_stripe_is_asked_each_time(account: Account) -> None:
    assert account.shown() == ["Tea"]
    account.state.down = True
    for number in range(3):
        account.has(tea(f"Tea {number}"))
        assert account.shown() == [f"Tea {number}"]
    account.state.down = False
    account.has()
    # A list read during the change is not kept; one read before it is at most half a minute old.
    assert account.shown() == ["Tea"]
    account.clock.now += KEPT_S
    assert account.shown() == []


def test_a_mark_that_could_not_be_written_costs_no_more_than_the_rest_of_the_half_minute(
    account: Account,
) -> None:
    assert account.shown() == ["Tea"]
    account.has()
    account.state.down = True
    mark_event(account.state, CUSTOMER)
    account.state.down = False
    assert account.shown() == ["Tea"]
    account.clock.now += KEPT_S
    assert account.shown() == []


def test_the_portal_drops_the_list_of_its_own_process_without_the_state_as_well(account: Account) -> None:
    assert account.shown() == ["Tea"]
    account.has()
    account.state.down = True
    assert account.send("/account/portal") == 303
    account.state.down = False
    assert account.shown() == []


def test_a_kept_list_has_the_products_names_of_today(account: Account) -> None:
    account.has(a_subscription("sub_1", "prod_0"))
    assert account.shown() == ["Thing 0"]
    Counter(account.app).sell((replace(sold(1)[0], name="Another name"),))
    assert account.shown() == ["Another name"]
    assert account.asked == 1


def test_a_list_belongs_to_the_customer_of_the_link(account: Account) -> None:
    """Linking has replaced the customer. The cookie of the browser still names the former one."""
    assert account.shown() == ["Tea"]
    account.everybody.moved["auth0|Ada"] = "cus_new"
    account.stripe.running["cus_new"] = [tea("Coffee")]
    account.clock.now += VERDICT_S
    for _ in range(3):
        assert account.shown() == ["Coffee"]


def test_pages_from_memory_are_not_counted_and_calls_are(account: Account) -> None:
    for _ in range(3 * SHOPPER_LIMIT):
        account.shown()
    mark_visit(account.state, CUSTOMER)
    answers = [account.ada.ask("/account").status_code for _ in range(3 * SHOPPER_LIMIT)]
    assert answers[0] == 200
    assert 429 in answers
