"""The operations of the real API. The sandbox lacks most of them, and Stripe has no others.

`operations.txt` lists them as Stripe's SDK for Python has them: https://github.com/stripe/stripe-python
"""

import re
from pathlib import Path

_LISTED = Path(__file__).with_name("operations.txt").read_text(encoding="ascii").splitlines()
_PATTERN = re.compile("|".join("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", line))) for line in _LISTED))


def is_operation(method: str, path: str) -> bool:
    """Whether Stripe has an operation with this method and percent-encoded path."""
    return _PATTERN.fullmatch(f"{method} {path}") is not None
