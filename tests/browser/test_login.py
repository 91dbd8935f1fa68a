"""The login in a browser: tabs, reloads, the Back button, stored pages, and where forms may lead."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Error, Page, Request, expect

from tests.browser.conftest import KINDS, Person
from tests.support import PASSWORD

ADA = "ada@example.com"


def stranger_is_shown(page: Page) -> bool:
    """Whether the page offers to log in."""
    return page.get_by_role("link", name="Log in", exact=True).count() > 0


def log_in_from_home(person: Person) -> None:
    """Press "Log in" on the front page and come back to it."""
    person.open("/")
    person.click("Log in")
    person.page.get_by_label("Email address").fill(ADA)
    person.page.get_by_label("Password").fill(PASSWORD)
    person.click("Continue")
    assert person.path() == "/"


def _travel(page: Page, travel: Callable[..., object]) -> None:
    """Go back or forward; Chromium refuses while it is still putting the former page into its memory."""
    for _ in range(10):
        try:
            travel(wait_until="commit")
        except Error as exc:
            if "Not attached to an active page" not in str(exc):
                raise
            page.wait_for_timeout(100)
        else:
            return
    pytest.fail("the browser does not get off the page")


def assert_shopper(page: Page) -> None:
    """The page knows the shopper, and offers no login."""
    expect(page.locator("[data-link-status]").first).to_have_attribute("data-link-status", "linked")
    expect(page.get_by_role("link", name="Log in", exact=True)).to_have_count(0)


def forgive_the_providers_page(person: Person) -> None:
    """Going back to its log-in form is an error."""
    person.complaints[:] = [shown for shown in person.complaints if "400" not in shown]


def callback_of(person: Person) -> list[str]:
    """The addresses of the callbacks that the browser goes through from now on."""
    seen: list[str] = []

    def note(request: Request) -> None:
        if "/callback?" in request.url:
            seen.append(request.url)

    person.page.on("request", note)
    return seen


def test_opening_the_callback_again_brings_the_shopper_home(desktop: Person) -> None:
    seen = callback_of(desktop)
    log_in_from_home(desktop)
    (callback,) = seen
    for _ in range(2):
        desktop.page.goto(callback)
        assert desktop.path() == "/"
        assert_shopper(desktop.page)
        desktop.page.reload()
        assert_shopper(desktop.page)


def test_opening_the_callback_again_after_a_logout_offers_to_log_in(desktop: Person) -> None:
    seen = callback_of(desktop)
    log_in_from_home(desktop)
    desktop.log_out()
    desktop.page.goto(seen[0])
    expect(desktop.page.get_by_role("heading", level=1)).to_have_text("This login has expired")
    desktop.page.reload()
    expect(desktop.page.get_by_role("heading", level=1)).to_have_text("This login has expired")
    desktop.page.get_by_role("main").get_by_role("link", name="Log in").click()
    expect(desktop.page.get_by_label("Email address")).to_be_visible()
    desktop.forgive("400")


@pytest.mark.parametrize("keeps_pages", [False, True], ids=["pages from the cache", "pages from memory"])
def test_after_a_login_no_page_shows_a_stored_log_in(
    request: pytest.FixtureRequest, *, keeps_pages: bool
) -> None:
    person: Person = request.getfixturevalue("hoarder" if keeps_pages else "desktop")
    person.open("/")
    person.open("/?sort=name")
    log_in_from_home(person)
    assert_shopper(person.page)
    for travel in (*4 * [person.page.go_back], *4 * [person.page.go_forward]):
        # A page from memory is there at once, and reloads itself.
        _travel(person.page, travel)
        if person.page.url.startswith(person.shop.url):
            assert_shopper(person.page)
    person.page.reload()
    assert_shopper(person.page)
    for path in ("/", "/?sort=name"):
        person.open(path)
        assert_shopper(person.page)
    person.complaints[:] = [
        shown for shown in person.complaints if "/u/login" not in shown and "400" not in shown
    ]


@pytest.mark.parametrize("keeps_pages", [False, True], ids=["pages from the cache", "pages from memory"])
def test_after_a_logout_the_back_button_shows_nothing_of_the_shopper(
    request: pytest.FixtureRequest, *, keeps_pages: bool
) -> None:
    person: Person = request.getfixturevalue("hoarder" if keeps_pages else "desktop")
    # Not a demo account: the provider's page lists those for everybody.
    address = "ivy@example.com"
    person.sign_up(address)
    customer = person.customer()
    person.open("/account/link")
    person.open("/")
    person.log_out()
    for _ in range(3):
        person.page.go_back()
        expect(person.page.locator("body")).not_to_contain_text(customer)
        expect(person.page.locator("body")).not_to_contain_text(address)
    forgive_the_providers_page(person)


def test_five_tabs_log_in_at_once(desktop: Person) -> None:
    tabs = [desktop.page, *(desktop.page.context.new_page() for _ in range(4))]
    for number, tab in enumerate(tabs):
        tab.goto(f"{desktop.shop.url}/account?tab={number}", wait_until="commit")
    for tab in reversed(tabs):
        tab.get_by_label("Email address").fill(ADA)
        tab.get_by_label("Password").fill(PASSWORD)
        with tab.expect_navigation():
            tab.get_by_role("button", name="Continue", exact=True).click()
    for number, tab in enumerate(tabs):
        assert tab.url == f"{desktop.shop.url}/account?tab={number}"
        assert_shopper(tab)
    names = {cookie["name"] for cookie in desktop.page.context.cookies() if "name" in cookie}
    assert not [name for name in names if name.startswith(desktop.shop.cookie("login-"))]


def test_twenty_abandoned_logins_do_not_stand_in_the_way(desktop: Person) -> None:
    for number in range(20):
        # Into the browser's cookies, without the page on the screen.
        page = desktop.page.context.request.get(f"{desktop.shop.url}/account/link?{number}{'x' * 200}")
        assert "Email address" in page.text()
    desktop.open(f"/account/link?{'x' * 200}")
    expect(desktop.page.get_by_label("Email address")).to_be_visible()
    log_in_from_home(desktop)
    assert_shopper(desktop.page)


@pytest.mark.parametrize("kind", ["desktop", "without JavaScript"])
def test_the_log_out_form_reaches_the_provider_and_comes_back(
    people: Callable[..., Person], kind: str
) -> None:
    person = people(**KINDS[kind])
    person.come_logged_in(ADA)
    reached: list[str] = []
    person.page.on("request", lambda request: reached.append(request.url.partition("?")[0]))
    person.log_out()
    assert person.path() == "/"
    issuer = person.shop.environment["AUTH0_ISSUER"]
    pages = [url for url in reached if "/static/" not in url]
    assert pages == [f"{person.shop.url}/logout", f"{issuer}oidc/logout", f"{person.shop.url}/"]
    person.open("/account")
    expect(person.page.get_by_label("Email address")).to_be_visible()


def test_a_session_whose_state_was_lost_goes_on_without_the_shopper_noticing(desktop: Person) -> None:
    desktop.come_logged_in(ADA)
    customer = desktop.customer()
    # The page's icon comes after the page: the restart must not cut it off.
    desktop.page.wait_for_load_state("networkidle")
    desktop.shop.lose_state()
    desktop.open("/account/link")
    assert desktop.path() == "/account/link"
    assert desktop.customer() == customer


def test_a_session_whose_state_was_lost_while_the_provider_is_down_is_a_strangers(desktop: Person) -> None:
    desktop.come_logged_in(ADA)
    desktop.shop.remove_state()
    desktop.shop.sandbox.auth0_server.stop()
    desktop.open("/")
    assert desktop.path() == "/"
    assert stranger_is_shown(desktop.page)
    desktop.shop.sandbox.auth0_server.start()
    desktop.click("Log in")
    assert_shopper(desktop.page)
