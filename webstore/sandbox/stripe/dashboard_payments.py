"""The dashboard's payment pages: the list, one payment with its refunds, and a customer's purchases."""

from collections.abc import Callable
from itertools import islice

from flask import abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.stripe.controls import StateControls
from webstore.sandbox.stripe.dashboard_tools import PAGE_SIZE, DashboardPages, typed_amount
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.forms import Params
from webstore.sandbox.stripe.payments.methods import label
from webstore.sandbox.stripe.state import World

# Runs a change and shows the payment's page, with the problem if there is one.
_After = Callable[[str, bool, str | None, Callable[[World], object]], ResponseReturnValue]


def add_payment_pages(dashboard: DashboardPages) -> None:
    """Add the list of payments, the page of one payment, and its forms."""
    state = dashboard.state

    @dashboard.page("/payments")
    def list_payments(livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        with state.lock:
            state.catch_up()
            table = world.payments.intents
            below = max(min(request.args.get("below", len(table), int), len(table)), 0)
            places = range(below - 1, -1, -1)
            found = [dict(table.at(place)) for place in islice(places, PAGE_SIZE)]
            states = {intent["id"]: state_of(world, intent) for intent in found}
        older = below - PAGE_SIZE if below > PAGE_SIZE else None
        return render_template("stripe/payments.html", world=world, found=found, states=states, older=older)

    @dashboard.page("/payments/<id>")
    def show_payment(
        id: str, livemode: bool, account: str | None = None, problem: str | None = None
    ) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        with state.lock:
            state.catch_up()
            payments = world.payments
            intent = payments.intents.get(id)
            if intent is None:
                abort(404)
            charge = _charge(world, intent)
            method = None if charge is None else payments.methods.get(charge["payment_method"])
            refunds = payments.refunds.having("payment_intent", id)
            charges = payments.charges.having("payment_intent", id)
            about = [id, *(other["id"] for other in (*charges, *refunds))]
            events = [event for one in about for event in world.events.about(one)]
            events.sort(key=lambda event: world.events.position_of(event.id) or 0, reverse=True)
            page = render_template(
                "stripe/payment.html",
                world=world,
                intent=intent,
                charge=charge,
                method=None if method is None else label(method),
                refunds=refunds,
                disputes=payments.disputes.having("payment_intent", id),
                invoice=payments.invoices.get(payments.invoice_of_intent.get(id, "")),
                sessions=payments.sessions.having("payment_intent", id),
                events=events,
                problem=problem,
                state=state_of(world, intent),
            )
        return page, 400 if problem else 200

    _add_forms(dashboard, show_payment)


def _add_forms(dashboard: DashboardPages, show_payment: Callable[..., ResponseReturnValue]) -> None:
    """Add the forms. `show_payment` shows a payment's page with a problem."""

    def after(
        id: str, livemode: bool, account: str | None, change: Callable[[World], object]
    ) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        try:
            change(world)
        except StripeError as error:
            return show_payment(id, livemode, account, error.message)
        return redirect(dashboard.address(world, id, of="payments"), 303)

    @dashboard.page("/payments/<id>/refund", "POST")
    def refund(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        def change(world: World) -> None:
            intent = world.payments.intents.get(id)
            given: Params = {"payment_intent": id, "reason": "requested_by_customer"}
            amount = request.form.get("amount", "").strip()
            if amount and intent is not None:
                given["amount"] = typed_amount(amount, intent["currency"])
            dashboard.call_api(world, "POST", "/v1/refunds", given)

        return after(id, livemode, account, change)

    _add_control_forms(dashboard, after)


def _add_control_forms(dashboard: DashboardPages, after: _After) -> None:
    """Add the forms for what banks and cardholders do."""

    def with_controls(
        id: str, livemode: bool, account: str | None, change: Callable[[StateControls, Document], object]
    ) -> ResponseReturnValue:
        def changed(world: World) -> None:
            intent = world.payments.intents.get(id)
            if intent is None:
                abort(404)
            try:
                change(StateControls(dashboard.state), intent)
            except (LookupError, ValueError) as problem:
                raise StripeError(400, str(problem)) from problem

        return after(id, livemode, account, changed)

    @dashboard.page("/payments/<id>/settle", "POST")
    def settle(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        succeeded = request.form.get("outcome") == "succeed"
        return with_controls(
            id, livemode, account, lambda it, intent: it.settle(intent["id"], succeeded=succeeded)
        )

    @dashboard.page("/payments/<id>/receipt", "POST")
    def send_receipt(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        return with_controls(
            id, livemode, account, lambda it, intent: it.send_receipt(intent["latest_charge"] or "")
        )

    @dashboard.page("/payments/<id>/dispute", "POST")
    def dispute(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        outcome = request.form.get("outcome", "open")

        def change(it: StateControls, intent: Document) -> object:
            if outcome == "open":
                return it.dispute(intent["latest_charge"] or "")
            found = dashboard.world(account, livemode).payments.disputes.having("payment_intent", id)
            return it.close_dispute(found[-1]["id"] if found else "", won=outcome == "won")

        return with_controls(id, livemode, account, change)


def purchases(world: World, customer: str) -> dict[str, list[Document]]:
    """A customer's payments, subscriptions and invoices, newest first."""
    payments = world.payments
    tables = {
        "payments": payments.intents,
        "subscriptions": payments.subscriptions,
        "invoices": payments.invoices,
    }
    return {name: table.having("customer", customer)[::-1] for name, table in tables.items()}


def _charge(world: World, intent: Document) -> Document | None:
    return world.payments.charges.get(intent["latest_charge"] or "")


def state_of(world: World, intent: Document) -> str:
    """The status of a payment, in the dashboard's words."""
    charge = _charge(world, intent)
    if charge is not None and intent["status"] == "succeeded":
        if charge["refunded"]:
            return "Refunded"
        return "Partial refund" if charge["amount_refunded"] else "Succeeded"
    return {
        "requires_payment_method": "Failed" if intent["last_payment_error"] else "Incomplete",
        "requires_action": "Needs authentication",
        "processing": "Pending",
        "canceled": "Canceled",
    }.get(intent["status"], str(intent["status"]))
