"""Firefox: a purchase by keyboard alone, without JavaScript, at 400 % zoom and in forced colours."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engines.drivers import CommandFailed, Engine, Marionette, firefox
from tests.goods import sell
from tests.keyboard import buy_a_mug
from tests.support import Shop

#: "Always" for the choice "override the colours of the page", which pages see as forced colours.
_FORCED = {"browser.display.document_color_use": 2}
#: https://www.w3.org/TR/webdriver2/#keyboard-actions
_KEYS = {"Tab": "\ue004", "Enter": "\ue007"}


@dataclass
class Keys:
    """The keys of Firefox."""

    engine: Engine

    def press(self, key: str) -> None:
        self.engine.press_key(_KEYS[key])

    def type(self, text: str) -> None:
        for character in text:
            self.engine.press_key(character)

    def evaluate(self, function: str) -> Any:  # the page's own value
        with suppress(CommandFailed):
            return self.engine.evaluate(function)
        return None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_purchase_by_keyboard_alone_zoomed_and_in_forced_colours(
    tmp_path: Path, shop: Shop, *, scripts: bool
) -> None:
    sell(shop, "Blue mug", 1250)
    folder = tmp_path / "browser"
    folder.mkdir(mode=0o700)
    with firefox(folder, **_FORCED, **{"javascript.enabled": scripts}) as engine:
        assert isinstance(engine.channel, Marionette)
        engine.open(shop.url)
        engine.channel.zoom(4, width=1280)
        buy_a_mug(Keys(engine))
