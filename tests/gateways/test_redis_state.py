"""The shared state in Redis: its promises, and one error for every failure."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.ports import free_port
from tests.redis_server import RedisServer, running_redis
from tests.support import until
from tests.unit.gateways.state_promises import EVERY_CALL, Act, StatePromises
from webstore.errors import StateUnavailable
from webstore.gateways.redis_state import GARBAGE, RedisState
from webstore.state import SERVER_RUN, State


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


def test_what_no_store_wrote_is_read_as_garbage_beside_what_one_wrote(redis_server: RedisServer) -> None:
    state = RedisState(redis_server.url, "test:")
    with redis.Redis.from_url(redis_server.url) as other:
        other.lpush("test:list", "item")
        other.set("test:bytes", b"\xff\xfe")
    state.set("text", "value", 60)
    found = state.get_many(["list", "text", "bytes", "absent"])
    assert found == {"list": GARBAGE, "text": "value", "bytes": GARBAGE * 2}
    for key in ("list", "bytes"):
        state.set(key, "value", 60)
        assert state.get(key) == "value"


def test_a_key_that_never_expires_is_no_stores_and_is_replaced(
    redis_server: RedisServer,
) -> None:
    state = RedisState(redis_server.url, "test:")
    with redis.Redis.from_url(redis_server.url) as other:
        other.lpush("test:turn", "item")
    assert [state.add("turn", who, 60) for who in ("first", "second")] == [True, False]
    assert state.get("turn") == "first"


def test_a_counter_that_no_store_wrote_is_unavailable(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as other:
        other.lpush("test:counter", "item")
    with pytest.raises(StateUnavailable):
        RedisState(redis_server.url, "test:").count("counter", 60)


def test_the_servers_run_changes_with_a_restart(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        state = RedisState(server.url, "test:")
        before = state.get(SERVER_RUN)
        assert before
        assert state.get_many([SERVER_RUN, "absent"]) == {SERVER_RUN: before}
        server.stop()
        server.start()
        assert state.get(SERVER_RUN) not in (before, None)


def test_a_server_that_does_not_allow_info_is_used_all_the_same(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        with redis.Redis.from_url(server.url) as admin:
            admin.execute_command("ACL", "SETUSER", "shop", "on", ">secret", "~*", "+@all", "-info")
        state = RedisState(server.url.replace("redis://", "redis://shop:secret@"), "test:")
        state.set("key", "value", 60)
        assert state.get_many([SERVER_RUN, "key"]) == {"key": "value"}


def test_one_node_with_all_slots_of_a_cluster_keeps_every_promise(tmp_path: Path) -> None:
    with running_redis(tmp_path, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        with redis.Redis.from_url(server.url) as admin:
            admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            until(lambda: "cluster_state:ok" in str(admin.execute_command("CLUSTER", "INFO")))
        state = RedisState(server.url, "test:")
        keys = [f"key {number}" for number in range(20)]
        for key in keys:
            state.set(key, f"value of {key}", 60)
        assert state.get_many(keys) == {key: f"value of {key}" for key in keys}
        assert [state.count("counter", 60) for _ in range(2)] == [1, 2]


def test_no_message_names_the_password() -> None:
    state = RedisState(f"redis://:hush@127.0.0.1:{free_port()}/0", "test:")
    with pytest.raises(StateUnavailable) as failed:
        state.get("key")
    assert "hush" not in str(failed.value)
