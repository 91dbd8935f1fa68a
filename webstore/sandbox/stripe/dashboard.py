"""The dashboard's pages: customers, one customer with metadata and events, and what a person does there.

Addresses are the real dashboard's: `/test/customers/cus_...`, without `/test` for live mode, and with
`/acct_...` in front for an account other than the first. What a person does goes through the API's own
endpoints.
"""

import json
from collections.abc import Callable
from itertools import islice
from typing import TypeVar
from urllib.parse import quote, urlencode

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.stripe.customer_table import Customer
from webstore.sandbox.stripe.errors import StripeError, unrecognized_url
from webstore.sandbox.stripe.forms import Params
from webstore.sandbox.stripe.resources import ROUTES
from webstore.sandbox.stripe.resources.customers import to_json
from webstore.sandbox.stripe.routing import Call, find
from webstore.sandbox.stripe.state import State, World

_View = TypeVar("_View", bound=Callable[..., ResponseReturnValue])

PAGE_SIZE = 25
# A search for a part of an address or a name looks at no more than the newest customers.
_SCANNED = 10_000


def create_dashboard(state: State) -> Blueprint:
    """The blueprint with all pages."""
    pages = Blueprint("stripe_dashboard", __name__)

    def world_of(account: str | None, livemode: bool) -> World:
        try:
            return state.world(account or state.first_account, livemode)
        except KeyError:
            abort(404)

    def address(world: World, id: str = "", **query: object) -> str:
        """Where the list of a world's customers, or one of them, is."""
        account = "" if world.account == state.first_account else f"/{world.account}"
        mode = "" if world.livemode else "/test"
        one = f"/{quote(id, safe='')}" if id else ""
        return f"{account}{mode}/customers{one}" + (f"?{urlencode(query)}" if query else "")

    def act(world: World, method: str, id: str, given: Params) -> None:
        """Do what the API does. Raises StripeError."""
        path = f"/v1/customers/{quote(id, safe='')}"
        found = find(ROUTES, method, path)
        if found is None:
            raise unrecognized_url(method, path)
        route, ids = found
        with state.lock:
            route.endpoint(Call(state, world, state.catch_up(), path, ids, route.check(given)))

    @pages.context_processor
    def helpers() -> dict[str, object]:
        return {"address": address, "opposite": state.other_mode}

    @pages.get("/")
    def home() -> ResponseReturnValue:
        return redirect(address(state.world(state.first_account, livemode=False)))

    @_on_every_world(pages, "/customers", "GET")
    def show_list(livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world, wanted = world_of(account, livemode), request.args.get("q", "").strip()
        with state.lock:
            state.catch_up()
            below = request.args.get("below", len(world.customers), int)
            found, older = _search(world, wanted) if wanted else _page(world, below)
        return render_template("stripe/customers.html", world=world, found=found, wanted=wanted, older=older)

    @_on_every_world(pages, "/customers/<id>", "GET")
    def show_one(
        id: str, livemode: bool, account: str | None = None, problem: str | None = None
    ) -> ResponseReturnValue:
        world = world_of(account, livemode)
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

    @_on_every_world(pages, "/customers/<id>/email", "POST")
    def change_email(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = world_of(account, livemode)
        try:
            act(world, "POST", id, {"email": request.form.get("email", "").strip()})
        except StripeError as error:
            return show_one(id, livemode, account, error.message)
        return redirect(address(world, id), 303)

    @_on_every_world(pages, "/customers/<id>/delete", "POST")
    def delete(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world = world_of(account, livemode)
        try:
            act(world, "DELETE", id, {})
        except StripeError as error:
            return show_one(id, livemode, account, error.message)
        return redirect(address(world, id), 303)

    return pages


def _on_every_world(pages: Blueprint, path: str, method: str) -> Callable[[_View], _View]:
    """Route a view for both modes, of the first account and of a named one."""

    def register(view: _View) -> _View:
        for account in ("", "/<account>"):
            for mode, livemode in (("/test", False), ("", True)):
                pages.add_url_rule(
                    f"{account}{mode}{path}",
                    f"{view.__name__}{account and '_of_account'}{mode and '_test'}",
                    view,
                    defaults={"livemode": livemode},
                    methods=[method],
                )
        return view

    return register


def _page(world: World, below: int) -> tuple[list[Customer], int | None]:
    """The newest living customers below a position, and where older ones go on."""
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
    """Living customers by ID, user ID or e-mail, else the newest ones that have the text somewhere."""
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
