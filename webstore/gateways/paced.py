"""A wire for long runs that keeps a vendor's rate limit: it spaces the calls, and waits when told to."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

from webstore import deadline

from .wire import Answer, Sender, WireError, WireTimeout

#: Seconds of calls that may be made up for after a delay. More would be a burst, which vendors refuse.
_CATCH_UP_S = 0.02
#: The share of the limit that is used. The rest is for calls that arrive late, close to the next.
_SHARE = 0.98
#: Refusals (429) within so many seconds that do not slow the calls down: one, and a share of the calls taken.
#: A run that keeps the limit meets one now and then. More of them mean that the limit is another one.
_RECENT_S, _FEW, _SHARE_OF_FEW = 5.0, 1, 0.01
#: The lower rate: what the vendor took in the second before, less a little, but at least a share of the rate
#: until then.
_SLOWER, _SLOWEST = 0.98, 0.2
#: The lower rate stays for some seconds. Then it grows by a share of itself each second, twice as fast after
#: `_TWICE_S` seconds, three times as fast after as many again, and so on.
_STAYS_S, _FASTER_PER_S, _TWICE_S = 30.0, 0.02, 10.0
#: After so many seconds any rate is back. A computed rate of a longer time would be too large for a number.
_LONGEST_GROWTH_S = 300.0
#: Calls a second below which no number of refusals slows them down: a turn would be minutes away.
_LEAST_PER_S = 0.5
#: Seconds to wait after a 429 that does not say how long, doubled with each in a row.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 30.0
#: How often a call is made at most. With the waits in between, a reading survives an outage of minutes.
MOST_TRIES = 14
#: Ends of addresses whose POST changes nothing: for a token, and for an export of the users.
_HARMLESS = ("/oauth/token", "/jobs/users-exports")


class Limit:
    """The calls to one vendor, `per_s` a second at most, spaced evenly over all threads."""

    def __init__(
        self,
        per_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._full = self._rate = self._lowered = per_s * _SHARE
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = clock()
        #: When the rate was lowered, and since when it grows.
        self._slowed_at, self._grows_from = clock() - 1.0, clock()
        #: When calls were taken and refused lately.
        self._taken: deque[float] = deque()
        self._refused: deque[float] = deque()
        #: How often the vendor has refused a call (429).
        self.refusals = 0

    def wait(self) -> None:
        """Wait for the turn of a call. Raises `WireTimeout` if the deadline is sooner."""
        with self._lock:
            now = self._clock()
            self._recover(now)
            turn = max(self._next, now - _CATCH_UP_S)
            if turn > now and turn - now > deadline.left():
                raise WireTimeout("not called: its turn would come after the deadline")
            self._next = turn + 1 / self._rate
        if turn > now:
            self._sleep(turn - now)

    def pause(self, seconds: float) -> None:
        """Make no call for so many seconds."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)

    def taken(self) -> None:
        """The vendor has taken a call."""
        with self._lock:
            now = self._clock()
            self._taken.append(now)
            _forget_before(now - _RECENT_S, self._taken)

    def refused(self, seconds: float) -> None:
        """The vendor has refused a call, and asks for no call in so many seconds (0: it does not say)."""
        with self._lock:
            now = self._clock()
            self.refusals += 1
            self._next = max(self._next, now + seconds)
            self._refused.append(now)
            for calls in (self._taken, self._refused):
                _forget_before(now - _RECENT_S, calls)
            if len(self._refused) > _FEW + _SHARE_OF_FEW * len(self._taken):
                self._slow_down(now)

    def _slow_down(self, now: float) -> None:
        """Lower the rate, once for calls that were under way together and are refused together."""
        self._refused.clear()
        if now - self._slowed_at < 1.0:
            return
        self._recover(now)
        taken = sum(at > now - 1.0 for at in self._taken)
        slower = max(min(self._rate, taken) * _SLOWER, self._rate * _SLOWEST)
        self._rate = self._lowered = max(slower, min(self._full, _LEAST_PER_S))
        self._slowed_at, self._grows_from = now, now + _STAYS_S

    def _recover(self, now: float) -> None:
        """Come back to the full rate, slowly at first."""
        if self._rate < self._full and now > self._grows_from:
            grown_s = min(now - self._grows_from, _LONGEST_GROWTH_S)
            share = 1 + _FASTER_PER_S
            self._rate = min(self._full, self._lowered * share ** (grown_s * (1 + grown_s / _TWICE_S)))


def _forget_before(when: float, calls: deque[float]) -> None:
    while calls and calls[0] <= when:
        calls.popleft()


class Paced:
    """A wire whose calls keep a limit. A refused call is made again, and so is a reading that failed."""

    def __init__(
        self,
        wire: Sender,
        limit: Limit,
        *,
        sleep: Callable[[float], object] = time.sleep,
        stopped: Callable[[], bool] = lambda: False,
        chance: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`chance`: a number from 0 to 1, so that the waits of several threads differ.

        `stopped`: whether the run is to end: no call is begun or repeated then.
        """
        self._wire, self.limit, self._stopped = wire, limit, stopped
        self._sleep, self._chance, self._now = sleep, chance, now

    @property
    def service(self) -> str:
        """The name of the service, for messages."""
        return self._wire.service

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """Like `Wire.send`, when its turn has come.

        A 429 means that nothing was done, so any call is made again. After another failure only a GET is, and
        what does no harm twice: whether a write had its effect is for the linking protocol to find out.
        """
        sent = list(headers)
        harmless = method == "GET" or url.endswith(_HARMLESS)
        for number in range(1, MOST_TRIES):
            self._wait()
            try:
                answer = self._wire.send(method, url, sent, body)
            except WireError:
                if not harmless or deadline.left() <= 0:
                    raise
            else:
                if answer.status == 429:
                    told = self._told(answer.headers)
                    self.limit.refused(told)
                    if not told:
                        self._sleep(min(self._own_wait_s(number), deadline.left()))
                    continue
                self.limit.taken()
                self._heed(answer.headers)
                if not harmless or answer.status < 500:
                    return answer
            self._sleep(min(self._own_wait_s(number), deadline.left()))
        self._wait()
        return self._wire.send(method, url, sent, body)

    def _wait(self) -> None:
        """Wait for the turn of a call. Raises `WireError` if the run was stopped."""
        self.limit.wait()
        if self._stopped():
            raise WireError(f"{self.service} was not called: the run was stopped")

    def _heed(self, headers: Mapping[str, str]) -> None:
        """Wait for the next second if the vendor says that this one is used up.

        Source: https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy
        """
        if headers.get("x-ratelimit-remaining") == "0":
            self.limit.pause(min(self._until_reset(headers), 1.0))

    def _told(self, headers: Mapping[str, str]) -> float:
        """The seconds that a refusal asks for, and a little more by chance; 0 if it names none.

        Sources: RFC 9110, section 10.2.3, and Auth0's page above
        """
        wait_s = self._until_reset(headers)
        with suppress(KeyError, ValueError):
            wait_s = float(headers["retry-after"])
        return min(wait_s, _LONGEST_WAIT_S) * (1 + self._chance() / 4) if wait_s > 0 else 0.0

    def _until_reset(self, headers: Mapping[str, str]) -> float:
        """Seconds until Auth0 takes calls again, by its own clock; 0 if it does not say."""
        try:
            reset = float(headers["x-ratelimit-reset"])
            theirs = parsedate_to_datetime(headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return 0.0
        ours = self._now()
        # The header Date has whole seconds. If the clocks agree, ours is more exact.
        return max(0.0, reset - (ours if 0 <= ours - theirs < 1 else theirs))

    def _own_wait_s(self, number: int) -> float:
        """The wait after so many tries in a row: doubled each time, and half of it by chance."""
        longest: float = min(_FIRST_WAIT_S * 2 ** (number - 1), _LONGEST_WAIT_S)
        return longest * (0.5 + self._chance() / 2)
