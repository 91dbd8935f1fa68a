"""Taxes and discounts, and their amounts on lines.

Sources: https://docs.stripe.com/tax/products-prices-tax-codes-tax-behavior#tax-behavior and
https://docs.stripe.com/billing/subscriptions/coupons
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from webstore.sandbox.stripe.documents import Document


@dataclass(frozen=True)
class Money:
    """What changes the amounts of a sale: tax rates, a discount, and the currency that the shopper sees.

    The tax rates are all inclusive or all exclusive. `rate` is the number of units of `presentment_currency`
    for one unit of the sale's currency. `discount` has its `coupon` beside it.
    """

    taxes: tuple[Document, ...] = ()
    discount: Document | None = None
    coupon: Document | None = None
    presentment_currency: str | None = None
    rate: Decimal = Decimal(1)

    @property
    def renewing(self) -> "Money":
        """What applies to a subscription's renewals: its taxes, and a discount that does not end."""
        stays = self.coupon is not None and self.coupon["duration"] == "forever"
        return replace(self, discount=self.discount if stays else None, coupon=self.coupon if stays else None)

    def presented(self, amount: int) -> dict[str, object] | None:
        """An object's `presentment_details` for an amount in the sale's currency."""
        if self.presentment_currency is None:
            return None
        return {
            "presentment_amount": _whole(Decimal(amount) * self.rate),
            "presentment_currency": self.presentment_currency,
        }


NOTHING = Money()


@dataclass(frozen=True)
class Tax:
    """One tax on a line. Amounts are in minor units."""

    rate: Document
    amount: int
    taxable: int


@dataclass(frozen=True)
class Amounts:
    """The amounts of a line in minor units, with the discount that applies to it."""

    subtotal: int
    discount: int = 0
    taxes: tuple[Tax, ...] = ()
    discounted_by: Document | None = None

    @property
    def tax(self) -> int:
        """All taxes, inclusive and exclusive."""
        return sum(tax.amount for tax in self.taxes)

    @property
    def exclusive(self) -> int:
        """The taxes that are added to the price."""
        return sum(tax.amount for tax in self.taxes if not tax.rate["inclusive"])

    @property
    def inclusive(self) -> int:
        """The taxes that the price contains."""
        return self.tax - self.exclusive

    @property
    def total(self) -> int:
        """The amount after discounts and taxes."""
        return self.subtotal - self.discount + self.exclusive


def work_out(subtotals: Sequence[int], money: Money) -> list[Amounts]:
    """The amounts of lines with these subtotals. A discount over an amount is divided among them."""
    discounts = _discounts(subtotals, money.coupon)
    return [
        Amounts(
            subtotal,
            discount,
            tuple(_taxes(subtotal - discount, money.taxes)),
            money.discount if discount else None,
        )
        for subtotal, discount in zip(subtotals, discounts, strict=True)
    ]


def taxed(amount: int, money: Money) -> Amounts:
    """The amounts of a shipping cost, which discounts do not reduce."""
    return work_out([amount], replace(money, discount=None, coupon=None))[0]


def invoice_taxes(amounts: Sequence[Amounts]) -> list[Document]:
    """The `taxes` of an invoice's line, or the `total_taxes` of an invoice over several lines."""
    found: dict[str, Document] = {}
    for tax in (tax for one in amounts for tax in one.taxes):
        entry = found.setdefault(
            tax.rate["id"],
            {
                "amount": 0,
                "tax_behavior": "inclusive" if tax.rate["inclusive"] else "exclusive",
                "tax_rate_details": {"tax_rate": tax.rate["id"]},
                "taxability_reason": "standard_rated",
                "taxable_amount": 0,
                "type": "tax_rate_details",
            },
        )
        entry["amount"] += tax.amount
        entry["taxable_amount"] += tax.taxable
    return list(found.values())


def invoice_discounts(amounts: Sequence[Amounts]) -> list[Document]:
    """The `discount_amounts` of a line, or the `total_discount_amounts` of an invoice."""
    found: dict[str, Document] = {}
    for one in amounts:
        if one.discounted_by is not None:
            id = one.discounted_by["id"]
            found.setdefault(id, {"amount": 0, "discount": id})["amount"] += one.discount
    return list(found.values())


def breakdown(amounts: Sequence[Amounts]) -> Document:
    """The expandable `breakdown` of a session's totals, or the `discounts` and `taxes` of one line."""
    taxes: dict[str, Document] = {}
    discounts: dict[str, Document] = {}
    for one in amounts:
        if one.discounted_by is not None:
            entry = discounts.setdefault(
                one.discounted_by["id"], {"amount": 0, "discount": dict(one.discounted_by)}
            )
            entry["amount"] += one.discount
        for tax in one.taxes:
            entry = taxes.setdefault(
                tax.rate["id"],
                {
                    "amount": 0,
                    "rate": dict(tax.rate),
                    "taxability_reason": "standard_rated",
                    "taxable_amount": 0,
                },
            )
            entry["amount"] += tax.amount
            entry["taxable_amount"] += tax.taxable
    return {"discounts": list(discounts.values()), "taxes": list(taxes.values())}


def _discounts(subtotals: Sequence[int], coupon: Mapping[str, object] | None) -> list[int]:
    if coupon is None:
        return [0] * len(subtotals)
    if coupon["percent_off"] is not None:
        part = Decimal(str(coupon["percent_off"])) / 100
        return [_whole(subtotal * part) for subtotal in subtotals]
    whole = sum(subtotals)
    left = off = min(int(str(coupon["amount_off"])), whole)
    shares = []
    for subtotal in subtotals:
        share = min(left, _whole(Decimal(off) * subtotal / whole) if whole else 0)
        shares.append(share)
        left -= share
    for place in range(len(shares)):
        more = min(left, subtotals[place] - shares[place])
        shares[place] += more
        left -= more
    return shares


def _taxes(amount: int, rates: Sequence[Document]) -> list[Tax]:
    parts = [Decimal(str(rate["percentage"])) for rate in rates]
    if not rates or not amount:
        return []
    if not rates[0]["inclusive"]:
        return [
            Tax(rate, _whole(amount * part / 100), amount) for rate, part in zip(rates, parts, strict=True)
        ]
    contained = [_whole(amount * part / (100 + sum(parts))) for part in parts]
    return [Tax(rate, one, amount - sum(contained)) for rate, one in zip(rates, contained, strict=True)]


def _whole(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
