"""Amounts of money: the decimals of each currency at Stripe, and the smallest and largest charge.

Source: https://docs.stripe.com/currencies
"""

import re
from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency

_NO_DECIMALS = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())  # noqa: SIM905 (codes)
_THREE_DECIMALS = frozenset({"bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"})
# Written without decimals, although the API counts two.
_ROUND = frozenset({"isk", "ugx"})

# In minor units: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
_LEAST = {
    "aed": 200,
    "aud": 50,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "czk": 1500,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "inr": 50,
    "jpy": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "sgd": 50,
    "thb": 1000,
    "usd": 50,
}
MOST = 99_999_999


def least(currency: str) -> int:
    """The smallest amount that can be charged, in minor units. A guess for currencies that are not listed."""
    return _LEAST.get(currency, 1 if currency in _NO_DECIMALS else 50)


def in_minor_units(amount: Decimal, currency: str) -> int:
    """An amount like `12.50` in the API's minor units. Digits beyond the currency's decimals are rounded."""
    decimals = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    return int((amount * 10**decimals).quantize(Decimal(1), ROUND_HALF_UP))


def shown(amount: int, currency: str) -> str:
    """An amount in minor units as a reader of English writes it, like `€12.50`."""
    decimals = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    value = Decimal(amount).scaleb(-decimals)
    if currency in _ROUND and amount % 100 == 0:
        value, decimals = value.quantize(Decimal(1)), 0
    pattern = "¤#,##0" + ("." + "0" * decimals if decimals else "")
    written = format_currency(value, currency.upper(), pattern, "en_US", currency_digits=False)
    # A currency without a sign of its own: "ISK 500".
    return re.sub(r"(?<=[A-Z])(?=[0-9])", "\N{NO-BREAK SPACE}", written)


def line_total(unit: Decimal, quantity: int) -> int:
    """The price of `quantity` units, rounded to whole minor units, as `unit` may have fractions of one."""
    return int((unit * quantity).quantize(Decimal(1), ROUND_HALF_UP))
