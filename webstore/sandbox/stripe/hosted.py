"""The pages that Stripe hosts for shoppers: payment, 3-D Secure, receipts, invoices and the portal.

They work without JavaScript. Their form fields have the names of those on the real pages.
Source: https://docs.stripe.com/payments/checkout
"""

from collections.abc import Iterable

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.hosted_documents import add_document_pages
from webstore.sandbox.stripe.hosted_form import (
    FormError,
    asks_for_billing,
    chosen_quantities,
    read_card,
    read_shopper,
)
from webstore.sandbox.stripe.hosted_portal import add_portal_pages
from webstore.sandbox.stripe.payments import session_amounts, sessions
from webstore.sandbox.stripe.routing import Call
from webstore.sandbox.stripe.state import State, World

# Some of the cards in payments/cards.py. The page lists them as a help for testers.
_TEST_CARDS = (
    ("4242 4242 4242 4242", "succeeds"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "has insufficient funds"),
    ("4000 0025 0000 3155", "needs 3-D Secure"),
)


def create_hosted_pages(state: State) -> Blueprint:
    """The blueprint with all hosted pages."""
    pages = Blueprint("stripe_hosted", __name__)
    add_document_pages(pages, state)
    add_portal_pages(pages, state)
    pages.context_processor(lambda: {"asks_for_billing": asks_for_billing, "test_cards": _TEST_CARDS})

    @pages.get("/c/pay/<id>")
    def show_payment(id: str) -> ResponseReturnValue:
        with state.lock:
            call, session = _session(state, id)
            return _payment_page(call, session)

    @pages.post("/c/pay/<id>")
    def pay(id: str) -> ResponseReturnValue:
        with state.lock:
            call, session = _session(state, id)
            if session["status"] != "open":
                return _after(call, session)
            try:
                return _act(call, session)
            except FormError as problem:
                return _payment_page(call, session, problem.message, 400)
            except StripeError as error:
                return _payment_page(call, session, error.message, 400)

    @pages.get("/c/pay/<id>/authenticate")
    def show_authentication(id: str) -> ResponseReturnValue:
        with state.lock:
            call, session = _session(state, id)
            if session["status"] != "open" or session_amounts.details_of(call, session).attempt is None:
                return _after(call, session)
            return render_template("stripe/authenticate.html", session=session)

    @pages.post("/c/pay/<id>/authenticate")
    def authenticate(id: str) -> ResponseReturnValue:
        with state.lock:
            call, session = _session(state, id)
            if session["status"] != "open":
                return _after(call, session)
            decline = sessions.authenticate(call, session, passed=request.form.get("result") == "complete")
            if decline is not None:
                return _payment_page(call, session, decline.message, 402)
            return _after(call, session)

    return pages


def _session(state: State, id: str) -> tuple[Call, Document]:
    """The session with this ID, in any account and mode. Ends the request with 404 when it is unknown."""
    now = state.catch_up()
    for world in state.worlds():
        session = world.payments.sessions.get(id)
        if session is not None:
            return Call(state, world, now, request.path), session
    raise NotFound


def _act(call: Call, session: Document) -> ResponseReturnValue:
    """Handle the payment form: pay, or show the page again with the changed quantities or shipping."""
    form = request.form
    if session["mode"] != "setup":
        session_amounts.adjust(
            call,
            session,
            chosen_quantities(form, session_amounts.details_of(call, session).lines),
            _chosen_rate(session, form.get("shippingRate")),
        )
    if form.get("action") == "update":
        return _payment_page(call, session)
    if form.get("promotionCode", "").strip() or form.get("action") == "promotion":
        raise FormError("This code is invalid.")
    due = session["mode"] != "payment" or session["amount_total"] > 0
    entered = read_shopper(form, session, _email(call.world, session))
    card = read_card(form, session, int(call.now), due=due)
    decline = sessions.pay(call, session, entered, card)
    if decline is not None:
        return _payment_page(call, session, decline.message, 402)
    if session_amounts.details_of(call, session).attempt is not None:
        return redirect(f"/c/pay/{session['id']}/authenticate", 303)
    return _after(call, session)


def _chosen_rate(session: Document, chosen: str | None) -> str | None:
    offered = [option["shipping_rate"] for option in session["shipping_options"]]
    if chosen in offered:
        return chosen
    return session["shipping_cost"]["shipping_rate"] if session["shipping_cost"] else None


def _after(call: Call, session: Document) -> ResponseReturnValue:
    """The response after the shopper's action: a redirect to the store when complete, else the page."""
    if session["status"] == "complete":
        return redirect(_success_address(session), 303)
    return _payment_page(call, session)


def _success_address(session: Document) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _payment_page(
    call: Call, session: Document, problem: str | None = None, status: int = 200
) -> ResponseReturnValue:
    if session["status"] != "open":
        page = render_template("stripe/pay_over.html", session=session, back=_way_back(session))
        return page, 200 if session["status"] == "complete" else 410
    rates = call.world.payments.shipping_rates
    options = [rates.get(option["shipping_rate"]) for option in session["shipping_options"]]
    lines = session_amounts.details_of(call, session).lines
    page = render_template(
        "stripe/pay.html",
        session=session,
        lines=lines,
        pictures=_pictures(call.world, lines),
        email=_email(call.world, session),
        options=options,
        problem=problem,
        given=request.form,
    )
    return page, status


def _pictures(world: World, lines: Iterable[Document]) -> dict[str, str]:
    """The address of the first picture of each line's product, by the line's ID."""
    products = {line["id"]: world.products.get(line["price"]["product"]) for line in lines}
    return {id: product.images[0] for id, product in products.items() if product and product.images}


def _way_back(session: Document) -> str | None:
    if session["status"] == "complete":
        return _success_address(session)
    address = session["cancel_url"]
    return None if address is None else str(address)


def _email(world: World, session: Document) -> str | None:
    """The e-mail address that the store or the customer has set, or None. The shopper cannot change it."""
    if session["customer"] is None:
        return session["customer_email"]  # type: ignore[no-any-return]  # a document's field
    customer = world.customers.get(session["customer"])
    return None if customer is None else customer.email
