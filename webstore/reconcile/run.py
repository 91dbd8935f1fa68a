"""One run: collect, look up customers that were not listed, join, repair. A killed run can be continued."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice

from webstore.errors import NoSuchCustomer, PaymentsRefused
from webstore.linking import Linker
from webstore.linking.protocol import CUSTOMER_ID

from . import join as joining
from .collect import THREADS, Collector, Tell
from .findings import Gone, Setting
from .join import Join
from .models import Finding, Kind, Repair, Summary
from .parallel import spread
from .repair import Repairer
from .spool import Spool

#: Recorded customers that are missing, beyond which nothing is repaired: as many as this, and this share.
MOST_MISSING, MISSING_SHARE = 20, 0.01
#: Customers that Stripe is asked about one by one, at most.
_MOST_ASKED = 20_000
#: Customers whose subscriptions are asked for one by one; for more, the account's are listed.
_FEW = 200


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator asks for."""

    apply: bool = False
    only: frozenset[Kind] = frozenset()
    #: Unix time; 0 for everything.
    since: float = 0.0
    #: Findings that are listed and repaired, at most.
    limit: int | None = None
    despite_missing: bool = False
    backfill: bool = False
    #: Whether one user alone was read.
    one_user: bool = False

    @property
    def join(self) -> str:
        """What the join depends on."""
        return json.dumps([sorted(self.only), self.since, self.backfill])


@dataclass(slots=True)
class Run:
    """A run over a spool, which may have been begun before."""

    spool: Spool
    setting: Setting
    collector: Collector
    linker: Linker
    options: Options
    tell: Tell
    #: Called with the user's and the customer's ID after each repair.
    changed: Callable[[str, str | None], None] = lambda _user, _customer: None
    #: How many users' findings are repaired at the same time.
    threads: int = THREADS
    join: Join = field(init=False)

    def __post_init__(self) -> None:
        options = self.options
        self.join = Join(self.spool, self.setting, since=options.since, everywhere=options.backfill)

    def audit(self) -> None:
        """Read both sides, and find everything. Raises the vendors' errors."""
        self.collector.collect()
        if self.spool.note("indexed") is None:
            self.tell("Comparing both sides", 0, None)
            self.spool.index(addresses=self.setting.policy.adopt_by_email)
            self.spool.keep(indexed="yes")
        if self.spool.note("settled") is None:
            self._settle()
            self._subscriptions()
            self.spool.keep(settled="yes")
        if self.spool.note("joined") != self.options.join:
            for number in self.join.run(self.options.only):
                self.tell("Comparing both sides", number, None)
            self.spool.keep(joined=self.options.join)

    def _settle(self) -> None:
        """Ask Stripe about recorded customers that are not listed: deleted, missing, or made a moment ago."""
        newest, total = float(self.spool.note("newest") or 0), self.join.count_unlisted()

        def ask(customer_id: str) -> None:
            self.tell("Reading unlisted customers", 1, min(total, _MOST_ASKED))
            if not CUSTOMER_ID.fullmatch(customer_id):
                # Somebody wrote something else there, which says nothing about the key.
                self.spool.settle(customer_id, Gone.NOT_LISTED, newest)
                return
            try:
                found = self.linker.payments.get_customer(customer_id)
            except NoSuchCustomer as exc:
                if exc.other_mode or not self.setting.policy.livemode:
                    self.join.belongs_elsewhere(customer_id)
                why = Gone.OTHER_MODE if exc.other_mode else Gone.MISSING
                self.spool.settle(customer_id, why, newest)
            except PaymentsRefused as exc:
                if not exc.only_this:
                    raise
                self.spool.settle(customer_id, Gone.NOT_LISTED, newest)
            else:
                self.spool.settle(customer_id, Gone.DELETED if found.deleted else found, newest)

        spread(islice(self.join.unlisted(), _MOST_ASKED), ask, THREADS)

    def _subscriptions(self) -> None:
        """Find out what runs on customers without a user, and on those of merged accounts."""
        wanted = self.join.with_subscriptions(_FEW + 1)
        if len(wanted) > _FEW:
            self.collector.subscriptions()
            return

        def ask(customer_id: str) -> None:
            try:
                running = self.linker.payments.list_running(customer_id)
            except NoSuchCustomer:
                return
            self.spool.add_running((customer_id, it) for it in running)

        spread(wanted, ask, THREADS)

    def wrong_account(self) -> str | None:
        """Why the Stripe key counts as one of the wrong account. None if it does not.

        Then nothing is repaired: `--backfill` would make customers in an account that the shop does not use.
        """
        refused, linked = self.join.refused(), self.join.recorded()
        if not refused or refused < linked:
            return None
        here = f"{linked:,}" if linked else "nobody"
        return (
            f"The Stripe key is of the wrong account: {_users(refused)} linked to another live account, and "
            f"{here} to {self._account}. Use the key of that account; or, if both are meant, set "
            "LINK_SECOND_ACCOUNT=1. Nothing was repaired."
        )

    def warning(self) -> str:
        """What keeps a run without findings from being a clean one; empty if nothing does."""
        wrong, elsewhere, refused = self.wrong_account(), self.join.elsewhere(), self.join.refused()
        unread = self.join.unread()
        told = []
        if wrong is not None:
            told.append(wrong)
        elif refused:
            told.append(f"{_users(refused)} linked to another live account, and the store refuses them.")
        if elsewhere and not self.join.recorded() and not self.options.backfill and not self.options.one_user:
            told.append(
                f"Nobody is linked to {self._account}, and {_users(elsewhere)} linked in another account or "
                "mode. Is the Stripe key right? If so, logins and --backfill make the links."
            )
        if not self.options.one_user and self.spool.count("customers") and not self.spool.count("users"):
            told.append("Auth0's export has no users. Is this the right tenant?")
        if unread:
            told.append(f"{_users(unread)} left out, because their app_metadata cannot be read.")
        return " ".join(told)

    def left(self, summary: Summary) -> int:
        """How much is left to do; 0 after a clean run."""
        findings = sum(summary.counts.values()) - summary.repairs.get(Repair.DONE, 0)
        return findings + bool(summary.warning)

    @property
    def _account(self) -> str:
        return self.setting.account.pin or f"this account in {self.setting.account.mode} mode"

    def refusal(self) -> str | None:
        """Why nothing is repaired: too many recorded customers are missing. None if they are not."""
        recorded, missing = self.join.recorded(), self.join.missing()
        if missing <= MOST_MISSING or missing <= MISSING_SHARE * recorded or self.options.despite_missing:
            return None
        return (
            f"Stripe does not know {missing:,} of the {recorded:,} recorded customers, so nothing was "
            "repaired. Is the key of the right account and mode? If they are lost, add --despite-missing."
        )

    def repair(self) -> None:
        """Repair the findings that are safe to repair. Raises the vendors' refusals."""
        repairer = Repairer(self.linker, backfill=self.options.backfill)
        total = self.join.count_safe(self.options.limit)

        def work(found: list[tuple[int, Finding]]) -> None:
            self.tell("Repairing", len(found), total)
            numbers = {finding: number for number, finding in found}
            for before, after in repairer.repaired([it for _, it in found if repairer.can(it)]):
                if after.repair is Repair.DONE:
                    self.changed(after.user_id or "", after.customer_id)
                joining.put(self.spool, numbers[before], after)

        safe = self.join.safe(self.options.limit)
        users = groupby(safe, key=lambda it: it[1].user_id)
        spread((list(group) for _, group in users), work, self.threads)

    def summary(self, started_at: float, took_s: float) -> Summary:
        """The figures and findings of the run, with the results of the repairs."""
        ends = self.ends()
        counts = {kind: sum(number for (it, _), number in ends.items() if it is kind) for kind in Kind}
        account = self.setting.account
        return Summary(
            counts={kind: counts[kind] for kind in Kind if kind in (self.options.only or Kind)},
            users=self.spool.count("users"),
            customers=self.spool.count("customers"),
            account=account.pin or account.mode,
            tenant=self.setting.policy.tenant,
            repairs={it: sum(number for (_, end), number in ends.items() if end is it) for it in Repair},
            elsewhere=self.join.elsewhere(),
            refused=self.join.refused(),
            warning=self.warning(),
            started_at=started_at,
            took_s=took_s,
        )

    def ends(self) -> dict[tuple[Kind, Repair], int]:
        """How many findings of each kind are done, safe and for a person."""
        return joining.ends(self.spool)

    def findings(self) -> Iterator[Finding]:
        """The findings, those that need a person first."""
        return joining.listed(self.spool, limit=self.options.limit)


def _users(number: int) -> str:
    return "1 user is" if number == 1 else f"{number:,} users are"
