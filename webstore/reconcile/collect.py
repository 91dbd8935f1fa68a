"""Reads both sides into the spool: an export of the users, and the customers by ranges of creation time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from webstore.errors import DirectoryRefused, DirectoryUnavailable, NoSuchObject, PaymentsUnavailable
from webstore.linking import worlds

from .findings import Setting
from .models import Exported, Slice
from .parallel import Heap, spread
from .ports import Exports, Listing
from .rows import KeptUser
from .spool import OpenSlice, Spool

#: Reports progress: the step, how much of it was done since the last call, and the total (None: not known).
Tell = Callable[[str, int, int | None], None]

#: Threads that read customers. At 50 ms a call, five keep up with 100 calls a second.
THREADS = 16
#: Seconds: the shortest and the longest pause between looks at the export job, and the longest wait in all.
_FIRST_LOOK_S, _LATER_LOOK_S, _EXPORT_S = 0.2, 5.0, 6 * 3600.0
#: How often the file's address is asked for again when the download fails: it is valid for a minute.
_DOWNLOADS = 3
#: A part is cut in two only if about so many pages of it are left: each end costs a page that is not full.
_WORTH = 4
#: After every moment at which a customer was created.
_FAR = 2**33


@dataclass(frozen=True, slots=True)
class Collector:
    """Reads the users and the customers into the spool. It does not read again what the spool has already."""

    spool: Spool
    setting: Setting
    exports: Exports
    listing: Listing
    tell: Tell
    sleep: Callable[[float], None] = time.sleep

    def collect(self) -> None:
        """Read both sides. Raises the vendors' errors; the next call goes on from there."""
        self._begin()
        if self.spool.note("customers") is None:
            self._customers()
            self.spool.keep(customers="read")
        if self.spool.note("users") is None:
            self._users()
            # Logins have made links since the run began. The users of these links are left out. A customer
            # made in the same second as the newest one may not have been listed yet.
            newest = int(float(self.spool.note("newest") or 0))
            self.spool.add_slice(Slice(newest, _FAR))
            self.spool.keep(users="read")
        if self.spool.note("late") is None:
            self._customers()
            self.spool.keep(late="read")

    def _begin(self) -> None:
        """Start the export, which works while the customers are read."""
        if self.spool.note("newest") is None:
            newest = self.listing.newest()
            if newest is not None:
                self.spool.add_slice(Slice(0, int(newest) + 1))
            self.spool.keep(newest=str(newest or 0))
        if self.spool.note("job") is None:
            self.spool.keep(job=self.exports.start())

    # Users

    def _users(self) -> None:
        file = self.spool.export_file()
        try:
            self._download(file)
            users = (kept(it, self.setting) for it in self.exports.users(file))
            for number in self.spool.replace_users(users):
                self.tell("Sorting users", number, None)
        except DirectoryUnavailable:
            # The file itself may be broken: the next run of the command starts another job.
            self._forget_job()
            raise
        finally:
            file.unlink(missing_ok=True)

    def _forget_job(self) -> None:
        self.spool.change("DELETE FROM notes WHERE name = ?", [("job",)])

    def _download(self, file: Path) -> None:
        for left in reversed(range(_DOWNLOADS)):
            location = self._location()
            self.tell("Downloading users", 0, None)
            try:
                return self.exports.download(location, file)
            except DirectoryUnavailable:
                if not left:
                    raise
        return None

    def _location(self) -> str:
        """Where the exported users are, when the job is done."""
        look, waited, restarts = _FIRST_LOOK_S, 0.0, True
        while waited < _EXPORT_S:
            job = self.spool.note("job") or ""
            try:
                location = self.exports.location(job)
            except DirectoryRefused as exc:
                # The next run of the command starts another one.
                self._forget_job()
                if not exc.only_this or not restarts:
                    raise
                # Auth0 forgets a job after a day.
                restarts = False
                self.spool.keep(job=self.exports.start())
                continue
            if location is not None:
                return location
            self.tell("Waiting for Auth0's export of the users", 0, None)
            self.sleep(look)
            waited, look = waited + look, min(look * 1.5, _LATER_LOOK_S)
        raise DirectoryUnavailable("Auth0's export of the users takes too long")

    # Customers

    def _customers(self) -> None:
        """Read the open parts to their end."""
        heap = Heap(self.spool.open_slices())
        newest = float(self.spool.note("newest") or 0)

        def work(_: int) -> None:
            while (part := heap.take()) is not None:
                try:
                    self._part(part, heap, newest)
                finally:
                    heap.done()

        spread(range(THREADS), work, THREADS, stop=heap.stop)

    def _part(self, part: OpenSlice, heap: Heap[OpenSlice], newest: float) -> None:
        left: OpenSlice | None = part
        while left is not None and not heap.stopped:
            try:
                page = self.listing.customers(left.part, left.after)
            except NoSuchObject:
                # The last customer of the page before was deleted: read the part again. Customers count once.
                left = OpenSlice(left.number, left.part, None)
                continue
            if any(it.id == left.after for it in page.customers):
                raise PaymentsUnavailable("Stripe's list of customers gives the same page again")
            left = self.spool.add_customers(left, page, newest)
            self.tell("Reading customers", len(page.customers), None)
            if left is None or not heap.idle or heap:
                continue
            first, last = int(page.customers[0].created), int(page.customers[-1].created)
            if last - left.part.since >= _WORTH * max(1, first - last):
                left, older = self.spool.split(left, (left.part.since + last + 1) // 2)
                heap.give(older)

    def subscriptions(self) -> None:
        """Read all running subscriptions."""
        after = self.spool.note("subscriptions_after")
        while True:
            try:
                page = self.listing.running(after)
            except NoSuchObject:
                after = None
                continue
            if after is not None and page.last == after:
                raise PaymentsUnavailable("Stripe's list of subscriptions gives the same page again")
            self.spool.add_running(page.running)
            self.tell("Reading subscriptions", len(page.running), None)
            if not page.more or page.last is None:
                return
            after = page.last
            self.spool.keep(subscriptions_after=after)


def kept(exported: Exported, setting: Setting) -> KeptUser:
    """The user with the keys of this account and mode."""
    read, account = exported.user, setting.account
    own_suffix = worlds.beside(read, account).suffix
    refused = False
    try:
        user = worlds.in_world(read, account, second_account=setting.policy.second_account)
    except worlds.SecondAccount:
        user, refused = replace(read.with_keys(own_suffix), customer_id=None), True
    linked = any(it.customer_id is not None for it in worlds.links(read).values())
    return KeptUser(
        user,
        exported.last_login,
        own_suffix,
        elsewhere=linked and user.customer_id is None,
        refused=refused,
    )
