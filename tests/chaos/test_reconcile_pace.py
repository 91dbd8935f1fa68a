"""The pace of a run at 50 ms a call, 100 calls a second at Stripe and 15 at Auth0, and of a plain script.

Environment: RECONCILE_PACE_USERS (100000). Run it on a machine that does nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.chaos.reconciling import Office, office, sustained
from tests.chaos.visits import say
from tests.support import NO_AUTHORITIES
from webstore.sandbox.control import Control
from webstore.sandbox.stripe import TEST_KEY

USERS = int(os.environ.get("RECONCILE_PACE_USERS", "100000"))
#: Users without a customer, whom `--backfill` links: enough to keep Auth0 busy for a minute.
UNLINKED = 200
STRIPE_RPS, AUTH0_RPS, AUTH0_BURST = 100, 15, 50
#: What Stripe documents for a single endpoint, in live mode, too: https://docs.stripe.com/rate-limits
ENDPOINT_RPS = 25
CALL_S = 0.05
LEAST_SHARE, MOST_REFUSED, LEAST_FASTER = 0.95, 0.01, 10.0
#: The command is not told the limit of an endpoint. It finds it out by a few refusals, most of them at first.
MOST_REFUSED_UNTOLD = 0.03
_AT_ONCE = ("--stripe-rps", str(STRIPE_RPS), "--auth0-rps", str(AUTH0_RPS))

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Both vendors with their limits, and with a network between them and the command."""
    with office(tmp_path_factory.mktemp("pace")) as it:
        it.seed(USERS, {"unlinked_user": UNLINKED})
        stripe, auth0 = it.sandbox.stripe.control, it.sandbox.auth0.control
        stripe.change_settings({"rate_limit_per_s": STRIPE_RPS})
        auth0.change_settings({"rate_limit_per_s": AUTH0_RPS, "rate_limit_burst": AUTH0_BURST})
        for control in (stripe, auth0):
            control.add_fault(action="latency", seconds=CALL_S, times=None)
        yield it


def refused(control: Control) -> float:
    """The share of refused calls."""
    seconds = control.rates()
    return sum(it.refused for it in seconds) / max(1, sum(it.requests for it in seconds))


def one_at_a_time(shell: Office, number: int) -> float:
    """How many users a second a plain script compares: a GET at each vendor for each user."""
    crowd = shell.sandbox.auth0.state.users
    ids = [user.user_id for _, user in zip(range(number), crowd.indexed(0), strict=False)]
    root = shell.sandbox.auth0_server.url
    with httpx.Client(verify=NO_AUTHORITIES, trust_env=False, timeout=30) as http:
        token = http.post(f"{root}/_sandbox/auth0/token", json={}).json()["access_token"]
        began = time.monotonic()
        for user_id in ids:
            user = _patiently(
                http, f"{root}/api/v2/users/{user_id}", headers={"Authorization": f"Bearer {token}"}
            )
            customer_id = user.json().get("app_metadata", {}).get("stripe_customer_id")
            if customer_id is not None:
                _patiently(
                    http, f"{shell.sandbox.stripe_server.url}/v1/customers/{customer_id}", auth=(TEST_KEY, "")
                )
        return number / (time.monotonic() - began)


def _patiently(http: httpx.Client, url: str, **given: object) -> httpx.Response:
    while (answer := http.get(url, **given)).status_code == httpx.codes.TOO_MANY_REQUESTS:  # type: ignore[arg-type]
        time.sleep(1)
    return answer.raise_for_status()


def test_the_comparison_keeps_stripe_busy_and_is_many_times_faster_than_a_plain_script(shell: Office) -> None:
    plain = one_at_a_time(shell, 100)
    stripe = shell.sandbox.stripe.control
    stripe.clear_requests()
    shell.sandbox.auth0.control.clear_requests()
    ended = shell.reconcile("--json", "--fresh", *_AT_ONCE)
    assert len(ended.findings) == UNLINKED, ended.said
    pace, faster = sustained(stripe.rates()), USERS / ended.seconds / plain
    say(f"Stripe: {pace:.0f} calls/s, {refused(stripe):.2%} refused; {USERS / ended.seconds:.0f} users/s")
    say(f"one at a time: {plain:.1f} users/s, so this is {faster:.0f} times as fast")
    assert pace >= LEAST_SHARE * STRIPE_RPS
    assert refused(stripe) <= MOST_REFUSED
    assert faster >= LEAST_FASTER


def test_the_limit_of_each_endpoint_is_kept_without_a_storm_of_refusals(shell: Office) -> None:
    stripe = shell.sandbox.stripe.control
    stripe.change_settings({"endpoint_rate_limit_per_s": ENDPOINT_RPS})
    stripe.clear_requests()
    ended = shell.reconcile("--json", "--fresh", *_AT_ONCE)
    stripe.change_settings({"endpoint_rate_limit_per_s": 0})
    assert len(ended.findings) == UNLINKED, ended.said
    pace = sustained(stripe.rates())
    say(f"Stripe, one endpoint: {pace:.0f} calls/s, {refused(stripe):.2%} refused")
    assert pace >= LEAST_SHARE * ENDPOINT_RPS
    assert refused(stripe) <= MOST_REFUSED_UNTOLD


def test_the_repair_keeps_auth0_busy_and_is_hardly_refused(shell: Office) -> None:
    auth0 = shell.sandbox.auth0.control
    assert shell.reconcile("--json", *_AT_ONCE).code is not None  # reads both sides
    auth0.clear_requests()
    ended = shell.reconcile("--json", "--apply", "--backfill", *_AT_ONCE)
    done = [it for it in ended.report["findings"] if it["repair"] == "done"]
    assert len(done) == UNLINKED, ended.said
    seconds = [it for it in auth0.rates() if it.requests > 1]
    pace = sustained(seconds)
    say(f"Auth0: {pace:.1f} calls/s, {refused(auth0):.2%} refused, {UNLINKED} links in {ended.seconds:.0f} s")
    assert pace >= LEAST_SHARE * AUTH0_RPS
    assert refused(auth0) <= MOST_REFUSED
