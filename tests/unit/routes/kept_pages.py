"""A store without vendors whose catalogue a test writes, and shoppers who are logged in there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from flask import Flask
from werkzeug.test import Client, TestResponse

from tests.fakes import Accounts, Clock, Shelf, Subscribers, TimedMemory, as_recorded, at_once
from webstore.linking.models import Customer, User
from webstore.routes import Services, attach
from webstore.routes.cart_cookie import _serializer  # signs as the store does
from webstore.sessions import revocation
from webstore.shop.catalogue import CatalogueService
from webstore.shop.models import Money, Price, Product
from webstore.state import State

#: The store's host, as its own settings name it.
HOST = "127.0.0.1:8000"
SESSION, CART = "webstore-8000", "webstore-8000-cart"


def sold(count: int, amount: int = 1000) -> tuple[Product, ...]:
    """So many products, each at this amount."""
    return tuple(
        Product(f"prod_{n}", f"Thing {n}", (Price(f"price_{n}", f"prod_{n}", Money(amount, "eur")),))
        for n in range(count)
    )


@dataclass
class Counter:
    """The store's catalogue, which a test may change at once."""

    app: Flask
    shelf: Shelf = field(default_factory=Shelf)
    clock: Clock = field(default_factory=Clock)
    service: CatalogueService = field(init=False)

    def __post_init__(self) -> None:
        self.service = CatalogueService(
            self.shelf, TimedMemory(self.clock), ttl_s=1e9, background=at_once, now=self.clock
        )
        services: Services = self.app.extensions["webstore"]
        attach(self.app, replace(services, catalogue=self.service))

    def sell(self, products: tuple[Product, ...]) -> None:
        """From now on these are sold."""
        self.shelf.products = products
        # Changes are read at most once in a few seconds.
        self.clock.now += 60
        self.service.forget()
        assert self.service.current().products == products


@dataclass
class Visitor:
    """A browser with these cookies; it says which texts are its own and nobody else's."""

    app: Flask
    cookies: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    def ask(self, path: str, method: str = "GET", **headers: str) -> TestResponse:
        """Open an address of the store. The answer's cookies are not kept."""
        sent = {"Host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        return Client(self.app, use_cookies=False).open(path, method=method, headers=sent)


def shopper(app: Flask, name: str, *, pieces: int = 0, shown_as: str | None = None) -> Visitor:
    """Somebody of this name who is logged in, with so many pieces in the cart.

    `shown_as`: the account has this one's name and e-mail address.
    """
    known_as = shown_as or name
    services: Services = app.extensions["webstore"]
    now = int(time.time())
    login = {
        "iss": services.settings.auth0_issuer,
        "sub": f"auth0|{name}",
        "name": f"Name-of-{known_as}",
        "email": f"{known_as}@example.com",
        "picture": None,
        "sid": f"sid-{name}",
        "cus": f"cus_of{name}",
        "world": [None, False],
        "id": (name + "x" * 12)[:12],
        "epoch": revocation.current_epoch(services.revocations),
        "at": now,
        "seen": now,
        "since": now,
        "auth": None,
    }
    csrf = f"csrf-{name}"
    with app.test_request_context("/"):
        serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        cookies = {SESSION: serializer.dumps({"csrf": csrf, "login": login, "_permanent": True})}
        if pieces:
            cookies[CART] = _serializer().dumps([[["price_0", pieces, 1000, "eur", "prod_0"]], []])
    return Visitor(app, cookies, (f"Name-of-{known_as}", csrf, f"cus_of{name}", f"Box-of-{name}"))


@dataclass
class Everybody(Accounts):
    """Everybody has an account with the customer that the cookie of `shopper` names."""

    #: Customers that were replaced since: the new one's ID, by user ID.
    moved: dict[str, str] = field(default_factory=dict)

    def read_user(self, user_id: str) -> User:
        customer_id = self.moved.get(user_id, f"cus_of{user_id.removeprefix('auth0|')}")
        return as_recorded(User(user_id, customer_id=customer_id, account="acct_1 test"))

    def get_customer(self, customer_id: str) -> Customer:
        owners = {new: user_id for user_id, new in self.moved.items()}
        return Customer(
            customer_id, owner=owners.get(customer_id, f"auth0|{customer_id.removeprefix('cus_of')}")
        )


def with_accounts(app: Flask, state: State, subscribers: Subscribers) -> Everybody:
    """Let shoppers of this store open their account pages."""
    services: Services = app.extensions["webstore"]
    everybody = Everybody()
    linker = everybody.linker()
    attach(app, replace(services, linker=linker, state=state, subscriptions=subscribers))
    return everybody


def with_a_cart(app: Flask, pieces: int) -> Visitor:
    """Somebody who is not logged in, with so many pieces in the cart."""
    with app.test_request_context("/"):
        return Visitor(app, {CART: _serializer().dumps([[["price_0", pieces, 1000, "eur", "prod_0"]], []])})
