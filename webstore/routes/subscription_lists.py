"""The shopper's subscriptions as the pages show them: read from Stripe now, or kept by this process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app

from webstore import metrics
from webstore.errors import PaymentsError, PaymentsUnavailable
from webstore.shop import subscription_changes as changes
from webstore.shop.models import Subscription
from webstore.shop.subscriptions import ShownSubscription, in_words, is_settled

from . import services
from .bounded_memory import BoundedMemory
from .errors import noted

_KEY = "webstore_subscription_lists"
#: Bytes of the lists of one process, and what is counted for a list and for each subscription in it.
_MOST_BYTES, _LIST_BYTES, _EACH_BYTES = 1024 * 1024, 512, 2048

#: By customer ID.
_Lists = BoundedMemory[str, tuple[Subscription, ...]]


@dataclass(frozen=True, slots=True)
class SubscriptionsView:
    """The shopper's subscriptions, as the pages show them."""

    listed: tuple[ShownSubscription, ...] = ()
    #: Why they cannot be shown: "refused" (an operator has to act), "unavailable", "unusable" (the customer
    #: record is not used), or None.
    problem: str | None = None


def install(app: Flask, now: Callable[[], float] = time.monotonic) -> None:
    """Give the application its memory of lists. `now`: a clock, in seconds."""
    app.extensions[_KEY] = _Lists(
        _MOST_BYTES, changes.KEPT_S, lambda found: _LIST_BYTES + _EACH_BYTES * len(found), now
    )


def kept(customer_id: str) -> SubscriptionsView | None:
    """The list that this process read a moment ago; None if it keeps none.

    It may be shown as long as `changes.is_unmarked` says that nothing has changed it.
    """
    found = _lists().get(customer_id)
    metrics.count_cache_read("subscriptions", "miss" if found is None else "hit")
    return None if found is None else _view(found)


def read_now(customer_id: str, *, keep: bool = False) -> SubscriptionsView:
    """The customer's subscriptions, from Stripe. The log has the cause if they cannot be shown.

    `keep`: whether the customer had no mark before this. Without webhooks nothing is kept, because nothing
    tells the store what has changed. Nor is a list with something to pay: the shopper pays it at Stripe
    without another page of the store.
    """
    try:
        found = services().subscriptions.list_subscriptions(customer_id)
        view = _view(found)
    except PaymentsError as exc:
        refused = not isinstance(exc, PaymentsUnavailable)
        cause = f"{type(exc).__name__}: {exc}"
        noted("subscriptions not shown", cause, logging.ERROR if refused else logging.WARNING)
        return SubscriptionsView(problem="refused" if refused else "unavailable")
    if keep and services().settings.stripe_webhook_secrets and all(map(is_settled, found)):
        _lists().put(customer_id, found)
    return view


def expect_changes(customer_id: str) -> None:
    """The shopper goes to a page that can change subscriptions: show no kept list for a day."""
    changes.mark_visit(services().state, customer_id)
    # If the mark could not be written.
    _lists().drop(customer_id)


def _view(found: tuple[Subscription, ...]) -> SubscriptionsView:
    return SubscriptionsView(in_words(found, services().catalogue.current))


def _lists() -> _Lists:
    lists: _Lists = current_app.extensions[_KEY]
    return lists
