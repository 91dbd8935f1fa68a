"""A person with a browser: Chromium, driven as far as a person can see."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    Response,
    sync_playwright,
)

from tests.support import PASSWORD, Shop

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
# What differs from an ordinary desktop browser, in the words of `Browser.new_context`.
KINDS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
    "without JavaScript": {"java_script_enabled": False},
}


@dataclass
class Person:
    """Somebody in front of a browser. What the browser complains about is kept in `complaints`."""

    page: Page
    shop: Shop
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Type an address of the store."""
        self.page.goto(self.shop.url + path)

    def click(self, words: str) -> None:
        """Click the link or button with exactly these words, and see the page that it leads to."""
        link = self.page.get_by_role("link", name=words, exact=True)
        button = self.page.get_by_role("button", name=words, exact=True)
        with self.page.expect_navigation():
            link.or_(button).first.click()

    def path(self) -> str:
        """Where in the store the browser is; the whole address anywhere else."""
        return self.page.url.removeprefix(self.shop.url)

    def forgive(self, words: str) -> None:
        """Forget the complaints about something that the test caused on purpose."""
        kept = [complaint for complaint in self.complaints if words not in complaint]
        assert kept != self.complaints
        self.complaints[:] = kept

    def sign_up(self, email: str, name: str = "") -> None:
        """Make an account at the provider, coming from the store's front page."""
        self.open("/account")
        self.click("Sign up")
        self.page.get_by_label("Email address").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_label("Name (optional)").fill(name)
        self.click("Sign up")

    def come_logged_in(self, email: str, *, new: bool = False) -> None:
        """Have a browser that is logged in already, with an account that may be new: see the account page.

        For tests that are about something else: what the login's pages do in a browser takes a second.
        """
        elsewhere = self.shop.browser()
        if new:
            elsewhere.sign_up(email)
        else:
            elsewhere.log_in(email)
        self.page.context.add_cookies(
            [
                {"name": kept.name, "value": kept.value or "", "domain": "127.0.0.1", "path": kept.path}
                for kept in elsewhere.client.cookies.jar
            ]
        )
        self.open("/account")

    def log_in(self, email: str) -> None:
        """Log in, coming from the account page."""
        self.open("/account")
        self.page.get_by_label("Email address").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.click("Continue")

    def log_out(self) -> None:
        """Press "Log out" in the account menu, and wait until the provider has sent the browser back."""
        self.page.locator("summary", has_text="Account").click()
        self.page.get_by_role("button", name="Log out", exact=True).click()
        self.page.wait_for_url(f"{self.shop.url}/")

    def customer(self) -> str:
        """The linked customer's ID that the page shows."""
        return self.page.locator('[data-link-status="linked"] #stripe-customer-id').inner_text()


@pytest.fixture(scope="session")
def executable() -> str:
    """Where the browser is."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        reason = f"no browser: none of {', '.join(_NAMES)} is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def chromium(playwright: Playwright, executable: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def keeping_chromium(playwright: Playwright, executable: str) -> Iterator[Browser]:
    """Keeps whole pages in memory for its Back button, as browsers do by default."""
    browser = playwright.chromium.launch(
        executable_path=executable,
        args=_ARGUMENTS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    browser.close()


@pytest.fixture
def hoarder(keeping_chromium: Browser, shop: Shop) -> Iterator[Person]:
    """Somebody whose browser keeps whole pages in memory."""
    with _person(keeping_chromium, shop) as person:
        yield person


@contextmanager
def _person(chromium: Browser, shop: Shop, **kind: Any) -> Iterator[Person]:
    context = chromium.new_context(**kind)
    context.set_default_timeout(10_000)
    person = Person(context.new_page(), shop)
    _listen(context, person.complaints)
    yield person
    context.close()
    assert person.complaints == []


def _listen(context: BrowserContext, complaints: list[str]) -> None:
    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    def on_response(response: Response) -> None:
        if response.status >= 400:
            complaints.append(f"{response.status}: {response.url}")

    def on_failure(request: Request) -> None:
        # Somebody who moves on before a page is complete ends its requests.
        if request.failure != "net::ERR_ABORTED":
            complaints.append(f"failed: {request.url} {request.failure}")

    context.on("console", on_console)
    context.on("weberror", lambda problem: complaints.append(f"script: {problem.error}"))
    context.on("requestfailed", on_failure)
    context.on("response", on_response)


@pytest.fixture
def people(chromium: Browser, shop: Shop) -> Iterator[Callable[..., Person]]:
    """Makes people with browsers of the given kinds. None of their pages may complain."""
    with ExitStack() as stack:
        yield lambda **kind: stack.enter_context(_person(chromium, shop, **kind))


@pytest.fixture(params=KINDS)
def person(request: pytest.FixtureRequest, people: Callable[..., Person]) -> Person:
    """Somebody with each kind of browser."""
    return people(**KINDS[request.param])


@pytest.fixture
def desktop(people: Callable[..., Person]) -> Person:
    """A person with a wide screen, who allows the store to copy."""
    return people(**KINDS["desktop"], permissions=["clipboard-read", "clipboard-write"])
