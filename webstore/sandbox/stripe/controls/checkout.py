"""Controls of Checkout Sessions: taxes, a discount, and the currency that the shopper sees."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from webstore.sandbox.stripe.controls.base import ControlBase, answer
from webstore.sandbox.stripe.currency_codes import SUPPORTED
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.payments import price_changes, session_amounts
from webstore.sandbox.stripe.payments.money import Money
from webstore.sandbox.stripe.routing import Call

# Any: JSON from a test, which is checked here.
Given = Mapping[str, Any]


class CheckoutControls(ControlBase):
    """What Stripe Tax, a promotion code and Adaptive Pricing do to a session."""

    def price_session(
        self,
        session_id: str,
        *,
        tax: Given | Sequence[Given] | None = None,
        discount: Given | None = None,
        presentment: Given | None = None,
    ) -> Document:
        """Apply taxes, a discount and a currency to an open session, in place of those it had.

        `tax`: `percentage`, `inclusive` (false), `name`, `country`, or a list of these. `discount`:
        `percent_off` or `amount_off` (minor units), `name`, `code` (a promotion code), `duration` (`once` or
        `forever`). `presentment`: `currency` and `rate`. Raises ValueError for a session that is not open.
        """
        with self._on("session", session_id, lambda table: table.sessions) as (call, session):
            if session["status"] != "open" or session["mode"] == "setup":
                raise ValueError("only open sessions with a price can be changed")
            rates = _taxes(call, tax)
            currency, rate = _presentment(presentment)
            coupon, promotion = (None, None) if discount is None else _coupon(call, discount, session)
            given = None
            if coupon is not None:
                given = price_changes.add_discount(call, session, coupon, promotion)
            session_amounts.set_money(call, session, Money(rates, given, coupon, currency, rate))
            by_code = promotion is not None
            call.world.payments.sessions.change(
                session,
                adaptive_pricing={"enabled": currency is not None},
                discounts=[]
                if coupon is None
                else [
                    {
                        "coupon": None if by_code else coupon["id"],
                        "promotion_code": promotion["id"] if promotion is not None else None,
                    }
                ],
            )
            return answer(session)


def _taxes(call: Call, given: Given | Sequence[Given] | None) -> tuple[Document, ...]:
    wanted = [given] if isinstance(given, Mapping) else list(given or ())
    if len({bool(one.get("inclusive", False)) for one in wanted}) > 1:
        raise ValueError("taxes must be all inclusive or all exclusive")
    made = []
    for one in wanted:
        if not isinstance(one.get("percentage"), int | float) or not 0 <= one["percentage"] <= 100:
            raise ValueError("a tax needs a percentage from 0 to 100")
        made.append(
            price_changes.add_tax_rate(
                call,
                float(one["percentage"]),
                inclusive=one.get("inclusive") is True,
                name=str(one.get("name", "VAT")),
                country=str(one.get("country", "DE")),
            )
        )
    return tuple(made)


def _coupon(call: Call, given: Given, session: Document) -> tuple[Document, Document | None]:
    percent, amount = given.get("percent_off"), given.get("amount_off")
    if (percent is None) == (amount is None):
        raise ValueError("a discount needs either percent_off or amount_off")
    if given.get("duration", "once") not in ("once", "forever"):
        raise ValueError("the duration must be once or forever")
    coupon = price_changes.add_coupon(
        call,
        percent_off=None if percent is None else float(percent),
        amount_off=None if amount is None else int(amount),
        currency=session["currency"],
        name=given.get("name"),
        duration=given.get("duration", "once"),
    )
    code = given.get("code")
    return coupon, None if code is None else price_changes.add_promotion_code(call, coupon, str(code))


def _presentment(given: Given | None) -> tuple[str | None, Decimal]:
    if given is None:
        return None, Decimal(1)
    currency = str(given.get("currency", "")).lower()
    try:
        rate = Decimal(str(given.get("rate", "")))
    except InvalidOperation as error:
        raise ValueError("presentment needs a rate") from error
    if currency not in SUPPORTED or rate <= 0:
        raise ValueError("presentment needs a currency and a positive rate")
    return currency, rate
