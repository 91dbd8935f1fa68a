"""The SDKs' HTTP clients on the wire: the same answers and limits, their own errors, no secret in them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress

import httpx
import pytest
import requests
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
from webstore.gateways.http_clients import HttpxTransport, RequestsAdapter
from webstore.gateways.stripe import stripe_client
from webstore.gateways.wire import MAX_ANSWER_BYTES, Wire, WireError

# Through the libraries that are put onto it


@pytest.fixture
def with_httpx(wire: Wire) -> Iterator[httpx.Client]:
    with httpx.Client(transport=HttpxTransport(wire)) as client:
        yield client


@pytest.fixture
def with_requests(wire: Wire) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, RequestsAdapter(wire))
        yield session


@pytest.fixture
def with_stripe(wire: Wire) -> Callable[[str], stripe.StripeClient]:
    return lambda url: stripe_client(wire, api_key="sk_test_key", api_base=url.rstrip("/"))


def test_all_three_libraries_get_the_answer(
    with_httpx: httpx.Client,
    with_requests: requests.Session,
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    body = '{"id": "acct_1", "object": "account", "name": "Käthe"}'.encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Kind: Json\r\nContent-Length: %d\r\n\r\n"
    with RawServer(answering(head % len(body) + body)) as server:
        from_httpx = with_httpx.post(server.url, data={"a": "b c"})
        from_requests = with_requests.post(server.url, data={"a": "b c"})
        from_stripe = with_stripe(server.url).v1.accounts.retrieve_current()
    assert from_httpx.json() == from_requests.json()
    assert from_httpx.json()["name"] == "Käthe"
    assert from_httpx.headers["x-kind"] == from_requests.headers["x-kind"] == "Json"
    assert from_stripe.id == "acct_1"
    assert [sent.endswith(b"\r\n\r\na=b+c") for sent in server.received] == [True, True, False]


def test_time_outs_are_the_libraries_own(
    with_httpx: httpx.Client,
    with_requests: requests.Session,
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    message = "the service did not answer in time"
    with RawServer(silence) as server:
        with deadline.within(SHORT_S), pytest.raises(httpx.TimeoutException, match=message):
            with_httpx.get(server.url)
        with deadline.within(SHORT_S), pytest.raises(requests.exceptions.Timeout, match=message):
            with_requests.get(server.url)
        with deadline.within(SHORT_S), pytest.raises(stripe.APIConnectionError, match=message):
            with_stripe(server.url).v1.accounts.retrieve_current()


def test_failures_are_the_libraries_own(
    with_httpx: httpx.Client,
    with_requests: requests.Session,
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(httpx.NetworkError, match="the service cannot be reached"):
        with_httpx.get(nobody)
    with pytest.raises(requests.exceptions.ConnectionError, match="the service cannot be reached") as failed:
        with_requests.get(nobody)
    assert not isinstance(failed.value, requests.exceptions.Timeout)
    with pytest.raises(stripe.APIConnectionError, match="the service cannot be reached"):
        with_stripe(nobody).v1.accounts.retrieve_current()


def test_no_library_follows_a_redirect_or_tries_again(
    with_httpx: httpx.Client,
    with_requests: requests.Session,
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    with RawServer(answering(OK)) as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with RawServer(answering(moved)) as server:
            with_httpx.post(server.url, data={"secret": "hush"})
            with suppress(requests.RequestException):
                with_requests.post(server.url, data={"secret": "hush"})
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
    with_httpx: httpx.Client, with_requests: requests.Session, talk: Talk
) -> None:
    headers, query, body = SECRETS
    shown = []
    with RawServer(talk) as server:
        for call in (with_httpx.post, with_requests.post):
            limit = deadline.within(SHORT_S) if talk is silence else nullcontext()
            with limit, pytest.raises((httpx.HTTPError, requests.RequestException)) as failed:
                call(server.url, params=query, headers=headers, data=body)
            shown += traceback.format_exception(failed.value)
    assert "the service" in "".join(shown)
    assert "hush-" not in "".join(line for line in shown if 'hush-2"}' not in line)


def test_no_message_names_a_refused_address(wire: Wire) -> None:
    with pytest.raises(WireError) as failed:
        get(wire, "http://shop.example.com/callback?code=hush")
    assert "hush" not in str(failed.value)
