"""IDs as Stripe makes them: a prefix that says what it is, then letters and digits."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int) -> str:
    """A fresh ID, like `cus_` and 14 characters. Source: https://docs.stripe.com/api (object IDs)."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))
