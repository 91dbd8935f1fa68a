"""Keys that are seldom written lie apart from the others, and all of them are one state for its users."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.gateways.state_promises import StatePromises
from tests.unit.offline import offline_settings
from webstore.gateways.noticed_state import NoticedState
from webstore.gateways.record_files import RecordFiles
from webstore.gateways.state import FileState
from webstore.linking.verdicts import forget_verdict, keys_of
from webstore.shared_state import open_shared
from webstore.shop.subscription_changes import mark_event, marks_of
from webstore.state import State


def opened(folder: Path, *beginnings: str) -> NoticedState:
    return NoticedState(FileState(folder, busy_s=20), RecordFiles(folder / "notices"), beginnings)


class TestPromises(StatePromises):
    @pytest.fixture(params=["added", "set", "nothing"])
    def open_state(self, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], State]:
        """The keys that begin so are notices, the others are not."""
        return lambda: opened(tmp_path / "state", request.param)


def test_each_key_lies_in_one_place_and_is_found_there(tmp_path: Path) -> None:
    state = opened(tmp_path, "news:", "change")
    values = {"news:1": "a", "changes": "b", "other": "c", "old news:": "d"}
    for key, value in values.items():
        state.set(key, value, 60)
    assert state.get_many(["missing", *values]) == values
    assert FileState(tmp_path).get_many(list(values)) == {"other": "c", "old news:": "d"}
    assert RecordFiles(tmp_path / "notices").get_many(list(values)) == {"news:1": "a", "changes": "b"}
    for key in values:
        assert state.add(key, "again", 60) is False
        state.delete(key)
    assert state.get_many(list(values)) == {}


def test_the_file_is_not_read_for_notices(tmp_path: Path) -> None:
    state = opened(tmp_path, "news:")
    state.set("news:1", "a", 60)
    (tmp_path / "state.sqlite3").unlink(missing_ok=True)
    assert state.get_many(["news:1", "news:2"]) == {"news:1": "a"}
    assert not (tmp_path / "state.sqlite3").exists()


def test_the_store_keeps_forgotten_verdicts_and_changed_subscriptions_as_notices(tmp_path: Path) -> None:
    state, _, _ = open_shared(offline_settings(tmp_path))
    forget_verdict(state, "auth0|1")
    mark_event(state, "cus_1")
    mark_event(state, None)
    (notices,) = tmp_path.glob("*/notices")
    keys = {keys_of("auth0|1")[1], *marks_of("cus_1")}
    assert set(RecordFiles(notices).get_many(list(keys))) == keys
