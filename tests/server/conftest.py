"""Browsers at a store that the tests of a file share."""

from __future__ import annotations

import pytest

from tests.support import Browser, Shop


@pytest.fixture
def stranger(shared: Shop) -> Browser:
    return shared.browser()


@pytest.fixture
def shopper(shared: Shop) -> Browser:
    """A browser that has just logged in."""
    browser = shared.browser()
    browser.log_in()
    return browser
