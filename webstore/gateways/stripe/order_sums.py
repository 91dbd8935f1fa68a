"""The lines from the items of an order to its total, and from the total to the amount to pay."""

from __future__ import annotations

from webstore.shop.models import Money
from webstore.shop.order import Part

from .checkout import part
from .client import amount
from .order_fields import Found, currency_of, objects, sum_of

#: The parts between the items and the total, and the tax that is in the prices already.
Sums = tuple[tuple[tuple[Part, Money], ...], int]


def session_sums(found: Found) -> Sums:
    """The parts of a Checkout Session's total.

    Prices may contain their tax, so only the tax that is not in them is shown as added. Source:
    https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-total_details
    """
    details = part(found, "total_details")
    if found.get("amount_subtotal") is None:
        return (), 0
    discount, shipping = amount(details.get("amount_discount")), amount(details.get("amount_shipping"))
    tax = amount(details.get("amount_tax"))
    rest = amount(found.get("amount_total")) - (amount(found["amount_subtotal"]) - discount + shipping)
    added = _added(rest, tax)
    return _parts(currency_of(found), discount, shipping, added, rest - added), tax - added


def invoice_sums(found: Found) -> Sums:
    """The parts of an invoice's total.

    The subtotal contains the discounts of single items already, and `total_discount_amounts` contains them,
    too: the items are then shown before all discounts. Source: https://docs.stripe.com/api/invoices/object
    """
    if found.get("subtotal") is None:
        return (), 0
    discount = sum_of(found.get("total_discount_amounts"))
    shipping = amount(part(found, "shipping_cost").get("amount_subtotal"))
    taxes = objects({"data": found.get("total_taxes")})
    tax = sum_of(taxes)
    rest = amount(found.get("total")) - (amount(found["subtotal"]) - discount + shipping)
    if all(it.get("tax_behavior") in ("inclusive", "exclusive") for it in taxes):
        added = sum_of([it for it in taxes if it["tax_behavior"] == "exclusive"])
    else:
        added = _added(rest, tax)
    other = rest - added
    if 0 < other <= discount:
        other = 0
    return _parts(currency_of(found), discount, shipping, added, other), tax - added


def carried(found: Found) -> tuple[int, int]:
    """What the customer owed before this invoice and paid with it, and what of it the next one contains.

    A positive balance is owed by the customer. Sources:
    https://docs.stripe.com/api/invoices/object#invoice_object-starting_balance and
    https://docs.stripe.com/billing/customer/balance
    """
    if found.get("ending_balance") is None:
        return 0, 0
    before, after = (max(0, amount(found.get(name))) for name in ("starting_balance", "ending_balance"))
    return max(0, before - after), max(0, after - before)


def _added(rest: int, tax: int) -> int:
    """The tax that is not in the prices. A credit's tax is negative."""
    return rest if min(0, tax) <= rest <= max(0, tax) else tax


def _parts(
    currency: str, discount: int, shipping: int, tax: int, other: int
) -> tuple[tuple[Part, Money], ...]:
    amounts = {Part.DISCOUNT: -discount, Part.SHIPPING: shipping, Part.TAX: tax, Part.OTHER: other}
    return tuple((kind, Money(value, currency)) for kind, value in amounts.items() if value)
