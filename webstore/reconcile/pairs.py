"""Brings in pairs of users and customers that were kept elsewhere: checks both sides, and links.

A pair is linked if the user records no customer, and the customer names nobody or this user. Nothing else is
written: everything else is reported.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path

from webstore.errors import DirectoryRefused, NoSuchCustomer, PaymentsRefused, UserGone, WebstoreError
from webstore.linking import Linker
from webstore.linking.attempt import run
from webstore.linking.protocol import CUSTOMER_ID
from webstore.linking.relink import CannotRelink, carry_out, find_users, named, plan

from .parallel import spread
from .spool import Spool

#: Names of the columns, in lower case; the first one that a line has counts.
USER_COLUMNS = ("user_id", "user", "auth0_user_id", "sub", "email")
CUSTOMER_COLUMNS = ("customer_id", "customer", "stripe_customer_id", "stripe_id")
_THREADS = 16
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
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError, RecursionError) as exc:
        words = f"{file.name} cannot be read after line {number} ({type(exc).__name__})."
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
    texts = (str(found[name] or "").strip().removeprefix("'") for name in names if name in found)
    return next((it for it in texts if it), "")


@dataclass(frozen=True, slots=True)
class Import:
    """The pairs of one file, in a spool of their own."""

    spool: Spool
    linker: Linker
    tell: Callable[[str, int, int | None], None]
    changed: Callable[[str, str], None] = lambda _user, _customer: None

    def load(self, pairs: Iterable[Pair]) -> int:
        """Put the pairs into the spool, unless they are there; how many there are. Raises `CannotImport`."""
        self.spool.change(_TABLE, [()])
        if self.spool.note("loaded") is None:
            rows = ((it.line, it.who, it.customer_id) for it in pairs)
            self.spool.change("INSERT INTO pairs (line, who, customer) VALUES (?, ?, ?)", rows)
            self.spool.change(
                "UPDATE pairs SET result = ?, message = ? WHERE who IN "
                "(SELECT who FROM pairs GROUP BY who HAVING count(DISTINCT customer) > 1)",
                [(Result.PERSON, "The file has several customers for this user.")],
            )
            self.spool.change(
                "UPDATE pairs SET result = ?, message = ? WHERE customer IN "
                "(SELECT customer FROM pairs GROUP BY customer HAVING count(DISTINCT who) > 1)",
                [(Result.PERSON, "The file has several users for this customer.")],
            )
            self.spool.keep(loaded="yes")
        return self.spool.count("pairs")

    def run(self, *, apply: bool) -> None:
        """Check the pairs that were not looked at, and link those that may be linked."""
        total = self.spool.count("pairs")
        rows = self.spool.rows("SELECT line, who, customer FROM pairs WHERE result IS NULL ORDER BY line")
        open_pairs = (Pair(int(str(line)), str(who), str(customer)) for line, who, customer in rows)

        def work(pair: Pair) -> None:
            user_id, result, message = self._checked(pair, apply=apply)
            self.tell("Checking pairs", 1, total)
            row = (user_id, result, message, pair.line)
            self.spool.change("UPDATE pairs SET user = ?, result = ?, message = ? WHERE line = ?", [row])

        spread(open_pairs, work, _THREADS)

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

    def _checked(self, pair: Pair, *, apply: bool) -> tuple[str | None, Result, str]:
        if not CUSTOMER_ID.fullmatch(pair.customer_id):
            return None, Result.PERSON, "There is no customer ID (cus_...)."
        if "|" not in pair.who and "@" not in pair.who:
            return None, Result.PERSON, "There is neither a user ID (auth0|...) nor an e-mail address."
        try:
            found = find_users(self.linker, pair.who)
            if len(found) != 1:
                words = f"{len(found)} users have this address" if found else "No user has this address"
                return None, Result.PERSON, f"{words}: give the user ID."
            return found[0], *self._linked(found[0], pair.customer_id, apply=apply)
        except (DirectoryRefused, PaymentsRefused):
            raise
        except UserGone:
            return None, Result.PERSON, "Auth0 has no such user."
        except (CannotRelink, NoSuchCustomer) as exc:
            return None, Result.PERSON, str(exc)
        except WebstoreError as exc:
            return None, Result.PERSON, f"It could not be finished: {exc}. Run it again."

    def _linked(self, user_id: str, customer_id: str, *, apply: bool) -> tuple[Result, str]:
        linker = self.linker
        steps = plan(user_id, customer_id, linker.policy)
        shown = run(linker, steps, next(steps))
        if shown.foreign:
            return Result.PERSON, f"The customer names {named(shown.customer)}."
        if shown.user.customer_id not in (None, customer_id):
            return Result.PERSON, f"Auth0 records {shown.user.customer_id} for the user."
        if not shown.changes:
            return Result.LINKED, ""
        if not apply:
            return Result.SAFE, "; ".join(shown.changes)
        linking = carry_out(shown, linker.policy, take_over=False)
        run(linker, linking, next(linking))
        self.changed(user_id, customer_id)
        return Result.DONE, "; ".join(shown.changes)
