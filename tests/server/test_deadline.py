"""Each request ends in time, and requests that wait leave threads for the others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import pytest

from tests.server.under_gunicorn import running_store
from tests.support import Shop, until
from webstore import composition, deadline
from webstore.gateways.threads import Threads
from webstore.routes import Services, edge
from webstore.sandbox.control import Control

#: Longer than a test may take, and soon (seconds).
AMPLE_S, SOON_S = 600.0, 1.0
SUCCESS = "/checkout/success?session_id=cs_test_1"
SetLimits = Callable[..., None]


@pytest.fixture
def set_limits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> SetLimits:
    """Starts the store once more, with other limits on a page and on a call to a vendor."""

    def restart(*, page_s: float, call_s: float) -> None:
        monkeypatch.setattr(edge, "_PAGE_S", page_s)
        monkeypatch.setattr(composition, "_VENDOR_CALL_S", call_s)
        shop.restart()

    return restart


def let_it_hang(stripe: Control) -> None:
    """Let Stripe not answer about purchases, for longer than a test may take."""
    stripe.add_fault(action="hang", path="/v1/checkout/sessions/.*", times=None, seconds=AMPLE_S)


def held_calls(stripe: Control) -> int:
    """How many calls about purchases have come to Stripe; each of them hangs."""
    return sum(seen.path.startswith("/v1/checkout/sessions/") for seen in stripe.requests())


def assert_unknown(page: httpx.Response) -> None:
    assert page.status_code == 503
    assert "We can't show your purchase right now" in page.text


def test_each_request_has_a_deadline_of_its_own(shop: Shop, set_limits: SetLimits) -> None:
    set_limits(page_s=AMPLE_S, call_s=AMPLE_S)

    @shop.app.get("/left")
    def left() -> str:
        return str(deadline.left())

    browser = shop.browser()
    budget_s = shop.linker.budget_s
    for _ in range(3):
        assert AMPLE_S < float(browser.open("/left").text) <= AMPLE_S + budget_s


@pytest.mark.parametrize(
    ("page_s", "call_s"), [(SOON_S, AMPLE_S), (AMPLE_S, SOON_S)], ids=["the page's", "the call's"]
)
def test_a_page_that_asks_stripe_ends_by_the_sooner_limit_while_the_call_is_still_held(
    shop: Shop, set_limits: SetLimits, page_s: float, call_s: float
) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.environment["LINK_BUDGET_S"] = "0.1"
    set_limits(page_s=page_s, call_s=call_s)
    let_it_hang(shop.sandbox.stripe.control)
    assert_unknown(browser.open(SUCCESS))
    assert held_calls(shop.sandbox.stripe.control) == 1


def test_only_so_many_requests_wait_for_stripe_and_the_others_are_answered(
    shop: Shop, set_limits: SetLimits
) -> None:
    browser = shop.browser()
    browser.log_in()
    set_limits(page_s=AMPLE_S, call_s=AMPLE_S)
    stripe = shop.sandbox.stripe.control
    let_it_hang(stripe)
    services: Services = shop.app.extensions["webstore"]
    bound = Threads.of_server(services.settings.web_threads).pages
    with ThreadPoolExecutor(bound + 5) as pool:
        waiting = {pool.submit(browser.open, SUCCESS) for _ in range(bound + 5)}
        for _ in range(5):
            (refused, *more), waiting = wait(waiting, timeout=60, return_when=FIRST_COMPLETED)
            waiting |= set(more)
            assert_unknown(refused.result())
        assert held_calls(stripe) == len(waiting) == bound
        assert browser.open("/").status_code == 200
        assert not any(page.done() for page in waiting)
        stripe.clear_faults()
        for page in waiting:
            assert_unknown(page.result(60))


def test_a_server_whose_stripe_hangs_serves_other_pages_though_more_ask_than_it_has_threads(
    tmp_path: Path,
) -> None:
    one_worker = running_store(tmp_path, WEB_THREADS="4", WEB_CONCURRENCY="1")
    with one_worker as store, store.browser() as browser, ThreadPoolExecutor(12) as pool:
        browser.log_in()
        stripe = store.sandbox.stripe.control
        let_it_hang(stripe)
        waiting = [pool.submit(browser.open, SUCCESS) for _ in range(12)]
        until(lambda: held_calls(stripe) == 1)
        assert browser.open("/").status_code == 200
        until(lambda: sum(page.done() for page in waiting) == 11)
        # Without a bound, every thread of the server would hold a call by now.
        assert held_calls(stripe) == 1
        stripe.clear_faults()
        for page in waiting:
            assert_unknown(page.result(60))
