"""Changes of a cart, and its lines beside today's catalogue. Nothing here makes a call."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from webstore.errors import CannotBuy, WrongQuantity

from .models import BoughtLine, Cart, CartLine, Catalogue, Money, Price, Product, Purchase

#: Lines of a cart. Stripe takes 20 recurring and 20 other ones at most:
#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-line_items
MAX_LINES = 20
#: Pieces of one line.
MAX_QUANTITY = 999
#: Checkout Sessions that a cart remembers, the newest of them.
MAX_SESSIONS = 3
#: Characters of a product's name that a line keeps.
_NAME_KEPT = 40


class Problem(StrEnum):
    """Why a line of the cart cannot be bought today."""

    GONE = "gone"
    OUT_OF_STOCK = "out_of_stock"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the cart beside today's catalogue."""

    line: CartLine
    #: None if the shop does not sell it any more.
    product: Product | None = None
    price: Price | None = None
    problem: Problem | None = None
    #: Its amount when it was added, if that has changed.
    before: Money | None = None

    @property
    def name(self) -> str | None:
        """The product's name, or the name that the line kept; None if neither is known."""
        return self.line.name if self.product is None else self.product.name

    @property
    def price_id(self) -> str:
        """The ID of today's price; of the price that was added, if the line cannot be bought."""
        return self.line.price_id if self.price is None or self.problem is not None else self.price.id

    @property
    def purchase(self) -> Purchase | None:
        """The purchase at today's price; None if it cannot be bought."""
        if self.product is None or self.price is None or self.problem is not None:
            return None
        return Purchase(self.product, self.price, self.line.quantity)


def quantity_of(text: str, *, least: int = 1) -> int:
    """The number that a shopper typed. Raises `CannotBuy`."""
    digits = text.strip()
    # The beginning of a very long number is enough to refuse it.
    number = int(digits.lstrip("0")[:9] or "0") if digits.isascii() and digits.isdigit() else -1
    if not least <= number <= MAX_QUANTITY:
        raise WrongQuantity(f"Enter a quantity from {least} to {MAX_QUANTITY}.")
    return number


def add(cart: Cart, catalogue: Catalogue, price_id: str, quantity: int) -> Cart:
    """The cart with so many pieces added. Raises `CannotBuy`."""
    purchase = purchase_of(catalogue, price_id, quantity)
    name = purchase.product.name
    there = next((line.quantity for line in cart.lines if line.price_id == price_id), 0)
    if there + quantity > MAX_QUANTITY:
        raise CannotBuy(
            f"You can buy at most {MAX_QUANTITY} pieces of “{name}” at a time, and your cart holds {there}."
        )
    if not there and len(cart.lines) >= MAX_LINES:
        raise CannotBuy(f"Your cart can hold {MAX_LINES} different items. Check out first, or remove one.")
    require_payable_together(purchases(against(cart, catalogue)), purchase)
    new = _line(purchase.product, purchase.price, there + quantity)
    if there:
        return replace(cart, lines=tuple(new if line.price_id == price_id else line for line in cart.lines))
    return replace(cart, lines=(*cart.lines, new))


def change(cart: Cart, quantities: Mapping[str, int]) -> Cart:
    """The cart with these quantities, at most 999; 0 removes a line, unknown prices are ignored."""
    lines = (
        replace(line, quantity=min(MAX_QUANTITY, quantities.get(line.price_id, line.quantity)))
        for line in cart.lines
    )
    return replace(cart, lines=tuple(line for line in lines if line.quantity > 0))


def remove(cart: Cart, price_id: str) -> Cart:
    """The cart without this line."""
    return change(cart, {price_id: 0})


def line_of(cart: Cart, price_id: str | None, product_id: str | None = None) -> CartLine | None:
    """The line with this price, else the only line of this product: its price may have been replaced."""
    for line in cart.lines:
        if line.price_id == price_id:
            return line
    alike = [line for line in cart.lines if line.product_id is not None and line.product_id == product_id]
    return alike[0] if len(alike) == 1 else None


def without(cart: Cart, bought: Iterable[BoughtLine]) -> Cart:
    """The cart without the pieces that were bought; pieces added since then stay."""
    left = {line.price_id: line.quantity for line in cart.lines}
    for item in bought:
        price_id = _price_id_of(item, cart)
        if price_id is not None:
            left[price_id] = max(0, left[price_id] - item.quantity)
    return change(cart, left)


def with_session(cart: Cart, session_id: str) -> Cart:
    """The cart that remembers this Checkout Session, which was opened with it."""
    others = [known for known in cart.sessions if known != session_id]
    return replace(cart, sessions=(*others, session_id)[-MAX_SESSIONS:])


def without_session(cart: Cart, session_id: str) -> Cart:
    """The cart without this Checkout Session."""
    return replace(cart, sessions=tuple(known for known in cart.sessions if known != session_id))


def against(cart: Cart, catalogue: Catalogue) -> tuple[Row, ...]:
    """Each line beside today's catalogue: unchanged, changed, out of stock, or gone."""
    return tuple(_row(line, catalogue) for line in cart.lines)


def at_todays_prices(cart: Cart, catalogue: Catalogue) -> Cart:
    """The cart with today's prices and names, once the shopper has seen the changes.

    Lines that cannot be bought today keep the price that was seen last.
    """
    lines: dict[str, CartLine] = {}
    for row in against(cart, catalogue):
        line = row.line
        if row.purchase is not None:
            line = _line(row.purchase.product, row.purchase.price, line.quantity)
        elif row.product is not None:
            line = replace(line, name=_shortened(row.product.name))
        same = lines.get(line.price_id)
        if same is not None:
            line = replace(line, quantity=min(MAX_QUANTITY, same.quantity + line.quantity))
        lines[line.price_id] = line
    return replace(cart, lines=tuple(lines.values()))


def set_aside(rows: Sequence[Row], problems: Mapping[str, Problem]) -> tuple[Row, ...]:
    """The rows with the `problems` of their products, by product ID, that the catalogue may not know yet."""
    return tuple(
        row
        if row.product is None or row.problem is not None or row.product.id not in problems
        else _with_problem(row, problems[row.product.id])
        for row in rows
    )


def purchases(rows: Sequence[Row]) -> tuple[Purchase, ...]:
    """The lines that can be bought today."""
    return tuple(row.purchase for row in rows if row.purchase is not None)


def purchase_of(catalogue: Catalogue, price_id: str, quantity: int) -> Purchase:
    """The purchase of so many pieces at this price. Raises `CannotBuy`."""
    found = catalogue.priced(price_id)
    if found is None:
        raise CannotBuy(
            "This item is no longer available at this price. Please choose it again in the store."
        )
    product, price = found
    if not product.in_stock:
        raise CannotBuy(f"“{product.name}” is out of stock.")
    if not 1 <= quantity <= MAX_QUANTITY:
        raise CannotBuy(f"You can buy 1 to {MAX_QUANTITY} pieces of “{product.name}” at a time.")
    return Purchase(product, price, quantity)


def require_payable_together(present: Sequence[Purchase], new: Purchase) -> None:
    """Raise `CannotBuy` if one payment cannot hold the new item and the present ones.

    It takes one currency and one billing interval; one-time items may be added to recurring ones.
    Source: https://docs.stripe.com/payments/checkout/build-subscriptions
    """
    for other in present:
        if other.price.money.currency != new.price.money.currency:
            raise CannotBuy(
                f"“{new.product.name}” is sold in {new.price.money.currency.upper()}, and what you have "
                f"chosen already in {other.price.money.currency.upper()}: these cannot be paid together. "
                "Buy what is in your cart first, or take it out."
            )
        intervals = {other.price.recurrence, new.price.recurrence} - {None}
        if len(intervals) > 1:
            raise CannotBuy(
                f"“{new.product.name}” and “{other.product.name}” are paid at different intervals, so they "
                "cannot be subscribed to together. Buy what is in your cart first, or take it out."
            )


def total_of(bought: Sequence[Purchase]) -> Money | None:
    """The total before taxes, shipping and discounts; None for an empty list."""
    if not bought:
        return None
    return Money(sum(item.total.amount for item in bought), bought[0].total.currency)


def _line(product: Product, price: Price, quantity: int) -> CartLine:
    return CartLine(
        price.id,
        quantity,
        price.money,
        price.product_id,
        price.recurrence,
        _variant(price.nickname),
        _shortened(product.name),
    )


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_KEPT else f"{name[: _NAME_KEPT - 1].rstrip()}…"


def _variant(nickname: str | None) -> str | None:
    """The digest of a nickname, of four characters only: twenty lines have to fit into a cookie."""
    return nickname and urlsafe_b64encode(hashlib.sha256(nickname.encode()).digest()[:3]).decode()


def _with_problem(row: Row, problem: Problem) -> Row:
    """The row with this problem. Nothing leads to a product that is gone."""
    if problem is not Problem.GONE:
        return replace(row, problem=problem)
    return Row(replace(row.line, name=row.name), problem=problem)


def _row(line: CartLine, catalogue: Catalogue) -> Row:
    found = catalogue.priced(line.price_id) or _replacement(line, catalogue)
    if found is None:
        return Row(line, catalogue.product(line.product_id or ""), problem=Problem.GONE)
    product, price = found
    problem = None if product.in_stock else Problem.OUT_OF_STOCK
    return Row(line, product, price, problem, line.seen if line.seen != price.money else None)


def _replacement(line: CartLine, catalogue: Catalogue) -> tuple[Product, Price] | None:
    """The price that replaced an archived one, if only one can have done so.

    Stripe's prices never change their amount: a new one is made, and the old one is archived.
    Source: https://docs.stripe.com/products-prices/manage-prices#change-price
    """
    product = catalogue.product(line.product_id or "")
    if product is None or len(product.prices) != 1:
        return None
    (price,) = product.prices
    same_kind = price.money.currency == line.seen.currency and price.recurrence == line.recurrence
    return (product, price) if same_kind and _variant(price.nickname) == line.variant else None


def _price_id_of(item: BoughtLine, cart: Cart) -> str | None:
    """The cart line of a bought item: the one with its price, else the only one of its product."""
    if any(line.price_id == item.price_id for line in cart.lines):
        return item.price_id
    alike = [
        line.price_id
        for line in cart.lines
        if line.product_id is not None
        and (line.product_id, line.recurrence) == (item.product_id, item.recurrence)
    ]
    return alike[0] if len(alike) == 1 else None
