"""Repairs what the linking protocol allows, with the protocol's own steps: nothing is written here.

Each step reads both sides again before it writes, and it derives the same idempotency keys as a login. So
logins may go on meanwhile, and a repair may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from webstore.errors import (
    DirectoryRefused,
    NoSuchCustomer,
    PaymentsRefused,
    SearchUnavailable,
    UserGone,
    WebstoreError,
)
from webstore.linking import Linker, protocol
from webstore.linking.attempt import run
from webstore.linking.calls import CreateCustomer
from webstore.linking.explain import Explanation, until_write
from webstore.linking.models import ClaimedLink, LinkOutcome, LinkStatus, User
from webstore.linking.protocol import Steps
from webstore.linking.relink import CannotRelink, carry_out, plan

from . import advice
from .models import Finding, Kind, Repair

T = TypeVar("T")

#: How often a link is brought further: a claim, then the record, then e-mail and name.
_MOST_ROUNDS = 4
_NOT_FINISHED = " Not finished: "
#: Outcomes that no repetition changes.
_FINAL = (LinkStatus.REFUSED, LinkStatus.USER_GONE, LinkStatus.BLOCKED, LinkStatus.OUTDATED)


class Changed(WebstoreError):
    """The finding cannot be repaired as it was found: a person has to look at it."""


class NotFinished(WebstoreError):
    """The repair may be tried again."""


@dataclass(frozen=True, slots=True)
class Repairer:
    """Repairs the findings about a user."""

    linker: Linker
    #: Whether users without a customer get one (`--backfill`).
    backfill: bool = False

    def can(self, finding: Finding) -> bool:
        """Whether the finding is repaired in this run."""
        if finding.repair is not Repair.SAFE or finding.user_id is None:
            return False
        return finding.kind is not Kind.UNLINKED_USER or self.backfill or bool(finding.customers)

    def repaired(self, findings: Sequence[Finding]) -> Iterator[tuple[Finding, Finding]]:
        """Repair these findings about one user. Gives each finding as it was, and as it is after the repair.

        Raises if a vendor refuses every call: the set-up has to be corrected first. A finding whose repair is
        refused for this user alone is left to a person. One whose repair failed for another reason stays safe
        to repair, and says the reason.
        """
        # The user's own customer before that of a merged account.
        for finding in sorted(findings, key=lambda it: it.kind is Kind.MERGED_SECONDARY):
            yield finding, self._repaired(finding)

    def _repaired(self, finding: Finding) -> Finding:
        # An earlier part of the run may have tried it.
        told = finding.message.partition(_NOT_FINISHED)[0]
        finding = replace(finding, message=told)
        try:
            self._repair(finding, finding.user_id or "", finding.customer_id or "")
        except (DirectoryRefused, PaymentsRefused) as exc:
            if not exc.only_this:
                raise
            return _for_a_person(finding, str(exc))
        except (Changed, CannotRelink, UserGone, NoSuchCustomer) as exc:
            why = "The user does not exist any more." if isinstance(exc, UserGone) else str(exc)
            return _for_a_person(finding, why)
        except WebstoreError as exc:
            return replace(finding, message=f"{told}{_NOT_FINISHED}{exc}; run the command again.")
        return replace(finding, repair=Repair.DONE, commands=())

    def _repair(self, finding: Finding, user_id: str, customer_id: str) -> None:
        match finding.kind:
            case Kind.UNLINKED_USER:
                linker = self.linker
                login = protocol.at_login(user_id, ClaimedLink(), linker.policy, linker.now())
                self._require_linked(login, may_create=self.backfill)
                return
            case Kind.CUSTOMER_NOT_RECORDED:
                self._link(user_id, customer_id, in_place_of=None)
            case Kind.MERGED_SECONDARY:
                # Where another one is recorded, its use makes this one a predecessor.
                with suppress(Changed):
                    self._link(user_id, customer_id, in_place_of=None)
            case Kind.DANGLING_ID if len(finding.customers) > 1:
                self._link(user_id, finding.customers[1], in_place_of=customer_id)
        self._use(user_id, may_create=finding.kind is Kind.DANGLING_ID)

    def _link(self, user_id: str, customer_id: str, in_place_of: str | None) -> None:
        """Link the two as `flask customers relink` does, if they are still as they were found."""
        policy = self.linker.policy
        found = self._run(plan(user_id, customer_id, policy))
        if found.user.customer_id == customer_id:
            return
        if found.foreign or found.user.customer_id != in_place_of:
            raise Changed("The link has changed since it was read.")
        self._run(carry_out(found, policy, take_over=False))

    def _use(self, user_id: str, *, may_create: bool) -> None:
        """Take the steps that the store takes before a payment, until nothing is left to write.

        Raises as `_require`.
        """
        for _ in range(_MOST_ROUNDS):
            self._require_linked(self._before_use(user_id), may_create=may_create)
            seen = self._run(until_write(self._before_use(user_id)))
            if seen.write is None:
                _require(seen)
                return
        raise Changed("A change has no effect. Stripe refuses some e-mail addresses.")

    def _before_use(self, user_id: str) -> Steps[LinkOutcome]:
        return protocol.before_use(user_id, None, self.linker.policy, self.linker.now())

    def _require_linked(self, steps: Steps[LinkOutcome], *, may_create: bool) -> None:
        """Take the steps. Raises as `_require`."""
        _require(self._run(until_write(steps, () if may_create else (CreateCustomer,))))

    def _run(self, steps: Steps[T]) -> T:
        return run(self.linker, steps, next(steps))


def _for_a_person(finding: Finding, why: str) -> Finding:
    """The finding that could not be repaired, with the commands that a person can run."""
    about = advice.About(User(finding.user_id or ""), finding.customer_id, customers=finding.customers)
    return replace(
        finding,
        repair=Repair.PERSON,
        message=f"{finding.message} Not repaired: {why}",
        commands=finding.commands or advice.commands(finding.kind, about),
    )


def _require(found: Explanation) -> None:
    """Raise the vendor's refusal, `Changed` or `NotFinished` unless there is a usable customer."""
    for answer in (it.answer for it in found.asked):
        # An account without search is none: the protocol does without.
        if isinstance(answer, SearchUnavailable):
            continue
        if isinstance(answer, DirectoryRefused | PaymentsRefused) and not answer.only_this:
            raise answer
    outcome = found.outcome
    if outcome is None:
        raise NotFinished("a new customer would have to be made, which only --backfill does")
    if outcome.customer_id is None:
        final = outcome.alarm or outcome.status in _FINAL
        raise Changed(outcome.reason) if final else NotFinished(outcome.reason)
