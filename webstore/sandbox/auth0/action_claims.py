"""What a deployed Action of the store does to tokens, acted out: the sandbox runs no JavaScript.

An Action counts as one of the store's if its code names a claim namespace, sets custom claims, and mentions
`stripe_customer_id` or the pattern of these names. Its claims are then added to tokens under that namespace.
The rest of its code does nothing here: an Action that also links users creates no customer. Other Actions do
nothing at all.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_NAMESPACE = re.compile(r"""^const NAMESPACE = ("(?:[^"\\\n]|\\.)*");""", re.MULTILINE)


def claim_namespace(code: str) -> str | None:
    """The prefix of the claims that this Action sets, or None if it is not one of the store's."""
    found = _NAMESPACE.search(code)
    if found is None or "setCustomClaim(" not in code or "stripe_" not in code:
        return None
    return str(json.loads(found[1])).rstrip("/")


def claimed(metadata: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:  # Any: metadata is JSON
    """The claims: the links of every Stripe account and mode in `app_metadata`, under their own names."""
    return {
        f"{namespace}/{name}": value
        for name, value in metadata.items()
        if value and re.match(r"stripe_(customer_id|account)(_|$)", name)
    }
