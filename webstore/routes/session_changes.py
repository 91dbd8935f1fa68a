"""The beginning and the end of a session: its cookie is written or deleted, the earlier session revoked."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import g, session

from webstore.errors import LoginRejected, StateUnavailable
from webstore.sessions import revocation
from webstore.sessions.models import Identity

from . import services
from .session_cookie import (
    ABSOLUTE_S,
    current_shopper,
    must_ask_provider,
    read_again,
    shopper_of,
    unsure_shopper,
    world_data,
)
from .session_size import MAX_TEXT, fitted, shortened

log = logging.getLogger(__name__)


def start_session(identity: Identity, customer_id: str | None, *, room: int) -> None:
    """Begin a new session for the identity, in place of the browser's earlier session, which ends.

    The cookie keeps no data of the earlier session. `room`: the most bytes that the cookie's value may have.
    The picture and then the ends of name and e-mail address give way. Raises `LoginRejected` if the new
    session is revoked already; the earlier one then stays, unless only the provider knows whether it is still
    valid.
    """
    asked_about: dict[str, Any] = session.get("login") or {}
    picture = identity.picture if identity.picture and len(identity.picture) <= MAX_TEXT else None
    now = time.time()
    login: dict[str, Any] = {
        "iss": identity.issuer,
        "sub": identity.user_id,
        "name": shortened(identity.name or identity.email or "Shopper"),
        "email": shortened(identity.email) if identity.email else None,
        "picture": picture,
        "sid": identity.sid,
        "cus": customer_id,
        "world": world_data(),
        "id": secrets.token_urlsafe(12),
        "epoch": "",
        "at": round(now, 3),
        "seen": int(now),
        "since": int(identity.since),
        "auth": None if identity.authenticated_at is None else int(identity.authenticated_at),
    }
    former, new = current_shopper() or unsure_shopper(), shopper_of(login)
    epoch, is_revoked = revocation.at_beginning(services().revocations, new.mark)
    if is_revoked:
        # Otherwise a page that needs a login would begin another login, in an endless loop.
        if must_ask_provider():
            session.clear()
        raise LoginRejected("the provider's session ended before this login was finished")
    same_user = (asked_about.get("iss"), asked_about.get("sub")) == (identity.issuer, identity.user_id)
    if same_user and "asked" in asked_about:
        login["vouched"] = int(now)
        if epoch:
            epoch = revocation.epochs_after_login(
                str(asked_about.get("epoch", "")), asked_about["asked"], epoch
            )
    # Without an epoch the session counts only as long as the records cannot be used.
    login["epoch"] = epoch
    if former is not None:
        with _revoking():
            revocation.replace_session(services().revocations, former.mark, new.mark, ABSOLUTE_S)
    session.clear()
    session.permanent = True
    session["csrf"] = secrets.token_urlsafe(16)
    session["login"] = fitted(login, room)
    read_again()
    # Its records were read just now. This request does not read them again.
    g.shopper = shopper_of(session["login"])


def end_session() -> bool:
    """Log the shopper out, and revoke the session, so that copies of its cookie are no longer valid.

    Returns whether that is so in every process of the store already.
    """
    shopper = current_shopper() or unsure_shopper()
    session.clear()
    read_again()
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
    """Log a revocation that cannot be recorded now; `failed` of the value that this gives is then True."""
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
