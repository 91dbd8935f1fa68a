"""Pages for a shopper whose customer cannot be used just now."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from webstore.linking.models import LinkOutcome, LinkStatus

from .session_cookie import end_session

PENDING = "Your customer record is not ready yet. Nothing is lost: try again in a minute."
REFUSED = (
    "Your customer record belongs to another set-up of this store, so it is not used here. "
    "The shop has been told; you need not do anything."
)


def unusable_link(link: LinkOutcome, again: str) -> Response | tuple[str, int]:
    """The answer if the shopper's customer cannot be used. `again`: the URL of the link "Try again"."""
    if link.status is LinkStatus.USER_GONE:
        return user_gone()
    refused = link.status is LinkStatus.REFUSED
    page = render_template(
        "error.html",
        status=503,
        title="Your customer record cannot be used just now",
        message=f"{REFUSED if refused else PENDING} Nothing was charged, and your cart is kept.",
        action_url=url_for("shop.home") if refused else again,
        action_label="Back to the store" if refused else "Try again",
    )
    return page, 503


def user_gone() -> Response:
    """End the session of a user who no longer exists in the directory, and go to the home page."""
    end_session()
    return redirect(url_for("shop.home"), 303)
