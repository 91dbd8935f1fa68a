"""What every shared state promises, as tests for each kind of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from webstore.state import State

Act = Callable[[State], object]
EVERY_CALL = [
    pytest.param(lambda state: state.get("key"), id="get"),
    pytest.param(lambda state: state.set("key", "value", 60), id="set"),
    pytest.param(lambda state: state.add("key", "value", 60), id="add"),
    pytest.param(lambda state: state.delete("key"), id="delete"),
]


class StatePromises:
    """A class of tests that inherits these has a fixture `open_state`.

    It opens the same state once more, as another worker would.
    """

    @pytest.fixture
    def state(self, open_state: Callable[[], State]) -> State:
        return open_state()

    def test_a_value_is_kept_until_it_is_deleted(self, state: State) -> None:
        assert state.get("key") is None
        state.set("key", "value", 60)
        assert state.get("key") == "value"
        state.set("key", "another", 60)
        assert state.get("key") == "another"
        state.delete("key")
        assert state.get("key") is None
        state.delete("key")

    def test_keys_are_kept_apart_and_any_text_is_one(self, state: State) -> None:
        texts = ["", " ", "a:b", "A:b", "auth0|ümläut 'quoted' \"twice\" \\ 100%", "*", "\n", "x" * 5000]
        for number, text in enumerate(texts):
            state.set(text, f"{number} {text}", 60)
        assert [state.get(text) for text in texts] == [
            f"{number} {text}" for number, text in enumerate(texts)
        ]

    def test_only_the_first_of_two_adds_counts(self, state: State) -> None:
        assert state.add("key", "first", 60) is True
        assert state.add("key", "second", 60) is False
        assert state.get("key") == "first"
        state.delete("key")
        assert state.add("key", "third", 60) is True

    def test_a_value_is_gone_when_its_time_is_over(self, state: State) -> None:
        state.set("set", "value", 0.05)
        assert state.add("added", "value", 0.05) is True
        state.set("kept", "value", 60)
        time.sleep(0.1)
        assert [state.get(key) for key in ("set", "added", "kept")] == [None, None, "value"]

    def test_what_is_over_can_be_added_again(self, state: State) -> None:
        state.set("key", "old", 0.05)
        time.sleep(0.1)
        assert state.add("key", "new", 60) is True
        assert state.get("key") == "new"

    def test_a_value_set_again_lives_from_then_on(self, state: State) -> None:
        state.set("key", "short", 0.05)
        state.set("key", "long", 60)
        time.sleep(0.1)
        assert state.get("key") == "long"

    def test_another_worker_sees_it(self, open_state: Callable[[], State]) -> None:
        open_state().set("key", "value", 60)
        other = open_state()
        assert other.get("key") == "value"
        assert other.add("key", "mine", 60) is False

    def test_of_many_threads_that_add_one_wins(self, open_state: Callable[[], State]) -> None:
        everybody = threading.Barrier(8)

        def add(number: int) -> bool:
            state = open_state()
            everybody.wait(20)
            return state.add("key", str(number), 60)

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(add, range(8)))
        assert sum(won) == 1
        assert open_state().get("key") == str(won.index(True))
