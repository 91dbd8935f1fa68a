"""Layout and colours of fourteen pages are those of the baselines, at three widths, light and dark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.goods import read_again
from tests.support import Shop

from .conftest import dress
from .tour import visited

BASELINES = Path(__file__).with_name("baselines")
MEASURE = Path(__file__).with_name("measure.js").read_text()
WIDTHS = {360: 740, 768: 1024, 1440: 900}
#: Browsers round differently from release to release, in CSS pixels.
TOLERANCE = 2

#: What one page looks like: each of its parts with its box at each width, and its style, light and dark.
Look = dict[str, dict[str, Any]]


def look_at(page: Page) -> Look:
    """Measure the page that is open."""
    dress(page)
    look: Look = {}
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for part, found in page.evaluate(MEASURE).items():
                kept = look.setdefault(part, {})
                kept.setdefault(str(width), found["box"])
                # Most styles are those of the narrowest screen.
                narrow = kept.setdefault(scheme, found["style"])
                if found["style"] != narrow:
                    kept[f"{scheme} {width}"] = found["style"]
    return look


def differences(then: Look, now: Look) -> list[str]:
    """The differences between two looks, a line for each."""
    found = []
    for part in then | now:
        before, after = then.get(part, {}), now.get(part, {})
        for where in before | after:
            was, has = before.get(where), after.get(where)
            if isinstance(was, list) and isinstance(has, list):
                same = all(abs(a - b) <= TOLERANCE for a, b in zip(was, has, strict=True))
            else:
                same = was == has
            if not same:
                found.append(f"{part}, {where}: was {was}, is {has}")
    return found


@pytest.mark.timeout(300)
def test_the_pages_look_as_they_did(page: Page, shop: Shop, request: pytest.FixtureRequest) -> None:
    shop.sandbox.open_shop()
    read_again(shop)
    changed = {}
    for name in visited(page, shop):
        file, look = BASELINES / f"{name}.json", look_at(page)
        if request.config.getoption("--write"):
            lines = ",\n".join(f"{json.dumps(part)}: {json.dumps(seen)}" for part, seen in look.items())
            file.write_text(f"{{\n{lines}\n}}\n")
        elif found := differences(json.loads(file.read_text()), look):
            changed[name] = found
    # The first few tell; one rule moves everything below it.
    told = [f"{name}: {line}" for name, found in changed.items() for line in found[:8]]
    assert not told, "\n".join([*told, "If this is wanted: make looks ARGS=--write"])
