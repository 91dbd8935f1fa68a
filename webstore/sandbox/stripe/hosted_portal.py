"""The pages of the customer portal. Source: https://docs.stripe.com/customer-management"""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.payments import prorations, subscriptions
from webstore.sandbox.stripe.payments.methods import label
from webstore.sandbox.stripe.routing import Call
from webstore.sandbox.stripe.state import State

# A session lives five minutes until its first use, then an hour after its last use:
# https://docs.stripe.com/api/customer_portal/sessions
_UNUSED_S, _USED_S = 300, 3600


def add_portal_pages(pages: Blueprint, state: State) -> None:
    """Add the portal's pages to a blueprint."""

    @pages.get("/p/session/<token>")
    def show_portal(token: str) -> ResponseReturnValue:
        with state.lock:
            visit = _visit(state, token)
            return _over() if visit is None else _portal(*visit)

    @pages.get("/p/session/<token>/subscriptions/<id>/cancel")
    def confirm_cancel(token: str, id: str) -> ResponseReturnValue:
        with state.lock:
            visit = _visit(state, token)
            subscription = None if visit is None else _own(*visit, id)
            if visit is None or subscription is None:
                return _over()
            return render_template(
                "stripe/portal_cancel.html",
                subscription=subscription,
                at_once=_features(*visit)["subscription_cancel"]["mode"] == "immediately",
                end=subscriptions.current_end(subscription),
                portal=f"/p/session/{token}",
            )

    @pages.post("/p/session/<token>/subscriptions/<id>/<any(cancel, renew):what>")
    def change_subscription(token: str, id: str, what: str) -> ResponseReturnValue:
        with state.lock:
            visit = _visit(state, token)
            subscription = None if visit is None else _own(*visit, id)
            if visit is None or subscription is None:
                return _over()
            _change(visit[0], visit[1], subscription, what == "cancel")
            return redirect(f"/p/session/{token}", 303)


def _visit(state: State, token: str) -> tuple[Call, Document] | None:
    """The portal session of a URL's token, marked as used now; None when it is unknown or has expired."""
    now = state.catch_up()
    for world in state.worlds():
        session = world.payments.portals.get(world.payments.portal_tokens.get(token, ""))
        if session is None:
            continue
        used = world.payments.portal_used.get(session["id"])
        customer = world.customers.get(session["customer"])
        since, allowed = (session["created"], _UNUSED_S) if used is None else (used, _USED_S)
        if now > since + allowed or customer is None or customer.deleted:
            return None
        world.payments.portal_used[session["id"]] = now
        return Call(state, world, now, request.path), session
    return None


def _change(call: Call, session: Document, subscription: Document, ends: bool) -> None:
    """End a subscription as the portal's configuration says, or let it go on."""
    feature = _features(call, session)["subscription_cancel"]
    if subscription["status"] in ("canceled", "incomplete_expired") or not feature["enabled"]:
        return
    if ends and feature["mode"] == "immediately":
        if feature["proration_behavior"] == "create_prorations":
            prorations.credit_unused(call, subscription)
        subscriptions.cancel(call, subscription)
    else:
        subscriptions.set_cancellation(call, subscription, ends)


def _features(call: Call, session: Document) -> Document:
    configuration = call.world.payments.portal_configurations.get(session["configuration"])
    if configuration is None:
        raise LookupError(session["configuration"])
    return dict(configuration["features"])


def _own(call: Call, session: Document, id: str) -> Document | None:
    subscription = call.world.payments.subscriptions.get(id)
    if subscription is None or subscription["customer"] != session["customer"]:
        return None
    return subscription


def _over() -> ResponseReturnValue:
    return render_template("stripe/portal_over.html"), 410


def _portal(call: Call, session: Document) -> ResponseReturnValue:
    payments, customer = call.world.payments, session["customer"]
    methods = {method["id"]: label(method) for method in payments.methods.having("customer", customer)}
    return render_template(
        "stripe/portal.html",
        session=session,
        customer=call.world.customers.get(customer),
        subscriptions=payments.subscriptions.having("customer", customer)[::-1],
        invoices=payments.invoices.having("customer", customer)[::-1],
        methods=methods,
        features=_features(call, session),
        portal=request.path,
        product_name=lambda id: product.name if (product := call.world.products.get(id)) else id,
        current_end=subscriptions.current_end,
    )
