"""Goods for the catalogue's pages, and what stands on them."""

from __future__ import annotations

import html
import re
import time
from dataclasses import dataclass, field, replace
from typing import cast
from urllib.parse import quote

import httpx

from tests.fakes import Impatient
from tests.goods import add_price
from tests.support import Shop
from webstore.gateways.stripe import StripeCatalogue, stripe_client
from webstore.gateways.threads import in_background
from webstore.gateways.wire import Wire
from webstore.routes import Services, attach
from webstore.shop.catalogue import _TURN, CatalogueService
from webstore.shop.ports import Catalogues

PICTURE = "https://cdn.example/mug.png"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \" ' & {{ 7*7 }}"
NBSP = "\N{NO-BREAK SPACE}"


def put_on_sale(shop: Shop, name: str = "Mug", amount: int = 1250, currency: str = "eur", **form: str) -> str:
    """Make a product with one price, which the store has not read yet; returns its ID."""
    product: str = shop.stripe("POST", "/products", name=name, **form)["id"]
    add_price(shop, product, amount, currency=currency)
    return product


def address(product: str) -> str:
    return f"/products/{quote(product, safe='')}"


def cards(page: httpx.Response) -> list[str]:
    """The names on the product cards, in order."""
    found = re.findall(r'class="product-name">\s*<a [^>]*><bdi>([^<]*)</bdi></a>\s*</h', page.text)
    return [html.unescape(name) for name in found]


def text_of(page: httpx.Response) -> str:
    """The words of the whole page."""
    body = re.sub(r"<script.*?</script>", "", page.text, flags=re.DOTALL)
    return re.sub(r"[ \n]+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body)))


def reads(shop: Shop) -> int:
    """How often the catalogue was read from its beginning."""
    return sum(
        seen.path == "/v1/prices" and seen.method == "GET" and "starting_after" not in seen.query
        for seen in shop.sandbox.stripe.control.requests()
    )


@dataclass
class Watch:
    """What a store's catalogue waits for."""

    gateway: Impatient
    #: The pauses that shoppers waited for.
    pauses: list[float] = field(default_factory=list)

    @property
    def readings(self) -> int:
        """How often a reading began, also one that failed."""
        return len(self.gateway.limits)


def watch_catalogue(shop: Shop, *, ttl_s: float, hurry: float = 1.0) -> Watch:
    """Replace the store's catalogue by one that is watched.

    `ttl_s`: seconds that a reading counts as fresh; `hurry`: how many times as fast its clock runs.
    """
    began = time.time()
    client = stripe_client(
        Wire("Stripe"),
        api_key=shop.environment["STRIPE_SECRET_KEY"],
        api_base=shop.environment["STRIPE_API_BASE"],
    )
    watch = Watch(Impatient(StripeCatalogue(client), 5))
    services: Services = shop.app.extensions["webstore"]
    catalogue = CatalogueService(
        cast(Catalogues, watch.gateway),
        services.state,
        ttl_s=ttl_s,
        background=in_background,
        now=lambda: began + hurry * (time.time() - began),
        sleep=watch.pauses.append,
    )
    # The claim of the replaced catalogue.
    services.state.delete(_TURN)
    attach(shop.app, replace(services, catalogue=catalogue))
    return watch
