"""The plan of `flask setup stripe`: what it creates, changes and leaves, and what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.provisioning.account import (
    DASHBOARD,
    EVENTS,
    HOOK,
    MUG,
    MUG_PRICE,
    URL,
    VERSION,
    endpoint,
    wanted,
)
from webstore.provisioning.account.models import (
    Action,
    CataloguePrice,
    ChangeEndpoint,
    CreateEndpoint,
    CreatePortal,
    CreatePrice,
    CreateProduct,
    Destination,
    Difference,
    Found,
    KeepPortal,
    Plan,
    Wanted,
)
from webstore.provisioning.account.plan import listen_command, plan

EMPTY = Found((), (), None, None, None)
COMPLETE = replace(EMPTY, endpoints=(endpoint(),), chosen_portal_active=True)
SET_UP = wanted(has_secret=True, portal_configuration="bpc_1")


def planned(wants: Wanted, **found: Any) -> Plan:
    return plan(wants, replace(EMPTY, **found))


def only_hint(made: Plan) -> str:
    (hint,) = made.hints
    return hint


def test_an_empty_account_gets_an_endpoint_and_a_portal_configuration() -> None:
    made = planned(wanted())
    assert [(step.action, step.command) for step in made.steps] == [
        (Action.CREATE, CreateEndpoint(HOOK, EVENTS, keep_secret=True)),
        (Action.CREATE, CreatePortal()),
    ]
    assert [(it.field, it.after) for it in made.steps[0].differences] == [
        ("enabled_events", EVENTS),
        ("api_version", (VERSION,)),
        ("event_payload", ("snapshot",)),
    ]
    assert made.hints == ()


def test_a_complete_account_is_left_alone() -> None:
    made = plan(SET_UP, COMPLETE)
    assert [(step.action, step.id) for step in made.steps] == [
        (Action.LEAVE, "we_1"),
        (Action.LEAVE, "bpc_1"),
    ]
    assert (made.changes, made.hints) == ((), ())


# The webhook endpoint


def test_events_are_added_and_removed_whatever_their_order() -> None:
    made = planned(SET_UP, endpoints=(endpoint(events=("*", EVENTS[1])),)).steps[0]
    assert (made.action, made.command) == (Action.CHANGE, ChangeEndpoint("we_1", EVENTS))
    assert made.differences == (Difference("enabled_events", ("*", EVENTS[1]), EVENTS),)
    assert (made.differences[0].removed, made.differences[0].added) == (("*",), (EVENTS[0],))
    turned = planned(SET_UP, endpoints=(endpoint(events=EVENTS[::-1]),)).steps[0]
    assert turned.action is Action.LEAVE


def test_an_endpoint_that_is_switched_off_is_switched_on() -> None:
    made = planned(SET_UP, endpoints=(endpoint(enabled=False),)).steps[0]
    assert made.differences == (Difference("status", ("disabled",), ("enabled",)),)
    assert made.command == ChangeEndpoint("we_1", EVENTS)


@pytest.mark.parametrize(
    "url", [f"{HOOK}/", HOOK.replace("shop", "shop2"), HOOK.replace("https", "http"), URL]
)
def test_endpoints_of_other_addresses_are_in_no_step(url: str) -> None:
    made = planned(SET_UP, endpoints=(endpoint("we_other", url=url, events=("*",)),))
    assert made.steps[0].action is Action.CREATE
    assert "we_other" not in repr(made)


def test_of_several_endpoints_the_oldest_enabled_one_is_the_stores() -> None:
    found = (
        endpoint("we_3", created=3000.0),
        endpoint("we_2", created=2000.0),
        endpoint("we_1", enabled=False),
    )
    made = planned(SET_UP, endpoints=found)
    assert (made.steps[0].action, made.steps[0].id) == (Action.LEAVE, "we_2")
    assert only_hint(made).startswith("we_3 sends events to the same address.")


def test_an_endpoint_for_connected_accounts_is_not_the_stores() -> None:
    connect = Destination("we_1", HOOK, thin=False, own_events=False)
    assert planned(SET_UP, endpoints=(endpoint(),), destinations=(connect,)).steps[0].action is Action.CREATE
    unknown = planned(SET_UP, endpoints=(endpoint(),), destinations=None)
    assert unknown.steps[0].action is Action.LEAVE


def test_thin_events_to_the_same_address_are_told() -> None:
    thin = Destination("ed_1", HOOK, thin=True, own_events=True)
    other = Destination("ed_2", f"{URL}/other", thin=True, own_events=True)
    made = planned(SET_UP, endpoints=(endpoint(),), destinations=(thin, other))
    assert only_hint(made).startswith("ed_1 sends thin events to the same address.")
    assert planned(SET_UP, destinations=(thin,)).steps[0].action is Action.CREATE


def test_another_version_cannot_be_changed_and_is_told() -> None:
    made = planned(SET_UP, endpoints=(endpoint(api_version="2024-06-20"),))
    assert made.steps[0].action is Action.LEAVE
    assert "2024-06-20" in only_hint(made)
    assert f"{DASHBOARD}/workbench/webhooks" in only_hint(made)
    assert planned(SET_UP, endpoints=(endpoint(api_version=None),)).hints == ()


def test_a_secret_that_the_store_lacks_is_in_the_dashboard() -> None:
    made = planned(wanted(portal_configuration="bpc_1"), endpoints=(endpoint(),))
    assert "STRIPE_WEBHOOK_SECRET is not set" in only_hint(made)
    assert f"{DASHBOARD}/workbench/webhooks/we_1 > Signing secret" in only_hint(made)


def test_a_secret_that_the_store_has_is_not_replaced() -> None:
    made = planned(SET_UP).steps[0]
    assert made.command == CreateEndpoint(HOOK, EVENTS, keep_secret=False)
    assert made.note == "STRIPE_WEBHOOK_SECRET is set and stays; the new endpoint has another one"


def test_a_store_that_stripe_cannot_reach_gets_a_command_instead_of_an_endpoint() -> None:
    local = wanted(base_url="http://127.0.0.1:8000", reachable=False)
    made = planned(local)
    assert [step.command for step in made.steps] == [CreatePortal()]
    assert only_hint(made).splitlines()[-1] == listen_command("http://127.0.0.1:8000/webhooks/stripe", EVENTS)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8000/webhooks/stripe", "127.0.0.1:8000/webhooks/stripe"),
        ("https://localhost:8443/webhooks/stripe", "https://localhost:8443/webhooks/stripe"),
    ],
)
def test_the_command_of_stripes_cli(url: str, target: str) -> None:
    events = "checkout.session.completed,refund.failed"
    assert listen_command(url, EVENTS) == f"stripe listen --forward-to {target} --events {events}"


# The customer portal


def test_a_configuration_that_the_store_made_is_kept_in_the_settings() -> None:
    made = planned(wanted(has_secret=True), endpoints=(endpoint(),), own_portal="bpc_2")
    assert made.changes == (made.steps[1],)
    assert made.steps[1].command == KeepPortal("bpc_2")
    assert made.steps[1].differences == (Difference("STRIPE_PORTAL_CONFIGURATION", (), ("bpc_2",)),)


def test_a_setting_that_names_no_active_configuration_is_told() -> None:
    made = plan(SET_UP, replace(COMPLETE, chosen_portal_active=False))
    assert made.changes == ()
    assert only_hint(made).startswith(
        "STRIPE_PORTAL_CONFIGURATION is bpc_1, which is not an active configuration"
    )


# Tax and terms


@pytest.mark.parametrize(
    ("pending", "words"),
    [(True, "Stripe Tax is not set up"), (None, "may not read whether Stripe Tax is set up"), (False, None)],
)
def test_automatic_tax_needs_stripe_tax(pending: bool | None, words: str | None) -> None:
    made = plan(replace(SET_UP, automatic_tax=True), replace(COMPLETE, tax_pending=pending))
    if words is None:
        assert made.hints == ()
    else:
        assert words in only_hint(made)
        assert only_hint(made).endswith(f"{DASHBOARD}/settings/tax")
    assert plan(SET_UP, replace(COMPLETE, tax_pending=pending)).hints == ()


def test_terms_need_an_address_in_the_dashboard() -> None:
    hint = only_hint(plan(replace(SET_UP, terms=True), COMPLETE))
    assert f"{URL}/terms" in hint
    assert hint.endswith(f"{DASHBOARD}/settings/public")


# The catalogue

CLUB_PRICE = CataloguePrice("club", "blue-mug", 900, "eur", "month", 3, "Club", "inclusive")
CLUB = replace(
    MUG,
    description="Tea",
    images=("https://a.example/1",),
    metadata={"a": "b"},
    prices=(MUG_PRICE, CLUB_PRICE),
)


def goods(*products: Any, **found: Any) -> list[Any]:
    """The steps about the catalogue."""
    return list(planned(replace(SET_UP, catalogue=products), **found).steps[2:])


def test_products_and_prices_that_are_missing_are_created() -> None:
    made = goods(CLUB)
    assert [step.command for step in made] == [
        CreateProduct(CLUB),
        CreatePrice(MUG_PRICE, default=True),
        CreatePrice(CLUB_PRICE, default=False),
    ]
    assert [(it.field, *it.after) for step in made for it in step.differences] == [
        ("name", "Blue mug"),
        ("description", "Tea"),
        ("images", "https://a.example/1"),
        ("metadata.a", "b"),
        ("amount in minor units", "1800 eur"),
        ("amount in minor units", "900 eur each 3 months"),
        ("nickname", "Club"),
        ("tax_behavior", "inclusive"),
    ]


@pytest.mark.parametrize(("has_default", "default"), [(True, False), (False, True)])
def test_a_price_that_is_missing_becomes_the_default_one_of_a_product_without(
    has_default: bool, default: bool
) -> None:
    product, price = goods(MUG, products=(replace(MUG, prices=(), has_default_price=has_default),))
    assert product.action is Action.LEAVE
    assert price.command == CreatePrice(MUG_PRICE, default)


@pytest.mark.parametrize(
    ("at_stripe", "note"),
    [
        ({}, None),
        ({"metadata": {"stock": "3"}}, None),
        (
            {"name": "Red mug", "description": "Old"},
            "at Stripe with another name, description: not changed",
        ),
        ({"active": False}, "archived at Stripe"),
    ],
)
def test_a_product_that_exists_is_never_changed(at_stripe: dict[str, Any], note: str | None) -> None:
    product, price = goods(MUG, products=(replace(MUG, **at_stripe),), prices=(MUG_PRICE,))
    assert (product.action, product.command, product.note) == (Action.LEAVE, None, note)
    assert (price.action, price.command, price.note) == (Action.LEAVE, None, None)


@pytest.mark.parametrize(
    ("at_stripe", "note"),
    [
        ({"amount": 1700}, "1700 eur in minor units at Stripe. A price never changes"),
        ({"currency": "usd"}, "1800 usd in minor units at Stripe"),
        ({"interval": "month"}, "1800 eur each month in minor units at Stripe"),
        ({"amount": None}, "no fixed amount in minor units at Stripe"),
        ({"product_id": "red-mug"}, "its lookup key belongs to a price of red-mug"),
        ({"active": False}, "archived at Stripe"),
    ],
)
def test_a_price_that_exists_is_never_changed(at_stripe: dict[str, Any], note: str) -> None:
    _, price = goods(MUG, products=(MUG,), prices=(replace(MUG_PRICE, **at_stripe),))
    assert (price.action, price.command) == (Action.LEAVE, None)
    assert price.note.startswith(note)
