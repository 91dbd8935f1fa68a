"""What `flask customers` says about calls and long lists, without a vendor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from tests.unit.offline import offline_store
from webstore.cli.customers.explained import answer, content, request, would
from webstore.errors import NoSuchCustomer, PaymentsUnavailable
from webstore.linking import calls
from webstore.linking.models import Account, Customer, CustomerDraft, CustomerPage, User
from webstore.routes import Services, attach

ADA = "auth0|000000000000000000000001"
DRAFT = CustomerDraft("ada@example.com", None, None, {"auth0_user_id": ADA})
CALLS: tuple[calls.Call[Any], ...] = (
    calls.ReadUser(ADA),
    calls.ReadBoth(ADA, None),
    calls.ReadBoth(ADA, "cus_1"),
    calls.RecordLink(ADA, "cus_1", "acct_1 test"),
    calls.NoteFailure(ADA, 1.0, "0"),
    calls.ReadAccount(),
    calls.GetCustomer("cus_1"),
    calls.CreateCustomer(DRAFT, "webstore-1"),
    calls.UpdateCustomer("cus_1", DRAFT, None),
    calls.ListByEmail("ada@example.com"),
    calls.SearchByOwner(ADA),
    calls.SearchByEmail("ada@example.com"),
    calls.ListRunning("cus_1"),
    calls.ListCreatedSince(1.0),
    calls.Pause(0.1),
)


@dataclass(frozen=True)
class Vendors:
    """A tenant that has these users. Stripe does not answer."""

    number: int
    mailbox: str = "user"
    pages: list[int] = field(default_factory=list)

    def list_users(self, page: int, per_page: int) -> tuple[User, ...]:
        self.pages.append(page)
        first = page * per_page
        ids = range(first, min(first + per_page, self.number))
        return tuple(User(f"auth0|{it:024x}", email=f"{self.mailbox}{it}@example.com") for it in ids)

    def account(self) -> Account:
        raise PaymentsUnavailable("down")


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("customers")) as app:
        yield app


def listed(app: Flask, vendors: Vendors, *arguments: str, charset: str = "utf-8") -> Result:
    services: Services = app.extensions["webstore"]
    linker = replace(services.linker, directory=vendors, payments=vendors)  # type: ignore[arg-type]  # the rest is not used
    attach(app, replace(services, linker=linker))
    try:
        return app.test_cli_runner(charset=charset).invoke(args=["customers", "list", *arguments])
    finally:
        attach(app, services)


def test_the_list_says_when_auth0_lists_no_more(offline: Flask) -> None:
    vendors = Vendors(1234)
    document = json.loads(listed(offline, vendors, "--unlinked", "--limit", "1000", "--json").stdout)
    assert (len(document["users"]), document["ceiling_reached"]) == (1000, True)
    # A page beyond would be refused.
    assert vendors.pages == list(range(20))
    done = listed(offline, Vendors(1234), "--pending")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Auth0 lists no more than 1,000 users" in done.stderr
    assert listed(offline, Vendors(999), "--pending").stderr == "0 users, with customers of test mode.\n"


def test_no_more_is_read_than_is_asked_for(offline: Flask) -> None:
    vendors = Vendors(1234)
    done = listed(offline, vendors)
    assert (len(done.stdout.splitlines()), vendors.pages) == (51, [0, 1])
    assert "There are more: see --limit." in done.stderr
    assert "with customers of test mode" in done.stderr


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_limit_that_auth0_does_not_have_is_refused(offline: Flask, limit: str) -> None:
    assert listed(offline, Vendors(1), "--limit", limit).exit_code == 2


def test_a_terminal_without_a_names_characters_shows_escapes(offline: Flask) -> None:
    done = listed(offline, Vendors(1, mailbox="jürgen漢"), charset="latin-1")
    assert (done.exit_code, done.exception) == (0, None)
    assert "jürgen\\u6f220@example.com" in done.stdout


def test_a_list_of_nobody_says_so(offline: Flask) -> None:
    vendors = Vendors(0)
    done = listed(offline, vendors)
    assert vendors.pages == [0]
    assert (done.stdout, done.stderr) == ("", "0 users, with customers of test mode.\n")


def test_each_call_of_the_protocol_has_words_of_its_own() -> None:
    assert {type(it).__name__ for it in CALLS} == {it.__name__ for it in calls.Call.__subclasses__()}
    told = [request(it) for it in CALLS]
    assert len(set(told)) == len(told) - 2  # a user is read in two ways, and written in two
    assert {vendor for vendor, _ in told} == {"Auth0", "Stripe", "Both", ""}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (NoSuchCustomer("unknown"), "NoSuchCustomer: unknown"),
        (User(ADA), "nothing recorded"),
        ((User(ADA, records={"stripe_customer_id": "cus_1"}), None), "stripe_customer_id: cus_1"),
        (
            (User(ADA, blocked=True), Customer("cus_1", deleted=True)),
            "blocked, nothing recorded; cus_1: deleted",
        ),
        (Account(None, livemode=True), "live mode; the key may not read its account"),
        (Customer("cus_1", owner=ADA, tenant="shop"), f"cus_1: names {ADA} of shop"),
        ((), "none"),
        ((Customer("cus_1"), Customer("cus_2")), "cus_1, cus_2"),
        (("sub_1",), "sub_1"),
        (CustomerPage((), complete=False), "none, and more than are read"),
    ],
)
def test_answers_are_told_in_a_few_words(given: object, told: str) -> None:
    assert answer(given) == told


def test_a_write_that_was_not_made_is_told_with_what_it_would_send() -> None:
    replacing = CustomerDraft(None, None, None, {"auth0_user_id": ADA, "replaces": "cus_0"})
    assert would(calls.CreateCustomer(replacing, "k")) == "would create a customer in place of cus_0"
    assert would(calls.UpdateCustomer("cus_1", DRAFT, "k")) == "would claim cus_1 for the user"
    assert would(calls.RecordLink(ADA, "cus_1", None)) == "would record cus_1 in Auth0"
    assert content(calls.UpdateCustomer("cus_1", DRAFT, "k")) == [
        "email: ada@example.com",
        f"metadata.auth0_user_id: {ADA}",
        "Idempotency-Key: k",
    ]
    assert content(calls.RecordLink(ADA, "cus_1", None))[0] == "app_metadata.stripe_customer_id: cus_1"
