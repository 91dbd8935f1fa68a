"""Revocation: sessions that ended before they expired, at logout or by back-channel logout.

The cookie of a session says who is logged in; only the shared state knows that the session was revoked. While
the state is unreachable, sessions are honoured. If it was lost, it has a new epoch, and sessions of an older
epoch go through a silent login first.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from webstore.errors import StateUnavailable, TokenRejected
from webstore.state import State

from .models import LogoutNotice

_EPOCH = "session-epoch"
_EPOCH_KEPT_S = 10 * 365 * 24 * 3600.0
#: Seconds. The times at which sessions begin are rounded to this.
_TICK_S = 0.001
_REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class SessionMark:
    """Identifies a session for its revocation; `started` in Unix seconds."""

    id: str
    issuer: str
    user_id: str
    sid: str | None
    started: float
    epoch: str


class Standing(Enum):
    """Whether a session still counts."""

    GOOD = "good"
    REVOKED = "revoked"
    #: A later login in the same browser took its place. The browser may have the new session's cookie by now.
    REPLACED = "replaced"
    #: Its epoch's revocations are lost: ask the provider.
    UNSURE = "unsure"


def current_epoch(state: State) -> str:
    """The state's epoch, begun now if it has none; empty while the state is unreachable."""
    with suppress(StateUnavailable):
        if state.add(_EPOCH, fresh := secrets.token_urlsafe(9), _EPOCH_KEPT_S):
            return fresh
        return state.get(_EPOCH) or ""
    return ""


def standing(state: State, mark: SessionMark) -> Standing:
    """Whether the session was revoked."""
    session_key, sid_key = _session_key(mark.id), _sid_key(mark.issuer, mark.sid)
    # Each of these records ends the sessions that began until its time.
    until = [_user_key(mark.issuer, mark.user_id), _sid_until_key(mark.issuer, mark.sid)]
    if not mark.sid:
        until[1] = _no_sid_key(mark.issuer, mark.user_id)
    try:
        found = state.get_many((_EPOCH, session_key, sid_key, *until))
    except StateUnavailable:
        return Standing.GOOD
    if found.get(session_key) == _REPLACED:
        return Standing.REPLACED
    if session_key in found or (mark.sid and sid_key in found):
        return Standing.REVOKED
    if any(mark.started <= float(found.get(key, "-inf")) for key in until):
        return Standing.REVOKED
    # A session that began while the state was unreachable has no epoch; nothing was lost for it since.
    return Standing.GOOD if mark.epoch in ("", found.get(_EPOCH)) else Standing.UNSURE


def revoke_session(state: State, mark: SessionMark, *, now: float, kept_s: float) -> None:
    """End one session at logout: copies of its cookie no longer count. Raises `StateUnavailable`.

    Earlier sessions of the same provider session end as well: two tabs that log in at once begin two of them
    in one browser. A later login counts, even in the same provider session, which goes on if the provider
    could not be told of the logout. `now`: Unix seconds; `kept_s`: how long a session can live.
    """
    state.set(_session_key(mark.id), "1", kept_s)
    if mark.sid:
        state.set(_sid_until_key(mark.issuer, mark.sid), repr(now), kept_s)


def replace_session(state: State, former: SessionMark, new: SessionMark, kept_s: float) -> None:
    """End the session that was in the browser before a login. Raises `StateUnavailable`.

    If the login was for another user, or in another provider session, the former provider session is not this
    browser's any more: its sessions end, too.
    """
    state.set(_session_key(former.id), _REPLACED, kept_s)
    if former.sid and (former.user_id, former.sid) != (new.user_id, new.sid):
        state.set(_sid_until_key(former.issuer, former.sid), repr(new.started - _TICK_S), kept_s)


def revoke_at_provider(
    state: State, issuer: str, *, sid: str | None, user_id: str | None, now: float, kept_s: float
) -> None:
    """End all sessions of one provider session, or without a `sid` all sessions of the user.

    With both, the user's sessions in other provider sessions go on; those that do not know their provider
    session end. `now`: Unix seconds; `kept_s`: how long a session can live. Raises `StateUnavailable`.
    Source: https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken
    """
    if sid:
        state.set(_sid_key(issuer, sid), "1", kept_s)
    if user_id:
        key = _no_sid_key(issuer, user_id) if sid else _user_key(issuer, user_id)
        state.set(key, repr(now), kept_s)


def obey(state: State, issuer: str, notice: LogoutNotice, *, now: float, kept_s: float) -> None:
    """End the sessions that the notice names. Raises `TokenRejected` if it was used, `StateUnavailable`."""
    used = f"logout-token:{notice.token_id}"
    if state.get(used):
        raise TokenRejected("this logout token was used before")
    revoke_at_provider(state, issuer, sid=notice.sid, user_id=notice.user_id, now=now, kept_s=kept_s)
    # After the effect: a token whose effect failed may come again.
    state.set(used, "1", kept_s)


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
    return f"{kind}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"
