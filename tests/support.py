"""A store under test: the real application on real HTTP, against the sandbox's two vendors."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from flask import Flask

from webstore import create_app
from webstore.sandbox.server import Server
from webstore.sandbox.vendors import Sandbox
from webstore.settings import Settings

PASSWORD = "Password1!"
ADA = "auth0|000000000000000000000001"


@dataclass
class Shop:
    """The store and the two vendors."""

    sandbox: Sandbox
    app: Flask
    url: str
    environment: dict[str, str]
    browsers: list[httpx.Client] = field(default_factory=list)

    def browser(self) -> Browser:
        """A new browser without cookies."""
        client = httpx.Client(base_url=self.url, follow_redirects=True, timeout=30)
        self.browsers.append(client)
        return Browser(client)

    def stripe_requests(self) -> list[str]:
        """Method and path of what Stripe was asked so far."""
        return [f"{seen.method} {seen.path}" for seen in self.sandbox.stripe.control.requests()]

    def management_requests(self) -> list[str]:
        """Method and path of what the Management API was asked so far."""
        return [
            f"{seen.method} {seen.path}"
            for seen in self.sandbox.auth0.control.requests()
            if seen.path.startswith("/api/v2/")
        ]

    def forget_requests(self) -> None:
        """Empty both request logs."""
        self.sandbox.stripe.control.clear_requests()
        self.sandbox.auth0.control.clear_requests()

    def stripe(self, method: str, path: str, **form: str) -> Any:
        """Ask the sandbox's Stripe directly, as a developer at a shell would."""
        key = self.environment["STRIPE_SECRET_KEY"]
        url = f"{self.environment['STRIPE_API_BASE']}/v1{path}"
        headers = {"Authorization": f"Bearer {key}"}
        if method == "GET":
            return httpx.get(url, params=form, headers=headers).json()
        return httpx.request(method, url, data=form, headers=headers).json()

    def customers(self) -> list[dict[str, Any]]:
        """Every living customer."""
        listed: list[dict[str, Any]] = self.stripe("GET", "/customers", limit="100")["data"]
        return listed

    def app_metadata(self, user_id: str) -> dict[str, Any]:
        """What Auth0 records about the user, read through the Management API."""
        found = self.management("GET", user_id).json().get("app_metadata", {})
        assert isinstance(found, dict)
        return found

    def management(self, method: str, user_id: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Ask the sandbox's Management API about a user, as an operator would."""
        origin = self.environment["AUTH0_ISSUER"].rstrip("/")
        form = {
            "grant_type": "client_credentials",
            "client_id": self.environment["AUTH0_MGMT_CLIENT_ID"],
            "client_secret": self.environment["AUTH0_MGMT_CLIENT_SECRET"],
            "audience": f"https://{self.environment['AUTH0_DOMAIN']}/api/v2/",
        }
        token = httpx.post(f"{origin}/oauth/token", data=form).raise_for_status().json()["access_token"]
        quoted = httpx.URL(path=f"/api/v2/users/{user_id}".replace("|", "%7C"))
        return httpx.request(
            method, f"{origin}{quoted}", json=body, headers={"Authorization": f"Bearer {token}"}
        )


@dataclass
class Browser:
    """Does what a person does: opens pages, fills in forms, follows redirects."""

    client: httpx.Client

    def open(self, path: str) -> httpx.Response:
        """Open a page of the store (or any address)."""
        return self.client.get(path)

    def submit(self, page: httpx.Response, action: str | None = None, **fields: str) -> httpx.Response:
        """Send the page's form (the one whose action contains `action`, else the first)."""
        for markup in re.findall(r"<form.*?</form>", page.text, re.DOTALL):
            target = html.unescape((re.findall(r'<form[^>]*action="([^"]*)"', markup) or [""])[0])
            if action is not None and action not in target:
                continue
            data = {}
            for tag in re.findall(r"<(?:input|button)[^>]*>", markup):
                name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
                if name and "<input" in tag:
                    data[name[1]] = html.unescape(value[1]) if value else ""
            origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
            return self.client.post(
                page.url.join(target), data={**data, **fields}, headers={"Origin": origin}
            )
        raise AssertionError(f"no form on {page.url}")

    def log_in(
        self, email: str = "ada@example.com", path: str = "/account", password: str = PASSWORD
    ) -> httpx.Response:
        """Log in at the provider and come back to `path`."""
        page = self.open(f"/login?next={path}")
        if "/u/login" not in page.url.path:
            return page  # single sign-on: the provider knows this browser already
        return self.submit(page, email=email, password=password)

    def sign_up(self, email: str, path: str = "/account") -> httpx.Response:
        """Make an account at the provider and come back to `path`."""
        page = self.open(f"/login?screen_hint=signup&next={path}")
        return self.submit(page, email=email, password=PASSWORD)

    def log_out(self) -> httpx.Response:
        """Press the log-out button."""
        return self.submit(self.open("/account"), action="/logout")


def shown_customer(page: httpx.Response) -> str | None:
    """The linked customer's ID as the page shows it."""
    found = re.search(r'id="stripe-customer-id"[^>]*>([^<]*)<', page.text)
    return found[1] if found else None


def link_status(page: httpx.Response) -> str | None:
    """The value of `data-link-status`."""
    found = re.search(r'data-link-status="([^"]*)"', page.text)
    return found[1] if found else None


@contextmanager
def running_shop(state_dir: Path, **environment: str) -> Iterator[Shop]:
    """Both vendors and one store in this process, on free ports."""
    server = Server()
    with Sandbox(server.url) as sandbox:
        settings = {**sandbox.environment(), "STATE_DIR": str(state_dir), **environment}
        server.app = app = create_app(Settings.from_env(settings))
        shop = Shop(sandbox, app, server.url, settings)
        with server:
            yield shop
            for browser in shop.browsers:
                browser.close()
        app.extensions["webstore"].close()
