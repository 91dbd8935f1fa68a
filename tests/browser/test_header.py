"""The header: one row at every width, with the search and the account menu; also without scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import KINDS, Person
from tests.goods import sell

#: Pixels that two rows of a header could not be held in.
_ONE_ROW = 72


def test_the_header_is_one_row_and_nothing_overflows(desktop: Person) -> None:
    mug = sell(desktop.shop, "Blue mug", 123_456_789)
    desktop.come_logged_in("ada@example.com")
    desktop.open(f"/products/{mug.product}")
    desktop.click("Add to cart")
    for path in (f"/products/{mug.product}", "/cart", "/checkout", "/account", "/"):
        desktop.open(path)
        for width in (320, 360, 767, 768, 876, 1440):
            desktop.page.set_viewport_size({"width": width, "height": 800})
            row = desktop.page.locator("header .bar").bounding_box()
            assert row is not None
            assert row["height"] <= _ONE_ROW, (path, width)
            assert desktop.page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_phone_searches_behind_an_icon(people: Callable[..., Person], scripts: bool) -> None:
    phone = people(viewport={"width": 360, "height": 740}, java_script_enabled=scripts)
    sell(phone.shop, "Blue mug", 1250)
    phone.open("/")
    field = phone.page.get_by_label("Search products")
    expect(field).to_be_hidden()
    phone.page.get_by_role("button", name="Open search").click()
    field.fill("mug")
    field.press("Enter")
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("1 result for “mug”")
    expect(phone.page.get_by_role("main")).to_contain_text("Blue mug")


def test_the_account_menu_opens_without_scripts(people: Callable[..., Person]) -> None:
    person = people(**{**KINDS["desktop"], "java_script_enabled": False})
    person.come_logged_in("ada@example.com")
    expect(person.page.get_by_role("button", name="Log out", exact=True)).to_be_hidden()
    person.log_out()
    expect(person.page.get_by_role("link", name="Log in", exact=True)).to_be_visible()
