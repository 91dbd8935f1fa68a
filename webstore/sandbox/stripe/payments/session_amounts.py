"""A Checkout Session's amounts: its lines, shipping, taxes and discounts.

Source: https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-total_details
"""

from collections.abc import Mapping, Sequence

from webstore.sandbox.stripe.amounts import MOST, least, shown
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.payments.lines import set_quantity
from webstore.sandbox.stripe.payments.money import NOTHING, Amounts, Money, taxed, work_out
from webstore.sandbox.stripe.payments.tables import SessionDetails
from webstore.sandbox.stripe.routing import Call

# The place of the shipping among the amounts of a session's lines.
SHIPPING = "shipping"


def details_of(call: Call, session: Document) -> SessionDetails:
    """A session's data that its JSON does not contain."""
    return call.world.payments.details[session["id"]]


def totals(
    call: Call, lines: Sequence[Document], shipping_rate: str | None, money: Money = NOTHING
) -> tuple[dict[str, object], dict[str, Amounts]]:
    """A session's amounts with the chosen shipping rate, and the amounts of each line by its ID.

    Sets the amounts of the lines. Raises StripeError for a total that is too small or too large.
    Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
    """
    rate = call.world.payments.shipping_rates.get(shipping_rate) if shipping_rate else None
    worked_out = work_out([line["amount_subtotal"] for line in lines], money)
    amounts = {line["id"]: one for line, one in zip(lines, worked_out, strict=True)}
    for line in lines:
        one = amounts[line["id"]]
        line.update(amount_discount=one.discount, amount_tax=one.tax, amount_total=one.total)
    sent = Amounts(0) if rate is None else taxed(int(rate["fixed_amount"]["amount"]), money)
    if rate is not None:
        amounts[SHIPPING] = sent
    subtotal, total = sum(one.subtotal for one in worked_out), sum(one.total for one in amounts.values())
    currency = lines[0]["currency"]
    _check_total(total, currency)
    return {
        "amount_subtotal": subtotal,
        "amount_total": total,
        "currency": currency,
        "shipping_cost": None
        if rate is None
        else {
            "amount_subtotal": sent.subtotal,
            "amount_tax": sent.tax,
            "amount_total": sent.total,
            "shipping_rate": shipping_rate,
        },
        "total_details": {
            "amount_discount": sum(one.discount for one in worked_out),
            "amount_shipping": sent.subtotal,
            "amount_tax": sum(one.tax for one in amounts.values()),
        },
    }, amounts


def adjust(call: Call, session: Document, quantities: Mapping[str, int], shipping_rate: str | None) -> None:
    """Apply the shopper's choices: quantities by line ID, and a shipping rate.

    Raises StripeError, and changes nothing, when no item is left or the total is too small or too large.
    """
    details = details_of(call, session)
    lines = [dict(line) for line in details.lines]
    for line in lines:
        if line["id"] in quantities:
            set_quantity(line, quantities[line["id"]])
    kept = [line for line in lines if line["quantity"] > 0]
    if not kept:
        raise StripeError(400, "At least one item has to stay.")
    _apply(call, session, kept, shipping_rate, details.money)


def set_money(call: Call, session: Document, money: Money) -> None:
    """Apply taxes, a discount and a currency to an open session. Raises StripeError as `adjust` does."""
    lines = [dict(line) for line in details_of(call, session).lines]
    rate = session["shipping_cost"] and session["shipping_cost"]["shipping_rate"]
    _apply(call, session, lines, rate, money)
    details_of(call, session).money = money


def _apply(
    call: Call, session: Document, lines: list[Document], shipping_rate: str | None, money: Money
) -> None:
    fields, amounts = totals(call, lines, shipping_rate, money)
    details = details_of(call, session)
    details.lines = lines
    keep_amounts(call, session, amounts)
    call.world.payments.sessions.change(session, **fields)


def keep_amounts(call: Call, session: Document, amounts: Mapping[str, Amounts]) -> None:
    """Keep the amounts that `totals` returned, for the expandable fields of the session and its lines."""
    details_of(call, session).amounts = dict(amounts)
    call.world.payments.line_amounts.update((id, one) for id, one in amounts.items() if id != SHIPPING)


def _check_total(total: int, currency: str) -> None:
    if 0 < total < least(currency):
        raise StripeError(
            400,
            "The Checkout Session's total amount due must add up to at least"
            f" {shown(least(currency), currency)}.",
            code="amount_too_small",
        )
    if total > MOST:
        raise StripeError(
            400,
            f"The Checkout Session's total amount due must be no more than {shown(MOST, currency)}.",
            code="amount_too_large",
        )
