"""Unit tests reach no network, and what earlier tests left running does not disturb them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import in_background
from tests.unit.no_sockets import refused_sockets

REFUSED = "a unit test opened a socket"


def listen() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))


def connect() -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", 9))


def connect_and_get_a_number() -> None:
    with socket.socket() as client:
        client.connect_ex(("127.0.0.1", 9))


@pytest.mark.parametrize("opened", [listen, connect, connect_and_get_a_number])
def test_a_unit_test_opens_no_socket(opened: Callable[[], None]) -> None:
    with refused_sockets(), pytest.raises(AssertionError, match=REFUSED):
        opened()


def test_nor_do_the_threads_that_it_starts_and_those_that_these_start() -> None:
    with refused_sockets():
        of_its_own = in_background(listen)
        of_a_pool = in_background(lambda: in_a_pool(listen))
        for refused in (of_its_own, of_a_pool):
            with pytest.raises(AssertionError, match=REFUSED):
                refused.result(10)


def test_a_thread_that_was_there_before_goes_on_and_so_do_those_that_it_starts() -> None:
    begun = threading.Event()

    def listen_later() -> None:
        begun.wait(10)
        listen()
        in_background(listen).result(10)
        in_a_pool(listen)

    earlier = in_background(listen_later)
    with refused_sockets():
        begun.set()
        earlier.result(10)
    listen()


def in_a_pool(work: Callable[[], None]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result(10)
