"""A store under test: the real application on real HTTP, against the sandbox's two vendors."""

from __future__ import annotations

import errno
import html
import re
import shutil
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from flask import Flask

from tests.compiled_once import compile_once
from webstore import create_app, linking
from webstore.linking.attempt import Linker
from webstore.linking.models import LinkOutcome
from webstore.routes import Services, attach
from webstore.sandbox.auth0.user import database_user, hash_password
from webstore.sandbox.control import Control
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY, TEST_KEY, StripeConfig
from webstore.sandbox.vendors import Sandbox
from webstore.sessions.login import link_at_login
from webstore.settings import Settings

compile_once()

T = TypeVar("T")

PASSWORD = "Password1!"
CATALOGUE_READ = "GET /v1/prices"
ADA = "auth0|000000000000000000000001"
GRACE = "auth0|000000000000000000000002"
RESTRICTED_KEY = "rk_test_restricted_key_of_the_first_account"
OTHER_ACCOUNT, OTHER_KEY = "acct_1Sandbox00000002", "sk_test_key_of_another_account"
SECOND_LIVE_KEY = "sk_live_key_of_another_account"
STRIPE_KEYS = {
    TEST_KEY: (ACCOUNT, False),
    LIVE_KEY: (ACCOUNT, True),
    RESTRICTED_KEY: (ACCOUNT, False),
    OTHER_KEY: (OTHER_ACCOUNT, False),
    SECOND_LIVE_KEY: (OTHER_ACCOUNT, True),
}
#: Of an organization with both accounts.
ORGANIZATION_KEY = "sk_org_test_key_of_both_accounts"
STRIPE = StripeConfig(keys=STRIPE_KEYS, organizations={ORGANIZATION_KEY: ((ACCOUNT, OTHER_ACCOUNT), False)})
#: Not the sandbox's, which a store with a live key or a public address refuses.
APP_SECRET_KEY = "the-secret-of-a-store-under-test-and-of-no-other"
DAY_S = 24 * 3600.0
#: Linking takes milliseconds, but a machine that is busy with other things may stop it for seconds.
AMPLE_BUDGET_S = "7"
# Nothing here speaks TLS, and loading the certificate authorities for each client takes a while.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Shop:
    """The store and the two vendors."""

    sandbox: Sandbox
    app: Flask
    url: str
    environment: dict[str, str]
    server: Server
    #: How far the clock that the store links by is ahead, in seconds.
    ahead_s: float = 0.0
    browsers: list[httpx.Client] = field(default_factory=list)
    http: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=30, verify=NO_AUTHORITIES, trust_env=False)
    )

    def browser(self, url: str | None = None) -> Browser:
        """A new browser without cookies, at this store or at another one."""
        client = httpx.Client(
            base_url=url or self.url, follow_redirects=True, timeout=30, verify=NO_AUTHORITIES
        )
        self.browsers.append(client)
        return Browser(client)

    @property
    def linker(self) -> Linker:
        """What the running store links with."""
        services: Services = self.app.extensions["webstore"]
        return services.linker

    def cookie(self, purpose: str = "") -> str:
        """The name of the store's cookie for this purpose; without one, of the session cookie."""
        return cookie_name(self.url, purpose)

    def use(self, user_id: str, remembered: str | None = None) -> LinkOutcome:
        """Ask the store for the customer to use for money, as a session does that remembers one."""
        return linking.verified_customer(self.linker, user_id, remembered)

    def restart(self, **environment: str) -> None:
        """Put a new process in the old one's place, with these settings changed; it remembers nothing."""
        self.stop()
        self.environment |= environment
        self.server.app = self.app = create_app(Settings.from_env(self.environment))
        self._set_clock()
        self.server.start()

    def stop(self) -> None:
        """Stop the store."""
        self.server.stop()
        self.app.extensions["webstore"].close()

    def remove_state(self) -> None:
        """Lose what the workers share. A store that runs may put a file there at the same moment."""
        while True:
            try:
                return shutil.rmtree(self.environment["STATE_DIR"])
            except OSError as exc:
                if exc.errno != errno.ENOTEMPTY:
                    raise

    def block_state(self) -> None:
        """Have a file in the place of what the workers share: from now on it cannot be used."""
        put_file_at(Path(self.environment["STATE_DIR"]))

    def lose_state(self) -> None:
        """Lose what the workers share, and what this one has in memory."""
        self.remove_state()
        self.restart()

    @contextmanager
    def worker(self, **environment: str) -> Iterator[Linker]:
        """The linker of one more process of this store, which has nothing in memory yet."""
        services: Services = create_app(Settings.from_env({**self.environment, **environment})).extensions[
            "webstore"
        ]
        try:
            yield replace(services.linker, now=self._now)
        finally:
            services.close()

    def advance(self, seconds: float) -> None:
        """Move time on at both vendors and in the store."""
        self.sandbox.auth0.control.clock.advance(seconds)
        self.sandbox.stripe.control.clock.advance(seconds)
        self.ahead_s += seconds
        self._set_clock()

    def _set_clock(self) -> None:
        services: Services = self.app.extensions["webstore"]
        linker = replace(services.linker, now=self._now)
        hooks = (partial(link_at_login, linker),)
        attach(self.app, replace(services, linker=linker, hooks=hooks))

    def _now(self) -> float:
        return time.time() + self.ahead_s

    def add_user(self, email: str | None, *, age_s: float = 0.0, **details: Any) -> str:
        """Add a user that Auth0 has had for `age_s` seconds, and give the ID; `details`: fields of `User`."""
        users, clock = self.sandbox.auth0.state.users, self.sandbox.auth0.control.clock
        fresh = database_user(email or "", hash_password(PASSWORD), clock.now() - age_s, name="Eve Example")
        user = replace(fresh, email=email, **details)
        users.add(user)
        return user.user_id

    def user_id(self, email: str) -> str:
        """The ID that Auth0 gave to the user of its database with this address."""
        found = self.sandbox.auth0.state.users.in_database(email)
        assert found is not None
        return found.user_id

    def stripe_requests(self) -> list[str]:
        """Method and path of what Stripe was asked so far.

        Without the catalogue: any page may begin to read it in the background.
        """
        seen = [f"{seen.method} {seen.path}" for seen in self.sandbox.stripe.control.requests()]
        return [request for request in seen if request != CATALOGUE_READ]

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
            return self.http.get(url, params=form, headers=headers).json()
        return self.http.request(method, url, data=form, headers=headers).json()

    def customers(self) -> list[dict[str, Any]]:
        """Every living customer."""
        listed: list[dict[str, Any]] = self.stripe("GET", "/customers", limit="100")["data"]
        return listed

    def app_metadata(self, user_id: str) -> dict[str, Any]:
        """What Auth0 records about the user, read through the Management API."""
        found = self.management("GET", user_id).json().get("app_metadata", {})
        assert isinstance(found, dict)
        return found

    def management(
        self, method: str, user_id: str, body: Mapping[str, Any] | None = None, path: str = ""
    ) -> httpx.Response:
        """Ask the sandbox's Management API about a user, as an operator would; `path`: below the user's."""
        origin = self.environment["AUTH0_ISSUER"].rstrip("/")
        form = {
            "grant_type": "client_credentials",
            "client_id": self.environment["AUTH0_MGMT_CLIENT_ID"],
            "client_secret": self.environment["AUTH0_MGMT_CLIENT_SECRET"],
            "audience": f"https://{self.environment['AUTH0_DOMAIN']}/api/v2/",
        }
        token = self.http.post(f"{origin}/oauth/token", data=form).raise_for_status().json()["access_token"]
        url = f"{origin}/api/v2/users/{quote(user_id, safe='')}{path}"
        return self.http.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})


@dataclass
class Browser:
    """Does what a person does: opens pages, fills in forms, follows redirects."""

    client: httpx.Client

    def cookie(self, purpose: str = "") -> str:
        """The name of the store's cookie for this purpose; without one, of the session cookie."""
        return cookie_name(str(self.client.base_url), purpose)

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


def cookie_name(url: str, purpose: str = "") -> str:
    """The name of a cookie of the store at this address, which is http and has a port."""
    return "-".join(filter(None, ("webstore", str(httpx.URL(url).port), purpose)))


def shown_customer(page: httpx.Response) -> str | None:
    """The linked customer's ID as the page shows it."""
    found = re.search(r'id="stripe-customer-id"[^>]*>([^<]*)<', page.text)
    return found[1] if found else None


def link_status(page: httpx.Response) -> str | None:
    """The value of `data-link-status`."""
    found = re.search(r'data-link-status="([^"]*)"', page.text)
    return found[1] if found else None


def put_file_at(folder: Path) -> None:
    """Put a file in the place of a folder, which a running store may create again at any moment."""
    while not folder.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(IsADirectoryError):
            folder.write_text("")


def the_customer(shop: Shop, user_id: str) -> dict[str, Any]:
    """The only living customer there is, which names the user and is recorded for them."""
    customers = shop.customers()
    assert len(customers) == 1, customers
    assert customers[0]["metadata"]["auth0_user_id"] == user_id
    assert shop.app_metadata(user_id)["stripe_customer_id"] == customers[0]["id"]
    return customers[0]


@contextmanager
def held(control: Control, method: str, path: str) -> Iterator[Callable[[], bool]]:
    """Hold the next such request before its effect until the block ends; gives whether it has come."""
    number = control.add_fault(action="latency", method=method, path=path, seconds=30)
    try:
        yield lambda: any(fault["id"] == number and fault["hits"] for fault in control.faults())
    finally:
        control.clear_faults()


def in_background(work: Callable[[], T]) -> Future[T]:
    """Do something in another thread, which does not keep the tests from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as exc:  # noqa: BLE001 (raised where the result is read)
            future.set_exception(exc)

    threading.Thread(target=run, daemon=True).start()
    return future


def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for something that another thread or process brings about."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@contextmanager
def running_shop(state_dir: Path, *others: str, **environment: str) -> Iterator[Shop]:
    """Both vendors and one store in this process, on free ports; Auth0 knows the stores at `others` too."""
    server = Server()
    sandbox = Sandbox(server.url, *others, stripe=STRIPE)
    with sandbox:
        own = {"APP_SECRET_KEY": APP_SECRET_KEY, "STATE_DIR": str(state_dir), "LINK_BUDGET_S": AMPLE_BUDGET_S}
        settings = {**sandbox.environment(), **own, **environment}
        server.app = app = create_app(Settings.from_env(settings))
        shop = Shop(sandbox, app, server.url, settings, server)
        server.start()
        try:
            yield shop
        finally:
            # Requests that a fault holds would be held for as long as the fault says.
            sandbox.auth0.control.clear_faults()
            sandbox.stripe.control.clear_faults()
            for client in (*shop.browsers, shop.http):
                client.close()
            shop.stop()
