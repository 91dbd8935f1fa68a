"""The provider's metadata and keys: kept for a while, served stale while the provider is down."""

from __future__ import annotations

import re
import sys
import threading

import pytest

from tests.gateways.tenant import Tenant
from tests.support import held, in_background, until
from webstore.errors import ProviderUnavailable
from webstore.gateways.oidc.provider import Provider, origin_of
from webstore.gateways.wire import Wire

DISCOVERY, KEYS = r"/\.well-known/openid-configuration", r"/\.well-known/jwks\.json"


def issuer(tenant: Tenant) -> str:
    return f"{tenant.server.url}/"


def times(tenant: Tenant, path: str) -> int:
    """How often the provider was asked for this path."""
    return sum(re.fullmatch(path, seen.path) is not None for seen in tenant.auth0.control.requests())


@pytest.fixture
def provider(tenant: Tenant, wire: Wire) -> Provider:
    """What the store believes about its provider, never fresh."""
    return Provider(wire, issuer(tenant), lifetime_s=0)


def test_discovery_and_keys_are_served_stale_while_the_provider_is_down(
    tenant: Tenant, provider: Provider
) -> None:
    metadata, keys = provider.metadata(), provider.keys()
    tenant.server.stop()
    assert provider.metadata() == metadata
    assert provider.keys() == keys


def test_the_origins_of_the_providers_pages_are_known_once_discovery_was_read(
    tenant: Tenant, provider: Provider
) -> None:
    assert provider.known_origins() == ()
    assert times(tenant, DISCOVERY) == 0
    provider.metadata()
    tenant.server.stop()
    assert provider.known_origins() == (tenant.server.url, tenant.server.url)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://login.example/authorize?a=b", "https://login.example"),
        ("https://login.example:8443/x", "https://login.example:8443"),
        ("http://[::1]:8001/x", "http://[::1]:8001"),
        ("https://login.example; script-src *", None),
        ("https://a.example,https://b.example", None),
        ("https://*/authorize", None),
        ("https://user:secret@login.example/", None),
        ("javascript:alert(1)", None),
        ("//login.example/", None),
        ("https://[", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_only_a_plain_origin_comes_into_a_header(address: object, origin: str | None) -> None:
    assert origin_of(address) == origin


def test_discovery_and_keys_are_read_again_when_they_are_old(tenant: Tenant, provider: Provider) -> None:
    old = provider.keys()
    tenant.auth0.state.keys.rotate()
    assert provider.keys() != old
    assert times(tenant, DISCOVERY) == 2


def test_keys_are_parsed_once_a_rotation(tenant: Tenant, wire: Wire) -> None:
    provider = Provider(wire, issuer(tenant))
    parsed = provider.keys()
    assert provider.keys() is parsed
    tenant.auth0.state.keys.rotate()
    rotated = provider.keys(force=True)
    assert rotated is not parsed
    assert provider.keys() is rotated


def test_a_provider_that_hangs_holds_up_one_thread_and_the_others_use_what_is_known(
    tenant: Tenant, provider: Provider
) -> None:
    known = provider.metadata()
    with held(tenant.auth0.control, "GET", DISCOVERY) as has_come:
        renewing = in_background(provider.metadata)
        until(has_come)
        for _ in range(20):
            assert provider.metadata() == known
        assert not renewing.done()
    assert renewing.result() == known


def test_threads_of_a_cold_start_share_one_failure_of_the_provider(tenant: Tenant, wire: Wire) -> None:
    provider = Provider(wire, issuer(tenant))
    failures: list[type[Exception]] = []

    def read() -> None:
        try:
            provider.metadata()
        except ProviderUnavailable as exc:
            failures.append(type(exc))

    # Ends without an answer when it is cleared.
    tenant.fault(action="hang", path=DISCOVERY, seconds=600)
    threads = [threading.Thread(target=read, daemon=True) for _ in range(8)]
    threads[0].start()
    until(lambda: times(tenant, DISCOVERY) == 1)
    for thread in threads[1:]:
        thread.start()
    until(lambda: all(waits(thread) for thread in threads[1:]))
    tenant.auth0.control.clear_faults()
    for thread in threads:
        thread.join(20)
    assert failures == [ProviderUnavailable] * 8
    assert times(tenant, DISCOVERY) == 1


def waits(thread: threading.Thread) -> bool:
    """Whether the thread waits for another one's work."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 (Python has no other way)
    return frame is not None and frame.f_code.co_name == "wait"


def test_unknown_keys_do_not_flood_the_provider(tenant: Tenant, wire: Wire) -> None:
    provider = Provider(wire, issuer(tenant))
    for _ in range(200):
        provider.keys(force=True)
    assert 2 <= times(tenant, KEYS) <= 100
