"""Reads one page of a list at Stripe, with fewer items when the answer is too large."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from webstore.errors import AnswerTooLarge, NoSuchCustomer, NoSuchObject

from .client import translated
from .embedded import Item, page_of

T = TypeVar("T")


def read_page(
    read: Callable[[Any], object], params: dict[str, Any], sizes: Sequence[int]
) -> tuple[list[Item], bool]:
    """The items of a page, and whether there are more pages.

    `read`: the SDK's list method; `sizes`: the numbers of items to ask for, the largest first. Raises
    `NoSuchObject` if the cursor `starting_after` is unknown, and other `PaymentsError`s.
    Source: https://docs.stripe.com/api/pagination
    """
    try:
        return smaller(sizes, lambda size: translated(lambda: page_of(read({**params, "limit": size}))))
    except NoSuchCustomer as exc:
        if getattr(exc.__cause__, "param", None) == "starting_after":
            raise NoSuchObject(str(exc)) from exc
        raise


def smaller(sizes: Sequence[int], read: Callable[[int], T]) -> T:
    """The first answer that is not too large. Raises `AnswerTooLarge` if even the smallest size is."""
    for size in sizes[:-1]:
        try:
            return read(size)
        except AnswerTooLarge:
            continue
    return read(sizes[-1])
