"""Checks of the Stripe key, its account, and the webhook endpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from webstore.doctor.facts import Facts, ForSale, Links, StripeAccount, StripeFacts, Trouble, Undelivered

from .facts import ACCOUNT, ENDPOINT, SHOP, STRIPE, found, skipped, sound, told, with_stripe, with_tenant

REFUSED = Trouble("status 401", 401)
FORBIDDEN = Trouble("status 403", 403)
CLI_SECRET = f"whsec_{'0a' * 32}"
DISABLED = replace(ENDPOINT, enabled=False)
TWIN = replace(ENDPOINT, id="we_2")
ELSEWHERE = replace(ENDPOINT, url=f"{SHOP}/webhook")
#: What follows from a key that does not work, or is of another account.
AFTER_THE_KEY = {
    *("stripe-account", "worlds", "stripe-permissions", "catalogue", "portal"),
    *("shipping-rates", "tax"),
    *("webhook-endpoint", "webhook-secret", "webhook-payload", "webhook-events", "webhook-version"),
    "webhook-deliveries",
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(sound(), stripe=StripeFacts(Trouble("no answer"))), {"stripe-key": "failure"}),
        (replace(sound(), stripe=StripeFacts(REFUSED)), {"stripe-key": "failure"}),
        (
            with_stripe(sound(), account=StripeAccount(ACCOUNT, charges_enabled=False)),
            {"stripe-account": "failure"},
        ),
        (with_stripe(sound(STRIPE_SECRET_KEY="rk_live_1"), account=FORBIDDEN), {"stripe-account": "warning"}),
        (
            with_stripe(sound(), permissions={"Customers: write": False, "Events: read": True}),
            {"stripe-permissions": "failure"},
        ),
        (with_stripe(sound(), for_sale=ForSale(0, 0)), {"catalogue": "warning"}),
        (with_stripe(sound(), for_sale=ForSale(2, 0)), {"catalogue": "warning"}),
        (with_stripe(sound(), tax="pending"), {"tax": "failure"}),
        (
            with_stripe(sound(CHECKOUT_SHIPPING_RATES="shr_1"), bad_rates=("shr_1",)),
            {"shipping-rates": "failure"},
        ),
        (with_stripe(sound(STRIPE_PORTAL_CONFIGURATION="bpc_1"), portal=False), {"portal": "warning"}),
        (with_stripe(sound(), portal=False), {}),
        (with_stripe(sound(), endpoints=()), {"webhook-endpoint": "failure"}),
        (with_stripe(sound(STRIPE_WEBHOOK_SECRET=""), endpoints=()), {"webhook-endpoint": "warning"}),
        (with_stripe(sound(), endpoints=(DISABLED,)), {"webhook-endpoint": "failure"}),
        (with_stripe(sound(), endpoints=(DISABLED, ENDPOINT)), {}),
        (with_stripe(sound(), endpoints=(ENDPOINT, TWIN)), {"webhook-secret": "failure"}),
        (
            with_stripe(
                sound(STRIPE_WEBHOOK_SECRET=f"whsec_{'a' * 32},whsec_{'B' * 32}"), endpoints=(ENDPOINT, TWIN)
            ),
            {},
        ),
        (sound(STRIPE_WEBHOOK_SECRET=""), {"webhook-secret": "failure"}),
        (sound(STRIPE_WEBHOOK_SECRET=CLI_SECRET), {"webhook-secret": "failure"}),
        (sound(STRIPE_WEBHOOK_SECRET=f"{CLI_SECRET},whsec_AbCdEfGhIjKlMnOpQrStUvWxYz012345"), {}),
        (
            with_stripe(
                sound(), endpoints=(), destinations=(replace(ENDPOINT, thin=True, api_version=None),)
            ),
            {"webhook-payload": "warning"},
        ),
        (
            with_stripe(sound(), destinations=(replace(ENDPOINT, connected=True),)),
            {"webhook-endpoint": "failure"},
        ),
        (
            with_stripe(sound(), endpoints=(replace(ENDPOINT, events=("invoice.paid",)),)),
            {"webhook-events": "warning"},
        ),
        (
            with_stripe(sound(), endpoints=(replace(ENDPOINT, api_version="2020-08-27"),)),
            {"webhook-version": "warning"},
        ),
        (
            with_stripe(
                sound(), endpoints=(replace(ENDPOINT, api_version=None),), default_version="2019-01-01"
            ),
            {"webhook-version": "warning"},
        ),
        (
            with_stripe(sound(), undelivered=Undelivered(("invoice.paid", "x"))),
            {"webhook-deliveries": "warning"},
        ),
    ],
)
def test_one_cause_is_one_finding(facts: Facts, expected: dict[str, str]) -> None:
    assert found(facts) == expected


@pytest.mark.parametrize(("status", "words"), [(429, "run the doctor again"), (404, "STRIPE_API_BASE")])
def test_who_answers_in_stripes_place_is_told_apart_from_a_fault_that_passes(status: int, words: str) -> None:
    facts = replace(sound(), stripe=StripeFacts(Trouble(f"status {status}", status)))
    assert found(facts) == {"stripe-key": "failure"}
    assert words in told(facts, "stripe-key")


def test_what_follows_from_a_refused_key_is_left_out() -> None:
    facts = replace(sound(), stripe=StripeFacts(REFUSED))
    assert {name: why for name, why in skipped(facts).items() if why == "because of stripe-key"}.keys() == (
        AFTER_THE_KEY
    )


def test_a_live_key_of_another_account_is_refused_and_its_endpoints_do_not_count() -> None:
    facts = with_tenant(
        with_stripe(sound(), endpoints=(), for_sale=ForSale(0, 0)), links=Links(2, {"acct_1Other live": 2})
    )
    assert found(facts) == {"worlds": "failure"}
    assert "acct_1Other live: 2" in told(facts, "worlds")
    assert "because of worlds" in skipped(facts)["webhook-endpoint"]


@pytest.mark.parametrize(
    ("changes", "pins", "expected"),
    [
        ({"LINK_SECOND_ACCOUNT": "1"}, {"acct_1Other live": 2}, {"worlds": "warning"}),
        ({}, {"acct_1Other live": 2, f"{ACCOUNT} live": 1}, {}),
        ({}, {"acct_1Other test": 2}, {}),
        ({}, {}, {}),
    ],
)
def test_other_worlds_are_no_fault_by_themselves(
    changes: dict[str, str], pins: dict[str, int], expected: dict[str, str]
) -> None:
    assert found(with_tenant(sound(**changes), links=Links(3, pins))) == expected


def test_an_organization_key_names_its_account() -> None:
    environment = {"STRIPE_SECRET_KEY": "sk_org_live_1", "STRIPE_ACCOUNT": "acct_1Foreign"}
    facts = replace(sound(**environment), stripe=StripeFacts(Trouble("status 403", 403)))
    assert found(facts) == {"stripe-key": "failure"}
    assert "acct_1Foreign" in told(facts, "stripe-key")


def test_a_claimable_sandbox_ends() -> None:
    facts = replace(sound(STRIPE_SECRET_KEY="rkcs_test_1", BASE_URL="http://127.0.0.1:8000"), site=None)
    assert "nobody claims it" in told(facts, "stripe-key")


def test_what_a_missing_permission_hides_is_no_finding_of_its_own() -> None:
    facts = with_stripe(
        sound(STRIPE_SECRET_KEY="rk_live_1"), permissions={"Prices: read": False}, for_sale=FORBIDDEN
    )
    assert found(facts) == {"stripe-permissions": "failure"}
    assert skipped(facts)["catalogue"] == "because of stripe-permissions"


def test_endpoints_that_the_key_may_not_read_cannot_be_checked() -> None:
    facts = with_stripe(sound(STRIPE_SECRET_KEY="rk_live_1"), endpoints=FORBIDDEN)
    assert found(facts) == {}
    assert "may not read webhook endpoints" in skipped(facts)["webhook-endpoint"]


def test_events_of_other_programs_do_not_count() -> None:
    assert found(with_stripe(sound(), undelivered=Undelivered(("payout.paid",)))) == {}
    two = with_stripe(sound(), undelivered=Undelivered(("payout.paid", "invoice.paid", "invoice.paid")))
    assert "2 events of the last day, such as invoice.paid" in told(two, "webhook-deliveries")


def test_what_the_key_may_not_see_is_not_called_missing() -> None:
    facts = with_stripe(sound(STRIPE_SECRET_KEY="rk_live_1"), endpoints=(), destinations=FORBIDDEN)
    assert found(facts) == {"webhook-endpoint": "warning"}
    assert "as far as the key may see" in told(facts, "webhook-endpoint")


def test_an_endpoint_at_another_path_is_named() -> None:
    facts = with_stripe(sound(), endpoints=(ELSEWHERE,))
    assert f"there is one for {SHOP}/webhook" in told(facts, "webhook-endpoint")


def test_on_this_machine_stripe_listen_delivers() -> None:
    local = {"BASE_URL": "http://127.0.0.1:8000", "STRIPE_SECRET_KEY": "sk_test_1"}
    with_secret = with_stripe(sound(**local, STRIPE_WEBHOOK_SECRET=CLI_SECRET), endpoints=())
    assert "stripe listen --forward-to" in told(with_secret, "webhook-endpoint")
    without = with_stripe(sound(**local, STRIPE_WEBHOOK_SECRET=""), endpoints=())
    assert not {name for name in found(without) | found(with_secret) if name.startswith("webhook")}


def test_missing_events_are_listed() -> None:
    facts = with_stripe(sound(), endpoints=(replace(ENDPOINT, events=("invoice.paid",)),))
    assert "does not receive checkout.session.completed." in told(facts, "webhook-events")


def test_thin_types_count_as_their_snapshot_types() -> None:
    thin = replace(ENDPOINT, thin=True, events=("v1.invoice.paid", "v1.checkout.session.completed"))
    facts = with_stripe(sound(), endpoints=(), destinations=(thin,))
    assert "webhook-events" not in found(facts)


def test_the_key_itself_is_never_told() -> None:
    for stripe in (STRIPE, StripeFacts(REFUSED)):
        facts = replace(sound(STRIPE_SECRET_KEY="sk_live_verysecret"), stripe=stripe)
        assert "verysecret" not in "".join(told(facts, name) for name in ("stripe-key", *AFTER_THE_KEY))
