"""Attempts to link one user, call by call, against both vendors in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.unit.linking.vendors import Vendors
from webstore.errors import WebstoreError
from webstore.linking.calls import Call
from webstore.linking.models import ClaimedLink, LinkOutcome, User
from webstore.linking.protocol import Policy, Steps, advance, at_login, before_use

ADA = "auth0|000000000000000000000001"
DAY_S = 86_400.0
NOTHING_CLAIMED = ClaimedLink()


def claim(customer_id: str, account: str | None = None, **others: str) -> ClaimedLink:
    """What an ID token says about the link; `others`: the claims of other worlds."""
    records = {"stripe_customer_id": customer_id, **others}
    return ClaimedLink(records if account is None else {**records, "stripe_account": account})


def with_a_new_user() -> Vendors:
    """Both vendors. Auth0 has one user, who has just signed up."""
    made = Vendors()
    made.users[ADA] = User(ADA, email="ada@example.com", name="Ada Example", created_at=made.now)
    return made


def policy_of(vendors: Vendors, **changes: Any) -> Policy:
    return replace(Policy(tenant=vendors.tenant, livemode=False), **changes)


def change(vendors: Vendors, **changes: Any) -> None:
    """Change the user's record."""
    vendors.users[ADA] = replace(vendors.users[ADA], **changes)


def login(vendors: Vendors, claimed: ClaimedLink = NOTHING_CLAIMED, **policy: Any) -> Steps[LinkOutcome]:
    return at_login(ADA, claimed, policy_of(vendors, **policy), vendors.now)


def use(vendors: Vendors, remembered: str | None = None, **policy: Any) -> Steps[LinkOutcome]:
    return before_use(ADA, remembered, policy_of(vendors, **policy), vendors.now)


@dataclass
class Attempt:
    """One attempt, stopped before one of its calls, until it has an outcome."""

    vendors: Vendors
    steps: Steps[LinkOutcome]
    call: Call[Any] | None = field(init=False)
    outcome: LinkOutcome | None = None

    def __post_init__(self) -> None:
        self.call = next(self.steps)

    def step(
        self, error: WebstoreError | None = None, *, answer: object = None, fault: str | None = None
    ) -> None:
        """Answer the call as the vendors do, or with this error or answer instead."""

        def answered(call: Call[Any]) -> object:
            if error is not None:
                self.vendors.calls.append(call)
                raise error
            return answer or self.vendors.answer(call, fault)

        assert self.call is not None
        following = advance(self.steps, self.call, answered)
        if isinstance(following, Call):
            self.call = following
        else:
            self.call, self.outcome = None, following

    def until(self, kind: type[Call[Any]]) -> None:
        """Go on until the attempt would make such a call."""
        while not isinstance(self.call, kind):
            self.step()

    def finish(self) -> LinkOutcome:
        """Go on to the end, undisturbed."""
        while self.outcome is None:
            self.step()
        return self.outcome


def run(
    vendors: Vendors,
    steps: Steps[LinkOutcome],
    *,
    errors: Sequence[tuple[type[Call[Any]], WebstoreError]] = (),
) -> LinkOutcome:
    """One attempt from its beginning to its end. The errors replace the answers to these calls."""
    vendors.calls.clear()
    try:
        attempt = Attempt(vendors, steps)
    except StopIteration as stop:
        at_once: LinkOutcome = stop.value
        return at_once
    for kind, error in errors:
        attempt.until(kind)
        attempt.step(error)
    return attempt.finish()


def asked(vendors: Vendors) -> list[type[Call[Any]]]:
    """The kinds of the calls that the last attempt made, in order."""
    return [type(call) for call in vendors.calls]
