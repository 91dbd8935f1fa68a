"""The SDKs' HTTP clients on the wire: the same answers and limits, their own errors, no secret in them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import stripe

from tests.gateways.raw_server import (
    OK,
    SHORT_S,
    RawServer,
    Talk,
    answering,
    get,
    silence,
    then_closing,
)
from tests.ports import free_port
from webstore import deadline
from webstore.errors import ProviderUnavailable
from webstore.gateways.http_clients import HttpxTransport
from webstore.gateways.oidc.token_endpoint import TokenClient
from webstore.gateways.stripe import stripe_client
from webstore.gateways.wire import MAX_ANSWER_BYTES, Wire, WireError

# Through the libraries that are put onto it


@pytest.fixture
def with_httpx(wire: Wire) -> Iterator[httpx.Client]:
    with httpx.Client(transport=HttpxTransport(wire)) as client:
        yield client


@pytest.fixture
def with_authlib(wire: Wire) -> Callable[[str, str], Mapping[str, Any]]:
    """Exchanges a code at the address."""

    def exchange(url: str, code: str) -> Mapping[str, Any]:
        options = {"client_id": "one", "client_secret": "hush-0"}
        client = TokenClient(wire, token_endpoint_auth_method="client_secret_post", **options)
        token: Mapping[str, Any] = client.fetch_token(url, code=code)
        return token

    return exchange


@pytest.fixture
def with_stripe(wire: Wire) -> Callable[[str], stripe.StripeClient]:
    return lambda url: stripe_client(wire, api_key="sk_test_key", api_base=url.rstrip("/"))


def test_all_three_libraries_get_the_answer(
    with_httpx: httpx.Client,
    with_authlib: Callable[[str, str], Mapping[str, Any]],
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    body = '{"id": "acct_1", "object": "account", "name": "Käthe"}'.encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Kind: Json\r\nContent-Length: %d\r\n\r\n"
    with RawServer(answering(head % len(body) + body)) as server:
        from_httpx = with_httpx.post(server.url, data={"a": "b c"})
        from_authlib = with_authlib(server.url, "b c")
        from_stripe = with_stripe(server.url).v1.accounts.retrieve_current()
    assert from_httpx.json() == from_authlib
    assert from_httpx.json()["name"] == "Käthe"
    assert from_httpx.headers["x-kind"] == "Json"
    assert from_stripe.id == "acct_1"
    assert server.received[0].endswith(b"\r\n\r\na=b+c")
    form = {"grant_type": ["authorization_code"], "code": ["b c"], "client_id": ["one"]}
    assert parse_qs(server.received[1].partition(b"\r\n\r\n")[2].decode()) == {
        **form,
        "client_secret": ["hush-0"],
    }


def test_time_outs_are_the_libraries_own(
    with_httpx: httpx.Client,
    with_authlib: Callable[[str, str], Mapping[str, Any]],
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    message = "the service did not answer in time"
    with RawServer(silence) as server:
        with deadline.within(SHORT_S), pytest.raises(httpx.TimeoutException, match=message):
            with_httpx.get(server.url)
        with deadline.within(SHORT_S), pytest.raises(ProviderUnavailable, match=message):
            with_authlib(server.url, "code")
        with deadline.within(SHORT_S), pytest.raises(stripe.APIConnectionError, match=message):
            with_stripe(server.url).v1.accounts.retrieve_current()


def test_failures_are_the_libraries_own(
    with_httpx: httpx.Client,
    with_authlib: Callable[[str, str], Mapping[str, Any]],
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(httpx.NetworkError, match="the service cannot be reached"):
        with_httpx.get(nobody)
    with pytest.raises(ProviderUnavailable, match="the service cannot be reached"):
        with_authlib(nobody, "code")
    with pytest.raises(stripe.APIConnectionError, match="the service cannot be reached"):
        with_stripe(nobody).v1.accounts.retrieve_current()


def test_no_library_follows_a_redirect_or_tries_again(
    with_httpx: httpx.Client,
    with_authlib: Callable[[str, str], Mapping[str, Any]],
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    with RawServer(answering(OK)) as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with RawServer(answering(moved)) as server:
            with_httpx.post(server.url, data={"secret": "hush"})
            with pytest.raises(ProviderUnavailable, match="redirect"):
                with_authlib(server.url, "hush")
            with pytest.raises(stripe.StripeError):
                with_stripe(server.url).v1.customers.create({})
    assert len(server.received) == 3
    assert elsewhere.connections == 0


# Messages

SECRETS = ({"Authorization": "Bearer hush-1"}, {"code": "hush-2"}, {"secret": "hush-3"})


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(silence, id="time-out"),
        pytest.param(then_closing(b""), id="cut"),
        pytest.param(then_closing(b"HTTP/1.1 nonsense\r\n\r\n"), id="malformed"),
        pytest.param(
            then_closing(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1)), id="too large"
        ),
    ],
)
def test_no_message_names_the_query_a_header_or_the_body(
    with_httpx: httpx.Client, with_authlib: Callable[[str, str], Mapping[str, Any]], talk: Talk
) -> None:
    headers, query, body = SECRETS
    shown = []
    with RawServer(talk) as server:
        for call in (
            partial(with_httpx.post, server.url, params=query, headers=headers, data=body),
            partial(with_authlib, f"{server.url}?code=hush-2", "hush-3"),
        ):
            limit = deadline.within(SHORT_S) if talk is silence else nullcontext()
            with limit, pytest.raises((httpx.HTTPError, ProviderUnavailable)) as failed:
                call()
            shown += traceback.format_exception(failed.value)
    assert "the service" in "".join(shown)
    assert "hush-" not in "".join(line for line in shown if 'hush-2"}' not in line)


def test_no_message_names_a_refused_address(wire: Wire) -> None:
    with pytest.raises(WireError) as failed:
        get(wire, "http://shop.example.com/callback?code=hush")
    assert "hush" not in str(failed.value)
