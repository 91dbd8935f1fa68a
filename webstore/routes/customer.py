"""Pages for a shopper whose customer cannot be used just now."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore.errors import StateUnavailable, UserBlocked
from webstore.linking.models import LinkOutcome, LinkStatus
from webstore.sessions.closing import forget_user

from . import services
from .errors import login_link, not_available, refused_by_vendor
from .session_changes import end_session
from .session_cookie import ABSOLUTE_S, current_shopper

log = logging.getLogger(__name__)

NOTHING_LOST = "Please try again in a minute."
PENDING = "Your account is still being set up. Please try again in a minute."
REFUSED = (
    "There is a problem with your account, so orders and payments are not available right now. "
    "Our team has been notified; you don't need to do anything."
)
SHOP_NOTIFIED = "There is a problem on our side that we have to fix first. Our team has been notified."
#: The link is refused by a vendor: an operator has to act.
NOT_SET_UP = f"We can't finish setting up your account right now. {SHOP_NOTIFIED}"


def unusable_link(
    link: LinkOutcome, again: str, title: str, message: str = NOTHING_LOST
) -> ResponseReturnValue:
    """The answer if the shopper's customer cannot be used.

    `again`: the URL of the link "Try again"; `title`, `message`: for a shopper who is linked already.
    """
    ended = ended_login(link, again)
    if ended is not None:
        return ended
    if link.status is LinkStatus.REFUSED:
        page = render_template(
            "error.html",
            status=409,
            title="Your account isn't ready right now",
            message=f"{REFUSED} You have not been charged, and your cart is saved.",
            action_url=url_for("shop.home"),
            action_label="Back to the store",
        )
        return page, 409
    if link.alarm:
        return refused_by_vendor(link.reason)
    shopper = current_shopper()
    if shopper is not None and shopper.customer_id is not None:
        # Linked already: only the verification failed, so the record is not the shopper's problem.
        return not_available(title, message, link.reason, again)
    return not_available(
        "Your account isn't ready right now",
        f"{PENDING} You have not been charged, and your cart is saved.",
        link.reason,
        again,
    )


def ended_login(link: LinkOutcome, again: str) -> ResponseReturnValue | None:
    """The answer if the shopper's session has to end; None if it goes on.

    `again`: the URL to which another login returns.
    """
    match link.status:
        case LinkStatus.USER_GONE:
            return user_gone()
        case LinkStatus.BLOCKED:
            return user_blocked()
        case LinkStatus.OUTDATED:
            return login_outdated(again)
        case _:
            return None


def barred(exc: Exception) -> ResponseReturnValue:
    """The answer to `UserBarred`."""
    again = request.full_path.rstrip("?") if request.method == "GET" else url_for("account.show")
    return user_blocked() if isinstance(exc, UserBlocked) else login_outdated(again)


def user_gone() -> Response:
    """End the sessions of a user who no longer exists in the directory, and go to the home page."""
    _end_all_sessions()
    return redirect(url_for("shop.home"), 303)


def user_blocked() -> ResponseReturnValue:
    """End the sessions of a user whom an operator has blocked."""
    _end_all_sessions()
    return login_link(
        "Your account is blocked",
        "You have been logged out. You have not been charged, and your cart "
        "is saved. If you think this is a mistake, please contact us.",
        ("Use another account", url_for("auth.login", prompt="login")),
    )


def login_outdated(again: str) -> ResponseReturnValue:
    """End a session that began before the last password reset."""
    end_session()
    return login_link(
        "Please log in again",
        "Your password or your account has been changed since you logged in here, so you have been "
        "logged out. You have not been charged, and your cart is saved.",
        ("Log in", url_for("auth.login", prompt="login", next=again)),
    )


def _end_all_sessions() -> None:
    """End this session, and the user's sessions in other browsers."""
    shopper = current_shopper()
    end_session()
    if shopper is not None:
        forget(shopper.user_id)


def forget(user_id: str) -> None:
    """End all sessions of a user who is gone or blocked, and forget their verdict."""
    shop = services()
    log.info("user=%s is gone or blocked: all sessions end", user_id)
    with suppress(StateUnavailable):
        forget_user(
            shop.state,
            shop.revocations,
            shop.settings.auth0_issuer,
            user_id,
            now=time.time(),
            kept_s=ABSOLUTE_S,
        )
