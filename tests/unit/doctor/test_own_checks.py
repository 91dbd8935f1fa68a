"""Checks of the settings, the clock, the shared state and the running store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.offline import NOWHERE, URL
from webstore.doctor.check import run
from webstore.doctor.checks import CHECKS
from webstore.doctor.facts import Facts, SiteFacts, StoreReport, Trouble
from webstore.sandbox.vendors import auth0_config, environment

from .facts import REPORT, found, results, skipped, sound, told, with_login, with_state, with_stripe

LOCAL = {"BASE_URL": "http://127.0.0.1:8000", "STRIPE_SECRET_KEY": "sk_test_1"}
MIB = 1024 * 1024


def site(*reports: StoreReport) -> SiteFacts:
    return SiteFacts(reports)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (sound(STRIPE_SECRET_KEY="sk_test_1"), {"key-mode": "warning", "worlds": None}),
        (sound(APP_SECRET_KEY="a" * 40), {"secret-key": "warning"}),
        (
            sound(
                APP_SECRET_KEY="x9-" * 5 + "abcdefghijklmnopq", METRICS_TOKEN="x9-" * 5 + "abcdefghijklmnopq"
            ),
            {"secret-key": "warning"},
        ),
        (replace(sound(), gaps={"terms": 2, "contact": 0}), {"texts": "warning"}),
        (with_login(sound(), clock_ahead_s=-6.0), {"clock": "warning"}),
        (with_stripe(sound(), clock_ahead_s=61.0), {"clock": "failure"}),
        (with_login(sound(), clock_ahead_s=None), {}),
        (with_state(sound(), problem="it is full"), {"state": "failure"}),
        (with_state(sound(), latency_s=0.2), {"state-latency": "warning"}),
        (with_state(sound(), file_system="nfs4"), {"state-place": "failure"}),
        (with_state(sound(), file_system="tmpfs"), {"state-place": "warning"}),
        (with_state(sound(), free_bytes=MIB), {"state-place": "failure"}),
        (with_state(sound(REDIS_URL="redis://a/0"), eviction="noeviction"), {}),
        (with_state(sound(REDIS_URL="redis://a/0"), eviction="volatile-lru"), {"redis-eviction": "failure"}),
        (with_state(sound(REDIS_URL="redis://a/0"), eviction=None), {"redis-eviction": "warning"}),
        (replace(sound(), site=SiteFacts(Trouble("status 404", 404))), {"store": "failure"}),
        (
            replace(sound(), site=SiteFacts(Trouble("status 404", 404), something_else=True)),
            {"store": "failure"},
        ),
        (replace(sound(), site=SiteFacts(Trouble("no answer"))), {"store": "warning"}),
        (replace(sound(), site=site(REPORT, replace(REPORT, state_id="2"))), {"machines": "failure"}),
        (replace(sound(), site=site(replace(REPORT, forwarded_for=2))), {"proxy-hops": "warning"}),
        (replace(sound(TRUSTED_PROXY_HOPS="1"), site=site(REPORT)), {"proxy-hops": "warning"}),
        (replace(sound(), site=site(replace(REPORT, host="10.0.0.7:8000"))), {"proxy-host": "warning"}),
        (replace(sound(), site=site(replace(REPORT, host="shop.example:443"))), {}),
        (replace(sound(), site=SiteFacts((REPORT,), https_redirect=False)), {"https-redirect": "warning"}),
        (replace(sound(), site=SiteFacts((REPORT,), https_redirect=True)), {}),
        (
            replace(sound(), site=site(replace(REPORT, other_settings=("login_rate",)))),
            {"running-settings": "warning"},
        ),
    ],
)
def test_one_cause_is_one_finding(facts: Facts, expected: dict[str, str | None]) -> None:
    assert found(facts) == {name: status for name, status in expected.items() if status}


def test_ways_to_the_store_with_different_numbers_of_proxies_are_told() -> None:
    ways = site(replace(REPORT, forwarded_for=1), replace(REPORT, forwarded_for=2))
    facts = replace(sound(TRUSTED_PROXY_HOPS="2"), site=ways)
    assert found(facts) == {"proxy-hops": "warning"}
    assert "1 or 2 proxies" in told(facts, "proxy-hops")
    assert "Set TRUSTED_PROXY_HOPS" not in told(facts, "proxy-hops")


def test_a_live_key_in_a_trial_takes_real_money() -> None:
    for base_url in ("http://127.0.0.1:8000", "https://staging.shop.example", "https://shop-test.example"):
        assert "real money" in told(sound(BASE_URL=base_url), "key-mode")
    assert "fits" in told(sound(BASE_URL="https://latest.example"), "key-mode")


def test_each_missing_setting_is_a_failure_with_its_place() -> None:
    facts = sound(AUTH0_CLIENT_SECRET="", STRIPE_SECRET_KEY="pk_live_1", BASE_URL="shop.example")
    told_of = [it.finding for it in results(facts) if it.id == "settings"]
    assert len(told_of) == 3
    assert "AUTH0_CLIENT_SECRET is missing." in told_of[1].summary
    assert "Regular Web Application > Settings" in told_of[1].what_to_do
    assert "publishable key" in told_of[2].summary
    assert "API keys" in told_of[2].what_to_do


def test_checks_without_their_setting_are_left_out_and_all_others_made() -> None:
    facts = replace(sound(STRIPE_SECRET_KEY=""), stripe=None)
    assert found(facts) == {"settings": "failure"}
    assert skipped(facts)["stripe-key"] == "because STRIPE_SECRET_KEY is missing or wrong"
    assert "client-secret" not in skipped(facts)
    assert "machines" not in skipped(facts)


def test_a_store_that_does_not_run_on_this_machine_is_no_fault() -> None:
    facts = replace(sound(**LOCAL), site=SiteFacts(Trouble("nobody listens")))
    assert "store" not in found(facts)
    assert skipped(facts)["machines"] == "because of store"


def test_a_store_that_hangs_on_this_machine_does_run() -> None:
    facts = replace(sound(**LOCAL), site=SiteFacts(Trouble("did not answer in time", late=True)))
    assert found(facts)["store"] == "warning"
    assert "it may hang" in told(facts, "store")
    assert skipped(facts)["machines"] == "because of store"


def test_the_words_of_redis_end_once() -> None:
    facts = with_state(sound(), problem="ResponseError: DB index is out of range.")
    assert "out of range. Correct" in told(facts, "state")


def test_the_sandboxs_key_is_not_the_key_of_the_store_that_make_run_starts() -> None:
    public = environment(auth0_config(NOWHERE, URL), NOWHERE, URL)["APP_SECRET_KEY"]
    facts = replace(sound(**LOCAL, APP_SECRET_KEY=public), site=SiteFacts(Trouble("status 404", 404)))
    assert "store" not in found(facts)
    assert skipped(facts)["proxy-hops"] == "because of store"


def test_tmpfs_is_good_enough_for_a_trial() -> None:
    assert "state-place" not in found(with_state(sound(**LOCAL), file_system="tmpfs"))


def test_placeholders_are_good_enough_for_a_trial() -> None:
    facts = replace(sound(**LOCAL), gaps={"terms": 5})
    assert "texts" not in found(facts)
    assert "terms.md (5)" in told(facts, "texts")


def test_settings_have_the_names_of_their_variables() -> None:
    report = replace(REPORT, other_settings=("stripe_webhook_secrets", "link_settle_s"))
    facts = replace(sound(), site=site(report))
    assert "LINK_SETTLE_S, STRIPE_WEBHOOK_SECRET." in told(facts, "running-settings")


def test_a_group_alone_is_told_with_what_keeps_it_from_being_checked() -> None:
    refused = with_stripe(sound(), account=Trouble("status 401", 401))
    told_of = [(it.id, str(it.status)) for it in run(CHECKS, refused, {"webhooks"})]
    assert told_of[0] == ("stripe-key", "failure")
    assert {status for _, status in told_of[1:]} == {"skipped"}
    assert {it.group for it in run(CHECKS, sound(), {"webhooks"})} == {"webhooks"}


def test_a_probe_that_hangs_is_named_once() -> None:
    facts = replace(sound(), site=None, lost={"site": "its time ran out"})
    assert found(facts) == {"store": "failure"}
    assert "ran out" in told(facts, "store")
    assert skipped(facts)["machines"] == "because of store"


def test_a_group_that_was_not_asked_says_nothing() -> None:
    assert {it.group for it in results(replace(sound(), stripe=None, site=None))} == {
        *("settings", "clock", "login", "management", "state")
    }
