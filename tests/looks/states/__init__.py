"""Every page of the store and of the local vendors in every state, in chapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from . import account, auth0, buying, closing, errors, orders, shelves, stripe
from .visit import Visit

__all__ = ["CHAPTERS", "Visit"]

#: Each chapter opens one page after the other, and gives a name for each. It needs a store of its own.
CHAPTERS: Mapping[str, Callable[[Visit], Iterator[str]]] = {
    "shelves": shelves.products,
    "long words": shelves.long_words,
    "no products": shelves.nothing_to_show,
    "cart": buying.cart,
    "checkout": buying.checkout,
    "refusals": buying.refusals,
    "results": buying.results,
    "orders": orders.orders,
    "account": account.account,
    "links": account.links,
    "live": account.live,
    "closing": closing.closing,
    "logout": closing.logout,
    "login errors": errors.logins,
    "errors": errors.others,
    "auth0": auth0.pages,
    "stripe hosted": stripe.hosted,
    "stripe dashboard": stripe.dashboard,
}
