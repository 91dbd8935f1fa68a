"""Tax rates, coupons, promotion codes and discounts. In the sandbox only controls create them.

Sources: https://docs.stripe.com/api/tax_rates, https://docs.stripe.com/api/coupons,
https://docs.stripe.com/api/promotion_codes and https://docs.stripe.com/api/discounts
"""

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.routing import Call


def add_tax_rate(call: Call, percentage: float, *, inclusive: bool, name: str, country: str) -> Document:
    """Create a tax rate. `percentage` is 19 for 19 %."""
    rate: Document = {
        "id": new_id("txr_1", 23),
        "object": "tax_rate",
        "active": True,
        "country": country,
        "created": int(call.now),
        "description": None,
        "display_name": name,
        "effective_percentage": percentage,
        "flat_amount": None,
        "inclusive": inclusive,
        "jurisdiction": country,
        "jurisdiction_level": "country",
        "livemode": call.world.livemode,
        "metadata": {},
        "percentage": percentage,
        "rate_type": "percentage",
        "state": None,
        "tax_type": "vat",
    }
    call.world.payments.tax_rates.add(rate)
    return rate


def add_coupon(
    call: Call,
    *,
    percent_off: float | None,
    amount_off: int | None,
    currency: str,
    name: str | None,
    duration: str,
) -> Document:
    """Create a coupon that has been redeemed once."""
    coupon: Document = {
        "id": new_id("", 8),
        "object": "coupon",
        "amount_off": amount_off,
        "created": int(call.now),
        "currency": None if amount_off is None else currency,
        "duration": duration,
        "duration_in_months": None,
        "livemode": call.world.livemode,
        "max_redemptions": None,
        "metadata": {},
        "name": name,
        "percent_off": percent_off,
        "redeem_by": None,
        "times_redeemed": 1,
        "valid": True,
    }
    call.world.payments.coupons.add(coupon)
    return coupon


def add_promotion_code(call: Call, coupon: Document, code: str) -> Document:
    """Create a code that shoppers enter for a coupon."""
    promotion: Document = {
        "id": new_id("promo_1", 23),
        "object": "promotion_code",
        "active": True,
        "code": code,
        "created": int(call.now),
        "customer": None,
        "customer_account": None,
        "expires_at": None,
        "livemode": call.world.livemode,
        "max_redemptions": None,
        "metadata": {},
        "promotion": {"coupon": coupon["id"], "type": "coupon"},
        "restrictions": {
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
        },
        "times_redeemed": 1,
    }
    call.world.payments.promotion_codes.add(promotion)
    return promotion


def add_discount(call: Call, session: Document, coupon: Document, promotion: Document | None) -> Document:
    """Create the discount that a coupon gives to a session."""
    discount: Document = {
        "id": new_id("di_1", 23),
        "object": "discount",
        "checkout_session": session["id"],
        "customer": session["customer"],
        "customer_account": None,
        "end": None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": promotion and promotion["id"],
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": int(call.now),
        "subscription": None,
        "subscription_item": None,
    }
    call.world.payments.discounts.add(discount)
    return discount
