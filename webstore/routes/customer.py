"""Pages for a shopper whose customer cannot be used just now."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore.linking.models import LinkOutcome, LinkStatus

from .errors import not_available, refused_by_vendor
from .session_cookie import current_shopper, end_session

NOTHING_LOST = "Nothing is lost. Try again in a minute."
PENDING = "Your customer record is not ready yet. Nothing is lost: try again in a minute."
REFUSED = (
    "Your customer record belongs to another set-up of this store, so it is not used here. "
    "The shop has been told; you need not do anything."
)
SHOP_NOTIFIED = "Something in the shop's set-up has to be corrected first, and the shop has been notified."
#: The link is refused by a vendor: an operator has to act.
NOT_SET_UP = f"Your customer record can't be set up at the moment. {SHOP_NOTIFIED}"


def unusable_link(
    link: LinkOutcome, again: str, title: str, message: str = NOTHING_LOST
) -> ResponseReturnValue:
    """The answer if the shopper's customer cannot be used.

    `again`: the URL of the link "Try again"; `title`, `message`: for a shopper who is linked already.
    """
    if link.status is LinkStatus.USER_GONE:
        return user_gone()
    if link.status is LinkStatus.REFUSED:
        page = render_template(
            "error.html",
            status=409,
            title="Your customer record cannot be used just now",
            message=f"{REFUSED} Nothing was charged, and your cart is kept.",
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
        "Your customer record cannot be used just now",
        f"{PENDING} Nothing was charged, and your cart is kept.",
        link.reason,
        again,
    )


def user_gone() -> Response:
    """End the session of a user who no longer exists in the directory, and go to the home page."""
    end_session()
    return redirect(url_for("shop.home"), 303)
