"""Browsers at the store, and a log that has everything."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.provider import Liar, a_lying_shop
from tests.support import Browser, Shop


@pytest.fixture
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """For tests that look for secrets in the log."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "httpcore")


@pytest.fixture
def browser(shared: Shop) -> Browser:
    """A new browser at the store that the tests of a file share."""
    return shared.browser()


@pytest.fixture
def shopper(browser: Browser) -> Browser:
    """A browser that has just logged in there."""
    browser.log_in()
    return browser


@pytest.fixture
def ada(shop: Shop) -> Browser:
    """Ada's browser, just logged in at a store of the test's own."""
    browser = shop.browser()
    browser.log_in()
    return browser


@pytest.fixture
def lying(tmp_path: Path) -> Iterator[tuple[Liar, Shop]]:
    """A store whose provider says what a test wants, in the session "the-session"."""
    with a_lying_shop(tmp_path) as (liar, shop):
        liar.claims = {"sid": "the-session"}
        yield liar, shop
