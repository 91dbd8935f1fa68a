"""Whether a session still counts, by what the shared state knows of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fakes import Memory
from webstore.errors import StateUnavailable, TokenRejected
from webstore.gateways.redis_state import GARBAGE
from webstore.sessions.kept_records import KeptRecords
from webstore.sessions.models import LogoutNotice
from webstore.sessions.revocation import (
    SessionMark,
    Standing,
    current_epoch,
    epochs_after_login,
    obey,
    replace_session,
    revoke_at_provider,
    revoke_session,
    standing,
    warn_of_separate_records,
)
from webstore.state import SERVER_RUN

ISSUER, ADA = "https://login.example/", "auth0|ada"


@pytest.fixture
def state() -> Memory:
    return Memory()


@pytest.fixture
def mark(state: Memory) -> SessionMark:
    """A session that began at 1000."""
    return SessionMark("session-1", ISSUER, ADA, "sid-1", 1000.0, current_epoch(state))


def test_a_session_that_nobody_revoked_is_good(state: Memory, mark: SessionMark) -> None:
    assert standing(state, mark) is Standing.GOOD


def test_a_revoked_session_is_revoked_and_no_other(state: Memory, mark: SessionMark) -> None:
    revoke_session(state, mark, now=2000.0, kept_s=60)
    assert standing(state, mark) is Standing.REVOKED
    assert standing(state, replace(mark, id="session-2", sid="sid-2")) is Standing.GOOD


def test_a_logout_ends_what_began_before_in_the_same_provider_session(
    state: Memory, mark: SessionMark
) -> None:
    revoke_session(state, mark, now=2000.0, kept_s=60)
    assert standing(state, replace(mark, id="session-2", started=1999.0)) is Standing.REVOKED
    assert standing(state, replace(mark, id="session-2", started=2000.5)) is Standing.GOOD


def test_a_replaced_session_ends_and_the_new_one_does_not(state: Memory, mark: SessionMark) -> None:
    new = replace(mark, id="session-2", started=1000.5)
    replace_session(state, mark, new, 60)
    assert standing(state, mark) is Standing.REPLACED
    assert standing(state, new) is Standing.GOOD


@pytest.mark.parametrize("changed", [{"user_id": "auth0|grace"}, {"sid": "sid-2"}], ids=["user", "sid"])
def test_another_login_ends_the_former_provider_session(
    state: Memory, mark: SessionMark, changed: dict[str, str]
) -> None:
    new = replace(mark, id="session-3", started=1000.5, **changed)
    replace_session(state, mark, new, 60)
    assert standing(state, replace(mark, id="session-2", started=1000.2)) is Standing.REVOKED
    assert standing(state, new) is Standing.GOOD


def test_all_sessions_of_a_provider_session_end_together(state: Memory, mark: SessionMark) -> None:
    revoke_at_provider(state, ISSUER, sid="sid-1", user_id=ADA, now=2000.0, kept_s=60)
    assert standing(state, replace(mark, id="session-2")) is Standing.REVOKED
    others = (
        replace(mark, sid="sid-2"),
        replace(mark, sid=None, started=2000.5),
        replace(mark, sid=None, user_id="auth0|grace"),
        replace(mark, issuer="https://other.example/"),
    )
    assert [standing(state, other) for other in others] == [Standing.GOOD] * 4


def test_a_session_that_does_not_know_its_provider_session_ends_with_any_of_the_users(
    state: Memory, mark: SessionMark
) -> None:
    revoke_at_provider(state, ISSUER, sid="sid-1", user_id=ADA, now=2000.0, kept_s=60)
    assert standing(state, replace(mark, sid=None)) is Standing.REVOKED


@pytest.mark.parametrize("sid", [None, ""])
def test_without_a_provider_session_all_of_the_users_end_that_began_until_now(
    state: Memory, mark: SessionMark, sid: str | None
) -> None:
    revoke_at_provider(state, ISSUER, sid=sid, user_id=ADA, now=1000.0, kept_s=60)
    assert standing(state, mark) is Standing.REVOKED
    assert standing(state, replace(mark, sid=None)) is Standing.REVOKED
    assert standing(state, replace(mark, started=1000.5)) is Standing.GOOD
    assert standing(state, replace(mark, user_id="auth0|grace")) is Standing.GOOD


def test_a_session_of_a_lost_state_is_unsure(state: Memory, mark: SessionMark) -> None:
    state.kept.clear()
    assert current_epoch(state) != mark.epoch
    assert standing(state, mark) is Standing.UNSURE


def test_a_session_that_began_without_the_records_is_unsure(state: Memory, mark: SessionMark) -> None:
    assert standing(state, replace(mark, epoch="")) is Standing.UNSURE


def test_a_session_is_good_in_every_epoch_in_which_its_user_logged_in(
    state: Memory, mark: SessionMark
) -> None:
    elsewhere = Memory()
    asked = current_epoch(elsewhere)
    assert standing(elsewhere, mark) is Standing.UNSURE
    later = replace(mark, id="session-2", epoch=epochs_after_login(mark.epoch, asked, mark.epoch))
    assert [standing(there, later) for there in (state, elsewhere)] == [Standing.GOOD] * 2


def test_the_epochs_of_a_session_are_few_and_the_newest_is_among_them() -> None:
    epochs = "one"
    for number in range(20):
        epochs = epochs_after_login(epochs, f"asked-{number}", f"current-{number}")
    assert len(epochs.split()) == 8
    assert epochs.split()[-2:] == ["asked-19", "current-19"]


def test_sessions_of_two_states_in_use_are_told_of_once_with_the_remedy(
    state: Memory, mark: SessionMark, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_separate_records.cache_clear()
    both = replace(mark, epoch=f"{mark.epoch} another-epoc")
    assert [standing(state, both) for _ in range(3)] == [Standing.GOOD] * 3
    (line,) = caplog.messages
    assert "REDIS_URL" in line


def test_a_restarted_server_begins_another_epoch(state: Memory, mark: SessionMark) -> None:
    """Redis may have read a snapshot that is older than the last revocations."""
    state.kept[SERVER_RUN] = "run 1"
    first = current_epoch(state)
    begun = replace(mark, epoch=first)
    assert standing(state, begun) is Standing.GOOD
    state.kept[SERVER_RUN] = "run 2"
    assert standing(state, begun) is Standing.UNSURE
    assert current_epoch(state) not in ("", first)


@pytest.mark.parametrize("garbage", ["", "{}", GARBAGE, "not an epoch at all", "\x00" * 12])
def test_an_epoch_that_no_store_wrote_is_replaced(state: Memory, mark: SessionMark, garbage: str) -> None:
    state.kept["session-epoch"] = garbage
    assert standing(state, mark) is Standing.UNSURE
    assert len(current_epoch(state)) == 12
    assert current_epoch(state) == current_epoch(state)


def test_a_time_that_no_store_wrote_ends_the_sessions_until_now_and_no_later_one(
    state: Memory, mark: SessionMark
) -> None:
    revoke_at_provider(state, ISSUER, sid=None, user_id=ADA, now=1000.0, kept_s=60)
    (key,) = [key for key in state.kept if key.startswith("revoked-user:")]
    state.kept[key] = GARBAGE
    assert standing(state, replace(mark, started=2000.0)) is Standing.REVOKED
    assert standing(state, replace(mark, started=time.time() + 1)) is Standing.GOOD
    assert float(state.kept[key]) == pytest.approx(time.time(), abs=60)


def test_an_epoch_is_begun_once(state: Memory) -> None:
    assert current_epoch(state) == current_epoch(state) != ""


def test_while_the_state_is_down_nobody_can_tell_and_new_sessions_have_no_epoch(mark: SessionMark) -> None:
    down = Memory(down=True)
    assert standing(down, mark) is Standing.UNREADABLE
    assert current_epoch(down) == ""
    with pytest.raises(StateUnavailable):
        revoke_session(down, mark, now=2000.0, kept_s=60)


def test_a_notice_is_obeyed_once(state: Memory, mark: SessionMark) -> None:
    notice = LogoutNotice("sid-1", None, "token-1")
    obey(state, ISSUER, notice, now=2000.0, kept_s=60)
    assert standing(state, mark) is Standing.REVOKED
    with pytest.raises(TokenRejected, match="was used before"):
        obey(state, ISSUER, notice, now=2000.0, kept_s=60)


def test_a_notice_whose_effect_failed_may_come_again(state: Memory, mark: SessionMark) -> None:
    notice = LogoutNotice(None, ADA, "token-1")
    state.down = True
    with pytest.raises(StateUnavailable):
        obey(state, ISSUER, notice, now=2000.0, kept_s=60)
    state.down = False
    obey(state, ISSUER, notice, now=2000.0, kept_s=60)
    assert standing(state, mark) is Standing.REVOKED


def test_a_notice_that_cannot_be_recorded_is_kept_and_recorded_later(
    state: Memory, mark: SessionMark
) -> None:
    waiting: list[Callable[[], None]] = []
    records = KeptRecords(state, background=waiting.append, wait=lambda _: None)
    state.down = True
    with pytest.raises(StateUnavailable):
        obey(records, ISSUER, LogoutNotice(mark.sid, None, "token-1"), now=2000.0, kept_s=60)
    assert standing(records, mark) is Standing.REVOKED
    state.down = False
    waiting[0]()
    assert standing(state, mark) is Standing.REVOKED
