"""Takes the documentation's screenshots from a running store with the demo's goods: `make screenshots`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from webstore.sandbox.vendors import Sandbox

HERE = Path(__file__).parent
TOP = HERE.parents[1]
PORT = 8000
STORE = f"http://127.0.0.1:{PORT}"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def store(sandbox: Sandbox) -> Iterator[None]:
    """The store under gunicorn at `STORE` for the block. Raises RuntimeError if it does not answer."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **sandbox.environment(STORE),
            "PATH": os.environ["PATH"],
            "WEBSTORE_ENV_FILE": "",
            "STATE_DIR": f"{folder}/state",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
            cwd=TOP,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(process)
            yield
        finally:
            process.terminate()
            process.wait()


def wait_for(process: subprocess.Popen[bytes]) -> None:
    """Wait until the store shows its products."""
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            if "Linden teapot" in httpx.get(STORE, trust_env=False).text:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(0.1)
    raise RuntimeError(f"no store with products at {STORE}; is the port taken?")


def press(page: Page, words: str) -> None:
    """Press the button or follow the link, and wait for the page it leads to."""
    button = page.get_by_role("button", name=words, exact=True)
    with page.expect_navigation():
        button.or_(page.get_by_role("link", name=words, exact=True)).first.click()


def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    """Save what the browser shows, or the whole page, once its pictures are there."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=HERE / f"{name}.png", full_page=whole, animations="disabled")


def wide(browser: Browser) -> None:
    """The front page of a stranger, and the two records of somebody who has logged in."""
    page = browser.new_page(viewport={"width": 1280, "height": 1180}, locale="en-GB")
    page.goto(STORE)
    shoot(page, "shop")
    page.set_viewport_size({"width": 1100, "height": 900})
    page.goto(f"{STORE}/account/link")
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("Password").fill("Password1!")
    press(page, "Continue")
    shoot(page, "compared")


def narrow(browser: Browser) -> None:
    """A product and the cart on a phone, in the dark."""
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark", locale="en-GB")
    page.goto(f"{STORE}/products/earl-grey")
    shoot(page, "phone-product")
    press(page, "Add to cart")
    shoot(page, "phone-cart")


def take(playwright: Playwright) -> None:
    """Take every picture."""
    path = next(filter(None, map(shutil.which, CHROMIUM)))
    browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
    wide(browser)
    narrow(browser)
    browser.close()


def main() -> None:
    """Start the store and its vendors, and take the pictures."""
    with Sandbox(STORE) as sandbox, sync_playwright() as playwright:
        sandbox.open_shop()
        with store(sandbox):
            take(playwright)


if __name__ == "__main__":
    main()
