"""Reads a user for an operator: both sides, every world, and the next steps of linking. Also lists users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from webstore.errors import PaymentsError

from . import protocol, worlds
from .attempt import Linker, run
from .comparison import judged, recorded_links
from .evidence import facts, living_customers
from .explain import Explanation, until_write
from .models import Account, ClaimedLink, Comparison, Customer, LinkOutcome, RecordedLink, User
from .protocol import CUSTOMER_ID, Steps

#: Auth0 lists so many users at most:
#: https://auth0.com/docs/manage-users/user-search/view-search-results-by-page#limitation
LISTED_USERS = 1000
#: Users on a page of the list.
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Dossier:
    """A user and their customer, both read now."""

    #: With the keys of this world.
    user: User
    comparison: Comparison
    #: Only if it names the user.
    customer: Customer | None
    #: What a login would do, and what a payment would do first.
    login: Explanation
    use: Explanation


def read_dossier(linker: Linker, user_id: str) -> Dossier:
    """Read everything about the user; writes nothing. Raises `UserGone` and other `DirectoryError`s."""
    read = linker.directory.read_user(user_id)
    user, found, customer = judged(linker, read)
    found = replace(
        found,
        links=recorded_links(read),
        facts=facts(user, customer),
        living=living_customers(linker, user, customer),
    )
    policy, now = linker.policy, linker.now()
    return Dossier(
        user,
        found,
        customer,
        login=explained(linker, protocol.at_login(user_id, ClaimedLink(), policy, now)),
        use=explained(linker, protocol.before_use(user_id, None, policy, now)),
    )


def read_links(linker: Linker, user_id: str, account: Account) -> tuple[User, tuple[RecordedLink, ...]]:
    """The user with the keys of this world, and the links of every world; Stripe is not asked.

    Raises `DirectoryError`.
    """
    listed = _listed(linker.directory.read_user(user_id), account, second_account=True)
    return listed.user, listed.links


def explained(linker: Linker, steps: Steps[LinkOutcome]) -> Explanation:
    """Make the calls of these steps up to the first one that would write something."""
    wrapped = until_write(steps)
    return run(linker, wrapped, next(wrapped))


@dataclass(frozen=True, slots=True)
class ListedUser:
    """A user in a list, as Auth0 has them; Stripe was not asked."""

    #: With the keys of this world.
    user: User
    #: "recorded", "none", "pending" (a create has failed), "unusable" (not a customer ID) or "refused"
    #: (linked to another live account).
    status: str
    #: The links of every world.
    links: tuple[RecordedLink, ...]


def list_users(linker: Linker, account: Account) -> Iterator[ListedUser]:
    """The users, the newest first, at most `LISTED_USERS`. Raises `DirectoryError`."""
    for page in range(LISTED_USERS // _PAGE):
        users = linker.directory.list_users(page, _PAGE)
        for user in users:
            yield _listed(user, account, second_account=linker.policy.second_account)
        if len(users) < _PAGE:
            return


def _listed(read: User, account: Account, *, second_account: bool) -> ListedUser:
    try:
        user = worlds.in_world(read, account, second_account=second_account)
    except worlds.SecondAccount:
        return ListedUser(read, "refused", recorded_links(read))
    if user.customer_id is None:
        status = "none" if user.link_failed_at is None else "pending"
    else:
        status = "recorded" if CUSTOMER_ID.fullmatch(user.customer_id) else "unusable"
    return ListedUser(user, status, recorded_links(read))


def known_account(linker: Linker) -> Account:
    """The account and mode of the store's key; without an answer of Stripe, the mode alone."""
    try:
        return linker.payments.account()
    except PaymentsError:
        return Account(None, linker.policy.livemode)
