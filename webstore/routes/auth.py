"""Log in, come back from the provider, log out."""

from __future__ import annotations

import logging

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webstore import login
from webstore.errors import LoginError, LoginInteractionNeeded, TransactionUnknown
from webstore.gateways.login_client import FORWARDED

from . import services
from .return_path import safe_return_path
from .shopper import csrf_matches, current_shopper, end_session, start_session

log = logging.getLogger(__name__)
blueprint = Blueprint("auth", __name__)


@blueprint.get("/login", endpoint="login")
def begin_login() -> Response:
    """Send the browser to the provider."""
    if "prefetch" in (request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")).lower():
        abort(503, "A login is not prefetched.")
    asked = {name: value for name in FORWARDED if (value := request.args.get(name, "")[:500])}
    if not asked.get("max_age", "0").isascii() or not asked.get("max_age", "0").isdigit():
        abort(400, "max_age must be a number of seconds.")
    url = services().login_client.begin(safe_return_path(request.args.get("next")), asked)
    return redirect(url)


@blueprint.get("/callback")
def callback() -> Response:
    """Finish the OpenID Connect exchange, run the post-login hooks, and go where the shopper was going."""
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
    except LoginInteractionNeeded:
        if transaction.asked.get("prompt") == "none":
            return redirect(return_path)
        raise
    event = login.complete_login(identity, services().hooks)
    start_session(identity, event.link)
    return redirect(return_path)


@blueprint.post("/logout")
def logout() -> Response | str:
    """End the store's session, then the provider's."""
    shopper = current_shopper()
    if shopper is None:
        return redirect(url_for("shop.home"))
    if not csrf_matches(request.form.get("csrf_token", "")):
        abort(400, "This form is out of date. Go back, reload the page and try again.")
    end_session()
    try:
        url = services().login_client.logout_url(f"{services().settings.base_url}/", shopper.sid)
    except LoginError as exc:
        log.warning("logged out here, but not at the provider: %s", exc)
        return render_template("auth/logged_out.html")
    return redirect(url)


@blueprint.get("/logout")
def logout_page() -> Response | str:
    """A page with the button for those who type the address."""
    if current_shopper() is not None:
        return redirect(url_for("account.show"))
    return render_template("auth/logged_out.html")
