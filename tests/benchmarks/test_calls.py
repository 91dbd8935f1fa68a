"""What a login costs in calls to the two vendors, counted on the wire with all workers taking part."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support import link_status

from .stage import WORKERS, Stage, Vendor

AT_ONCE, NEW_USERS, RETURNING = 8, 20, 10
pytestmark = pytest.mark.timeout(120)


def calls(stage: Stage) -> Counter[str]:
    """The calls that linking made, by what they do."""
    found: Counter[str] = Counter()
    for seen in stage.requests("auth0"):
        if seen["path"].startswith("/api/v2/users/"):
            found[f"{seen['method']} user"] += 1
    for seen in stage.requests("stripe"):
        if seen["path"] == "/v1/prices":
            # The catalogue: pages have it read once a minute.
            continue
        found[f"{seen['method']} {seen['path']}"] += 1
    return found


def returning_logins(stage: Stage, name: str) -> Counter[str]:
    """The calls when linked shoppers log in once more."""
    asked: Counter[str] = Counter()
    for number in range(RETURNING):
        with stage.browser() as browser:
            email = f"{name}-{number}@example.com"
            assert link_status(browser.sign_up(email, path="/")) == "linked"
            browser.log_out()
            stage.forget_requests()
            assert link_status(browser.log_in(email, path="/")) == "linked"
            asked += calls(stage)
    return asked


@pytest.fixture(scope="module")
def cold_start(stage: Stage, tables: list[str]) -> Counter[str]:
    """The calls when several shoppers log in at once at workers that have just been started."""
    slow: tuple[tuple[Vendor, str], ...] = (("auth0", "/oauth/token"), ("stripe", "/v1/account"))
    for vendor, path in slow:
        stage.disturb(vendor, "latency", path, seconds=0.2)
    _, logins = stage.load(AT_ONCE / 80, logins_per_s=80)
    stage.calm()
    assert [login.problem for login in logins] == [None] * AT_ONCE
    asked = calls(stage)
    exchanges = sum(1 for seen in stage.requests("auth0") if seen["path"] == "/oauth/token")
    asked["Management API tokens"] = exchanges - AT_ONCE
    tables.append(f"{AT_ONCE} first logins at once, {WORKERS} workers just started: {dict(asked)}")
    return asked


def test_account_is_read_at_most_once_a_process(cold_start: Counter[str]) -> None:
    assert 1 <= cold_start["GET /v1/account"] <= WORKERS


def test_management_api_token_is_fetched_at_most_once_a_process(cold_start: Counter[str]) -> None:
    assert 1 <= cold_start["Management API tokens"] <= WORKERS


@pytest.mark.usefixtures("cold_start")
def test_first_login_is_three_calls(stage: Stage, tables: list[str]) -> None:
    stage.forget_requests()
    _, logins = stage.load(NEW_USERS / 5, logins_per_s=5)
    asked = calls(stage)
    tables.append(f"{NEW_USERS} first logins: {dict(asked)}")
    assert [login.problem for login in logins] == [None] * NEW_USERS
    assert asked == {"GET user": NEW_USERS, "POST /v1/customers": NEW_USERS, "PATCH user": NEW_USERS}


def test_returning_login_is_one_call_without_the_claim(stage: Stage, tables: list[str]) -> None:
    asked = returning_logins(stage, "unclaimed")
    tables.append(f"{RETURNING} returning logins without the claim: {dict(asked)}")
    assert asked == {"GET user": RETURNING}


def test_returning_login_with_the_claim_in_the_id_token_is_no_call(stage: Stage, tables: list[str]) -> None:
    stage.change_settings("auth0", claim_action=True)
    asked = returning_logins(stage, "claimed")
    tables.append(f"{RETURNING} returning logins with the claim: {dict(asked)}")
    assert asked == {}
