"""Turns every error into a page: what happened, what to do, and a reference number that the log has too.

A program gets a problem document instead of a page.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass

from flask import Flask, Response, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from webstore.errors import (
    CannotBuy,
    DirectoryError,
    DirectoryRefused,
    LoginDenied,
    LoginError,
    LoginInteractionNeeded,
    LoginMisconfigured,
    LoginRejected,
    OverBudget,
    PaymentsError,
    PaymentsRefused,
    ProviderUnavailable,
    TransactionUnknown,
    WrongQuantity,
)
from webstore.logs import printable

from .problems import problem, wants_problem

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Page:
    status: int
    title: str
    message: str
    action: str = "home"


class OwnTitle(HTTPException):
    """An HTTP error whose page has a heading of its own, and perhaps a link."""

    def __init__(self, code: int, title: str, message: str, link: tuple[str, str] | None = None) -> None:
        """`link`: its words and its address."""
        super().__init__(message)
        self.code, self.title, self.link = code, title, link


#: Body, status and headers.
_Answer = tuple[str | Response, int, list[tuple[str, str]]]

#: Seconds after which a page that is not available just now is worth another try (Retry-After).
_RETRY_AFTER_S = 60
_NOT_LOGGED_IN = "You were not logged in"
#: After a login that the shopper has ended: another account is offered as well.
_CANCELLED = _Page(403, _NOT_LOGGED_IN, "", "login")
_LOGIN_PAGES: dict[type[LoginError], _Page] = {
    TransactionUnknown: _Page(
        400,
        "This login has expired",
        "It took longer than 15 minutes, was already used, or was started in another browser. "
        "Please log in again.",
        "login",
    ),
    LoginDenied: _Page(403, _NOT_LOGGED_IN, "", "other"),
    LoginInteractionNeeded: _Page(400, _NOT_LOGGED_IN, "Please log in again on the login page.", "login"),
    LoginMisconfigured: _Page(
        400,
        "We couldn't log you in",
        "There is a problem on our side that we have to fix first. Our team has been notified. "
        "Your cart is saved. Until then, logging in again will not help.",
    ),
    LoginRejected: _Page(
        400,
        "We couldn't log you in",
        "The answer of the login page failed a security check. Please log in again. "
        "If this happens again, contact us with the reference number.",
        "login",
    ),
    ProviderUnavailable: _Page(
        503,
        "The login page is not available",
        "It is not responding right now. Your cart is saved. Please try again in a minute.",
        "again",
    ),
}
_HTTP_TITLES = {
    400: "This didn't work",
    403: "You can't do this here",
    404: "Page not found",
    405: "This page can't be opened this way",
    413: "That was too much at once",
    429: "Too many requests",
    503: "Temporarily unavailable",
}
_HTTP_MESSAGES = {
    404: "Check the address for typing mistakes. The page may also have moved.",
    405: "Please use the links and buttons in the store.",
    413: "Please go back, shorten what you entered, and try again.",
    429: "Please wait a minute and try again.",
}


def install(app: Flask) -> None:
    """Register the error handlers."""
    app.register_error_handler(LoginError, _login_error)
    app.register_error_handler(CannotBuy, _cannot_buy)
    for kind in (PaymentsError, DirectoryError, OverBudget):
        app.register_error_handler(kind, _unavailable)
    for kind in (PaymentsRefused, DirectoryRefused):
        app.register_error_handler(kind, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def _login_error(exc: Exception) -> _Answer:
    """The page for a login that failed, with a link to try again."""
    page = next((page for kind, page in _LOGIN_PAGES.items() if isinstance(exc, kind)), None)
    page = page or _LOGIN_PAGES[LoginRejected]
    reference = _reference()
    # Log the cause only: the query string of a callback contains the code and the state.
    cause = printable(str(exc))
    level = logging.ERROR if isinstance(exc, LoginMisconfigured) else logging.WARNING
    log.log(level, "login failed reference=%s cause=%s: %s", reference, type(exc).__name__, cause)
    reason = ""
    if isinstance(exc, LoginDenied):
        page = _CANCELLED if exc.cancelled else page
        reason = exc.words + (f" Reason: {_sentence(exc.reason)}" if exc.reason else "")
    return _render(page, reference, reason, going_to=exc if isinstance(exc, LoginError) else None)


def _sentence(words: str) -> str:
    """These words, with a full stop unless they end with a mark of their own."""
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."


def _cannot_buy(exc: Exception) -> _Answer:
    title = "Check the quantity" if isinstance(exc, WrongQuantity) else "This item can't be bought"
    return _render(_Page(400, title, str(exc)), None)


def _refused(exc: Exception) -> _Answer:
    """The page for a vendor's refusal, which is not an outage: an operator has to correct the set-up."""
    return refused_by_vendor(f"{type(exc).__name__}: {exc}")


def refused_by_vendor(cause: str) -> _Answer:
    """The page for a refusal; the log has the `cause` under the page's reference number."""
    page = _Page(
        409,
        "This isn't working right now",
        "There is a problem on our side that we have to fix first. Our team has been notified. "
        "You have not been charged, and your cart is saved.",
    )
    return _render(page, noted("refused", cause, logging.ERROR))


def login_first(return_path: str) -> _Answer:
    """The page for a form without a session."""
    return login_link(
        "Please log in",
        "You are no longer logged in, so nothing has changed. Log in to return to where you were.",
        ("Log in", url_for("auth.login", next=return_path)),
    )


def login_link(title: str, message: str, link: tuple[str, str]) -> _Answer:
    """A page that leads to the login by a link, whose words and address are given.

    Never a redirect, which could become a loop. After a form, browsers would also apply the page's
    `form-action` to it and to every redirect after it. A provider that hands on to another site, such as a
    social or enterprise login, would be blocked without a word.
    """
    return _render(_Page(403, title, message), None, link=link)


def other_address(address: str) -> _Answer:
    """The page for a form that was sent under another host name. `address`: the page to open instead."""
    page = _Page(
        421,
        "Please use our usual address",
        "This page was opened under another address, where your cart and your login cannot be kept. "
        "Nothing has changed. Please open the store at its usual address and try again.",
    )
    return _render(page, None, link=("Open the store", address))


def not_available(title: str, message: str, cause: str, action_url: str) -> _Answer:
    """A page that cannot be shown just now, with "Try again"; the log has the `cause` and the reference."""
    return _out_of_order(_Page(503, title, message), cause, ("Try again", action_url))


def _unavailable(exc: Exception) -> _Answer:
    """The page for a vendor that is down or slow. No order or login is lost."""
    service = "Our user directory" if isinstance(exc, DirectoryError) else "Our payment service"
    page = _Page(
        503,
        "Temporarily unavailable",
        f"{service} is not responding right now. You have not been charged, and your cart is saved. "
        "Please try again in a minute.",
    )
    return _out_of_order(page, f"{type(exc).__name__}: {exc}", _way_on())


def _way_on() -> tuple[str, str] | None:
    """Words and address of the link of a page of the shop that cannot be shown right now."""
    if request.blueprint not in ("shop", "cart", "checkout"):
        return None
    if request.method in ("GET", "HEAD"):
        return "Try again", request.full_path.rstrip("?")
    return "Your cart", url_for("cart.show")


def not_found(title: str, message: str, link: tuple[str, str]) -> _Answer:
    """The page for something that does not exist, with a link to where the shopper can look instead."""
    return _render(_Page(404, title, message), None, link=link)


def _out_of_order(page: _Page, cause: str, link: tuple[str, str] | None = None) -> _Answer:
    return _render(page, noted("not available", cause), link=link)


def noted(what: str, cause: str, level: int = logging.WARNING) -> str:
    """Log why this request did not succeed. Returns the reference number, for the page."""
    reference = _reference()
    log.log(level, "%s reference=%s on %s %s: %s", what, reference, request.method, request.path, cause)
    return reference


def _http_error(exc: Exception) -> _Answer:
    """The page for an HTTP error, with the error's own headers."""
    status = (exc.code if isinstance(exc, HTTPException) else None) or 500
    # Werkzeug's default texts are for programs. Shoppers get the store's own texts.
    is_default = isinstance(exc, HTTPException) and exc.description == type(exc).description
    own_text = isinstance(exc, HTTPException) and (wants_problem() or not is_default)
    default = _HTTP_MESSAGES.get(status, "Please go back and try again.")
    message = str(exc.description) if isinstance(exc, HTTPException) and own_text else default
    # Keep headers such as Allow and Retry-After.
    headers = [
        (name, value)
        for name, value in (exc.get_headers() if isinstance(exc, HTTPException) else ())
        if name.lower() not in ("content-type", "content-length")
    ]
    title = exc.title if isinstance(exc, OwnTitle) else _HTTP_TITLES.get(status, "Something went wrong")
    link = exc.link if isinstance(exc, OwnTitle) else None
    body, status, _ = _render(_Page(status, title, message), None, link=link)
    return body, status, headers


def _unexpected(exc: Exception) -> _Answer:
    """The page for a bug. The log has the traceback."""
    reference = _reference()
    log.error("unexpected error reference=%s on %s %s", reference, request.method, request.path, exc_info=exc)
    page = _Page(
        500, "Something went wrong on our side", "You have not been charged. Please try again in a minute."
    )
    return _render(page, reference)


def _render(
    page: _Page,
    reference: str | None,
    reason: str = "",
    going_to: LoginError | None = None,
    link: tuple[str, str] | None = None,
) -> _Answer:
    """Render the page or the problem document.

    `going_to`: the login that the next try repeats. `link`: words and address, instead of the page's action.
    """
    headers = [("Retry-After", str(_RETRY_AFTER_S))] if page.status == 503 else []
    if wants_problem():
        return problem(page.status, page.message + reason, reference=reference), page.status, headers
    return_path = going_to.return_path if going_to else None
    organization = going_to.organization if going_to else None
    actions = {
        "home": ("Back to the store", url_for("shop.home")),
        "login": ("Log in", url_for("auth.login", organization=organization, next=return_path)),
        "again": ("Try again", url_for("auth.login", next=return_path)),
        "other": (
            "Use another account",
            url_for("auth.login", prompt="login", organization=organization, next=return_path),
        ),
    }
    label, action_url = link or actions[page.action]
    body = render_template(
        "error.html",
        status=page.status,
        title=page.title,
        message=page.message + reason,
        action_url=action_url,
        action_label=label,
        other=actions["other"] if page is _CANCELLED else None,
        reference=reference,
    )
    return body, page.status, headers


def _reference() -> str:
    """A random reference number: eight characters that cannot be confused with each other."""
    return "".join(secrets.choice("23456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(8))
