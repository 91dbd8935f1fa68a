"""Both sides are read to their end, by several threads, and a run that was cut short goes on."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.reconcile.people import ADA, GRACE, SETTING, customer, user
from webstore.errors import DirectoryRefused, DirectoryUnavailable, NoSuchObject, PaymentsUnavailable
from webstore.linking.models import Customer
from webstore.reconcile.collect import Collector
from webstore.reconcile.models import CustomersPage, Exported, Slice, SubscriptionsPage
from webstore.reconcile.spool import Spool


@dataclass
class Account:
    """The customers of an account, in pages of ten, the newest first."""

    all: list[Customer]
    #: Calls after which the account cannot be reached.
    breaks_after: int | None = None
    #: Seconds that a call takes.
    takes_s: float = 0.0
    calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def newest(self) -> float | None:
        return max((it.created for it in self.all), default=None)

    def customers(self, part: Slice, after: str | None) -> CustomersPage:
        with self._lock:
            self.calls += 1
            if self.breaks_after is not None and self.calls > self.breaks_after:
                raise PaymentsUnavailable("no answer")
        time.sleep(self.takes_s)
        listed = sorted(
            (it for it in self.all if part.since <= it.created < part.before),
            key=lambda it: (-it.created, it.id),
        )
        if after is not None:
            ids = [it.id for it in listed]
            if after not in ids:
                raise NoSuchObject("no such customer")
            listed = listed[ids.index(after) + 1 :]
        return CustomersPage(tuple(listed[:10]), more=len(listed) > 10)

    def running(self, after: str | None) -> SubscriptionsPage:
        pages = {None: ("sub_2", True), "sub_2": ("sub_1", False)}
        if after not in pages:
            raise NoSuchObject("no such subscription")
        name, more = pages[after]
        return SubscriptionsPage(((f"cus_of_{name}", name),), name, more=more)


@dataclass
class Tenant:
    """An export job."""

    everybody: list[Exported]
    answers: list[object] = field(default_factory=lambda: [None, "https://files.example/1"])
    failing_downloads: int = 0
    started: int = 0

    def start(self) -> str:
        self.started += 1
        return f"job_{self.started}"

    def location(self, job: str) -> str | None:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return None if answer is None else str(answer)

    def download(self, location: str, into: Path) -> None:
        assert into.stat().st_mode & 0o077 == 0
        if self.failing_downloads:
            self.failing_downloads -= 1
            raise DirectoryUnavailable("the address has expired")
        into.write_text(location, encoding="utf-8")

    def users(self, file: Path) -> Iterator[Exported]:
        assert file.read_text(encoding="utf-8") == "https://files.example/1"
        yield from self.everybody


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool.sqlite")
    yield made
    made.remove()


def made(number: int, seconds: int, seed: int = 1) -> list[Customer]:
    draw = random.Random(seed)  # noqa: S311  # when they are created
    return [
        customer(f"cus_{it:04}", f"auth0|{it}", created=float(draw.randrange(seconds)))
        for it in range(number)
    ]


def collector(spool: Spool, account: Account, tenant: Tenant | None = None) -> Collector:
    tenant = tenant or Tenant([Exported(user(), 5.0), Exported(user(GRACE, None), 0.0)])
    return Collector(spool, SETTING, tenant, account, lambda *_: None, sleep=lambda _: None)


def read(spool: Spool) -> list[str]:
    """The customers in the spool."""
    spool.index(addresses=False)
    return sorted(str(it) for (it,) in spool.rows("SELECT id FROM customers"))


@pytest.mark.parametrize("seconds", [1, 3, 500, 10**9])
def test_every_customer_is_read_once(spool: Spool, seconds: int) -> None:
    account = Account(made(503, seconds))
    collector(spool, account).collect()
    assert read(spool) == [it.id for it in account.all]
    assert spool.count("users") == 2


def test_cutting_parts_costs_few_calls(spool: Spool) -> None:
    # So that the threads take turns.
    account = Account(made(2000, 10**6), takes_s=0.001)
    collector(spool, account).collect()
    # 200 full pages, and one that is not full for each part; the empty time before the first customer.
    assert account.calls < 330
    assert spool.count("slices") > 8


def test_a_run_that_was_cut_short_goes_on(spool: Spool) -> None:
    account = Account(made(503, 10**6), breaks_after=20)
    with pytest.raises(PaymentsUnavailable):
        collector(spool, account).collect()
    assert spool.open_slices()
    before = spool.count("customers")
    spool.close()
    again = Spool(spool.path)
    account.breaks_after, account.calls = None, 0
    collector(again, account).collect()
    assert read(again) == [it.id for it in account.all]
    # Customers that were read already are not read again.
    assert before >= 100
    assert account.calls < 503 / 10 + 60
    again.close()


def test_the_last_customer_of_a_page_may_be_deleted_meanwhile(spool: Spool) -> None:
    account = Account(made(40, 1))
    part = spool.add_slice(Slice(0, 2))
    spool.add_customers(part, account.customers(part.part, None), newest=5.0)
    gone = account.all.pop(9)
    spool.keep(newest="5", job="job_1")
    collector(spool, account).collect()
    # A customer that is read twice counts once.
    assert read(spool) == sorted([*(it.id for it in account.all), gone.id])


def test_customers_made_during_the_run_are_marked(spool: Spool) -> None:
    account = Account([customer(created=10.0)])
    spool.keep(newest="9")
    collector(spool, account).collect()
    assert list(spool.rows("SELECT id, fresh FROM customers")) == [("cus_ada", 1)]


def test_a_customer_made_in_the_second_of_the_newest_one_is_read(spool: Spool) -> None:
    account = Account([customer(created=10.0)])

    class Late(Tenant):
        def start(self) -> str:
            return "job_1"

        def location(self, job: str) -> str | None:
            account.all.append(customer("cus_late", created=10.0))
            return "https://files.example/1"

    collector(spool, account, Late([Exported(user(), 5.0)])).collect()
    assert read(spool) == ["cus_ada", "cus_late"]


def test_an_account_without_customers(spool: Spool) -> None:
    collector(spool, Account([])).collect()
    assert (read(spool), spool.count("users")) == ([], 2)


def test_the_export_is_waited_for_and_its_address_asked_for_again(spool: Spool) -> None:
    tenant = Tenant([Exported(user(), 5.0)], failing_downloads=2)
    collector(spool, Account([]), tenant).collect()
    assert (tenant.started, spool.count("users")) == (1, 1)
    assert not list(spool.path.parent.glob("*.gz"))


def test_a_job_that_has_failed_is_started_again_by_the_next_run(spool: Spool) -> None:
    tenant = Tenant([Exported(user(), 5.0)], answers=[DirectoryRefused("failed"), "https://files.example/1"])
    with pytest.raises(DirectoryRefused):
        collector(spool, Account([]), tenant).collect()
    collector(spool, Account([]), tenant).collect()
    assert (tenant.started, spool.count("users")) == (2, 1)


def test_an_export_that_cannot_be_read_is_made_again_by_the_next_run(spool: Spool) -> None:
    @dataclass
    class Broken(Tenant):
        def users(self, file: Path) -> Iterator[Exported]:
            if self.started == 1:
                yield self.everybody[0]
                raise DirectoryUnavailable("the exported users cannot be read")
            yield from self.everybody

    tenant = Broken([Exported(user(), 5.0), Exported(user(GRACE, None), 5.0)])
    with pytest.raises(DirectoryUnavailable):
        collector(spool, Account([]), tenant).collect()
    collector(spool, Account([]), tenant).collect()
    assert (tenant.started, spool.count("users")) == (2, 2)


def test_a_job_that_is_unknown_by_now_is_started_again_at_once(spool: Spool) -> None:
    unknown = DirectoryRefused("unknown")
    unknown.only_this = True
    tenant = Tenant([Exported(user(), 5.0)], answers=[unknown, "https://files.example/1"])
    collector(spool, Account([]), tenant).collect()
    assert (tenant.started, spool.note("job"), spool.count("users")) == (2, "job_2", 1)


def test_a_job_that_is_never_known_ends_the_run(spool: Spool) -> None:
    unknown = DirectoryRefused("unknown")
    unknown.only_this = True
    tenant = Tenant([], answers=[unknown])
    with pytest.raises(DirectoryRefused):
        collector(spool, Account([]), tenant).collect()
    assert (tenant.started, spool.note("job")) == (2, None)


def test_a_list_that_gives_the_same_page_again_and_again_ends_the_run(spool: Spool) -> None:
    class Endless(Account):
        def customers(self, part: Slice, after: str | None) -> CustomersPage:
            return CustomersPage(tuple(self.all[:10]), more=True)

        def running(self, after: str | None) -> SubscriptionsPage:
            return SubscriptionsPage((), "sub_1", more=True)

    reading = collector(spool, Endless(made(10, 10)))
    with pytest.raises(PaymentsUnavailable, match="same page"):
        reading.collect()
    with pytest.raises(PaymentsUnavailable, match="same page"):
        reading.subscriptions()


def test_subscriptions_are_listed_to_their_end(spool: Spool) -> None:
    spool.keep(subscriptions_after="sub_gone")
    collector(spool, Account([])).subscriptions()
    assert list(spool.rows("SELECT customer, id FROM running ORDER BY id")) == [
        ("cus_of_sub_1", "sub_1"),
        ("cus_of_sub_2", "sub_2"),
    ]


def test_a_user_of_another_world(spool: Spool) -> None:
    live = user(recorded="cus_b", pin="acct_2 live")
    test = user(GRACE, "cus_t", pin="acct_1 test")
    tenant = Tenant([Exported(live, 0.0), Exported(test, 0.0)])
    collector(spool, Account([]), tenant).collect()
    assert list(spool.rows("SELECT id, recorded, elsewhere, refused FROM users ORDER BY id")) == [
        (ADA, None, 1, 1),
        (GRACE, None, 1, 0),
    ]


def test_the_file_is_private(spool: Spool) -> None:
    assert spool.path.stat().st_mode & 0o777 == 0o600
    for file in spool.path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0
