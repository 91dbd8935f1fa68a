"""Stripe's test cards and their outcomes. Source: https://docs.stripe.com/testing"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decline:
    """The reason for a refused payment: Stripe's error code and message, and the bank's decline code.

    `charge_code` is the charge's `failure_code`, if it is not the error's code.
    """

    code: str
    message: str
    decline_code: str | None = None
    charge_code: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A payment method and its behaviour. `kind` is `card` or the type of a bank debit, which takes days.

    `decline` is the reason why a charge fails, or None. `attaches` says whether the method can be saved.
    `authenticate` says whether it needs 3-D Secure. `later` is the reason why off-session payments, such
    as renewals, fail, or None.
    """

    last4: str
    brand: str = "visa"
    funding: str = "credit"
    expiry: tuple[int, int] = (12, 2034)
    kind: str = "card"
    decline: Decline | None = None
    attaches: bool = False
    authenticate: bool = False
    later: Decline | None = None


_DECLINED = "Your card was declined."
GENERIC = Decline("card_declined", _DECLINED, "generic_decline")
UNAUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try"
    " again.",
)
FAILED_DEBIT = Decline(
    "payment_intent_payment_attempt_failed",
    "The customer's account has insufficient funds to cover this payment.",
    charge_code="insufficient_funds",
)
_NEEDS_AUTHENTICATION = Decline("authentication_required", _DECLINED, "authentication_required")
_INCORRECT_NUMBER = Decline("incorrect_number", "Your card number is incorrect.", "incorrect_number")
_NOT_A_TEST_CARD = Decline(
    "card_declined",
    "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid"
    " test cards, visit: https://stripe.com/docs/testing.",
    "test_mode_live_card",
)
_TEST_CARD_IN_LIVE_MODE = Decline(
    "card_declined",
    "Your card was declined. Your request was in live mode, but used a known test card.",
    "live_mode_test_card",
)

_GOOD = {
    "4242424242424242": ("visa", "credit"),
    "4000056655665556": ("visa", "debit"),
    "5555555555554444": ("mastercard", "credit"),
    "2223003122003222": ("mastercard", "credit"),
    "5200828282828210": ("mastercard", "debit"),
    "378282246310005": ("amex", "credit"),
    "6011111111111117": ("discover", "credit"),
    "3056930009020004": ("diners", "credit"),
    "3566002020360505": ("jcb", "credit"),
    "6200000000000005": ("unionpay", "credit"),
    "4000002760000016": ("visa", "credit"),
    "4000008260000000": ("visa", "credit"),
}
_DECLINES = {
    "4000000000000002": GENERIC,
    "4000000000009995": Decline("card_declined", "Your card has insufficient funds.", "insufficient_funds"),
    "4000000000009987": Decline("card_declined", _DECLINED, "lost_card"),
    "4000000000009979": Decline("card_declined", _DECLINED, "stolen_card"),
    "4000000000006975": Decline("card_declined", _DECLINED, "card_velocity_exceeded"),
    "4000000000000069": Decline("expired_card", "Your card has expired.", "expired_card"),
    "4000000000000127": Decline("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc"),
    "4000000000000119": Decline(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        "processing_error",
    ),
    "4242424242424241": _INCORRECT_NUMBER,
}
# Cards that need 3-D Secure, with the decline of their off-session payments.
_THREE_D_SECURE = {
    "4000002760003184": _NEEDS_AUTHENTICATION,
    "4000002500003155": None,
    "4000000000003220": _NEEDS_AUTHENTICATION,
}
_ONLY_ATTACHES = "4000000000000341"


def entered_card(number: str, expiry: tuple[int, int], *, livemode: bool) -> Card:
    """The card with this number (digits only), with the behaviour that Stripe documents for it."""
    brand, funding = _GOOD.get(number, ("visa", "credit"))
    known = number in _GOOD or number in _DECLINES or number in _THREE_D_SECURE or number == _ONLY_ATTACHES
    decline: Decline | None
    if not _luhn(number):
        decline = _INCORRECT_NUMBER
    elif livemode:
        decline = _TEST_CARD_IN_LIVE_MODE if known else GENERIC
    else:
        decline = (
            (GENERIC if number == _ONLY_ATTACHES else _DECLINES.get(number)) if known else _NOT_A_TEST_CARD
        )
    return Card(
        last4=number[-4:],
        brand=brand,
        funding=funding,
        expiry=expiry,
        decline=decline,
        attaches=decline is None or number == _ONLY_ATTACHES,
        authenticate=number in _THREE_D_SECURE,
        later=GENERIC if number == _ONLY_ATTACHES else _THREE_D_SECURE.get(number),
    )


def bank_debit(kind: str) -> Card:
    """A bank debit. Its payment stays pending for days, until it succeeds or fails."""
    return Card(last4="3000", kind=kind)


# The bank debit of each currency: https://docs.stripe.com/payments/bank-debits
BANK_DEBITS = {"eur": "sepa_debit", "gbp": "bacs_debit", "usd": "us_bank_account"}


def _luhn(number: str) -> bool:
    if not re.fullmatch(r"[0-9]{12,19}", number):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[0::2]) + doubled) % 10 == 0
