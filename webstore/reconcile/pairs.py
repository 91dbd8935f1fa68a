"""Brings in pairs of users and customers that were kept elsewhere: checks both sides, and links.

A pair is linked if the user records no customer, and the customer names nobody or this user. Nothing else is
written: everything else is reported.
"""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path

from webstore.errors import DirectoryRefused, NoSuchCustomer, PaymentsRefused, UserGone, WebstoreError
from webstore.linking import Linker
from webstore.linking.attempt import run
from webstore.linking.protocol import CUSTOMER_ID
from webstore.linking.relink import CannotRelink, carry_out, find_users, named, plan

from .collect import THREADS
from .parallel import spread
from .spool import Spool

#: Names of the columns, in lower case; the first one that a line has counts.
USER_COLUMNS = ("user_id", "user", "auth0_user_id", "sub", "email")
CUSTOMER_COLUMNS = ("customer_id", "customer", "stripe_customer_id", "stripe_id")
#: Number of locks. Each lock is for some of the users.
_LOCKS = 256
#: Pairs that contradict each other: the message, the column whose value they share, the one that differs.
_CONFLICTS = (
    ("The file has several customers for this user.", "user", "customer"),
    # A user who is not known may be the right one.
    ("The file has several users for this customer.", "customer", "coalesce(user, who)"),
)
_TABLE = """
CREATE TABLE IF NOT EXISTS pairs (
    line INTEGER PRIMARY KEY, who TEXT, customer TEXT, user TEXT, result TEXT, message TEXT
)
"""


class CannotImport(WebstoreError):
    """The file has no pairs; the message is for the operator."""


class Result(StrEnum):
    """What became of a pair."""

    #: Both sides name each other already.
    LINKED = "linked"
    #: It was linked in this run.
    DONE = "done"
    #: It would be linked with `--apply`.
    SAFE = "safe"
    #: A person has to look at it.
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Pair:
    """A line of the file, and what became of it."""

    line: int
    #: As it is in the file: a user ID or an e-mail address.
    who: str
    customer_id: str
    user_id: str | None = None
    result: Result | None = None
    message: str = ""


def read_pairs(file: Path) -> Iterator[Pair]:
    """The pairs in a CSV file with a header, or in a file with a JSON object in each line.

    Raises `CannotImport`, and names the line.
    """
    number = 0
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, found in _records(lines):
                who, customer_id = (_value(found, names) for names in (USER_COLUMNS, CUSTOMER_COLUMNS))
                if not who and not customer_id:
                    continue
                yield Pair(number, who, customer_id)
    except (OSError, ValueError, csv.Error, RecursionError) as exc:
        hint = " It has to be in UTF-8." if isinstance(exc, UnicodeDecodeError) else ""
        words = f"{file.name} cannot be read after line {number} ({type(exc).__name__}).{hint}"
        raise CannotImport(words) from exc


def _records(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Each line's number, and its values by their names in lower case."""
    source = iter(lines)
    begins, first = next(((at, it) for at, it in enumerate(source, 1) if it.strip()), (1, ""))
    if first.lstrip().startswith("{"):
        for number, line in enumerate(chain([first], source), begins):
            if line.strip():
                found = json.loads(line)
                if not isinstance(found, dict):
                    raise CannotImport(f"Line {number} is not a JSON object.")
                yield number, {str(name).lower(): value for name, value in found.items()}
        return
    delimiter = max(",;\t", key=first.count)
    header = [it.strip().lower() for it in next(csv.reader([first], delimiter=delimiter), [])]
    if not set(header) & set(USER_COLUMNS) or not set(header) & set(CUSTOMER_COLUMNS):
        raise CannotImport(
            "The first line has to name the columns: user_id or email, and customer_id. "
            "Or give a JSON object in each line, with these names."
        )
    rows = csv.reader(source, delimiter=delimiter)
    for row in rows:
        yield rows.line_num + begins, dict(zip(header, row, strict=False))


def _value(found: Mapping[str, object], names: Iterable[str]) -> str:
    """The first of these values. Auth0's CSV files have an apostrophe before each text."""
    known = (str(found[name] or "") for name in names if name in found)
    # JSON may contain half of a surrogate pair, which nothing can store.
    texts = (it.encode(errors="replace").decode().strip().removeprefix("'") for it in known)
    return next((it for it in texts if it), "")


@dataclass(frozen=True, slots=True)
class Import:
    """The pairs of one file, in a spool of their own."""

    spool: Spool
    linker: Linker
    tell: Callable[[str, int, int | None], None]
    changed: Callable[[str, str], None] = lambda _user, _customer: None
    #: How many pairs are looked at at the same time.
    threads: int = THREADS
    _locks: Sequence[threading.Lock] = field(
        default_factory=lambda: tuple(threading.Lock() for _ in range(_LOCKS)), repr=False
    )

    def load(self, pairs: Iterable[Pair]) -> int:
        """Put the pairs into the spool, unless they are there; how many there are. Raises `CannotImport`."""
        self.spool.change(_TABLE, [()])
        if self.spool.note("loaded") is None:
            rows = ((it.line, it.who, it.customer_id) for it in pairs)
            self.spool.change("INSERT OR REPLACE INTO pairs (line, who, customer) VALUES (?, ?, ?)", rows)
            self.spool.keep(loaded="yes")
        number = self.spool.count("pairs")
        if not number:
            raise CannotImport("The file has no pairs: no line has a user and a customer ID.")
        return number

    def run(self, *, apply: bool) -> None:
        """Check the pairs that were not looked at, and link those that may be linked."""
        total = self.spool.count("pairs")

        def find(pair: Pair) -> None:
            self._keep(self._found(pair))
            self.tell("Looking for users", 1, total)

        def check(pair: Pair) -> None:
            # Lines that say the same one after the other: the second one finds that it is linked.
            with self._locks[hash(pair.user_id) % len(self._locks)]:
                self._keep(self._checked(pair, apply=apply))
            self.tell("Checking pairs", 1, total)

        spread(self._open("user IS NULL"), find, self.threads)
        for words, column, other in _CONFLICTS:
            self.spool.change(
                f"UPDATE pairs SET result = ?, message = ? WHERE result IS NULL AND {column} IN "  # noqa: S608
                f"(SELECT {column} FROM pairs GROUP BY {column} "
                f"HAVING count(DISTINCT {other}) > 1)",
                [(Result.PERSON, words)],
            )
        spread(self._open("user IS NOT NULL"), check, self.threads)

    def _open(self, condition: str) -> Iterator[Pair]:
        """The pairs that were not looked at, and meet the condition."""
        query = (
            f"SELECT line, who, customer, user FROM pairs WHERE result IS NULL AND {condition} ORDER BY line"  # noqa: S608
        )
        for line, who, customer, user in self.spool.rows(query):
            yield Pair(int(str(line)), str(who), str(customer), None if user is None else str(user))

    def _keep(self, pair: Pair) -> None:
        row = (pair.user_id, pair.result, pair.message, pair.line)
        self.spool.change("UPDATE pairs SET user = ?, result = ?, message = ? WHERE line = ?", [row])

    def results(self) -> Iterator[Pair]:
        """The pairs and what became of them, in the order of the file."""
        rows = self.spool.rows("SELECT line, who, customer, user, result, message FROM pairs ORDER BY line")
        for line, who, customer, user, result, message in rows:
            yield Pair(
                int(str(line)),
                str(who),
                str(customer),
                None if user is None else str(user),
                Result(str(result)),
                str(message or ""),
            )

    def _found(self, pair: Pair) -> Pair:
        """The pair with the user whom it means, or with the reason why there is none."""
        if not CUSTOMER_ID.fullmatch(pair.customer_id):
            return _for_a_person(pair, "There is no customer ID (cus_...).")
        if "|" not in pair.who and "@" not in pair.who:
            return _for_a_person(pair, "There is neither a user ID (auth0|...) nor an e-mail address.")
        try:
            found = find_users(self.linker, pair.who)
        except WebstoreError as exc:
            _raise_refusal(exc)
            return _for_a_person(pair, f"It could not be finished: {exc}. Run it again.")
        if len(found) != 1:
            words = f"{len(found)} users have this address" if found else "No user has this address"
            return _for_a_person(pair, f"{words}: give the user ID.")
        return replace(pair, user_id=found[0])

    def _checked(self, pair: Pair, *, apply: bool) -> Pair:
        """What becomes of a pair with a user."""
        try:
            result, message = self._linked(pair, apply=apply)
        except UserGone:
            return _for_a_person(pair, "Auth0 has no such user.")
        except (CannotRelink, NoSuchCustomer) as exc:
            return _for_a_person(pair, str(exc))
        except WebstoreError as exc:
            _raise_refusal(exc)
            return _for_a_person(pair, f"It could not be finished: {exc}. Run it again.")
        return replace(pair, result=result, message=message)

    def _linked(self, pair: Pair, *, apply: bool) -> tuple[Result, str]:
        linker, user_id, customer_id = self.linker, pair.user_id or "", pair.customer_id
        steps = plan(user_id, customer_id, linker.policy)
        shown = run(linker, steps, next(steps))
        if shown.foreign:
            return Result.PERSON, f"The customer names {named(shown.customer)}."
        if shown.user.customer_id not in (None, customer_id):
            return Result.PERSON, f"Auth0 records {shown.user.customer_id} for the user."
        if not shown.changes:
            return Result.LINKED, ""
        if pair.who != user_id and not shown.user.email_verified:
            # Anybody may register with an address that is not theirs.
            return Result.PERSON, "The user has not verified this address: give the user ID."
        if not apply:
            return Result.SAFE, "; ".join(shown.changes)
        linking = carry_out(shown, linker.policy, take_over=False)
        run(linker, linking, next(linking))
        self.changed(user_id, customer_id)
        return Result.DONE, "; ".join(shown.changes)


def _for_a_person(pair: Pair, message: str) -> Pair:
    return replace(pair, result=Result.PERSON, message=message)


def _raise_refusal(exc: WebstoreError) -> None:
    """Raise it if the vendor refuses everything: the set-up has to be corrected first."""
    if isinstance(exc, DirectoryRefused | PaymentsRefused) and not exc.only_this:
        raise exc
