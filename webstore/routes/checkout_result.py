"""The page to which Stripe sends a shopper after the payment."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webstore.errors import NoSuchObject, PaymentsError, PaymentsRefused
from webstore.linking.verdicts import verdict
from webstore.shop.cart_sessions import after_purchase
from webstore.shop.checkout import SESSION_ID
from webstore.shop.earlier_sessions import while_for_sale
from webstore.shop.models import BoughtLine, CheckoutSession, SessionStatus

from . import services
from .cart_cookie import current_cart, keep_cart
from .customer import ended_login
from .errors import refused_by_vendor
from .limits import limited_per_shopper
from .login_guards import ask_provider_if_unsure, login_required
from .session_cookie import logged_in_shopper

blueprint = Blueprint("checkout_result", __name__, url_prefix="/checkout")
blueprint.before_request(ask_provider_if_unsure)


def success_url() -> str:
    """The URL to which Stripe sends the shopper after the payment.

    Stripe replaces the name in braces by the session's ID. The braces must not be percent-encoded:
    https://docs.stripe.com/payments/checkout/custom-success-page
    """
    page = url_for("checkout_result.success")
    return f"{services().settings.base_url}{page}?session_id={{CHECKOUT_SESSION_ID}}"


@blueprint.get("/success")
@login_required
@limited_per_shopper
def success() -> ResponseReturnValue:
    """Show the status of the purchase to its owner only. The page can be opened again at any time."""
    session_id, shopper = request.args.get("session_id", ""), logged_in_shopper()
    if not SESSION_ID.fullmatch(session_id):
        abort(404)
    ended = ended_login(
        verdict(services().linker, services().state, shopper.user_id, shopper.customer_id, shopper.since),
        again=request.full_path,
    )
    if ended is not None:
        return ended
    try:
        session = services().checkouts.get_session(session_id)
        if session.owner != shopper.user_id:
            abort(404)
        session = while_for_sale(services().checkouts, session)
    except NoSuchObject:
        abort(404)
    except PaymentsRefused as exc:
        return refused_by_vendor(f"{type(exc).__name__}: {exc}")
    except PaymentsError:
        return render_template("checkout/unknown.html"), 503
    keep_cart(after_purchase(current_cart(), session, services().state))
    how = _how(session)
    over = how == "expired" or (how == "failed" and session.invoice_url is None)
    again = _again(session) if over else []
    try:
        pictured = services().catalogue.current().of_lines(session.lines)
    except PaymentsError:
        pictured = {}
    return render_template("checkout/success.html", order=session, how=how, again=again, products=pictured)


def _how(session: CheckoutSession) -> str:
    """How the purchase stands, in a word for the template."""
    if session.status is not SessionStatus.COMPLETE:
        return session.status.value
    if session.mode == "setup":
        return "saved"
    if session.payment_status == "no_payment_required":
        return "free"
    if session.paid:
        return "paid"
    return "failed" if session.failed else "processing"


def _again(session: CheckoutSession) -> list[BoughtLine]:
    """The items of a purchase that came to nothing and can be bought again.

    A cart keeps its items until they are bought, so those of an expired session may still be in there.
    """
    try:
        catalogue = services().catalogue.current()
    except PaymentsError:
        return []
    if session.status is SessionStatus.EXPIRED:
        kept = {line.price_id for line in current_cart().lines}
        if kept & {line.price_id for line in session.lines}:
            return []
    offers = ((line, catalogue.priced(line.price_id or "")) for line in session.lines)
    return [line for line, offer in offers if offer is not None and offer[0].in_stock]
