"""Helpers that all dashboard pages share: routing, URLs, and changes through the API."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote, urlencode

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue

from webstore.sandbox.stripe.amounts import in_minor_units
from webstore.sandbox.stripe.errors import StripeError, unrecognized_url
from webstore.sandbox.stripe.forms import Params
from webstore.sandbox.stripe.resources import ROUTES
from webstore.sandbox.stripe.routing import Call, find
from webstore.sandbox.stripe.state import State, World

_View = TypeVar("_View", bound=Callable[..., ResponseReturnValue])

PAGE_SIZE = 25


def typed_amount(typed: str, currency: str) -> str:
    """Convert a typed amount like `18`, `18.50` or `18,50` to minor units. Raises StripeError."""
    text = typed.strip().replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text):
        raise StripeError(400, f"Invalid amount: {typed}", param="amount")
    return str(in_minor_units(Decimal(text), currency))


class DashboardPages:
    """The dashboard's pages over a state. Each page has a URL for every account and mode."""

    def __init__(self, state: State, pages: Blueprint) -> None:
        self.state = state
        self._pages = pages
        pages.context_processor(lambda: {"address": self.address, "opposite": state.other_mode})

    def world(self, account: str | None, livemode: bool) -> World:
        """The world of a URL's account and mode. Ends the request with 404 for an unknown account."""
        try:
            return self.state.world(account or self.state.first_account, livemode)
        except KeyError:
            abort(404)

    def address(self, world: World, id: str = "", *, of: str = "customers", **query: object) -> str:
        """The path of a list in a world (by default `of` customers), or of the object with `id` in it."""
        account = "" if world.account == self.state.first_account else f"/{world.account}"
        mode = "" if world.livemode else "/test"
        one = f"/{quote(id, safe='')}" if id else ""
        return f"{account}{mode}/{of}{one}" + (f"?{urlencode(query)}" if query else "")

    def call_api(self, world: World, method: str, path: str, given: Params) -> None:
        """Call the API's endpoint at `path` with form parameters. Raises StripeError."""
        found = find(ROUTES, method, path)
        if found is None:
            raise unrecognized_url(method, path)
        route, ids = found
        with self.state.lock:
            route.endpoint(Call(self.state, world, self.state.catch_up(), path, ids, route.check(given)))

    def page(self, path: str, method: str = "GET") -> Callable[[_View], _View]:
        """A decorator that routes a view in both modes, for the first account and for a named account."""

        def register(view: _View) -> _View:
            for account in ("", "/<account>"):
                for mode, livemode in (("/test", False), ("", True)):
                    self._pages.add_url_rule(
                        f"{account}{mode}{path}",
                        f"{view.__name__}{account and '_of_account'}{mode and '_test'}",
                        view,
                        defaults={"livemode": livemode},
                        methods=[method],
                    )
            return view

        return register
