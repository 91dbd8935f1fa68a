"""The tenant's Action as steps of the protocol, for the state machine; its JavaScript is compared with it."""

from __future__ import annotations

from webstore.errors import WebstoreError
from webstore.linking import worlds
from webstore.linking.calls import CreateCustomer, ReadUser, RecordLink
from webstore.linking.models import FAILED_AT, PIN, Account, LinkOutcome, LinkStatus, User
from webstore.linking.protocol import RANDOM_USER_ID, Policy, Steps, ask, customer_draft, link_key


class LeftToStore(Exception):
    """The Action links nobody; the store does it later."""


def at_action(user_id: str, account: Account, policy: Policy, now: float) -> Steps[LinkOutcome]:
    """A login flow with the Action in it. Auth0 reads the user when it begins, and writes when it ends."""
    assert not policy.looks_up_everyone, "the command does not print it for such a store"
    try:
        return (yield from _flow(user_id, account, policy, now))
    except (LeftToStore, WebstoreError) as exc:
        return LinkOutcome(LinkStatus.PENDING, None, str(exc))


def _flow(user_id: str, account: Account, policy: Policy, now: float) -> Steps[LinkOutcome]:
    user = yield from ask(ReadUser(user_id))
    suffix = place_to_record(user, account)
    if suffix is None:
        return LinkOutcome(LinkStatus.ALREADY_LINKED, None, "recorded")
    require_new(user, policy, now)
    draft = customer_draft(user, policy, None, 0)
    made = yield from ask(CreateCustomer(draft, link_key(user, policy, None, 0, "as-given")))
    if made.replayed:
        raise LeftToStore("an earlier attempt exists")
    yield from ask(RecordLink(user_id, made.customer.id, account.pin, suffix=suffix))
    return LinkOutcome(LinkStatus.CREATED, made.customer.id, "created and recorded")


def place_to_record(user: User, account: Account) -> str | None:
    """The suffix of the keys to record the link in; None if there is one. Raises `LeftToStore`."""
    if worlds.beside(user, account).customer_id is not None:
        return None
    if user.records.get(PIN) is not None and user.with_keys("").account is None:
        raise LeftToStore("the recorded account is none")
    pins = (user.records.get(PIN + suffix) for suffix in worlds.suffixes(user, account))
    if user.records.get(PIN) is None and any(pin is not None for pin in pins):
        raise LeftToStore("the link was removed before")
    try:
        own = worlds.in_world(user, account, second_account=False)
    except worlds.SecondAccount as exc:
        raise LeftToStore(str(exc)) from exc
    if own.customer_id is not None:
        return None
    if own.moved:
        raise LeftToStore("the test link has to move")
    return own.suffix


def require_new(user: User, policy: Policy, now: float) -> None:
    """Raise `LeftToStore` unless the idempotency key alone finds an earlier attempt."""
    failed = any(name.startswith(FAILED_AT) and value is not None for name, value in user.records.items())
    young = now - user.created_at < policy.key_window_s
    if failed or not young or user.identities or not RANDOM_USER_ID.fullmatch(user.user_id):
        raise LeftToStore("it has to be looked up")
