"""Every state of every page: without barriers, valid HTML, as wide as the screen, with one heading."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, Response

from tests.goods import read_again
from tests.support import Shop

from .states import CHAPTERS, Visit

PACKAGES = Path(__file__).with_name("node_modules")
AXE = PACKAGES / "axe-core" / "axe.min.js"
VALIDATOR = PACKAGES / "html-validate" / "bin" / "html-validate.mjs"
RULES = Path(__file__).with_name("html-validate.json")
WIDTHS = {360: 740, 768: 1024, 1440: 900}
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")


@pytest.fixture(scope="module")
def node() -> str:
    """The program that checks HTML; its packages are there, too."""
    found = shutil.which("node")
    if found is None or not AXE.exists():
        reason = "Node or its packages are missing"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    assert found is not None
    return found


def barriers(page: Page) -> list[str]:
    """What axe finds: https://www.deque.com/axe/core-documentation/api-documentation/"""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [f"{it['id']} at {[node['target'] for node in it['nodes']][:3]}" for it in found]


def problems(page: Page) -> list[str]:
    """The barriers at each width, light and dark, and what is wrong with the page as a whole."""
    found = []
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"wider than {width} pixels")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found += [f"{width} {scheme}: {it}" for it in barriers(page)]
    headings = page.locator("h1:visible").count()
    return found if headings == 1 else [*found, f"{headings} headings of the first level"]


def invalid(node: str, folder: Path) -> list[str]:
    """What is wrong with the HTML files in the folder: https://html-validate.org/usage/cli.html"""
    command = (node, str(VALIDATOR), "--config", str(RULES), "--formatter", "json", str(folder))
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})  # noqa: S603
    found = json.loads(answer.stdout)
    return [
        f"{Path(file['filePath']).stem}:{it['line']}: {it['ruleId']} {it['message']}"
        for file in found
        for it in file["messages"]
    ]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter(chapter: str, page: Page, shop: Shop, node: str, tmp_path: Path) -> None:
    shop.sandbox.open_shop()
    read_again(shop)
    page.context.clear_cookies()
    answers: list[Response] = []
    page.on("response", lambda it: answers.append(it) if it.request.is_navigation_request() else None)
    found, folder = [], tmp_path / "pages"
    folder.mkdir()
    for number, name in enumerate(CHAPTERS[chapter](Visit(page, shop))):
        (folder / f"{number:03} {name.replace('/', ' ')}.html").write_text(answers[-1].text())
        found += [f"{name}: {it}" for it in problems(page)]
    assert found + invalid(node, folder) == []
