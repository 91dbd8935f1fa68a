"""An attack on logouts: strangers keep `/login` busy while sessions log out, then copies come back."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.support import NO_AUTHORITIES, PASSWORD, Browser, cookie_name

#: What the log-out page says if other processes may not know of a logout yet.
NOT_EVERYWHERE = 'id="not-everywhere"'
#: Times that each copy is tried, each time on a connection of its own: another worker may answer.
TRIES = 8


@dataclass
class Attack:
    """The answers to strangers, logouts and copies of cookies. Safe for several threads."""

    #: Answers of `/login` to the strangers, by status.
    flood: dict[int | str, int] = field(default_factory=dict)
    #: Logouts that the page promised everywhere, and those of which it said that it could not.
    promised: int = 0
    not_promised: int = 0
    #: Logouts that got another page.
    failed: list[str] = field(default_factory=list)
    #: Tries of copies of promised logouts, and those that were honoured.
    tries: int = 0
    accepted: list[str] = field(default_factory=list)
    #: Answers of 5xx, by the request.
    broken: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __str__(self) -> str:
        answers = ", ".join(f"{number} of {status}" for status, number in sorted(self.flood.items(), key=str))
        return (
            f"/login answered {answers}; logouts promised {self.promised}, not promised {self.not_promised}; "
            f"copies tried {self.tries} times, accepted {len(self.accepted)}; 5xx {len(self.broken)}"
        )


@dataclass
class Session:
    """A shopper who is logged in: a copy of the cookie, and the token of the log-out form."""

    cookie: str
    token: str
    promised: bool = False


def log_in(url: str, number: int) -> list[Session]:
    """So many sessions of one shopper, each with a browser of its own."""
    return [_log_in(url) for _ in range(number)]


def _log_in(url: str) -> Session:
    with _client(url) as client:
        page = Browser(client).log_in(password=PASSWORD)
        if page.url.path != "/account":
            raise AssertionError(f"no login: {page.status_code} {page.url.path}")
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        if found is None:
            raise AssertionError("no log-out form")
        return Session(client.cookies[cookie_name(url)], found[1])


def attack(
    url: str,
    sessions: list[Session],
    *,
    connections: int,
    seconds: float,
    meanwhile: Callable[[], None] = lambda: None,
) -> Attack:
    """Log the sessions out, evenly over the time, while so many connections ask for `/login`.

    The copies of promised logouts are tried again and again until the end. `meanwhile` runs beside it, once.
    """
    found = Attack()
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(connections + 4) as pool:
        work = [pool.submit(_flood, url, end, found) for _ in range(connections)]
        work.append(pool.submit(meanwhile))
        halves = (sessions[0::2], sessions[1::2])
        work += [pool.submit(_log_all_out, url, half, end, found) for half in halves]
        work.append(pool.submit(_try_copies, url, sessions, end, found))
        for each in work:
            each.result()
    return found


def final_tries(url: str, sessions: list[Session], found: Attack) -> None:
    """Try every promised copy on several connections once more, after the attack."""
    for session in sessions:
        for _ in range(TRIES if session.promised else 0):
            _try(url, session, found)


def _flood(url: str, end: float, found: Attack) -> None:
    while time.monotonic() < end:
        with _client(url) as client:
            while time.monotonic() < end:
                status: int | str
                try:
                    status = client.get("/login", follow_redirects=False).status_code
                except httpx.TransportError as exc:
                    status = type(exc).__name__
                with found.lock:
                    found.flood[status] = found.flood.get(status, 0) + 1
                if isinstance(status, str):
                    break


def _log_all_out(url: str, sessions: list[Session], end: float, found: Attack) -> None:
    # The last fifth of the time is for copies alone.
    pause = max(0.0, (end - time.monotonic()) * 0.8 / max(1, len(sessions)))
    for session in sessions:
        began = time.monotonic()
        _log_out(url, session, found)
        time.sleep(max(0.0, pause - (time.monotonic() - began)))


def _log_out(url: str, session: Session, found: Attack) -> None:
    with _client(url) as client:
        client.cookies.set(cookie_name(url), session.cookie)
        data = {"csrf_token": session.token}
        answer = client.post("/logout", data=data, headers={"Origin": url}, follow_redirects=False)
    with found.lock:
        if answer.status_code == 302:
            found.promised += 1
            session.promised = True
        elif answer.status_code == 200 and NOT_EVERYWHERE in answer.text:
            found.not_promised += 1
        else:
            found.failed.append(f"{answer.status_code} {answer.text[:200]}")
        if answer.status_code >= 500:
            found.broken.append(f"POST /logout: {answer.status_code}")


def _try_copies(url: str, sessions: list[Session], end: float, found: Attack) -> None:
    while time.monotonic() < end:
        promised = [session for session in sessions if session.promised]
        for session in promised:
            if time.monotonic() < end:
                _try(url, session, found)
        if not promised:
            time.sleep(0.05)


def _try(url: str, session: Session, found: Attack) -> None:
    with _client(url) as client:
        client.cookies.set(cookie_name(url), session.cookie)
        answer = client.get("/account", follow_redirects=False)
    with found.lock:
        found.tries += 1
        if answer.status_code == 200:
            found.accepted.append(session.cookie[:20])
        elif answer.status_code >= 500:
            found.broken.append(f"GET /account: {answer.status_code}")


@contextmanager
def _client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=url, timeout=60, trust_env=False, verify=NO_AUTHORITIES, follow_redirects=True
    ) as client:
        yield client
