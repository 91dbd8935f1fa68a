"""Where a browser goes to end its session at the provider."""

from __future__ import annotations

from typing import Any, cast

import pytest

from webstore.gateways.oidc.login_client import LoginClient
from webstore.gateways.oidc.provider import Provider
from webstore.gateways.wire import Wire

BACK = "https://shop.example/"


class KnownProvider(Provider):
    """A provider whose metadata is known."""

    def __init__(self, issuer: str, **metadata: Any) -> None:
        super().__init__(cast("Wire", None), issuer)
        self.known = {"token_endpoint": f"{issuer}oauth/token", **metadata}

    def metadata(self) -> dict[str, Any]:
        """The given metadata."""
        return self.known


def logout_url(provider: Provider, auth0_domain: str = "login.shop.example") -> str | None:
    client = LoginClient(
        provider,
        cast("Wire", None),
        client_id="the-store",
        client_secret="a secret",
        redirect_uri="https://shop.example/callback",
        claim_namespace="https://shop.example",
        auth0_domain=auth0_domain,
        cookie_keys=("a key",),
        secure_cookies=True,
    )
    return client.logout_url(BACK, "the-session")


@pytest.mark.parametrize("issuer", ["https://shop.eu.auth0.com/", "https://login.shop.example/"])
def test_a_tenant_of_auth0_without_end_session_endpoint_has_its_older_address(issuer: str) -> None:
    expected = f"{issuer}v2/logout?client_id=the-store&returnTo=https%3A%2F%2Fshop.example%2F"
    assert logout_url(KnownProvider(issuer)) == expected


@pytest.mark.parametrize(
    "provider",
    [
        KnownProvider("https://evil-auth0.com/"),
        KnownProvider("https://shop.auth0.com.evil.example/"),
        KnownProvider("https://id.example/realms/shop"),
        KnownProvider("https://login.shop.example/", token_endpoint="https://login.shop.example/token"),
    ],
    ids=["a similar name", "a longer name", "another provider", "another provider in AUTH0_DOMAIN"],
)
def test_no_other_provider_is_sent_to_auth0s_address(provider: Provider) -> None:
    assert logout_url(provider) is None


def test_an_end_session_endpoint_is_used_wherever_there_is_one() -> None:
    found = logout_url(
        KnownProvider("https://id.example/", end_session_endpoint="https://id.example/end?x=1")
    )
    assert found == (
        "https://id.example/end?x=1&client_id=the-store&post_logout_redirect_uri=https%3A%2F%2Fshop.example%2F"
        "&logout_hint=the-session"
    )
