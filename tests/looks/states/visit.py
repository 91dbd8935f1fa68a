"""A browser at a store, with what a chapter needs to bring a page into a state."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

from tests.goods import Good, go_to_payment, pay, read_again
from tests.looks.tour import press
from tests.support import PASSWORD, Browser, Shop


@dataclass
class Visit:
    """A browser, and a store whose shelves have the demo's goods."""

    page: Page
    shop: Shop

    def open(self, path: str) -> None:
        """Open a page of the store, or any address."""
        self.page.goto(path if path.startswith("http") else self.shop.url + path)

    def press(self, words: str) -> None:
        """Press the button or follow the link, and wait for the page it leads to."""
        press(self.page, words)

    def forget(self) -> None:
        """Be a stranger again."""
        self.page.context.clear_cookies()

    def be(self, browser: Browser) -> None:
        """Have the cookies of a browser without pictures, which logs in and buys faster."""
        self.forget()
        self.page.context.add_cookies(
            [
                {"name": it.name, "value": it.value or "", "domain": "127.0.0.1", "path": it.path}
                for it in browser.client.cookies.jar
            ]
        )

    def log_in(self, email: str = "ada@example.com") -> Browser:
        """Log in, in a browser without pictures and in this one."""
        browser = self.shop.browser()
        browser.log_in(email)
        self.be(browser)
        return browser

    def type_login(self, email: str = "ada@example.com", password: str = PASSWORD) -> None:
        """Fill in the provider's page, and send it."""
        self.page.get_by_label("Email address").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.press("Continue")

    def good(self, product: str) -> Good:
        """A product of the demo, with its default price."""
        found = self.shop.stripe("GET", f"/products/{product}")
        return Good(product, found["default_price"])

    def stock(self, product: str, stock: int) -> None:
        """Change the stock at Stripe; the store has not read it yet."""
        self.shop.stripe("POST", f"/products/{product}", **{"metadata[stock]": str(stock)})

    def read_again(self) -> None:
        """Have the store read the catalogue."""
        read_again(self.shop)

    def buy(self, browser: Browser, product: str, quantity: int = 1, **card: str) -> str:
        """Buy something; returns the address of the page after the payment."""
        path = f"/checkout?price={self.good(product).price}&quantity={quantity}"
        return str(pay(browser, go_to_payment(browser, path), **card).url)

    def fail(self, path: str, status: int = 503, method: str | None = None) -> None:
        """Let Stripe answer like this from now on."""
        body = {"error": {"type": "invalid_request_error", "message": "The key may not do this."}}
        fault = {"method": method} if method else {}
        self.shop.sandbox.stripe.control.add_fault(
            action="status", path=path, status=status, body=body, times=None, **fault
        )

    def fail_auth0(self, path: str, status: int = 503) -> None:
        """Let Auth0 answer like this from now on."""
        self.shop.sandbox.auth0.control.add_fault(
            action="status", path=path, status=status, body={"error": "access_denied"}, times=None
        )

    def mend(self) -> None:
        """Let both vendors work again."""
        self.shop.sandbox.stripe.control.clear_faults()
        self.shop.sandbox.auth0.control.clear_faults()
