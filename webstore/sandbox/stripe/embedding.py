"""Lists inside other objects, which hold their first ten items only. The rest is on the list's own URL.

Source: https://docs.stripe.com/api/invoices/object#invoice_object-lines
"""

from collections.abc import Mapping, Sequence
from typing import Any

from webstore.sandbox.stripe.documents import Document

MOST_EMBEDDED = 10


def listed(items: Sequence[Document], url: str) -> Document:
    """A list inside another object: the first ten items, and whether `url` has more."""
    return {
        "object": "list",
        "data": list(items[:MOST_EMBEDDED]),
        "has_more": len(items) > MOST_EMBEDDED,
        "url": url,
    }


# Any: the fields of a document.
def capped(fields: Mapping[str, Any]) -> Document:
    """A copy of an object as the API returns it. The tables keep embedded lists whole."""
    return {
        name: listed(value["data"], value["url"])
        if isinstance(value, dict) and value.get("object") == "list"
        else value
        for name, value in fields.items()
    }
