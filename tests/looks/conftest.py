"""A browser whose text has the same size on every machine, and the option that writes the baselines again."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import _ARGUMENTS, executable

__all__ = ["executable"]

#: Each character of this font is the same rectangle: a page looks the same whatever fonts a machine has.
FONT = Path(__file__).with_name("boxes.ttf")
_STYLE = """
@font-face { font-family: boxes; src: url(data:font/ttf;base64,%s); }
*, *::before, *::after {
  font-family: boxes !important;
  transition: none !important;
  animation: none !important;
}
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """See pytest's hook of this name."""
    parser.addoption("--write", action="store_true", help="write the baselines of the looks again")


@pytest.fixture(scope="module")
def page(executable: str) -> Iterator[Page]:
    """A page on which `dress` has an effect, with nothing moving."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        context = browser.new_context(bypass_csp=True, reduced_motion="reduce", locale="en-US")
        yield context.new_page()
        browser.close()


def dress(page: Page) -> None:
    """Set the whole page in the font of rectangles."""
    page.add_style_tag(content=_STYLE % base64.b64encode(FONT.read_bytes()).decode())
    assert page.evaluate("document.fonts.load('16px boxes').then((loaded) => loaded.length)") == 1
