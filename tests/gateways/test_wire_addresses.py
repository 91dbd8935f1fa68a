"""Where a call may go: http on this machine alone, https with a certificate, every address of a name."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

from tests.gateways.raw_server import OK, RawServer, answering, deaf_port, get, wire_within
from tests.ports import free_port
from webstore.gateways.names import NameLookup
from webstore.gateways.wire import Wire, WireError, WireTimeout


@pytest.mark.parametrize("host", ["192.0.2.1", "shop.example.com", "127.0.0.1.example.com", "[2001:db8::1]"])
def test_http_to_another_machine_is_refused_without_connecting(wire: Wire, host: str) -> None:
    with pytest.raises(WireError, match="only https is allowed, and http to loopback"):
        get(wire, f"http://{host}/")


def test_http_to_this_machine_by_an_address_of_the_network_is_refused_without_connecting(wire: Wire) -> None:
    with RawServer(answering(OK)) as server, pytest.raises(WireError, match="only https"):
        get(wire, server.url.replace("127.0.0.1", "0.0.0.0"))  # noqa: S104 (an address to refuse)
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "file:///etc/passwd", "//127.0.0.1/", "gopher://localhost/"]
)
def test_no_other_scheme_is_spoken(wire: Wire, url: str) -> None:
    with pytest.raises(WireError, match="only https"):
        get(wire, url)


def test_http_to_localhost_by_its_name_is_fine(wire: Wire) -> None:
    with RawServer(answering(OK)) as server:
        assert get(wire, server.url.replace("127.0.0.1", "localhost")).body == b"ok"


# Names


def resolving(*addresses: str) -> NameLookup:
    """Every name has these addresses."""

    def resolve(_: str, port: int, **__: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return NameLookup(resolve=resolve)


def test_plain_http_to_any_host_is_for_a_wire_that_was_made_for_it() -> None:
    with RawServer(answering(OK)) as server:
        names, url = resolving("127.0.0.1"), f"http://shop.example.com:{server.port}/"
        with wire_within(names=names, plain_http=True) as wire:
            assert get(wire, url).body == b"ok"
            with pytest.raises(WireError, match="only https"):
                get(wire, url.replace("http", "ftp"))


def to_localhost(port: int) -> str:
    return f"http://localhost:{port}/"


def test_the_addresses_of_a_name_are_tried_in_turn() -> None:
    with RawServer(answering(OK)) as server, wire_within(names=resolving("127.0.0.2", "127.0.0.1")) as wire:
        # The server listens on the second address only.
        assert get(wire, to_localhost(server.port)).body == b"ok"
    assert server.connections == 1


def test_the_first_address_that_answers_is_the_only_one_called() -> None:
    with RawServer(answering(OK)) as server, wire_within(names=resolving("127.0.0.1", "127.0.0.1")) as wire:
        assert get(wire, to_localhost(server.port)).body == b"ok"
    assert server.connections == 1


def test_an_address_that_does_not_accept_leaves_time_for_the_next() -> None:
    with (
        deaf_port() as port,
        RawServer(answering(OK), host="127.0.0.2", port=port) as server,
        wire_within(connect_s=0.1, names=resolving("127.0.0.1", "127.0.0.2")) as wire,
    ):
        assert get(wire, to_localhost(port)).body == b"ok"
    assert server.connections == 1


def test_if_no_address_can_be_reached_the_last_failure_counts() -> None:
    with wire_within(names=resolving("127.0.0.1", "127.0.0.2")) as wire, pytest.raises(WireError) as failed:
        get(wire, to_localhost(free_port()))
    assert not isinstance(failed.value, WireTimeout)


@pytest.mark.parametrize("failure", [socket.gaierror("no such name"), None], ids=["unknown", "no address"])
def test_a_name_without_an_address_is_an_error_and_no_time_out(failure: Exception | None) -> None:
    def resolve(*_: object, **__: object) -> list[tuple[Any, ...]]:
        if failure:
            raise failure
        return []

    with wire_within(names=NameLookup(resolve=resolve)) as wire:
        with pytest.raises(WireError, match="ConnectError") as failed:
            get(wire, "https://shop.example.com/")
        assert not isinstance(failed.value, WireTimeout)
        assert wire.breaker.allows()


# TLS


def test_a_certificate_of_an_unknown_authority_is_an_error(wire: Wire, tls: ssl.SSLContext) -> None:
    with RawServer(answering(OK), tls=tls) as server, pytest.raises(WireError):
        get(wire, server.url)
    assert server.received == []


def test_a_certificate_of_a_known_authority_is_taken(certified: Wire, tls: ssl.SSLContext) -> None:
    with RawServer(answering(OK), tls=tls) as server:
        assert get(certified, server.url).body == b"ok"
