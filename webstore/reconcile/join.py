"""Compares the two sides in the spool, and adds the findings to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice

from webstore.linking.models import Customer

from .findings import Gone, Setting, UserFacts, of_customer, of_user
from .models import Finding, Kind, Repair
from .rows import CUSTOMER, USER, customer_of, user_of
from .spool import Spool

#: Findings of a transaction.
_BATCH = 500
#: Customers that a user may be given by the address, at most.
_ADOPTABLE = 10
_RANKS = {kind: rank for rank, kind in enumerate(Kind)}
_OF_ANOTHER = "EXISTS (SELECT 1 FROM users o WHERE o.recorded = {0}.id AND o.id <> {1} AND NOT o.refused)"
#: Users without what makes a finding: most of them, so they are left out here. `findings.of_user` has the
#: rules, and a test shows that both agree.
_SOUND = """
    r.owner = u.id AND (r.tenant IS NULL OR r.tenant = :tenant) AND r.email IS u.email AND r.name IS u.name
    AND (u.pin IS NOT NULL OR NOT :pinned) AND u.identities = ''
    AND NOT EXISTS (SELECT 1 FROM customers c WHERE c.owner = u.id AND c.id <> u.recorded)
"""
#: Whether another user who logged in since then records the same customer, or is the one whom it names.
_CONCERNS_ANOTHER = """
    u.recorded IS NOT NULL AND (
        EXISTS (
            SELECT 1 FROM users o
            WHERE o.recorded = u.recorded AND o.id <> u.id AND NOT o.refused AND o.last_login >= :since
        )
        OR EXISTS (SELECT 1 FROM users o WHERE o.id = r.owner AND o.id <> u.id AND o.last_login >= :since)
    )
"""
_USERS = f"""
    SELECT {USER}, u.elsewhere, g.why, {CUSTOMER.format("r")}, u.last_login >= :since
    FROM users u LEFT JOIN customers r ON r.id = u.recorded LEFT JOIN gone g ON g.id = u.recorded
    WHERE NOT u.refused AND (u.last_login >= :since OR ({_CONCERNS_ANOTHER})) AND ({_SOUND}) IS NOT TRUE
"""
#: Findings about two users: they count if one of them logged in since then.
_ABOUT_TWO = (Kind.SHARED_CUSTOMER, Kind.WRONG_BACK_REFERENCE)
_NAMING = f"""
    SELECT {_OF_ANOTHER.format("c", "?1")}, c.fresh, {CUSTOMER.format("c")}
    FROM customers c WHERE c.owner = ?1
"""
_MERGED = f"""
    SELECT {CUSTOMER.format("c")} FROM identities i JOIN customers c ON c.owner = i.id
    WHERE i.user_id = ?1 AND NOT c.fresh AND NOT {_OF_ANOTHER.format("c", "?1")} ORDER BY c.created, c.id
"""
_ADOPTABLES = f"""
    SELECT {CUSTOMER.format("c")} FROM customers c
    WHERE c.email = ? COLLATE NOCASE AND c.owner IS NULL AND NOT c.fresh
        AND NOT EXISTS (SELECT 1 FROM users u WHERE u.recorded = c.id)
    ORDER BY c.created, c.id LIMIT {_ADOPTABLE}
"""
_SHARERS = "SELECT id FROM users WHERE recorded = ? AND id <> ? AND NOT refused ORDER BY id"
#: Customers that no user's findings are about.
_NOBODYS = f"""
    SELECT {CUSTOMER.format("c")} FROM customers c
    WHERE c.owner IS NOT NULL AND NOT c.fresh AND c.created >= :since
        AND NOT EXISTS (SELECT 1 FROM users u WHERE u.recorded = c.id AND NOT u.refused)
        AND (
            (c.tenant IS NOT NULL AND c.tenant NOT IN (SELECT value FROM json_each(:tenants)))
            OR NOT (
                EXISTS (SELECT 1 FROM users u WHERE u.id = c.owner)
                OR EXISTS (SELECT 1 FROM identities i WHERE i.id = c.owner)
            )
        )
"""
#: Recorded customers that are not listed, and of which it is not known why.
_UNLISTED = """
    FROM users u LEFT JOIN customers c ON c.id = u.recorded LEFT JOIN gone g ON g.id = u.recorded
    WHERE u.recorded IS NOT NULL AND NOT u.refused AND c.id IS NULL AND g.id IS NULL
"""
_SAFE = """
    FROM findings WHERE rowid IN (
        SELECT rowid FROM findings WHERE repair = 'safe' AND NOT tried
        ORDER BY rank, user_id, customer_id LIMIT ?
    )
"""


class Join:
    """The join of one run's spool."""

    def __init__(
        self, spool: Spool, setting: Setting, *, since: float = 0.0, everywhere: bool = False
    ) -> None:
        """`since`: only users who logged in, and customers that were created, at this time or later.

        `everywhere`: users who are linked in another account or mode count as unlinked, too.
        """
        self._spool, self._setting, self._since = spool, setting, since
        self._everywhere = everywhere

    def recorded(self) -> int:
        """How many users record a customer of this account and mode."""
        return self._number("SELECT count(*) FROM users WHERE recorded IS NOT NULL AND NOT refused")

    def unlisted(self) -> Iterator[str]:
        """The recorded IDs that are not among the account's customers."""
        return (str(it) for (it,) in self._spool.rows(f"SELECT DISTINCT u.recorded {_UNLISTED}"))

    def count_unlisted(self) -> int:
        """How many recorded IDs are not among the account's customers."""
        return self._number(f"SELECT count(DISTINCT u.recorded) {_UNLISTED}")

    def belongs_elsewhere(self, customer_id: str) -> None:
        """The plain keys with this ID, which name no account, are another account's or mode's."""
        self._spool.change(
            "UPDATE users SET recorded = NULL, pin = NULL, suffix = own_suffix, replaced = '', merged = '', "
            "elsewhere = 1 WHERE recorded = ? AND pin IS NULL AND suffix = ''",
            [(customer_id,)],
        )

    def with_subscriptions(self, limit: int) -> list[str]:
        """Some customers whose subscriptions matter: they name a merged account, or nobody who exists."""
        nobodys = self._spool.rows(f"{_NOBODYS} LIMIT {int(limit)}", self._values())
        merged = self._spool.rows(
            "SELECT c.id FROM identities i JOIN customers c ON c.owner = i.id LIMIT ?", (limit,)
        )
        return [str(row[0]) for row in (*nobodys, *merged)]

    def missing(self) -> int:
        """How many recorded customers Stripe does not know, or was not asked about: they are too many."""
        unknown = self._number(f"SELECT count(*) FROM gone WHERE why = '{Gone.MISSING}'")
        return unknown + self.count_unlisted()

    def elsewhere(self) -> int:
        """How many users are linked in another account or mode only."""
        return self._number("SELECT count(*) FROM users WHERE elsewhere AND NOT refused")

    def refused(self) -> int:
        """How many users have a link of another live account, which this store refuses."""
        return self._number("SELECT count(*) FROM users WHERE refused")

    def unread(self) -> int:
        """How many users are left out, because their record cannot be read."""
        return self._number("SELECT count(*) FROM users WHERE last_login < 0")

    def safe(self, limit: int | None) -> Iterator[tuple[int, Finding]]:
        """Findings to repair that were not tried yet, in the order of their users, with their numbers."""
        rows = self._spool.rows(f"SELECT rowid, document {_SAFE} ORDER BY user_id, rank", (_limit(limit),))
        return ((int(str(number)), finding_of(str(document))) for number, document in rows)

    def count_safe(self, limit: int | None) -> int:
        """How many findings `safe` gives."""
        found = self._spool.one(f"SELECT count(*) {_SAFE}", _limit(limit))
        return int(str(found[0])) if found else 0

    def run(self, only: Iterable[Kind] = ()) -> Iterator[int]:
        """Find everything. Gives the number of findings of each batch."""
        wanted = frozenset(only) or frozenset(Kind)
        self._spool.change("DELETE FROM findings WHERE ?", [(1,)])
        for source in (self._of_users(), self._of_customers()):
            kept = (it for it in source if it.kind in wanted)
            while batch := list(islice(kept, _BATCH)):
                add(self._spool, batch)
                yield len(batch)

    def _of_users(self) -> Iterator[Finding]:
        for row in self._spool.rows(_USERS, self._values()):
            facts = self._facts(row)
            if facts is None:
                continue
            for finding in of_user(facts, self._setting):
                if row[-1] or finding.kind in _ABOUT_TWO:
                    yield finding

    def _facts(self, row: Sequence[object]) -> UserFacts | None:
        """The facts about a user; None if a link is being made just now."""
        user = user_of(row[:12])
        elsewhere, why = row[12:14]
        naming, taken = [], False
        for of_another, new, *columns in self._spool.query(_NAMING, user.user_id):
            if new and str(columns[0]) != user.customer_id:
                return None
            taken = taken or bool(of_another)
            if not of_another:
                naming.append(customer_of(columns))
        recorded: Customer | Gone | None = None
        if user.customer_id is not None:
            recorded = customer_of(row[14:-1]) if row[14] is not None else Gone(str(why or Gone.NOT_LISTED))
        sharers: tuple[str, ...] = ()
        if isinstance(recorded, Customer):
            sharers = tuple(str(it) for (it,) in self._spool.query(_SHARERS, recorded.id, user.user_id))
        merged = (
            [customer_of(it) for it in self._spool.query(_MERGED, user.user_id)] if user.identities else []
        )
        adopts = recorded is None and not naming and self._setting.policy.adopt_by_email
        adoptable = self._spool.query(_ADOPTABLES, user.email) if adopts and user.email_verified else ()
        return UserFacts(
            user,
            recorded,
            sharers,
            tuple(naming),
            taken=taken,
            merged=tuple(merged),
            elsewhere=bool(elsewhere) and not self._everywhere,
            adoptable=tuple(it for it in map(customer_of, adoptable) if it.id not in user.replaced),
            running={it.id: found for it in merged if (found := self._running(it.id))},
        )

    def _of_customers(self) -> Iterator[Finding]:
        for row in self._spool.rows(_NOBODYS, self._values()):
            customer = customer_of(row)
            yield of_customer(customer, self._setting, running=self._running(customer.id))

    def _running(self, customer_id: str) -> tuple[str, ...]:
        found = self._spool.query("SELECT id FROM running WHERE customer = ? ORDER BY id", customer_id)
        return tuple(str(it) for (it,) in found)

    def _values(self) -> dict[str, object]:
        policy = self._setting.policy
        return {
            "since": self._since,
            "tenant": policy.tenant,
            "pinned": self._setting.account.pin is not None,
            "tenants": json.dumps([policy.tenant, *policy.former_tenants]),
        }

    def _number(self, query: str) -> int:
        found = self._spool.one(query)
        return int(str(found[0])) if found else 0


def add(spool: Spool, findings: Iterable[Finding]) -> None:
    """Put findings into the spool."""
    rows = (
        (_RANKS[it.kind], it.kind, it.user_id, it.customer_id, it.repair, json.dumps(asdict(it)))
        for it in findings
    )
    spool.change(
        "INSERT INTO findings (rank, kind, user_id, customer_id, repair, document) VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )


def listed(spool: Spool, *, limit: int | None = None) -> Iterator[Finding]:
    """The findings, those that need a person first."""
    query = "SELECT document FROM findings ORDER BY rank, user_id, customer_id LIMIT ?"
    return (finding_of(str(it)) for (it,) in spool.rows(query, (_limit(limit),)))


def put(spool: Spool, number: int, finding: Finding) -> None:
    """Keep how the repair of a finding ended. What could not be finished is tried when the run goes on."""
    row = (finding.repair is not Repair.SAFE, finding.repair, json.dumps(asdict(finding)), number)
    spool.change("UPDATE findings SET tried = ?, repair = ?, document = ? WHERE rowid = ?", [row])


def _limit(limit: int | None) -> int:
    """The limit as SQLite writes it: -1 for none."""
    return -1 if limit is None else limit


def finding_of(document: str) -> Finding:
    """The finding in a document of the spool."""
    found = json.loads(document)
    return Finding(
        Kind(found["kind"]),
        found["user_id"],
        found["customer_id"],
        Repair(found["repair"]),
        found["message"],
        found["email"],
        customers=tuple(found["customers"]),
        users=tuple(found["users"]),
        subscriptions=tuple(found["subscriptions"]),
        commands=tuple(found["commands"]),
    )


def ends(spool: Spool) -> dict[tuple[Kind, Repair], int]:
    """How many findings of each kind are done, safe and for a person."""
    found = spool.rows("SELECT kind, repair, count(*) FROM findings GROUP BY kind, repair")
    return {(Kind(str(kind)), Repair(str(repair))): int(str(number)) for kind, repair, number in found}
