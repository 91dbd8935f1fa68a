"""A wire that keeps a vendor's rate limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import formatdate

import pytest

from webstore import deadline
from webstore.gateways.paced import MOST_TRIES, Limit, Paced
from webstore.gateways.wire import Answer, WireError, WireTimeout

NOW = 1_800_000_000.0


@dataclass
class Clock:
    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Vendor:
    """Gives these answers, the last one again and again."""

    clock: Clock
    answers: list[Answer | Exception]
    at: list[float] = field(default_factory=list)
    service: str = "a vendor"

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        self.at.append(self.clock.now)
        assert list(headers) == [("A", "b")]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


OK = Answer(200, {}, b"")


def paced(*answers: Answer | Exception, per_s: float = 10.0) -> tuple[Paced, Vendor, Clock]:
    clock = Clock()
    vendor = Vendor(clock, list(answers))
    limit = Limit(per_s, clock=clock, sleep=clock.sleep)
    sender = Paced(vendor, limit, sleep=clock.sleep, chance=lambda: 0.0, now=lambda: NOW + clock.now - 100.0)
    return sender, vendor, clock


def send(sender: Paced, method: str = "GET") -> Answer:
    return sender.send(method, "https://vendor.example", iter([("A", "b")]), None)


def test_calls_are_spaced_evenly_a_little_below_the_limit() -> None:
    sender, vendor, _ = paced(OK)
    for _ in range(50):
        send(sender)
    spent = vendor.at[-1] - vendor.at[0]
    assert 49 / 10 < spent < 49 / 9.5
    gaps = [later - earlier for earlier, later in zip(vendor.at, vendor.at[1:], strict=False)]
    assert max(gaps) < 0.16


def test_a_delay_is_not_made_up_for_by_a_burst() -> None:
    sender, vendor, clock = paced(OK, per_s=100.0)
    send(sender)
    clock.now += 60
    for _ in range(100):
        send(sender)
    first = vendor.at[1]
    assert sum(at < first + 0.5 for at in vendor.at) <= 57


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_refused_call_is_made_again(method: str) -> None:
    sender, vendor, clock = paced(Answer(429, {"retry-after": "3"}, b""), OK)
    assert send(sender, method).status == 200
    assert vendor.at[1] - vendor.at[0] == pytest.approx(3.0, abs=0.2)
    assert sender.limit.refusals == 1
    assert clock.slept


def test_it_waits_as_auth0_says() -> None:
    told = {"x-ratelimit-reset": str(int(NOW) + 5), "date": formatdate(NOW, usegmt=True)}
    sender, vendor, _ = paced(Answer(429, told, b""), OK)
    assert send(sender).status == 200
    assert vendor.at[1] - vendor.at[0] == pytest.approx(5.0, abs=0.3)


def test_it_does_not_use_up_what_is_left_of_a_second() -> None:
    told = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(NOW) + 1),
        "date": formatdate(NOW, usegmt=True),
    }
    sender, vendor, _ = paced(Answer(200, told, b""), OK)
    send(sender)
    send(sender)
    assert vendor.at[1] - vendor.at[0] == pytest.approx(1.0, abs=0.05)


def test_refusals_slow_the_calls_down_for_a_while() -> None:
    sender, vendor, clock = paced(OK)
    for _ in range(30):
        send(sender)
    for _ in range(4):
        # Of calls that were under way together.
        sender.limit.refused(0.0)
    vendor.at.clear()
    for _ in range(20):
        send(sender)
    assert vendor.at[-1] - vendor.at[-2] == pytest.approx(1 / (9.8 * 0.98), abs=0.0005)
    clock.now += 120
    for _ in range(20):
        send(sender)
    assert vendor.at[-1] - vendor.at[-2] == pytest.approx(1 / 9.8, abs=0.0005)


def test_a_refusal_now_and_then_slows_only_the_call_that_is_refused() -> None:
    sender, vendor, _ = paced(OK, per_s=100.0)
    for number in range(1, 1051):
        if number % 100 == 0:
            vendor.answers[:0] = [Answer(429, {}, b"")]
        send(sender)
    assert sender.limit.refusals == 10
    vendor.at.clear()
    for _ in range(20):
        send(sender)
    assert vendor.at[-1] - vendor.at[0] == pytest.approx(19 / 98, abs=0.001)


@pytest.mark.parametrize("later_s", [120.0, 86_400.0])
def test_the_full_rate_comes_back_within_two_minutes_of_a_storm(later_s: float) -> None:
    sender, vendor, clock = paced(Answer(429, {}, b""), per_s=100.0)
    for _ in range(5):
        send(sender)
    vendor.answers[:] = [OK]
    clock.now += later_s
    vendor.at.clear()
    for _ in range(20):
        send(sender)
    assert vendor.at[-1] - vendor.at[-2] == pytest.approx(1 / 98, abs=0.001)


@dataclass
class Limited:
    """A vendor that takes so many calls in any second."""

    clock: Clock
    per_s: int
    recent: deque[float] = field(default_factory=deque)
    late: int = 0
    refused: int = 0
    service: str = "a vendor"

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        now = self.clock.now
        while self.recent and self.recent[0] <= now - 1.0:
            self.recent.popleft()
        if len(self.recent) >= self.per_s:
            self.refused += 1
            return Answer(429, {"Stripe-Rate-Limited-Reason": "endpoint-rate"}, b"")
        self.recent.append(now)
        self.late += now > 160.0
        return OK


@pytest.mark.parametrize("per_s", [100, 25, 15])
def test_a_limit_that_is_lower_than_what_was_asked_for_is_found_without_a_storm(per_s: int) -> None:
    clock = Clock()
    vendor = Limited(clock, per_s)
    sender = Paced(
        vendor, Limit(100.0, clock=clock, sleep=clock.sleep), sleep=clock.sleep, chance=lambda: 0.5
    )
    while clock.now < 220.0:
        send(sender)
    assert vendor.late / 60 >= 0.95 * per_s
    assert vendor.refused <= 0.01 * 120 * per_s


@pytest.mark.parametrize("storm_s", [20.0, 60.0, 100.0])
def test_calls_go_on_soon_after_a_storm_of_refusals(storm_s: float) -> None:
    clock = Clock()

    @dataclass
    class Busy:
        service: str = "a vendor"

        def send(self, *_: object) -> Answer:
            clock.now += 0.05
            return Answer(429, {}, b"") if clock.now < 100.0 + storm_s else OK

    limit = Limit(10.0, clock=clock, sleep=clock.sleep)
    sender = Paced(Busy(), limit, sleep=clock.sleep, chance=lambda: 1.0)
    statuses = [send(sender).status for _ in range(20)]
    assert statuses == [200] * 20
    # The last wait within the storm is 30 s at most; then a call every two seconds at least.
    assert clock.now < 100.0 + storm_s + 30.0 + 20 * 2.1


def test_a_call_that_cannot_wait_takes_nobodys_turn() -> None:
    sender, vendor, clock = paced(OK, per_s=0.5)
    send(sender)
    for _ in range(10):
        with deadline.within(0.1), pytest.raises(WireTimeout):
            send(sender)
    send(sender)
    assert vendor.at[1] - vendor.at[0] == pytest.approx(1 / (0.5 * 0.98), abs=0.1)
    assert clock.slept


@pytest.mark.parametrize("failure", [WireError("cut off"), WireTimeout("late"), Answer(503, {}, b"")])
def test_a_reading_that_failed_is_made_again(failure: Answer | Exception) -> None:
    sender, vendor, _ = paced(failure, failure, OK)
    assert send(sender).status == 200
    assert len(vendor.at) == 3


def test_a_write_that_failed_is_not() -> None:
    sender, vendor, _ = paced(WireError("cut off"), OK)
    with pytest.raises(WireError):
        send(sender, "POST")
    sender, vendor, _ = paced(Answer(500, {}, b""), OK)
    assert send(sender, "PATCH").status == 500
    assert len(vendor.at) == 1


@pytest.mark.parametrize("path", ["/oauth/token", "/api/v2/jobs/users-exports"])
@pytest.mark.parametrize("failure", [WireTimeout("late"), Answer(503, {}, b"")])
def test_a_token_and_an_export_are_asked_for_again(path: str, failure: Answer | Exception) -> None:
    sender, vendor, _ = paced(failure, OK)
    assert sender.send("POST", f"https://vendor.example{path}", [("A", "b")], None).status == 200
    assert len(vendor.at) == 2


def test_it_gives_up_after_some_minutes() -> None:
    sender, vendor, clock = paced(Answer(503, {}, b""))
    assert send(sender).status == 503
    assert len(vendor.at) == MOST_TRIES
    assert 30 < clock.now - 100 < 600


def test_no_call_waits_past_its_deadline() -> None:
    sender, vendor, _ = paced(OK)
    sender.limit.pause(30.0)
    with deadline.within(1.0), pytest.raises(WireTimeout):
        send(sender)
    assert vendor.at == []


def test_no_call_is_repeated_when_the_run_is_stopped() -> None:
    stopped = []
    sender, vendor, _ = paced(WireTimeout("late"))
    stopping = Paced(
        vendor,
        sender.limit,
        sleep=lambda _: stopped.append(True),
        stopped=lambda: bool(stopped),
        chance=lambda: 0.0,
    )
    with pytest.raises(WireError, match="the run was stopped"):
        send(stopping)
    assert len(vendor.at) == 1
