"""The logged-in shopper, kept in Flask's signed session cookie: identity, customer ID and times.

The cookie holds no token. The customer ID in it is for display only. Pages that involve payments or the
customer's data read the customer ID from the directory.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from flask import abort, current_app, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from werkzeug.wrappers import Response

from webstore.errors import StateUnavailable
from webstore.linking.models import Account, LinkOutcome
from webstore.sessions import revocation
from webstore.sessions.models import Identity
from webstore.sessions.revocation import SessionMark, Standing

from . import services

log = logging.getLogger(__name__)

#: Seconds after which a session ends, since its last use and since the login.
IDLE_S = 24 * 3600
ABSOLUTE_S = 7 * 24 * 3600
#: The time of last use is written only when it is this old (seconds), so that few answers set a cookie.
_TOUCH_S = 300
#: Maximum characters and bytes of a text in the cookie, which must stay far below a browser's 4,096 bytes.
#: A character beyond the basic plane takes twelve bytes of the cookie's JSON.
_MAX_TEXT, _MAX_BYTES = 300, 900
#: Characters that are left of a name or an e-mail address, however long the other texts are.
_SHORTEST = 20


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
    match revocation.standing(services().state, found.mark):
        case Standing.REVOKED:
            session.clear()
            return None
        case Standing.UNSURE:
            g.unsure = found
            return None
        case Standing.GOOD:
            pass
    # Not in the answer to a form: its header may have a cart and a long Location already.
    if now - stored["seen"] > _TOUCH_S and request.method == "GET":
        session["login"] = {**stored, "seen": now}
    return found


def _shopper(stored: dict[str, Any]) -> Shopper:
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


def start_session(identity: Identity, link: LinkOutcome | None, *, room: int) -> None:
    """Begin a new session for the identity, and delete all data of an earlier session.

    `room`: the most bytes that the cookie's value may have. The picture and then the ends of name and e-mail
    address give way.
    """
    now = time.time()
    session.clear()
    session.permanent = True
    session["csrf"] = secrets.token_urlsafe(16)
    picture = identity.picture if identity.picture and len(identity.picture) <= _MAX_TEXT else None
    login = {
        "iss": identity.issuer,
        "sub": identity.user_id,
        "name": _shortened(identity.name or identity.email or "Shopper"),
        "email": _shortened(identity.email) if identity.email else None,
        "picture": picture,
        "sid": _shortened(identity.sid) if identity.sid else None,
        "cus": link.customer_id if link else None,
        "world": _world_data(),
        "id": secrets.token_urlsafe(12),
        "epoch": revocation.current_epoch(services().state),
        "at": round(now, 3),
        "seen": int(now),
    }
    session["login"] = _fitted(login, room)
    g.pop("shopper", None)
    g.pop("unsure", None)


def _fitted(login: dict[str, Any], room: int) -> dict[str, Any]:
    """The login without the picture, and then with shorter texts, if the cookie's value is too long."""
    serializer = SecureCookieSessionInterface().get_signing_serializer(current_app)
    if serializer is None:
        raise RuntimeError("the store has no key")
    # A customer ID that is not known yet may be added later.
    known = {**session, "login": {**login, "cus": login["cus"] or "cus_" + "x" * 16}}
    while len(serializer.dumps(known)) > room:
        shown = {name: login[name] for name in ("name", "email") if login[name]}
        if login["picture"] is not None:
            login = {**login, "picture": None}
        elif shown and len(max(shown.values(), key=len)) > _SHORTEST:
            longest = max(shown, key=lambda name: len(shown[name]))
            login = {**login, longest: shown[longest][: max(_SHORTEST, len(shown[longest]) * 3 // 4)]}
        else:
            break
        known["login"] = {**login, "cus": known["login"]["cus"]}
    return login


def _shortened(text: str) -> str:
    """The beginning of the text, up to the limits for a text in the cookie."""
    return text[:_MAX_TEXT].encode(errors="ignore")[:_MAX_BYTES].decode(errors="ignore")


def remember_customer(customer_id: str | None) -> None:
    """Update the session's copy of the customer ID."""
    stored = session.get("login")
    remembered = {"cus": customer_id, "world": _world_data()}
    if stored and not remembered.items() <= stored.items():
        session["login"] = {**stored, **remembered}
        shopper = current_shopper()
        if shopper is not None:
            # Not read again: a request keeps its shopper, even if another request ends the session.
            g.shopper = replace(shopper, customer_id=customer_id)


def end_session() -> None:
    """Log the shopper out, and revoke the session, so that copies of its cookie are no longer valid."""
    shopper = current_shopper() or unsure_shopper()
    session.clear()
    g.pop("shopper", None)
    g.pop("unsure", None)
    if shopper is not None:
        try:
            revocation.revoke_session(services().state, shopper.mark, ABSOLUTE_S)
        except StateUnavailable:
            log.warning("a session ended in its browser but was not revoked: the shared state is unreachable")


def csrf_token() -> str:
    """The CSRF token of this session's forms; empty if nobody is logged in."""
    return str(session.get("csrf", "")) if session.get("login") else ""


def csrf_matches(sent: str) -> bool:
    """Whether a form has this session's CSRF token."""
    expected = csrf_token()
    return bool(expected) and hmac.compare_digest(expected.encode(), sent.encode())


def require_csrf_token() -> None:
    """Answer 400 to a form without this session's CSRF token."""
    if not csrf_matches(request.form.get("csrf_token", "")):
        abort(400, "This form is out of date. Go back, reload the page and try again.")


def ask_provider_if_unsure() -> Response | None:
    """Redirect to a silent login if the session's revocation record may be lost.

    For `before_request` of every blueprint whose pages depend on who is logged in.
    """
    if request.method != "GET" or not must_ask_provider():
        return None
    return redirect(url_for("auth.login", prompt="none", next=request.full_path.rstrip("?")))


def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Redirect a visitor who is not logged in to the login, which returns to this page."""

    @wraps(view)
    def wrapped(*args: object, **kwargs: object) -> Any:  # the type that the view returns
        if current_shopper() is None:
            path = request.full_path.rstrip("?") if request.method == "GET" else "/"
            answer: Response = redirect(url_for("auth.login", next=path))
            return answer
        return view(*args, **kwargs)

    return wrapped
