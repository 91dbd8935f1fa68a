"""The logged-in shopper, kept in Flask's signed session cookie: identity, customer ID and times.

The cookie holds no token. The customer ID in it is for display only. Pages that involve payments or the
customer's data read the customer ID from the directory.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any

from flask import Flask, Request, after_this_request, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from werkzeug.wrappers import Response

from webstore.linking.models import Account
from webstore.sessions import revocation
from webstore.sessions.revocation import SessionMark, Standing

from . import services
from .bounded_memory import BoundedMemory
from .marks import is_public_page

_SERIALIZER = "webstore_session_serializer"
#: Bytes of checked cookies in a process, and seconds for which one is kept.
_MOST_BYTES, _CHECKED_S = 2 * 1024 * 1024, 60.0
#: Seconds after which a session ends, since its last use and since the login.
IDLE_S = 24 * 3600
ABSOLUTE_S = revocation.LIFETIME_S
#: Seconds after a silent login in which a session is not sent to the provider again, and in which a session
#: that began during an outage of the records is honoured without them.
VOUCHED_S = 60
#: The time of last use is written only when it is this old (seconds), so that few answers set a cookie.
_TOUCH_S = 300


class Sessions(SecureCookieSessionInterface):
    """Flask's signed session cookie at less cost: work with the same result for each request is done once.

    The application has one serializer. A cookie whose signature was checked a moment ago is read from memory.
    `current_shopper` checks for each request whether the session has ended.
    """

    def __init__(self) -> None:
        #: The sessions as JSON, by the whole text of their cookies: nobody gets another's.
        self._checked = BoundedMemory[str, str](_MOST_BYTES, _CHECKED_S, _bytes_of_checked)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session in the request's cookie."""
        text = request.cookies.get(self.get_cookie_name(app), "")
        checked = self._checked.get(text)
        if checked is not None:
            return self.session_class(json.loads(checked))
        opened: SecureCookieSession | None = super().open_session(app, request)
        if opened and text.isascii():
            with suppress(TypeError):  # another release's session, with more than JSON has
                stored = json.dumps(opened)
                # The signature's decoder passes over foreign characters: anybody can make a cookie longer.
                if len(text) <= _longest_cookie(stored):
                    self._checked.put(text, stored)
        return opened

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """The serializer with the application's keys; None without a key."""
        if _SERIALIZER not in app.extensions:
            app.extensions[_SERIALIZER] = super().get_signing_serializer(app)
        found: URLSafeTimedSerializer | None = app.extensions[_SERIALIZER]
        return found


def _longest_cookie(session: str) -> int:
    """Characters of the longest cookie with this session: in Base64, with the time and the signature."""
    return len(session) * 4 // 3 + 128


def _bytes_of_checked(session: str) -> int:
    return len(session) + _longest_cookie(session) + 384


@dataclass(frozen=True, slots=True)
class Shopper:
    """The user who is logged in with this browser."""

    user_id: str
    name: str
    email: str | None
    picture: str | None
    sid: str | None
    customer_id: str | None
    mark: SessionMark
    #: When the user logged in, by the provider's clock in Unix seconds.
    since: float = 0.0
    #: When the user last typed a password or the like, if the provider said so.
    authenticated_at: float | None = None

    @property
    def link_status(self) -> str:
        """The link as the pages show it: "linked" or "pending"."""
        return "linked" if self.customer_id else "pending"


def current_shopper() -> Shopper | None:
    """The shopper of this request; None if nobody is logged in or the session ended."""
    # One look at `g`: a page asks a dozen times.
    found: Shopper | EllipsisType | None = g.get("shopper", ...)
    if found is ...:
        found = g.shopper = _from_session()
    return found


def logged_in_shopper() -> Shopper:
    """The shopper of a view with `login_required`."""
    shopper = current_shopper()
    if shopper is None:
        raise RuntimeError("this view lacks login_required")
    return shopper


def unsure_shopper() -> Shopper | None:
    """The user of a session whose revocation record may be lost."""
    current_shopper()
    found: Shopper | None = g.get("unsure")
    return found


def must_ask_provider() -> bool:
    """Whether only the provider knows if this session is still valid."""
    return unsure_shopper() is not None


def _from_session() -> Shopper | None:
    """The shopper in the session cookie, if the session is neither expired nor revoked."""
    stored: dict[str, Any] | None = session.get("login")
    if not stored:
        return None
    now = int(time.time())
    try:
        found = shopper_of(stored)
        expired = now - stored["at"] > ABSOLUTE_S or now - stored["seen"] > IDLE_S
    except (KeyError, TypeError):
        # An older release of the store signed this cookie, in another format.
        session.clear()
        return None
    if expired or found.mark.issuer != services().settings.auth0_issuer:
        session.clear()
        return None
    records = services().revocations
    match revocation.standing(records, found.mark):
        case Standing.REVOKED:
            session.clear()
            return None
        case Standing.REPLACED:
            # No answer may delete the cookie: it would undo the login that took this session's place.
            return None
        case Standing.UNSURE if just_vouched(stored):
            # The state of one more machine, or lost again: asking at each of them would never end.
            if found.mark.epoch:  # otherwise the user logged in during an outage of the records
                revocation.warn_of_separate_records()
            known = revocation.epochs_after_login(found.mark.epoch, "", revocation.current_epoch(records))
            stored = {**stored, "epoch": known}
            _rewrite(stored)
        case Standing.UNSURE:
            g.unsure = found
            return None
        case Standing.UNREADABLE if not is_public_page() and not _began_in_outage(found.mark):
            g.unsure = found
            g.unreadable = True
            return None
        case Standing.UNREADABLE | Standing.GOOD:
            pass
    # Not in the answer to a form: its header may have a cart and a long Location already.
    if now - stored["seen"] > _TOUCH_S and request.method == "GET":
        _rewrite({**stored, "seen": now})
    return found


def _rewrite(stored: dict[str, Any]) -> None:
    """Put the changed session into the cookie, unless it ends before the answer is sent.

    A late answer must not undo a login or a logout in another tab.
    """
    session["login"] = stored
    g.session_can_wait = True
    if "session_is_rewritten" not in g:
        g.session_is_rewritten = True
        after_this_request(_unless_ended)


def _unless_ended(response: Response) -> Response:
    shopper = current_shopper()
    over = (Standing.REVOKED, Standing.REPLACED)
    if shopper is not None and revocation.standing(services().revocations, shopper.mark) in over:
        session.modified = False
    return response


def shopper_of(stored: dict[str, Any]) -> Shopper:
    """The shopper in the cookie's data. Raises `KeyError` and `TypeError` for another release's format."""
    if not isinstance(stored["epoch"], str):
        raise TypeError("the epochs are not a text")
    mark = SessionMark(
        stored["id"], stored["iss"], stored["sub"], stored["sid"], stored["at"], stored["epoch"]
    )
    return Shopper(
        stored["sub"],
        _whole(stored["name"]),
        _whole(stored["email"]),
        _whole(stored["picture"]),
        _whole(stored["sid"]),
        _whole(stored["cus"]) if _world().may_be(Account(*stored.get("world", world_data()))) else None,
        mark,
        # A release without these two signed the cookie.
        stored.get("since", stored["at"]),
        stored.get("auth"),
    )


def _whole(stored: Any) -> Any:  # as the cookie has it
    """The value; a text without half characters (lone surrogates), which no page could contain."""
    if isinstance(stored, str) and not stored.isascii():
        return stored.encode(errors="ignore").decode()
    return stored


def _world() -> Account:
    """The Stripe account and mode of the store's key, as far as they are known."""
    return services().linker.payments.known_account()


def world_data() -> list[Any]:
    """The world that a customer ID in the cookie belongs to: after a switch of keys it counts as none."""
    world = _world()
    return [world.id, world.livemode]


def just_vouched(stored: dict[str, Any]) -> bool:
    """Whether the provider vouched for the user a moment ago, because the store could not tell."""
    return bool(0 <= time.time() - stored.get("vouched", 0) < VOUCHED_S)


def _began_in_outage(mark: SessionMark) -> bool:
    """Whether the session began a moment ago, in an outage of the records that goes on.

    Nothing can have revoked it since.
    """
    is_recent = 0 <= time.time() - mark.started < VOUCHED_S
    return not mark.epoch and is_recent and mark.started > services().revocations.last_worked


def read_again() -> None:
    """Have the rest of this request read the session again."""
    for name in ("shopper", "unsure", "unreadable", "session_can_wait"):
        g.pop(name, None)


def remember_customer(customer_id: str | None) -> None:
    """Update the session's copy of the customer ID."""
    stored = session.get("login")
    remembered = {"cus": customer_id, "world": world_data()}
    if stored and not remembered.items() <= stored.items():
        _rewrite({**stored, **remembered})
        shopper = current_shopper()
        if shopper is not None:
            # Not read again: a request keeps its shopper, even if another request ends the session.
            g.shopper = replace(shopper, customer_id=customer_id)
