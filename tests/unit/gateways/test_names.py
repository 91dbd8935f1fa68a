"""Name look-ups within a time limit, on threads of their own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest

from webstore.gateways.names import NameLookup

#: A limit that is reached at once, and one that is not reached at all (seconds).
AT_ONCE_S, AMPLE_S = 0.02, 600.0
Row = tuple[Any, Any, Any, Any, Any]


def row(address: str, port: int = 443) -> Row:
    """One line of the answer of `socket.getaddrinfo`."""
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


class Resolver:
    """A name server that answers each question when it is released."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.arrived, self.released = threading.Semaphore(0), threading.Event()

    def __call__(self, host: str, port: int, **_: object) -> list[Row]:
        self.asked.append(host)
        self.arrived.release()
        self.released.wait()
        return [row("192.0.2.1", port), row("192.0.2.2", port)]


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    made = Resolver()
    yield made
    made.released.set()


def refuse(*_: object, **__: object) -> NoReturn:
    raise AssertionError("this needs no look-up")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
    ],
)
def test_an_address_needs_no_look_up(host: str, address: str) -> None:
    assert NameLookup(resolve=refuse).addresses(host, 443, 0) == [address]


def test_a_name_has_its_addresses_in_their_order(resolver: Resolver) -> None:
    resolver.released.set()
    names = NameLookup(resolve=resolver)
    assert names.addresses("shop.example", 443, AMPLE_S) == ["192.0.2.1", "192.0.2.2"]


def test_without_another_resolver_the_systems_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(*args: object, **kwargs: object) -> list[Row]:
        asked.append((args, kwargs))
        return [row("192.0.2.7")]

    names = NameLookup()
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert names.addresses("shop.example", 443, AMPLE_S) == ["192.0.2.7"]
    assert asked == [(("shop.example", 443), {"type": socket.SOCK_STREAM})]


def test_a_look_up_that_hangs_ends_at_its_limit(resolver: Resolver) -> None:
    names = NameLookup(resolve=resolver)
    with pytest.raises(TimeoutError, match=r"the name shop\.example could not be looked up in time"):
        names.addresses("shop.example", 443, AT_ONCE_S)
    assert not resolver.released.is_set()


def test_all_who_want_the_same_name_share_one_thread(resolver: Resolver) -> None:
    names = NameLookup(resolve=resolver)
    for _ in range(10):
        with pytest.raises(TimeoutError):
            names.addresses("shop.example", 443, AT_ONCE_S)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(names.addresses, "shop.example", 443, AMPLE_S) for _ in range(4)]
        resolver.arrived.acquire()
        resolver.released.set()
        assert {tuple(found.result()) for found in waiting} == {("192.0.2.1", "192.0.2.2")}
    assert resolver.asked == ["shop.example"]


def test_another_name_or_port_does_not_wait_for_a_look_up_that_hangs(resolver: Resolver) -> None:
    names = NameLookup(resolve=resolver)
    for host, port in (("shop.example", 443), ("other.example", 443), ("shop.example", 8443)):
        with pytest.raises(TimeoutError):
            names.addresses(host, port, AT_ONCE_S)
        resolver.arrived.acquire()
    assert resolver.asked == ["shop.example", "other.example", "shop.example"]


def test_a_look_up_that_ended_is_not_remembered(resolver: Resolver) -> None:
    resolver.released.set()
    names = NameLookup(resolve=resolver)
    for _ in range(2):
        names.addresses("shop.example", 443, AMPLE_S)
    assert resolver.asked == ["shop.example"] * 2


def test_a_name_without_an_address_is_an_error() -> None:
    names = NameLookup(resolve=lambda *_, **__: [])
    with pytest.raises(OSError, match=r"the name shop\.example has no address") as failed:
        names.addresses("shop.example", 443, AMPLE_S)
    assert not isinstance(failed.value, TimeoutError)


def test_an_unknown_name_is_the_resolvers_own_error() -> None:
    def resolve(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(socket.gaierror, match="unknown"):
        NameLookup(resolve=resolve).addresses("shop.example", 443, AMPLE_S)


def test_a_failure_is_not_remembered() -> None:
    answers: list[list[Row]] = [[], [row("192.0.2.1")]]
    names = NameLookup(resolve=lambda *_, **__: answers.pop(0))
    with pytest.raises(OSError, match="has no address"):
        names.addresses("shop.example", 443, AMPLE_S)
    assert names.addresses("shop.example", 443, AMPLE_S) == ["192.0.2.1"]


def test_a_thread_that_cannot_be_started_is_an_error_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, resolver: Resolver
) -> None:
    resolver.released.set()
    names = NameLookup(resolve=resolver)

    def start(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(OSError, match="can't start new thread"):
            names.addresses("shop.example", 443, AMPLE_S)
    assert names.addresses("shop.example", 443, AMPLE_S) == ["192.0.2.1", "192.0.2.2"]
