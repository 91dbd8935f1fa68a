"""The routes of login, callback, logout and back-channel logout."""

from __future__ import annotations

import logging
import time
from urllib.parse import urlencode

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webstore.errors import (
    LoginDenied,
    LoginError,
    LoginInteractionNeeded,
    StateUnavailable,
    TokenRejected,
    TransactionUnknown,
)
from webstore.gateways.oidc.login_client import FORWARDED, Transaction
from webstore.linking import LinkStatus
from webstore.sessions import login, revocation
from webstore.sessions.models import Identity

from . import header_room, services
from .csrf import require_csrf_token
from .customer import forget
from .errors import OwnTitle
from .limits import limited_per_address
from .login_claims import keep_claims
from .marks import signed
from .return_path import MAX_BYTES, safe_return_path
from .session_changes import end_session, start_session
from .session_cookie import ABSOLUTE_S, current_shopper, must_ask_provider, unsure_shopper

log = logging.getLogger(__name__)
blueprint = Blueprint("auth", __name__)

#: Maximum number of bytes of the parameters that a login passes on. They share the answer's header with the
#: return path, which is in the login's cookie.
_MAX_ASKED = 500


@blueprint.get("/login", endpoint="login")
@limited_per_address
def begin_login() -> Response:
    """Begin a login and redirect the browser to the provider."""
    if "prefetch" in (request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")).lower():
        abort(503, "A login is not prefetched.")
    asked = {name: value for name in FORWARDED if (value := request.args.get(name, ""))}
    if (length := len(urlencode(asked))) > _MAX_ASKED:
        raise _wrong_link("This login link has a part that is too long. Please log in again.")
    if not asked.get("max_age", "0").isascii() or not asked.get("max_age", "0").isdigit():
        raise _wrong_link("This login link has a mistake. Please log in again.")
    return_path = safe_return_path(request.args.get("next"), MAX_BYTES - length)
    try:
        return redirect(services().login_client.begin(return_path, asked))
    except LoginError:
        if asked.get("prompt") != "none":
            raise
        return _without_login(return_path)


def _wrong_link(message: str) -> OwnTitle:
    """The page for a login link that asks for something impossible; it offers a plain login."""
    login_url = url_for("auth.login", next=safe_return_path(request.args.get("next")))
    return OwnTitle(400, "You were not logged in", message, ("Log in", login_url))


@blueprint.get("/callback")
@limited_per_address
def callback() -> Response:
    """Finish the OpenID Connect login, run the post-login hooks, and redirect to the return path."""
    client = services().login_client
    try:
        transaction = client.transaction()
    except TransactionUnknown:
        if current_shopper() is not None:
            return redirect(url_for("shop.home"))
        raise
    return_path = safe_return_path(transaction.return_path)
    try:
        identity = client.finish(transaction)
    except LoginError as exc:
        exc.return_path, exc.organization = return_path, transaction.asked.get("organization")
        if transaction.asked.get("prompt") != "none":
            raise
        # The store, not the shopper, began this login if the session's revocation record may be lost.
        if not isinstance(exc, LoginInteractionNeeded | LoginDenied) and not must_ask_provider():
            raise
        log.info("a silent login failed: %s: %s", type(exc).__name__, exc)
        return _without_login(return_path)
    try:
        start_session(
            identity, _customer_of(identity, transaction), room=header_room.for_session(return_path)
        )
    except LoginError as exc:
        exc.return_path, exc.organization = return_path, transaction.asked.get("organization")
        raise
    if services().settings.dashboard_links:
        keep_claims(identity.claims)
    return redirect(return_path)


def _customer_of(identity: Identity, transaction: Transaction) -> str | None:
    """Run the post-login hooks; returns the ID of the customer that was linked. Raises `LoginDenied`."""
    shopper = current_shopper()
    if "max_age" in transaction.asked and shopper is not None and shopper.user_id == identity.user_id:
        # The shopper has only typed the password again. No customer is made for a user who is leaving.
        return shopper.customer_id
    link = login.complete_login(identity, services().hooks).link
    if link is not None and link.status is LinkStatus.BLOCKED:
        # Since the provider let the user in, a moment ago.
        forget(identity.user_id)
        raise LoginDenied(link.reason, words="This account is blocked.")
    return link.customer_id if link else None


def _without_login(return_path: str) -> Response:
    """Continue without a login after a silent login failed, and do not try another silent login."""
    if must_ask_provider():
        end_session()
    return redirect(return_path)


@blueprint.post("/logout")
def logout() -> Response | str:
    """End the store's session, then redirect to the provider to end its session."""
    shopper = current_shopper() or unsure_shopper()
    if shopper is None:
        return redirect(url_for("shop.home"))
    require_csrf_token()
    everywhere = end_session()
    try:
        url = services().login_client.logout_url(f"{services().settings.base_url}/", shopper.sid)
    except LoginError as exc:
        log.warning("a shopper was logged out of the store, but not at the provider: %s", exc)
        return render_template("auth/logged_out.html", everywhere=everywhere, go_on=None)
    if everywhere and url is not None:
        return _on_to_the_provider(url)
    return render_template(
        "auth/logged_out.html",
        everywhere=everywhere,
        go_on=url,
        provider_session_goes_on=url is None,
    )


def _on_to_the_provider(url: str) -> Response | str:
    """Send the browser from the logout form to the provider.

    A browser gets a page that goes on by itself. After a redirect it would apply the form's `form-action` to
    every further redirect of the provider, whose targets the store cannot know.
    """
    if request.headers.get("Sec-Fetch-Mode") == "navigate":
        return render_template("auth/logging_out.html", url=url)
    return redirect(url)


@blueprint.get("/logout")
def logout_page() -> Response | str:
    """Answer a shopper who opens this address directly: the account page has the logout button."""
    if current_shopper() is not None:
        return redirect(url_for("account.show"))
    if must_ask_provider():
        return redirect(url_for("shop.home"))
    return render_template("auth/logged_out.html", everywhere=True, go_on=None)


@blueprint.post("/backchannel-logout")
@signed
@limited_per_address
def backchannel_logout() -> tuple[Response, int]:
    """End the sessions that the provider's logout token names. Answers 200, or 400 if it ended nothing.

    Source: https://openid.net/specs/openid-connect-backchannel-1_0.html#BCResponse
    """
    revocations, issuer = services().revocations, services().settings.auth0_issuer
    try:
        notice = services().logout_tokens.read(request.form.get("logout_token", ""))
        revocation.obey(revocations, issuer, notice, now=time.time(), kept_s=ABSOLUTE_S)
    except (TokenRejected, LoginError, StateUnavailable) as exc:
        reason = exc.in_log if isinstance(exc, TokenRejected) else exc
        log.warning("back-channel logout refused: %s: %s", type(exc).__name__, reason)
        return jsonify(error="invalid_request"), 400
    return jsonify(), 200
