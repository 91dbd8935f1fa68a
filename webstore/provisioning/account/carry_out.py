"""Sets a Stripe account up for the store: reads its objects, and carries a plan out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from webstore.errors import EnvFileError, PaymentsRefused

from .models import (
    Account,
    ChangeEndpoint,
    Command,
    CreateEndpoint,
    CreatePortal,
    CreatePrice,
    CreateProduct,
    Found,
    KeepPortal,
    Plan,
    Step,
    Wanted,
)
from .plan import PORTAL, SECRET, endpoint_page

T = TypeVar("T")

#: Adds settings to `.env`; raises `EnvFileError`.
Keep = Callable[[Mapping[str, str]], object]


def read(account: Account, wanted: Wanted) -> Found:
    """The objects of the account that matter to the plan. Raises `PaymentsError`."""
    products = tuple(it.id for it in wanted.catalogue)
    lookup_keys = tuple(price.lookup_key for it in wanted.catalogue for price in it.prices)
    chosen = wanted.portal_configuration
    return Found(
        endpoints=account.endpoints(),
        destinations=_or_none(account.destinations),
        own_portal=account.own_portal() if chosen is None else None,
        chosen_portal_active=None if chosen is None else account.is_active_portal(chosen),
        tax_pending=_or_none(account.tax_pending) if wanted.automatic_tax else None,
        products=account.products(products) if products else (),
        prices=account.prices(lookup_keys) if lookup_keys else (),
    )


def carry_out(
    account: Account, wanted: Wanted, planned: Plan, keep: Keep
) -> Iterator[tuple[Step, str | None]]:
    """Do the steps that change something. Yields each one when it is done, with a note if work is left.

    Raises `PaymentsError`; the steps that were given before are done then.
    """
    for step in planned.changes:
        if step.command is not None:
            yield step, _do(account, wanted, step.command, keep)


def _do(account: Account, wanted: Wanted, command: Command, keep: Keep) -> str | None:
    match command:
        case CreateEndpoint():
            return _create_endpoint(account, wanted, command, keep)
        case ChangeEndpoint(id=id, events=events):
            account.change_endpoint(id, events)
        case CreatePortal():
            return _kept(keep, PORTAL, account.create_portal())
        case KeepPortal(id=id):
            return _kept(keep, PORTAL, id)
        case CreateProduct(product=product):
            account.create_product(product)
        case CreatePrice(price=price, default=default):
            price_id = account.create_price(price)
            if default:
                account.set_default_price(price.product_id, price_id)
    return None


def _create_endpoint(account: Account, wanted: Wanted, command: CreateEndpoint, keep: Keep) -> str | None:
    made = account.create_endpoint(command.url, command.events)
    page = endpoint_page(wanted.dashboard, made.id)
    if not command.keep_secret:
        return (
            f"{SECRET} is set already and was left alone. Until it has the secret of {made.id}, the store "
            "refuses its events, and Stripe sends them again for up to three days. Copy the secret "
            f"({page} > Signing secret): alone, or after a comma if the old one is still in use."
        )
    try:
        keep({SECRET: made.secret})
    except EnvFileError as exc:
        return f"The signing secret could not be kept: {exc} Copy it to {SECRET}: {page} > Signing secret."
    return None


def _kept(keep: Keep, name: str, value: str) -> str | None:
    """Keep a value that may be shown. Gives a note if that fails."""
    try:
        keep({name: value})
    except EnvFileError as exc:
        return f"It could not be kept: {exc} Set {name}={value} yourself."
    return None


def _or_none(read: Callable[[], T]) -> T | None:
    """What may stay unread if the key lacks the permission for it."""
    try:
        return read()
    except PaymentsRefused:
        return None
