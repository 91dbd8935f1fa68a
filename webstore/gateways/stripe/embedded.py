"""Lists inside of Stripe's objects, such as an invoice's lines. An object contains only the first items."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from webstore import deadline
from webstore.errors import PaymentsUnavailable

log = logging.getLogger(__name__)

#: Maximum number of items that are read of one list. Stripe's own limit for an invoice's lines is lower.
MAX_ITEMS = 1000

#: An item of a list, as Stripe answered it.
Item = dict[str, Any]
#: Reads the page after the item with this ID (None: the first page), and whether there are more pages.
Reader = Callable[[str | None], tuple[list[Item], bool]]


def complete(embedded: object, read: Reader, *, maximum: int = MAX_ITEMS) -> list[Item]:
    """All items of an embedded list. `read` is called only if the list has more items than the object shows.

    A list that is missing has no items. If there are more than `maximum` items, the rest is left out and the
    log says so. Raises `PaymentsUnavailable` when the request's time is over or a page comes twice, and
    whatever `read` raises. Source: https://docs.stripe.com/api/pagination
    """
    found = embedded if isinstance(embedded, Mapping) else {}
    items = _items(found.get("data"))
    more = found.get("has_more") is True
    seen = {item.get("id") for item in items}
    while more and len(items) < maximum:
        if deadline.left() <= 0:
            raise PaymentsUnavailable("the time for this request is over")
        page, more = read(_last_id(items))
        ids = {item.get("id") for item in page}
        if more and not ids - seen:
            raise PaymentsUnavailable("Stripe sent the same page of a list twice")
        items += [item for item in page if item.get("id") not in seen]
        seen |= ids
    if more or len(items) > maximum:
        log.error("a list at %s has more than %d items; the rest is left out", found.get("url"), maximum)
    return items[:maximum]


def page_of(listed: object) -> tuple[list[Item], bool]:
    """The items of the SDK's list object, and whether there are more pages.

    Raises `TypeError` if it is not a page of a list: the SDK does not check answers against its annotations.
    """
    items, more = getattr(listed, "data", None), getattr(listed, "has_more", None)
    if not isinstance(items, list) or not isinstance(more, bool):
        raise TypeError("the answer is not a page of a list")
    return [item.to_dict() for item in items], more


def _items(found: object) -> list[Item]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _last_id(items: list[Item]) -> str | None:
    """The ID of the last item, after which the next page begins; None if nothing was read yet."""
    if not items:
        return None
    last = items[-1].get("id")
    if not isinstance(last, str) or not last:
        raise PaymentsUnavailable("an item of a list has no ID")
    return last
