"""The dashboard, and its customer pages: the list, and one customer with metadata and events.

The URLs are those of the real dashboard: `/test/customers/cus_...` in test mode, `/customers/cus_...` in
live mode, with `/acct_...` in front for an account other than the first. Changes that a person makes here
go through the API's endpoints.
"""

import json
from itertools import islice
from urllib.parse import quote

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.stripe.customer import Customer
from webstore.sandbox.stripe.customer_json import to_json
from webstore.sandbox.stripe.dashboard_billing import add_billing_pages
from webstore.sandbox.stripe.dashboard_events import add_event_pages
from webstore.sandbox.stripe.dashboard_payments import add_payment_pages, purchases, state_of
from webstore.sandbox.stripe.dashboard_products import add_product_pages
from webstore.sandbox.stripe.dashboard_tools import PAGE_SIZE, DashboardPages
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.state import State, World

# A search for a part of an e-mail address or a name reads this many of the newest customers.
_SCANNED = 10_000


def create_dashboard(state: State) -> Blueprint:
    """The blueprint with all pages of the dashboard."""
    pages = Blueprint("stripe_dashboard", __name__)

    dashboard = DashboardPages(state, pages)
    _add_customer_pages(dashboard)
    add_product_pages(dashboard)
    add_event_pages(dashboard)
    add_payment_pages(dashboard)
    add_billing_pages(dashboard)
    pages.context_processor(lambda: {"purchases": purchases, "state_of": state_of})

    @pages.get("/")
    def home() -> ResponseReturnValue:
        return redirect(dashboard.address(state.world(state.first_account, livemode=False)))

    return pages


def _add_customer_pages(dashboard: DashboardPages) -> None:
    state = dashboard.state

    @dashboard.page("/customers")
    def show_list(livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world, wanted = dashboard.world(account, livemode), request.args.get("q", "").strip()
        with state.lock:
            state.catch_up()
            below = request.args.get("below", len(world.customers), int)
            found, older = _search(world, wanted) if wanted else _page(world, below)
        return render_template("stripe/customers.html", world=world, found=found, wanted=wanted, older=older)

    @dashboard.page("/customers/<id>")
    def show_one(
        id: str, livemode: bool, account: str | None = None, problem: str | None = None
    ) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        with state.lock:
            state.catch_up()
            customer = world.customers.get(id)
            events = world.events.about(id)
        if customer is None:
            abort(404)
        raw = json.dumps(to_json(customer, world), indent=2, ensure_ascii=False)
        page = render_template(
            "stripe/customer.html", world=world, customer=customer, events=events, problem=problem, raw=raw
        )
        return page, 400 if problem else 200

    @dashboard.page("/customers/<id>/email", "POST")
    def change_email(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        try:
            dashboard.call_api(world, "POST", _path(id), {"email": request.form.get("email", "").strip()})
        except StripeError as error:
            return show_one(id, livemode, account, error.message)
        return redirect(dashboard.address(world, id), 303)

    @dashboard.page("/customers/<id>/delete", "POST")
    def delete(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = dashboard.world(account, livemode)
        try:
            dashboard.call_api(world, "DELETE", _path(id), {})
        except StripeError as error:
            return show_one(id, livemode, account, error.message)
        return redirect(dashboard.address(world, id), 303)


def _path(id: str) -> str:
    return f"/v1/customers/{quote(id, safe='')}"


def _page(world: World, below: int) -> tuple[list[Customer], int | None]:
    """One page of the customers below a position, newest first, and the position of the next page or None."""
    found: list[Customer] = []
    for position in range(min(below, len(world.customers)) - 1, -1, -1):
        customer = world.customers.at(position)
        if customer.deleted:
            continue
        if len(found) == PAGE_SIZE:
            return found, position + 1
        found.append(customer)
    return found, None


def _search(world: World, wanted: str) -> tuple[list[Customer], int | None]:
    """The customers with exactly this ID, user ID or e-mail, else the newest ones that contain the text."""
    table, folded = world.customers, wanted.casefold()
    by_id = table.position_of(wanted)
    exact = {
        *([] if by_id is None else [by_id]),
        *table.candidates("email", wanted),
        *table.candidates("metadata.auth0_user_id", wanted),
    }
    newest = range(len(table) - 1, max(len(table) - _SCANNED, 0) - 1, -1)
    places = sorted(exact, reverse=True) or newest

    def has_text(customer: Customer) -> bool:
        texts = (
            customer.id,
            customer.email,
            customer.name,
            customer.description,
            *customer.metadata.values(),
        )
        return any(folded in (text or "").casefold() for text in texts)

    found = (customer for customer in map(table.at, places) if not customer.deleted and has_text(customer))
    return list(islice(found, PAGE_SIZE)), None
