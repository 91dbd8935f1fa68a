"""A purchase without a mouse, at 400 % zoom of a screen of 1280 pixels, in forced colours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Error, Page

from tests.browser.conftest import Person
from tests.goods import sell
from tests.keyboard import buy_a_mug

#: https://www.w3.org/WAI/WCAG22/Understanding/reflow.html
_ZOOMED = {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4, "forced_colors": "active"}


@dataclass
class Keys:
    """The keys of Chromium."""

    page: Page

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def evaluate(self, function: str) -> Any:  # the page's own value
        with suppress(Error):
            return self.page.evaluate(function)
        return None


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_purchase_by_keyboard_alone_zoomed_and_in_forced_colours(
    people: Callable[..., Person], *, scripts: bool
) -> None:
    person = people(**_ZOOMED, java_script_enabled=scripts)
    sell(person.shop, "Blue mug", 1250)
    person.open("/")
    buy_a_mug(Keys(person.page))
