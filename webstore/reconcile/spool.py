"""The spool: both sides and the findings in a private file, so that memory stays flat and a run can go on.

SQLite, which comes with Python. DuckDB joins a million users with a million customers in a tenth of the
time, but the calls take longer than either; it needs five times the memory, and 69 MB on the disk.

The file has e-mail addresses: only its owner may read it, and it is removed when the run has ended. Every
change is a transaction, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from webstore.linking.models import Customer

from .models import CustomersPage, Slice
from .rows import KeptUser, customer_row, text_or_none, user_row

#: KiB of pages that SQLite keeps in memory.
_CACHE_KIB = 8192
#: Rows of a transaction.
_BATCH = 2000
_TABLES = """
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS users (
    id TEXT, email TEXT, verified INT, name TEXT, blocked INT, created REAL, last_login REAL,
    recorded TEXT, pin TEXT, suffix TEXT, own_suffix TEXT, replaced TEXT, merged TEXT, identities TEXT,
    elsewhere INT, refused INT
);
CREATE TABLE IF NOT EXISTS identities (id TEXT, user_id TEXT);
CREATE TABLE IF NOT EXISTS customers (
    id TEXT, owner TEXT, tenant TEXT, email TEXT, name TEXT, created REAL, generation INT, fresh INT
);
CREATE TABLE IF NOT EXISTS slices (
    number INTEGER PRIMARY KEY, since INT, before INT, after TEXT, done INT DEFAULT 0
);
CREATE TABLE IF NOT EXISTS gone (id TEXT PRIMARY KEY, why TEXT);
CREATE TABLE IF NOT EXISTS running (customer TEXT, id TEXT, PRIMARY KEY (customer, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS findings (
    rank INT, kind TEXT, user_id TEXT, customer_id TEXT, repair TEXT, tried INT DEFAULT 0, document TEXT
);
"""
_INDEXES = """
CREATE INDEX IF NOT EXISTS users_id ON users (id);
CREATE INDEX IF NOT EXISTS users_recorded ON users (recorded) WHERE recorded IS NOT NULL;
CREATE INDEX IF NOT EXISTS identities_id ON identities (id);
CREATE INDEX IF NOT EXISTS customers_id ON customers (id);
CREATE INDEX IF NOT EXISTS customers_owner ON customers (owner) WHERE owner IS NOT NULL;
DELETE FROM customers WHERE rowid IN (
    SELECT one.rowid FROM customers one JOIN customers other ON one.id = other.id AND one.rowid < other.rowid
);
DELETE FROM users WHERE rowid IN (
    SELECT one.rowid FROM users one JOIN users other ON one.id = other.id AND one.rowid < other.rowid
);
DELETE FROM identities WHERE rowid IN (
    SELECT one.rowid FROM identities one JOIN identities other
    ON one.id = other.id AND one.user_id = other.user_id AND one.rowid < other.rowid
);
"""
_ADDRESSES = """
CREATE INDEX IF NOT EXISTS customers_email ON customers (email COLLATE NOCASE) WHERE owner IS NULL;
"""
#: How the name of the file with the exported users ends.
_EXPORT = ".users.gz"


@dataclass(frozen=True, slots=True)
class OpenSlice:
    """A part of the customers that is not read to its end yet."""

    number: int
    part: Slice
    #: The last customer that was read.
    after: str | None


class Spool:
    """The file of one run. Its methods may be called by several threads."""

    def __init__(self, path: Path) -> None:
        """`path`: the file, which is made if it is missing. Raises `OSError` and `sqlite3.Error`."""
        self.path = path
        _require_own_file(path)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(
            # The file outlives a killed process; a crash of the machine may cost the run.
            f"PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -{_CACHE_KIB};"
        )
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file, and keep it."""
        with self._lock:
            self._db.close()

    def remove(self) -> None:
        """Close the file, and remove it."""
        self.close()
        for ending in ("", "-wal", "-shm", _EXPORT):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def export_file(self) -> Path:
        """A new, empty file of this user alone, for the exported users. Raises `OSError`."""
        file = self.path.with_name(self.path.name + _EXPORT)
        file.unlink(missing_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return file

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # SQLite itself rolls back when the disk is full.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    # What the run has to remember, such as where it stopped

    def note(self, name: str) -> str | None:
        """A value that was kept."""
        found = self.one("SELECT value FROM notes WHERE name = ?", name)
        return None if found is None else str(found[0])

    def keep(self, **notes: str) -> None:
        """Keep values."""
        with self._change() as db:
            db.executemany("INSERT OR REPLACE INTO notes VALUES (?, ?)", notes.items())

    # Reading for `join.py` and the counts

    def one(self, query: str, *values: object) -> tuple[object, ...] | None:
        """The first row."""
        with self._lock:
            found: tuple[object, ...] | None = self._db.execute(query, values).fetchone()
        return found

    def query(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """All rows of a short answer."""
        with self._lock:
            found: list[tuple[object, ...]] = self._db.execute(query, values).fetchall()
        return found

    def rows(
        self, query: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> Iterator[tuple[object, ...]]:
        """The rows as they are now, some at a time. The caller may change the tables while it reads them."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            cursor = db.execute(query, values)
            while some := cursor.fetchmany(_BATCH):
                yield from some

    def count(self, table: str) -> int:
        """The number of rows of a table."""
        found = self.one(f"SELECT count(*) FROM {table}")  # noqa: S608  # a name in this program
        return int(str(found[0])) if found else 0

    # Both sides

    def replace_users(self, users: Iterable[KeptUser]) -> Iterator[int]:
        """Put these users in the place of all that are there. Gives the number of each batch."""
        with self._change() as db:
            db.execute("DELETE FROM users")
            db.execute("DELETE FROM identities")
        waiting = iter(users)
        while batch := list(islice(waiting, _BATCH)):
            with self._change() as db:
                places = ", ".join("?" * 16)
                db.executemany(f"INSERT INTO users VALUES ({places})", map(user_row, batch))  # noqa: S608
                db.executemany(
                    "INSERT INTO identities VALUES (?, ?)",
                    ((identity, it.user.user_id) for it in batch for identity in it.user.identities),
                )
            yield len(batch)

    def open_slices(self) -> list[OpenSlice]:
        """The parts that are not read to their end, in the order in which they were made."""
        found = self.rows("SELECT number, since, before, after FROM slices WHERE done = 0 ORDER BY number")
        return [
            OpenSlice(int(str(number)), Slice(int(str(since)), int(str(before))), text_or_none(after))
            for number, since, before, after in found
        ]

    def add_slice(self, part: Slice) -> OpenSlice:
        """A part of the customers to read."""
        with self._change() as db:
            made = db.execute("INSERT INTO slices (since, before) VALUES (?, ?)", (part.since, part.before))
        return OpenSlice(int(made.lastrowid or 0), part, None)

    def add_customers(self, read: OpenSlice, page: CustomersPage, newest: float) -> OpenSlice | None:
        """Add a page of a part. Gives the rest of the part, or None after its last page.

        `newest`: Unix time. Customers created later belong to links that logins make during the run.
        """
        after = page.customers[-1].id if page.customers else read.after
        done = not page.more or not page.customers
        with self._change() as db:
            _insert(db, page.customers, newest)
            db.execute("UPDATE slices SET after = ?, done = ? WHERE number = ?", (after, done, read.number))
        return None if done else OpenSlice(read.number, read.part, after)

    def split(self, read: OpenSlice, at: int) -> tuple[OpenSlice, OpenSlice]:
        """Cut a part in two: one goes on with the newer customers, the other has those before `at`."""
        with self._change() as db:
            db.execute("UPDATE slices SET since = ? WHERE number = ?", (at, read.number))
            older = Slice(read.part.since, at)
            made = db.execute("INSERT INTO slices (since, before) VALUES (?, ?)", (older.since, older.before))
        newer = OpenSlice(read.number, Slice(at, read.part.before), read.after)
        return newer, OpenSlice(int(made.lastrowid or 0), older, None)

    def index(self, *, addresses: bool) -> None:
        """Make ready for the join, when both sides are complete.

        `addresses`: customers that name nobody are looked for by their address.
        """
        with self._lock:
            self._db.executescript(_INDEXES + (_ADDRESSES if addresses else ""))

    def settle(self, customer_id: str, found: Customer | str, newest: float) -> None:
        """Keep what Stripe says about a recorded customer that was not listed: the customer, or why not."""
        with self._change() as db:
            if isinstance(found, Customer):
                _insert(db, [found], newest)
            else:
                db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (customer_id, found))

    def add_running(self, running: Iterable[tuple[str, str]]) -> None:
        """Keep subscriptions that run: customer and subscription."""
        with self._change() as db:
            db.executemany("INSERT OR IGNORE INTO running VALUES (?, ?)", running)

    def change(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Make a change for each row, all in one transaction."""
        with self._change() as db:
            db.executemany(statement, rows)


def _require_own_file(path: Path) -> None:
    """Make the file if it is missing. Raises `PermissionError` if it is another user's, and `OSError`."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise PermissionError("it is another user's file")
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _insert(db: sqlite3.Connection, customers: Iterable[Customer], newest: float) -> None:
    rows = (customer_row(it, fresh=it.created > newest) for it in customers)
    db.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
