"""Revocation: sessions that ended before they expired, at logout or by back-channel logout.

The cookie of a session says who is logged in; only the records know that the session was revoked. Records
that were lost have a new epoch. A session carries the epochs in which its user logged in. In another epoch,
or while the records cannot be read, only the provider can tell whether the user is still logged in.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from webstore.errors import StateUnavailable, TokenRejected
from webstore.state import SERVER_RUN, Records

from .models import LogoutNotice

log = logging.getLogger(__name__)

_EPOCH = "session-epoch"
_EPOCH_KEPT_S = 10 * 365 * 24 * 3600.0
#: Seconds. The times at which sessions begin are rounded to this.
_TICK_S = 0.001
_REPLACED = "replaced"
_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{12}")
#: Epochs that a session carries: those of so many machines without a common state.
_MOST_EPOCHS = 8
#: Seconds after its login in which a session ends, however often it is used.
LIFETIME_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SessionMark:
    """Identifies a session for its revocation; `started` in Unix seconds."""

    id: str
    issuer: str
    user_id: str
    sid: str | None
    started: float
    #: The epochs in which the user logged in, oldest first, separated by spaces.
    epoch: str


class Standing(Enum):
    """Whether a session still counts."""

    GOOD = "good"
    REVOKED = "revoked"
    #: A later login in the same browser took its place. The browser may have the new session's cookie by now.
    REPLACED = "replaced"
    #: It has not met this epoch: earlier revocations may be lost. Ask the provider.
    UNSURE = "unsure"
    #: The records cannot be read. Ask the provider.
    UNREADABLE = "unreadable"


def current_epoch(records: Records) -> str:
    """The records' epoch, begun now if they have none; empty while they cannot be used."""
    with suppress(StateUnavailable):
        for _ in range(3):
            found = records.get_many((_EPOCH, SERVER_RUN))
            if epoch := _epoch(found):
                return epoch
            fresh = secrets.token_urlsafe(9)
            if _EPOCH in found:  # what no release of the store wrote
                records.set(_EPOCH, fresh, _EPOCH_KEPT_S)
            else:
                records.add(_EPOCH, fresh, _EPOCH_KEPT_S)
    return ""


def epochs_after_login(earlier: str, asked: str, current: str) -> str:
    """The epochs of a session that begins now: the current one, and all of the session that it replaces.

    `asked`: the epoch in which that session was sent to the provider.
    """
    return " ".join(dict.fromkeys([*earlier.split(), *asked.split(), *current.split()][-_MOST_EPOCHS:]))


def standing(records: Records, mark: SessionMark) -> Standing:
    """Whether the session was revoked."""
    keys = _keys(mark)
    try:
        found = records.get_many((_EPOCH, SERVER_RUN, *keys))
    except StateUnavailable:
        return Standing.UNREADABLE
    if found.get(keys.session) == _REPLACED:
        return Standing.REPLACED
    if _is_revoked(records, mark, found):
        return Standing.REVOKED
    epoch, known = _epoch(found), mark.epoch.split()
    if epoch not in known:
        return Standing.UNSURE
    if epoch != known[-1]:
        warn_of_separate_records()
    return Standing.GOOD


def at_beginning(records: Records, mark: SessionMark) -> tuple[str, bool]:
    """The epoch in which a session begins, and whether it is revoked already: in one reading of the records.

    The epoch is that of `current_epoch`. While the records cannot be used, nothing is known to be revoked.
    """
    try:
        found = records.get_many((_EPOCH, SERVER_RUN, *_keys(mark)))
    except StateUnavailable:
        return "", False
    return _epoch(found) or current_epoch(records), _is_revoked(records, mark, found)


class _Keys(NamedTuple):
    """The keys of the records that end a session."""

    session: str
    #: Of its provider session, if it knows that.
    sid: str
    #: Of the user, and of the provider session or of those that know none: they end the sessions that began
    #: until their time.
    user_until: str
    sid_until: str


@functools.lru_cache(maxsize=1024)
def _keys(mark: SessionMark) -> _Keys:
    """The keys of the records that end this session. Each page of it needs them."""
    return _Keys(
        _session_key(mark.id),
        _sid_key(mark.issuer, mark.sid),
        _user_key(mark.issuer, mark.user_id),
        _sid_until_key(mark.issuer, mark.sid) if mark.sid else _no_sid_key(mark.issuer, mark.user_id),
    )


def _is_revoked(records: Records, mark: SessionMark, found: Mapping[str, str]) -> bool:
    keys = _keys(mark)
    if keys.session in found or (mark.sid and keys.sid in found):
        return True
    until = (key for key in (keys.user_until, keys.sid_until) if key in found)
    return any(mark.started <= _ended_until(records, key, found[key]) for key in until)


def _epoch(found: Mapping[str, str]) -> str:
    """The epoch among the values that were found; empty if there is none.

    A server's restart begins a new one: it may have lost its last records.
    """
    epoch = found.get(_EPOCH, "")
    if not _WELL_FORMED.fullmatch(epoch):
        return ""
    run = found.get(SERVER_RUN, "")
    return hashlib.sha256(f"{epoch} {run}".encode()).hexdigest()[:12] if run else epoch


def _ended_until(records: Records, key: str, text: str) -> float:
    """The time (Unix seconds) in this record: it ends the sessions that began until then.

    A malformed time ends those that began until now.
    """
    with suppress(ValueError):
        return float(text)
    now = time.time()
    with suppress(StateUnavailable):
        records.set(key, repr(now), LIFETIME_S)
    return now


@functools.cache
def warn_of_separate_records() -> None:
    """Warn once that two states are in use: sessions come here that began with another one."""
    log.warning(
        "sessions come from another machine, or another deployment, that keeps its own records of ended "
        "sessions: a logout there is not known here. Give all of them the same REDIS_URL"
    )


def revoke_session(records: Records, mark: SessionMark, *, now: float, kept_s: float) -> None:
    """End one session at logout: copies of its cookie no longer count. Raises `StateUnavailable`.

    Earlier sessions of the same provider session end as well: two tabs that log in at once begin two of them
    in one browser. A later login counts, even in the same provider session, which goes on if the provider
    could not be told of the logout. `now`: Unix seconds; `kept_s`: how long a session can live.
    """
    ended = {_session_key(mark.id): "1"}
    if mark.sid:
        ended[_sid_until_key(mark.issuer, mark.sid)] = repr(now)
    _record(records, ended, kept_s)


def replace_session(records: Records, former: SessionMark, new: SessionMark, kept_s: float) -> None:
    """End the session that was in the browser before a login. Raises `StateUnavailable`.

    If the login was for another user, or in another provider session, the former provider session is not this
    browser's any more: its sessions end, too.
    """
    ended = {_session_key(former.id): _REPLACED}
    if former.sid and (former.user_id, former.sid) != (new.user_id, new.sid):
        ended[_sid_until_key(former.issuer, former.sid)] = repr(new.started - _TICK_S)
    _record(records, ended, kept_s)


def _record(records: Records, ended: Mapping[str, str], kept_s: float) -> None:
    """Record all of it, also after a failure: the process keeps the rest. Raises `StateUnavailable`."""
    failed: StateUnavailable | None = None
    for key, value in ended.items():
        try:
            records.set(key, value, kept_s)
        except StateUnavailable as exc:
            failed = exc
    if failed is not None:
        raise failed


def revoke_at_provider(
    records: Records, issuer: str, *, sid: str | None, user_id: str | None, now: float, kept_s: float
) -> None:
    """End all sessions of one provider session, or without a `sid` all sessions of the user.

    With both, the user's sessions in other provider sessions go on; those that do not know their provider
    session end. `now`: Unix seconds; `kept_s`: how long a session can live. Raises `StateUnavailable`.
    Source: https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken
    """
    ended = {}
    if sid:
        ended[_sid_key(issuer, sid)] = "1"
    if user_id:
        ended[_no_sid_key(issuer, user_id) if sid else _user_key(issuer, user_id)] = repr(now)
    _record(records, ended, kept_s)


def obey(records: Records, issuer: str, notice: LogoutNotice, *, now: float, kept_s: float) -> None:
    """End the sessions that the notice names. Raises `TokenRejected` if it was used, `StateUnavailable`.

    While nobody can tell whether it was used, the sessions end all the same: it may not be sent again.
    """
    used = f"logout-token:{notice.token_id}"
    with suppress(StateUnavailable):
        if records.get(used):
            raise TokenRejected("this logout token was used before")
    revoke_at_provider(records, issuer, sid=notice.sid, user_id=notice.user_id, now=now, kept_s=kept_s)
    # After the effect: a token whose effect failed may come again.
    records.set(used, "1", kept_s)


def _session_key(session_id: str) -> str:
    return _digest("revoked-session", session_id)


def _sid_key(issuer: str, sid: str | None) -> str:
    return _digest("revoked-sid", issuer, sid or "")


def _sid_until_key(issuer: str, sid: str | None) -> str:
    return _digest("revoked-sid-until", issuer, sid or "")


def _user_key(issuer: str, user_id: str) -> str:
    return _digest("revoked-user", issuer, user_id)


def _no_sid_key(issuer: str, user_id: str) -> str:
    return _digest("revoked-user-without-sid", issuer, user_id)


def _digest(kind: str, *parts: str) -> str:
    named = chr(0).join(parts).encode("utf-8", "surrogatepass")
    return f"{kind}:{hashlib.sha256(named).hexdigest()[:32]}"
