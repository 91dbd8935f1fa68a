"""The pages that close an account."""

from __future__ import annotations

import logging
import time
from functools import partial

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webstore.errors import (
    DirectoryError,
    DirectoryRefused,
    OverBudget,
    PaymentsError,
    PaymentsUnavailable,
)
from webstore.sessions.closing import Holding, close_account, holding_of
from webstore.shop.subscriptions import Ending, NotEnded, Tills, end_all, in_words

from . import services
from .csrf import require_csrf_token
from .customer import SHOP_NOTIFIED
from .errors import noted
from .limits import limited_per_shopper
from .login_guards import ask_provider_if_unsure, login_required
from .session_changes import end_session
from .session_cookie import ABSOLUTE_S, Shopper, logged_in_shopper
from .subscription_lists import SubscriptionsView, expect_changes, read_now

log = logging.getLogger(__name__)
blueprint = Blueprint("closing", __name__, url_prefix="/account/close")
blueprint.before_request(ask_provider_if_unsure)

#: The words that a shopper types to close the account.
_CONFIRMATION = "close my account"
#: Seconds. The login may be this old when the page is opened; otherwise the provider is asked for a new one.
_FRESH_S = 300
#: Seconds. The login may be this old when the page is shown after that, or when its form is sent.
_SHOWN_S, _SENT_S = _FRESH_S + 120, 1800
#: Seconds by which the provider's clock may be ahead.
_CLOCKS_S = 60
_NOT_CLOSED = "We couldn't close your account right now."
_NOTHING_DONE = "Nothing has changed. Please try again in a minute."
_MAY_BE_CLOSED = "It may still close: check again in a minute, and retry if your account is still there."


@blueprint.get("")
@login_required
@limited_per_shopper
def ask() -> ResponseReturnValue:
    """Show the page that explains what closing the account means, with its form. It needs a fresh login.

    `again`: the shopper comes back from the login, which is not begun a second time: no loop.
    """
    shopper = logged_in_shopper()
    if _is_fresh(shopper, _SHOWN_S):
        return _closing_page(_subscriptions(shopper))
    if "again" not in request.args:
        return redirect(_login_url())
    return _login_needed("The login page did not confirm that you have just logged in.", prompt="login")


@blueprint.post("")
@login_required
@limited_per_shopper
def close() -> ResponseReturnValue:
    """End the shopper's subscriptions, then delete the user in Auth0.

    The Stripe customer is kept: the law requires that its invoices are kept.
    """
    require_csrf_token()
    shopper = logged_in_shopper()
    if not _is_fresh(shopper, _SENT_S):
        return _login_needed("You logged in a while ago.")
    if " ".join(request.form.get("confirmation", "").split()).casefold() != _CONFIRMATION:
        problem = f"Nothing has changed. To close your account, type “{_CONFIRMATION}” into the field."
        return _closing_page(_subscriptions(shopper), problem), 400
    try:
        holding = holding_of(services().linker, shopper.user_id, shopper.customer_id, shopper.since)
    except (DirectoryError, PaymentsError, OverBudget) as exc:
        return _not_closed(exc, _NOTHING_DONE)
    ending = Ending()

    def end_charges() -> None:
        nonlocal ending
        if holding.customer_id is not None:
            expect_changes(holding.customer_id)
            tills = Tills(
                services().subscriptions,
                services().open_sessions,
                services().checkouts.expire_session,
            )
            ending = end_all(tills, holding.customer_id, shopper.user_id)

    try:
        close_account(
            services().linker,
            services().state,
            services().revocations,
            services().settings.auth0_issuer,
            shopper.user_id,
            end_charges=end_charges,
            now=time.time(),
            kept_s=ABSOLUTE_S,
        )
    except NotEnded as exc:
        return _not_ended(exc)
    except (DirectoryError, OverBudget) as exc:
        return _not_closed(exc, _MAY_BE_CLOSED, ending)
    _log_closing(shopper, holding, ending)
    ended = in_words(ending.ended, services().catalogue.current)
    end_session()
    return render_template("account/closed.html", ended=ended, customer_kept=holding != Holding())


def _is_fresh(shopper: Shopper, within_s: float) -> bool:
    """Whether the provider says that the user typed a password or the like within these seconds.

    Source: https://auth0.com/docs/authenticate/login/max-age-reauthentication
    """
    if shopper.authenticated_at is None:
        return False
    return -_CLOCKS_S <= time.time() - shopper.authenticated_at <= within_s


def _login_url(prompt: str | None = None) -> str:
    """The address of a login that asks for a password, unless that was done just now, and returns here."""
    here = url_for("closing.ask", again=1)
    return url_for("auth.login", max_age=_FRESH_S, prompt=prompt, next=here)


def _login_needed(why: str, prompt: str | None = None) -> tuple[str, int]:
    """The page that asks for a fresh login by a link."""
    page = render_template(
        "error.html",
        status=403,
        title="Please log in again",
        message=f"To close your account, you need to have logged in recently. {why} Nothing has changed.",
        action_url=_login_url(prompt),
        action_label="Log in again",
    )
    return page, 403


def _subscriptions(shopper: Shopper) -> SubscriptionsView:
    """The subscriptions that end with the account."""
    try:
        holding = holding_of(services().linker, shopper.user_id, shopper.customer_id, shopper.since)
    except (DirectoryError, PaymentsError, OverBudget) as exc:
        refused = _is_refusal(exc)
        cause = f"{type(exc).__name__}: {exc}"
        noted("subscriptions not shown", cause, logging.ERROR if refused else logging.WARNING)
        return SubscriptionsView(problem="refused" if refused else "unavailable")
    if holding.unusable:
        return SubscriptionsView(problem="unusable")
    return read_now(holding.customer_id) if holding.customer_id else SubscriptionsView()


def _log_closing(shopper: Shopper, holding: Holding, ending: Ending) -> None:
    if holding.unusable:
        log.warning(
            "user=%s closed the account; nothing was ended at Stripe: %s", shopper.user_id, holding.unusable
        )
        return
    log.info(
        "user=%s closed the account; ended=%s; customer=%s is kept",
        shopper.user_id,
        ",".join(it.id for it in ending.ended) or None,
        holding.customer_id,
    )


def _is_refusal(exc: Exception) -> bool:
    """Whether an operator has to act: the vendor answered, and a new try gets the same answer."""
    if isinstance(exc, PaymentsError):
        return not isinstance(exc, PaymentsUnavailable)
    return isinstance(exc, DirectoryRefused)


def _not_closed(exc: Exception, otherwise: str, ending: Ending | None = None) -> tuple[str, int]:
    """The closing page when a vendor failed. `otherwise`: what to say unless the vendor refused."""
    refused = _is_refusal(exc)
    reference = noted(
        "account not closed",
        f"user={logged_in_shopper().user_id}: {type(exc).__name__}: {exc}",
        logging.ERROR if refused else logging.WARNING,
    )
    problem = f"{_NOT_CLOSED} {SHOP_NOTIFIED if refused else otherwise}"
    return _closing_page(None, problem, ending, reference), 409 if refused else 503


def _not_ended(exc: NotEnded) -> tuple[str, int]:
    """The closing page when something could still charge the shopper; the account is as it was."""
    reference = noted(
        "account not closed",
        f"user={logged_in_shopper().user_id} ended={len(exc.ending.ended)} running={len(exc.ending.running)} "
        f"unsure={len(exc.ending.unsure)} open sessions={exc.ending.open_sessions}: {exc}",
        logging.ERROR if exc.refused else logging.WARNING,
    )
    advice = SHOP_NOTIFIED if exc.refused else "Please try again in a minute; we continue where we stopped."
    problem = f"Your account was not closed, because you could still be charged. {advice}"
    page = _closing_page(None, problem, exc.ending, reference)
    return page, 409 if exc.refused else 503


def _closing_page(
    subscriptions: SubscriptionsView | None,
    problem: str | None = None,
    ending: Ending | None = None,
    reference: str | None = None,
) -> str:
    """The page with the form that closes the account.

    `subscriptions`: those that end; None if they were not read. `ending`: what a try before has done.
    """
    words = partial(in_words, catalogue=services().catalogue.current)
    return render_template(
        "account/close.html",
        confirmation=_CONFIRMATION,
        subscriptions=subscriptions or SubscriptionsView(),
        has_none=subscriptions == SubscriptionsView(),
        problem=problem,
        reference=reference,
        ended=words(ending.ended) if ending else (),
        running=words(ending.running) if ending else (),
        unsure=words(ending.unsure) if ending else (),
        open_sessions=ending.open_sessions if ending else 0,
    )
