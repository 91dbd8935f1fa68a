"""The shared state in Redis: its promises, and one error for every failure."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.ports import free_port
from tests.redis_server import RedisServer, running_redis
from tests.unit.gateways.state_promises import EVERY_CALL, Act, StatePromises
from webstore.errors import StateUnavailable
from webstore.gateways.state import RedisState
from webstore.state import State


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


class TestPromises(StatePromises):
    @pytest.fixture
    def open_state(self, request: pytest.FixtureRequest, redis_server: RedisServer) -> Callable[[], State]:
        prefix = f"{request.node.name}:"
        return lambda: RedisState(redis_server.url, prefix)


def test_stores_of_one_redis_are_kept_apart_by_their_prefix(redis_server: RedisServer) -> None:
    one, two = RedisState(redis_server.url, "one:"), RedisState(redis_server.url, "two:")
    one.set("key", "of one", 60)
    two.set("key", "of two", 60)
    assert (one.get("key"), two.get("key")) == ("of one", "of two")


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_redis_that_is_down_is_unavailable(act: Act) -> None:
    state = RedisState(f"redis://127.0.0.1:{free_port()}/0", "test:")
    with pytest.raises(StateUnavailable, match="Redis cannot be used"):
        act(state)


def test_a_redis_that_hangs_is_unavailable_while_it_still_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        state = RedisState(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "test:")
        with pytest.raises(StateUnavailable, match="TimeoutError"):
            state.get("key")


def test_a_redis_that_comes_back_is_used_again(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        state = RedisState(server.url, "test:")
        state.set("key", "value", 60)
        server.stop()
        with pytest.raises(StateUnavailable):
            state.get("key")
        server.start()
        assert state.get("key") is None
        state.set("key", "value", 60)
        assert state.get("key") == "value"


def test_a_key_of_another_type_is_unavailable(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as other:
        other.lpush("test:list", "item")
    with pytest.raises(StateUnavailable):
        RedisState(redis_server.url, "test:").get("list")


def test_a_value_that_is_not_text_is_unavailable(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as other:
        other.set("test:bytes", b"\xff\xfe")
    with pytest.raises(StateUnavailable):
        RedisState(redis_server.url, "test:").get("bytes")


def test_no_message_names_the_password() -> None:
    state = RedisState(f"redis://:hush@127.0.0.1:{free_port()}/0", "test:")
    with pytest.raises(StateUnavailable) as failed:
        state.get("key")
    assert "hush" not in str(failed.value)
