"""What runs before views that depend on who is logged in: a login, silent if the store cannot tell."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import abort, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from webstore.sessions import revocation

from . import services
from .errors import login_first
from .return_path import safe_return_path
from .session_cookie import VOUCHED_S, current_shopper, just_vouched, must_ask_provider

_CANNOT_TELL = (
    "We can't check your login right now, so we can't show this page. Your cart is saved. "
    "Please try again in a minute."
)


def ask_provider_if_unsure() -> Response | None:
    """Redirect to a silent login if the session's revocation record may be lost or cannot be read.

    For `before_request` of every blueprint whose pages depend on who is logged in.
    """
    if request.method != "GET" or not must_ask_provider():
        return None
    stored = session["login"]
    if "unreadable" in g and just_vouched(stored):
        abort(503, _CANNOT_TELL, retry_after=VOUCHED_S)
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
