"""The dashboard's pages of one subscription and of one invoice, with what an operator can do there."""

from collections.abc import Callable
from urllib.parse import quote

from flask import abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.stripe.controls import StateControls
from webstore.sandbox.stripe.dashboard_tools import DashboardPages, typed_amount
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.state import World

_Change = Callable[[StateControls, Document], object]


def add_billing_pages(dashboard: DashboardPages) -> None:
    """Add the pages of subscriptions and invoices, and their forms."""
    controls = StateControls(dashboard.state)
    _add_subscription_pages(dashboard, controls)
    _add_invoice_pages(dashboard, controls)


def _add_subscription_pages(dashboard: DashboardPages, controls: StateControls) -> None:
    state = dashboard.state

    @dashboard.page("/subscriptions/<id>")
    def show_subscription(
        id: str, livemode: bool, account: str | None = None, problem: str | None = None
    ) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        with state.lock:
            state.catch_up()
            found = world.payments.subscriptions.get(id)
            if found is None:
                abort(404)
            page = render_template(
                "stripe/subscription.html",
                world=world,
                subscription=found,
                invoices=[
                    invoice
                    for invoice in world.payments.invoices.having("customer", found["customer"])[::-1]
                    if _subscription_of(invoice) == id
                ],
                prices=_other_prices(world, found),
                product_name=lambda id: product.name if (product := world.products.get(id)) else id,
                events=world.events.about(id),
                problem=problem,
            )
        return page, 400 if problem else 200

    @dashboard.page("/subscriptions/<id>/renew", "POST")
    def renew_subscription(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        succeeded = request.form.get("outcome") != "fail"
        return after(id, livemode, account, lambda it, found: it.renew(found["id"], succeeded=succeeded))

    @dashboard.page("/subscriptions/<id>/change", "POST")
    def change_subscription(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        price, quantity = request.form.get("price") or None, request.form.get("quantity", type=int)
        return after(
            id,
            livemode,
            account,
            lambda it, found: it.change_subscription(found["id"], price=price, quantity=quantity),
        )

    @dashboard.page("/subscriptions/<id>/cancel", "POST")
    def cancel_subscription(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        subscription = world.payments.subscriptions.get(id)
        if subscription is None:
            abort(404)
        if subscription["status"] not in ("canceled", "incomplete_expired"):
            dashboard.call_api(world, "DELETE", f"/v1/subscriptions/{quote(id, safe='')}", {})
        return redirect(dashboard.address(world, subscription["customer"]), 303)

    def after(id: str, livemode: bool, account: str | None, change: _Change) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        found = world.payments.subscriptions.get(id)
        if found is None:
            abort(404)
        try:
            change(controls, found)
        except (StripeError, ValueError) as problem:
            return show_subscription(id, livemode, account, str(problem))
        return redirect(dashboard.address(world, id, of="subscriptions"), 303)


def _add_invoice_pages(dashboard: DashboardPages, controls: StateControls) -> None:
    state = dashboard.state

    @dashboard.page("/invoices/<id>")
    def show_invoice(
        id: str, livemode: bool, account: str | None = None, problem: str | None = None
    ) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        with state.lock:
            state.catch_up()
            found = world.payments.invoices.get(id)
            if found is None:
                abort(404)
            page = render_template(
                "stripe/invoice_admin.html",
                world=world,
                invoice=found,
                payments=world.payments.invoice_payments.having("invoice", id)[::-1],
                notes=world.payments.credit_notes.having("invoice", id)[::-1],
                events=world.events.about(id),
                problem=problem,
            )
        return page, 400 if problem else 200

    def after(id: str, livemode: bool, account: str | None, change: _Change) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        found = world.payments.invoices.get(id)
        if found is None:
            abort(404)
        try:
            change(controls, found)
        except (StripeError, ValueError) as problem:
            return show_invoice(id, livemode, account, str(problem))
        return redirect(dashboard.address(world, id, of="invoices"), 303)

    @dashboard.page("/invoices/<id>/pay", "POST")
    def pay_invoice(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        typed, by = request.form.get("amount", "").strip(), request.form.get("by", "payment_intent")

        def change(it: StateControls, found: Document) -> object:
            amount = int(typed_amount(typed, found["currency"])) if typed else None
            return it.pay_invoice(found["id"], amount=amount, by=by)

        return after(id, livemode, account, change)

    @dashboard.page("/invoices/<id>/credit", "POST")
    def credit_invoice(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        typed, by = request.form.get("amount", ""), request.form.get("by", "refund")

        def change(it: StateControls, found: Document) -> object:
            amount = int(typed_amount(typed, found["currency"]))
            return it.credit_invoice(found["id"], amount=amount, by=by)

        return after(id, livemode, account, change)

    @dashboard.page("/invoices/<id>/void", "POST")
    def void_invoice(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        return after(id, livemode, account, lambda it, found: it.void_invoice(found["id"]))

    @dashboard.page("/invoices/<id>/uncollectible", "POST")
    def write_off_invoice(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        return after(id, livemode, account, lambda it, found: it.mark_uncollectible(found["id"]))


def _subscription_of(invoice: Document) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    id = details.get("subscription")
    return None if id is None else str(id)


def _other_prices(world: World, subscription: Document) -> dict[str, str]:
    """The names of the recurring prices in the subscription's currency, by their IDs."""
    names = {}
    for place in range(len(world.prices)):
        price = world.prices.at(place)
        if price.active and price.recurring is not None and price.currency == subscription["currency"]:
            product = world.products.get(price.product)
            names[price.id] = f"{product.name if product else price.product}, {price.nickname or price.id}"
    return names
