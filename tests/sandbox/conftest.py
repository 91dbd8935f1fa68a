"""Fixtures: the sandbox's Auth0 and Stripe over HTTP, and clients for them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import stripe
from auth0.management.client import Auth0 as ManagementClient
from flask import Response, request

from tests.compiled_once import compile_once
from tests.sandbox.auth0 import NO_AUTHORITIES, Browser, Tenant, running_tenant, sdk_with
from tests.sandbox.receivers import Receiver, running_receiver
from tests.sandbox.shapes import faults
from webstore.sandbox.control import Control
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY, TEST_KEY, Stripe, StripeConfig, create_stripe

compile_once()

RESTRICTED_KEY = "rk_test_restricted_key_of_the_first_account"
OTHER_KEY = "sk_test_key_of_another_account"
OTHER_ACCOUNT = "acct_1Sandbox00000002"
KEYS = {
    TEST_KEY: (ACCOUNT, False),
    LIVE_KEY: (ACCOUNT, True),
    RESTRICTED_KEY: (ACCOUNT, False),
    OTHER_KEY: (OTHER_ACCOUNT, False),
}


@dataclass(frozen=True)
class RunningStripe:
    """A running Stripe. `sdk` and `http` create clients for an API key."""

    vendor: Stripe
    url: str
    sdk: Callable[..., stripe.StripeClient]
    http: Callable[..., httpx.Client]

    @property
    def control(self) -> Control:
        """Its request log, faults, clock and settings."""
        return self.vendor.control


@pytest.fixture
def running() -> Iterator[RunningStripe]:
    """A Stripe for one test. Every answer of its API has the shape that Stripe declares."""
    vendor = create_stripe(StripeConfig(keys=KEYS))
    clients: list[httpx.Client] = []
    pools: list[stripe.RequestsClient] = []

    # Any: JSON objects.
    answers: list[Any] = []

    @vendor.app.after_request
    def keep_answer(response: Response) -> Response:
        if request.path.startswith("/v1/") and response.status_code == 200:
            answers.append(response.get_json())
        return response

    with Server(vendor.app) as server:

        def sdk(key: str = TEST_KEY) -> stripe.StripeClient:
            pool = stripe.RequestsClient()
            pools.append(pool)
            return stripe.StripeClient(
                key, base_addresses={"api": server.url}, max_network_retries=0, http_client=pool
            )

        def http(key: str = TEST_KEY) -> httpx.Client:
            client = httpx.Client(
                base_url=server.url,
                headers={"Authorization": f"Bearer {key}"},
                timeout=5,
                trust_env=False,
                verify=NO_AUTHORITIES,
            )
            clients.append(client)
            return client

        yield RunningStripe(vendor, server.url, sdk, http)
        for client in clients:
            client.close()
        for pool in pools:
            pool.close()  # type: ignore[no-untyped-call]  # the SDK has no type for it
    assert sorted({fault for answer in answers for fault in faults(answer)}) == []


@pytest.fixture
def client(running: RunningStripe) -> stripe.StripeClient:
    return running.sdk()


@pytest.fixture
def http(running: RunningStripe) -> httpx.Client:
    return running.http()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A store's webhook endpoint."""
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def mug(client: stripe.StripeClient) -> stripe.Product:
    """A product without prices."""
    return client.v1.products.create({"name": "Mug"})


@pytest.fixture(scope="module")
def running_auth0() -> Iterator[Tenant]:
    """One Auth0 for all tests of a file."""
    with running_tenant() as tenant:
        yield tenant


@pytest.fixture
def tenant(running_auth0: Tenant) -> Tenant:
    """The tenant as it is at the start."""
    running_auth0.http.post("/_sandbox/reset").raise_for_status()
    return running_auth0


@pytest.fixture
def browser(tenant: Tenant) -> Iterator[Browser]:
    """A browser without cookies."""
    with Browser(tenant) as browser:
        yield browser


@pytest.fixture
def admin(tenant: Tenant) -> Iterator[ManagementClient]:
    """Auth0's SDK with a token that may do everything."""
    with sdk_with(tenant, tenant.explorer_token()) as sdk:
        yield sdk
