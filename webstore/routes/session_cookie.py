"""The logged-in shopper, kept in Flask's signed session cookie: identity, customer ID and times.

The cookie holds no token. The customer ID in it is for display only. Pages that involve payments or the
customer's data read the customer ID from the directory.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from flask import abort, after_this_request, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from webstore.errors import LoginRejected, StateUnavailable
from webstore.linking.models import Account
from webstore.sessions import revocation
from webstore.sessions.models import Identity
from webstore.sessions.revocation import SessionMark, Standing

from . import services
from .errors import login_first
from .marks import is_public_page
from .return_path import safe_return_path
from .session_size import MAX_TEXT, fitted, shortened

log = logging.getLogger(__name__)

_CANNOT_TELL = (
    "We cannot check at the moment whether you are still logged in, so we do not show this page. Your cart "
    "is kept. Try again in a minute."
)

#: Seconds after which a session ends, since its last use and since the login.
IDLE_S = 24 * 3600
ABSOLUTE_S = revocation.LIFETIME_S
#: Seconds after a silent login in which a session is not sent to the provider again, and in which a session
#: that began during an outage of the records is honoured without them.
_VOUCHED_S = 60
#: The time of last use is written only when it is this old (seconds), so that few answers set a cookie.
_TOUCH_S = 300


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
    if "shopper" not in g:
        g.shopper = _from_session()
    found: Shopper | None = g.shopper
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
        found = _shopper(stored)
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
        case Standing.UNSURE if _just_vouched(stored):
            # The state of one more machine, or lost again: asking at each of them would never end.
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


def _shopper(stored: dict[str, Any]) -> Shopper:
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
        stored["sid"],
        _whole(stored["cus"]) if _world().may_be(Account(*stored.get("world", _world_data()))) else None,
        mark,
        # A release without these two signed the cookie.
        stored.get("since", stored["at"]),
        stored.get("auth"),
    )


def _whole(stored: Any) -> Any:  # as the cookie has it
    """The value; a text without half characters (lone surrogates), which no page could contain."""
    return stored.encode(errors="ignore").decode() if isinstance(stored, str) else stored


def _world() -> Account:
    """The Stripe account and mode of the store's key, as far as they are known."""
    return services().linker.payments.known_account()


def _world_data() -> list[Any]:
    """The world that a customer ID in the cookie belongs to: after a switch of keys it counts as none."""
    world = _world()
    return [world.id, world.livemode]


def _just_vouched(stored: dict[str, Any]) -> bool:
    """Whether the provider vouched for the user a moment ago, because the store could not tell."""
    return bool(0 <= time.time() - stored.get("vouched", 0) < _VOUCHED_S)


def _began_in_outage(mark: SessionMark) -> bool:
    """Whether the session began a moment ago, in an outage of the records that goes on.

    Nothing can have revoked it since.
    """
    is_recent = 0 <= time.time() - mark.started < _VOUCHED_S
    return not mark.epoch and is_recent and mark.started > services().revocations.last_worked


def start_session(identity: Identity, customer_id: str | None, *, room: int) -> None:
    """Begin a new session for the identity, in place of the browser's earlier session, which ends.

    The cookie keeps no data of the earlier session. `room`: the most bytes that the cookie's value may have.
    The picture and then the ends of name and e-mail address give way. Raises `LoginRejected` if the new
    session is revoked already; the earlier one then stays, unless only the provider knows whether it is still
    valid.
    """
    epoch, vouched = revocation.current_epoch(services().revocations), {}
    asked_about: dict[str, Any] = session.get("login") or {}
    # Without an epoch the session counts only as long as the records cannot be used.
    same_user = (asked_about.get("iss"), asked_about.get("sub")) == (identity.issuer, identity.user_id)
    now = time.time()
    if same_user and "asked" in asked_about:
        vouched = {"vouched": int(now)}
        if epoch:
            epoch = revocation.epochs_after_login(
                str(asked_about.get("epoch", "")), asked_about["asked"], epoch
            )
    picture = identity.picture if identity.picture and len(identity.picture) <= MAX_TEXT else None
    login = {
        "iss": identity.issuer,
        "sub": identity.user_id,
        "name": shortened(identity.name or identity.email or "Shopper"),
        "email": shortened(identity.email) if identity.email else None,
        "picture": picture,
        "sid": identity.sid,
        "cus": customer_id,
        "world": _world_data(),
        "id": secrets.token_urlsafe(12),
        "epoch": epoch,
        "at": round(now, 3),
        "seen": int(now),
        "since": int(identity.since),
        "auth": None if identity.authenticated_at is None else int(identity.authenticated_at),
        **vouched,
    }
    former, new = current_shopper() or unsure_shopper(), _shopper(login)
    if revocation.standing(services().revocations, new.mark) is Standing.REVOKED:
        # Otherwise a page that needs a login would begin another login, in an endless loop.
        if must_ask_provider():
            session.clear()
        raise LoginRejected("the provider's session ended before this login was finished")
    if former is not None:
        with _revoking():
            revocation.replace_session(services().revocations, former.mark, new.mark, ABSOLUTE_S)
    session.clear()
    session.permanent = True
    session["csrf"] = secrets.token_urlsafe(16)
    session["login"] = fitted(login, room)
    _read_again()


def _read_again() -> None:
    """Have the rest of this request read the session again."""
    for name in ("shopper", "unsure", "unreadable", "session_can_wait"):
        g.pop(name, None)


def remember_customer(customer_id: str | None) -> None:
    """Update the session's copy of the customer ID."""
    stored = session.get("login")
    remembered = {"cus": customer_id, "world": _world_data()}
    if stored and not remembered.items() <= stored.items():
        _rewrite({**stored, **remembered})
        shopper = current_shopper()
        if shopper is not None:
            # Not read again: a request keeps its shopper, even if another request ends the session.
            g.shopper = replace(shopper, customer_id=customer_id)


def end_session() -> bool:
    """Log the shopper out, and revoke the session, so that copies of its cookie are no longer valid.

    Returns whether that is so in every process of the store already.
    """
    shopper = current_shopper() or unsure_shopper()
    session.clear()
    _read_again()
    if shopper is not None:
        with _revoking() as revoked:
            revocation.revoke_session(
                services().revocations, shopper.mark, now=time.time(), kept_s=ABSOLUTE_S
            )
        return not revoked.failed
    return True


@dataclass(slots=True)
class _Revoking:
    failed: bool = False


@contextmanager
def _revoking() -> Iterator[_Revoking]:
    """Log it if a revocation cannot be recorded now, and note it in what this gives."""
    revoked = _Revoking()
    try:
        yield revoked
    except StateUnavailable as exc:
        revoked.failed = True
        log.warning(
            "a session ended in its browser; this process keeps its revocation and tries again: "
            "the shared state is unreachable (%s)",
            exc,
        )


def ask_provider_if_unsure() -> Response | None:
    """Redirect to a silent login if the session's revocation record may be lost or cannot be read.

    For `before_request` of every blueprint whose pages depend on who is logged in.
    """
    if request.method != "GET" or not must_ask_provider():
        return None
    stored = session["login"]
    if "unreadable" in g and _just_vouched(stored):
        abort(503, _CANNOT_TELL, retry_after=_VOUCHED_S)
    session["login"] = {**stored, "asked": revocation.current_epoch(services().revocations)}
    return redirect(url_for("auth.login", prompt="none", next=request.full_path.rstrip("?")))


def _page_of_form() -> str:
    """The path of the page whose form this is; the account page if the browser does not say."""
    here, referrer = services().settings.base_url, request.headers.get("Referer", "")
    if referrer.startswith(f"{here}/"):
        return safe_return_path(referrer.removeprefix(here))
    return url_for("account.show")


def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Send a visitor who is not logged in to the login, which returns to this page or to the form's page."""

    @wraps(view)
    def wrapped(*args: object, **kwargs: object) -> Any:  # the type that the view returns
        if current_shopper() is None:
            if request.method == "POST":
                return login_first(_page_of_form())
            answer: Response = redirect(url_for("auth.login", next=request.full_path.rstrip("?")))
            return answer
        return view(*args, **kwargs)

    return wrapped
