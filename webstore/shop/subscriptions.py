"""A shopper's subscriptions as the pages show them, and how all of them end when the account is closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from webstore import deadline
from webstore.errors import NoSuchCustomer, PaymentsError, PaymentsUnavailable

from .models import Catalogue, CheckoutSession, Money, Recurrence, Subscription, SubscriptionItem
from .ports import OpenSessions, Subscriptions

#: Seconds that are kept for reading again which ones still run.
_RESERVE_S = 1.5


class State(StrEnum):
    """The state of a subscription in the shopper's terms."""

    ACTIVE = "active"
    TRIAL = "trial"
    #: It begins when the first payment succeeds.
    STARTING = "starting"
    #: A payment failed, or an invoice is overdue.
    UNPAID = "unpaid"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class ShownItem:
    """What a subscription delivers, in words."""

    #: None if the product is not sold any more.
    name: str | None
    variant: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class ShownSubscription:
    """A subscription in words and amounts. Times are Unix seconds."""

    id: str
    created: float
    state: State
    items: tuple[ShownItem, ...]
    #: Its description at Stripe.
    description: str | None
    #: The amount due in each interval, before discounts and tax; empty if it depends on usage.
    amounts: tuple[tuple[Money, Recurrence], ...]
    #: None if no other charge is planned.
    next_charge: float | None
    ends_at: float | None
    #: The end of the trial.
    trial_ends: float | None
    #: When a pause ends, if that is known.
    resumes_at: float | None
    #: Whether discounts or tax change the amounts.
    adjusted: bool
    #: Stripe's page for the invoice that has to be paid.
    pay_url: str | None


def in_words(
    subscriptions: Sequence[Subscription], catalogue: Callable[[], Catalogue]
) -> tuple[ShownSubscription, ...]:
    """These subscriptions in the shopper's terms. Raises `PaymentsError`.

    `catalogue` is called only if there are any; they are shown without it as well.
    """
    if not subscriptions:
        return ()
    try:
        products = catalogue()
    except PaymentsUnavailable:
        products = None
    return tuple(shown(it, products) for it in subscriptions)


def shown(subscription: Subscription, catalogue: Catalogue | None) -> ShownSubscription:
    """The subscription in the shopper's terms. Without the catalogue its products have no names."""
    state = _state(subscription)
    ends_at, period_end = subscription.ends_at, subscription.period_end
    goes_on = ends_at is None or (period_end is not None and ends_at > period_end)
    return ShownSubscription(
        id=subscription.id,
        created=subscription.created,
        state=state,
        items=tuple(_shown_item(item, catalogue) for item in subscription.items),
        description=subscription.description,
        amounts=_amounts(subscription.items),
        next_charge=period_end if goes_on and state in (State.ACTIVE, State.TRIAL) else None,
        ends_at=ends_at,
        trial_ends=period_end if state is State.TRIAL else None,
        resumes_at=subscription.resumes_at if state is State.PAUSED else None,
        adjusted=subscription.adjusted,
        pay_url=subscription.invoice_url if state in (State.STARTING, State.UNPAID) else None,
    )


def is_settled(subscription: Subscription) -> bool:
    """Whether the shopper does not have to pay anything for it now."""
    return _state(subscription) not in (State.STARTING, State.UNPAID)


def _state(subscription: Subscription) -> State:
    """Source: https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses"""
    if subscription.status == "incomplete":
        return State.STARTING
    if subscription.status in ("past_due", "unpaid"):
        return State.UNPAID
    if subscription.status == "paused" or subscription.collection_paused:
        return State.PAUSED
    return State.TRIAL if subscription.status == "trialing" else State.ACTIVE


def _shown_item(item: SubscriptionItem, catalogue: Catalogue | None) -> ShownItem:
    product = catalogue.product(item.product_id) if catalogue and item.product_id else None
    return ShownItem(product.name if product else None, item.variant, item.quantity)


def _amounts(items: tuple[SubscriptionItem, ...]) -> tuple[tuple[Money, Recurrence], ...]:
    """The sum of the items for each interval and currency."""
    sums: dict[tuple[Recurrence, str], int] = {}
    for item in items:
        if item.money is None or item.recurrence is None:
            return ()
        key = item.recurrence, item.money.currency
        sums[key] = sums.get(key, 0) + item.money.amount * item.quantity
    return tuple((Money(total, currency), recurrence) for (recurrence, currency), total in sums.items())


# Ending all of them


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a customer's subscriptions when all of them were to end."""

    ended: tuple[Subscription, ...] = ()
    #: Those that are known to run on.
    running: tuple[Subscription, ...] = ()
    #: Those of which it is not known whether they ended.
    unsure: tuple[Subscription, ...] = ()
    #: How many Checkout Sessions could still be paid.
    open_sessions: int = 0


class NotEnded(Exception):
    """Something could still charge the customer."""

    def __init__(self, ending: Ending, cause: PaymentsError) -> None:
        """`cause`: the error to tell about; no answer comes before a refusal, because a new try may help."""
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.ending = ending
        self.cause = cause

    @property
    def refused(self) -> bool:
        """Whether Stripe refused it, so that a new try alone does not help."""
        return not isinstance(self.cause, PaymentsUnavailable)


@dataclass(frozen=True, slots=True)
class Tills:
    """Lists and ends the sessions and subscriptions that can charge a customer."""

    subscriptions: Subscriptions
    open_sessions: OpenSessions
    #: `Checkouts.expire_session`.
    expire_session: Callable[[str], None]


def end_all(tills: Tills, customer_id: str, user_id: str) -> Ending:
    """End every subscription of the customer now, and expire the user's open Checkout Sessions.

    The sessions come first: one that is paid at this moment may be a new subscription. Afterwards both are
    read again. A customer who does not exist has nothing to end. Raises `NotEnded`; the next call goes on
    from there.
    """
    try:
        before = _still_there(tills, customer_id, user_id)
    except NoSuchCustomer:
        return Ending()
    except PaymentsError as exc:
        raise NotEnded(Ending(), exc) from exc
    sessions, subscriptions = before
    if not sessions and not subscriptions:
        return Ending()
    tried = _end_each(tills, sessions, subscriptions)
    try:
        sessions, running = _still_there(tills, customer_id, user_id)
    except PaymentsError as exc:
        done = tuple(it for it in subscriptions if it.id in tried.ended)
        unsure = tuple(it for it in subscriptions if it.id not in tried.ended)
        raise NotEnded(Ending(done, (), unsure, len(sessions)), exc) from exc
    left = {it.id for it in sessions} | {it.id for it in running}
    ending = Ending(tuple(it for it in subscriptions if it.id not in left), running, (), len(sessions))
    if left:
        raise NotEnded(ending, tried.cause(left))
    return ending


def _still_there(
    tills: Tills, customer_id: str, user_id: str
) -> tuple[tuple[CheckoutSession, ...], tuple[Subscription, ...]]:
    """The user's open Checkout Sessions, and then the customer's subscriptions. Raises `PaymentsError`."""
    sessions = tills.open_sessions.list_open_sessions(customer_id)
    own = tuple(it for it in sessions if it.owner == user_id)
    return own, tills.subscriptions.list_subscriptions(customer_id)


@dataclass
class _Tried:
    """How the attempts to end subscriptions and sessions went."""

    #: IDs of the subscriptions that Stripe said to have ended.
    ended: set[str] = field(default_factory=set)
    #: Refusals by the ID of the subscription or session.
    refusals: dict[str, PaymentsError] = field(default_factory=dict)
    no_answer: PaymentsUnavailable | None = None

    def cause(self, left: set[str]) -> PaymentsError:
        """The error to tell about when these IDs are left."""
        refusal = next((exc for key, exc in self.refusals.items() if key in left), None)
        return self.no_answer or refusal or PaymentsUnavailable("something was begun or paid meanwhile")


def _end_each(
    tills: Tills, sessions: tuple[CheckoutSession, ...], subscriptions: tuple[Subscription, ...]
) -> _Tried:
    """Expire the sessions and end the subscriptions, until Stripe does not answer or the time is up."""
    tried = _Tried()
    steps = [(it.id, tills.expire_session) for it in sessions]
    steps += [(it.id, tills.subscriptions.cancel_subscription) for it in subscriptions]
    with deadline.within(deadline.left() - _RESERVE_S):
        for key, end in steps:
            try:
                end(key)
            except PaymentsUnavailable as exc:
                tried.no_answer = exc
                break
            except PaymentsError as exc:
                # A session may have been paid or have expired: the next reading shows it.
                tried.refusals[key] = exc
            else:
                tried.ended.add(key)
    return tried
