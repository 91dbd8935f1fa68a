"""The dashboard's product pages: the list, and one product with its prices."""

import json
from collections.abc import Callable
from urllib.parse import quote

from flask import abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.stripe.amounts import shown
from webstore.sandbox.stripe.catalogue import find_price
from webstore.sandbox.stripe.catalogue_documents import product_json
from webstore.sandbox.stripe.catalogue_tables import Price, Product
from webstore.sandbox.stripe.dashboard_tools import PAGE_SIZE, DashboardPages, typed_amount
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.forms import Params
from webstore.sandbox.stripe.resources.prices import remove
from webstore.sandbox.stripe.routing import Call
from webstore.sandbox.stripe.state import World


def add_product_pages(dashboard: DashboardPages) -> None:
    """Add the list of products, the page of one product, and the forms on that page."""
    state = dashboard.state

    @dashboard.page("/products")
    def list_products(livemode: bool, account: str | None = None) -> ResponseReturnValue:
        world, wanted = dashboard.world(account, livemode), request.args.get("q", "").strip()
        with state.lock:
            state.catch_up()
            below = request.args.get("below", len(world.products), int)
            found, older = _page(world, below, wanted)
            prices = {product.id: world.prices.of_product(product.id) for product in found}
        return render_template(
            "stripe/products.html",
            world=world,
            found=found,
            prices=prices,
            wanted=wanted,
            older=older,
            amount=_amount,
        )

    @dashboard.page("/products/<id>")
    def show_product(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        return _shown(dashboard, dashboard.world(account, livemode), id)

    _add_product_forms(dashboard)
    _add_price_forms(dashboard)


def _add_product_forms(dashboard: DashboardPages) -> None:
    @dashboard.page("/products/<id>/details", "POST")
    def change_details(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        given: Params = {name: request.form.get(name, "").strip() for name in ("name", "description")}
        world = dashboard.world(account, livemode)
        return _after(
            dashboard, world, id, lambda: dashboard.call_api(world, "POST", _product_path(id), given)
        )

    @dashboard.page("/products/<id>/metadata", "POST")
    def change_metadata(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        key, value = (request.form.get(name, "").strip() for name in ("key", "value"))
        given: Params = {"metadata": {key: value}}
        world = dashboard.world(account, livemode)
        return _after(
            dashboard, world, id, lambda: dashboard.call_api(world, "POST", _product_path(id), given)
        )

    @dashboard.page("/products/<id>/active", "POST")
    def switch_product(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        given: Params = {"active": request.form.get("active", "")}
        world = dashboard.world(account, livemode)
        return _after(
            dashboard, world, id, lambda: dashboard.call_api(world, "POST", _product_path(id), given)
        )


def _add_price_forms(dashboard: DashboardPages) -> None:
    state = dashboard.state

    @dashboard.page("/products/<id>/price", "POST")
    def set_price(id: str, livemode: bool, account: str | None = None) -> ResponseReturnValue:
        """Create a price, and make it the product's default price if the form says so."""
        world = dashboard.world(account, livemode)

        def change() -> None:
            given: Params = {name: request.form.get(name, "").strip() for name in ("currency", "nickname")}
            given |= {
                "product": id,
                "unit_amount": typed_amount(request.form.get("amount", ""), str(given["currency"])),
            }
            if interval := request.form.get("interval", ""):
                given["recurring"] = {"interval": interval}
            with state.lock:
                dashboard.call_api(world, "POST", "/v1/prices", given)
                if "default" in request.form:
                    newest = world.prices.of_product(id)[-1].id
                    dashboard.call_api(world, "POST", _product_path(id), {"default_price": newest})

        return _after(dashboard, world, id, change)

    @dashboard.page("/products/<id>/prices/<price_id>/<verb>", "POST")
    def change_price(
        id: str, price_id: str, verb: str, *, livemode: bool, account: str | None = None
    ) -> ResponseReturnValue:
        world, path = dashboard.world(account, livemode), f"/v1/prices/{quote(price_id, safe='')}"

        def change() -> None:
            if verb == "default":
                dashboard.call_api(world, "POST", _product_path(id), {"default_price": price_id})
            elif verb in ("archive", "unarchive"):
                dashboard.call_api(
                    world, "POST", path, {"active": "true" if verb == "unarchive" else "false"}
                )
            elif verb == "delete":
                with state.lock:
                    price = find_price(state, world, price_id)
                    remove(Call(state, world, state.catch_up(), path), price)
            else:
                abort(404)

        return _after(dashboard, world, id, change)


def _shown(
    dashboard: DashboardPages, world: World, id: str, problem: str | None = None
) -> ResponseReturnValue:
    """The page of a product. Ends the request with 404 for an unknown product."""
    with dashboard.state.lock:
        dashboard.state.catch_up()
        product = world.products.get(id)
        prices = world.prices.of_product(id)
        about = (id, *(price.id for price in prices))
        events = [event for one in about for event in world.events.about(one)]
        events.sort(key=lambda event: world.events.position_of(event.id) or 0, reverse=True)
    if product is None:
        abort(404)
    page = render_template(
        "stripe/product.html",
        world=world,
        product=product,
        prices=prices,
        events=events,
        problem=problem,
        raw=json.dumps(product_json(product, world), indent=2, ensure_ascii=False),
        amount=_amount,
    )
    return page, 400 if problem else 200


def _after(
    dashboard: DashboardPages, world: World, id: str, change: Callable[[], object]
) -> ResponseReturnValue:
    """Apply a change, then redirect to the product's page, or show it with the error."""
    try:
        change()
    except StripeError as error:
        return _shown(dashboard, world, id, error.message)
    return redirect(dashboard.address(world, id, of="products"), 303)


def _product_path(id: str) -> str:
    return f"/v1/products/{quote(id, safe='')}"


def _page(world: World, below: int, wanted: str) -> tuple[list[Product], int | None]:
    """One page of the matching products below a position, and the position of the next page or None."""
    found: list[Product] = []
    folded = wanted.casefold()
    for position in range(min(below, len(world.products)) - 1, -1, -1):
        product = world.products.at(position)
        if product.deleted or folded not in f"{product.id}\n{product.name}".casefold():
            continue
        if len(found) == PAGE_SIZE:
            return found, position + 1
        found.append(product)
    return found, None


def _amount(price: Price) -> str:
    """A price as readable text: `18.00 EUR / month`."""
    if price.unit_amount is None:
        amount = f"Customer chooses, {price.currency.upper()}"
    elif price.whole_amount is None:
        amount = f"{price.unit_amount} hundredths of a {price.currency.upper()}"
    else:
        amount = shown(price.whole_amount, price.currency)
    if price.recurring is None:
        return amount
    count, interval = price.recurring.interval_count, price.recurring.interval
    return f"{amount} / {interval}" if count == 1 else f"{amount} / {count} {interval}s"
