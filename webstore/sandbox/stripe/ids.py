"""IDs in Stripe's format: a prefix for the kind of object, then letters and digits."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int) -> str:
    """A new random ID: the prefix and `length` characters. Source: https://docs.stripe.com/api (IDs)."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))
