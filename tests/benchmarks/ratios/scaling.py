"""The arithmetic of docs/scaling.md: from the figures of one worker to a thousand machines.

The vendors' limits are those that they publish; the assumptions about visits are named beside the tables.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .figures import Results

_AUTH0 = (
    "https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy"
    "/rate-limit-configurations"
)
#: Requests of the Authentication API for one login: `/authorize` and `/oauth/token`.
AUTHENTICATION = 2
#: Requests a second. Source: https://docs.stripe.com/rate-limits
STRIPE_PER_S, STRIPE_SANDBOX_PER_S, STRIPE_ENDPOINT_PER_S, STRIPE_SEARCH_PER_S = 100, 25, 25, 20
#: Half of what Redis answers without pipelining on usual machines. Source:
#: https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/benchmarks/
REDIS_PER_S = 50_000
#: How often each process looks for a newer catalogue: `webstore/shop/catalogue.py`.
LOOKS_PER_S = 1
DAY_S = 24 * 3600
#: The busiest second has so many times the logins of the average one.
PEAK = 5.0
#: How busy a processor may be, so that a second that is busier still does not queue.
BUSY = 0.6
PROCESSORS = 4
#: Of all logins.
FIRST_SHARE = 0.05


@dataclass(frozen=True)
class Login:
    """A kind of login, with its names in the tables of the figures."""

    name: str
    timed: str
    counted: str
    #: Calls of the Management API, and those of them that write.
    management: int
    writes: int = 0
    stripe: int = 0


CLAIM = Login(
    "returning, with the claim",
    "returning, with the claim, 0 ms away",
    "callback, returning, with the claim",
    0,
)
NO_CLAIM = Login(
    "returning, without the claim",
    "returning, without the claim, 0 ms away",
    "callback, returning, without the claim",
    1,
)
FIRST = Login("first", "first login, 0 ms away", "callback, first login", 2, 1, 1)
LOGINS = (CLAIM, NO_CLAIM, FIRST)


@dataclass(frozen=True)
class View:
    """Pages of one visit with a login."""

    page: str
    times: int
    #: Its row in the table of counts, if that has another name.
    counted: str = ""


VISIT = (
    View("home, 24 products", 2),
    View("product", 4),
    View("home, logged in", 4),
    View("account", 1, "account, first in a minute"),
)


@dataclass(frozen=True)
class Plan:
    """A plan of Auth0: requests a second that it allows for long. None: no limit of this kind."""

    name: str
    page: str
    authentication: float
    #: Of the Management API.
    all: float | None = None
    reads: float | None = None
    writes: float | None = None

    def logins_per_s(self, login: Login) -> float:
        """The most logins of this kind in a second."""
        limits = [self.authentication / AUTHENTICATION]
        reads = login.management - login.writes
        for limit, calls in ((self.all, login.management), (self.reads, reads), (self.writes, login.writes)):
            if limit is not None and calls:
                limits.append(limit / calls)
        return min(limits)


PLANS = (
    Plan("Free", f"{_AUTH0}/free-public", 300 / 60, all=2),
    Plan(
        "Essentials, Professional",
        f"{_AUTH0}/essentials-professional-b2b",
        25,
        reads=500 / 60,
        writes=200 / 60,
    ),
    Plan("Enterprise", f"{_AUTH0}/enterprise-public", 100, all=16),
    Plan("Private Cloud, 500 a second", f"{_AUTH0}/tier-500-rps-private-cloud", 500, all=250),
    Plan("Private Cloud, 10,000 a second", f"{_AUTH0}/tier-10000-rps-private-cloud", 10_000, all=5000),
)


class Missing(Exception):
    """A figure that the arithmetic needs was not measured."""


@dataclass(frozen=True)
class Costs:
    """What a visit with one login costs the store."""

    #: CPU, in milliseconds.
    cpu_ms: float
    #: Trips to Redis.
    trips: float
    management: float
    #: New customers, and what the account page reads.
    stripe: float


def costs(results: Results, returning: Login) -> Costs:
    """A visit in which one in twenty logins is a first one. Raises `Missing`."""
    cpu_ms = _needed(results, "login", "/login", "CPU")
    trips = _needed(results, "counts", "/login", "trips to Redis")
    management = stripe = 0.0
    for login, share in ((FIRST, FIRST_SHARE), (returning, 1 - FIRST_SHARE)):
        cpu_ms += share * _needed(results, "login", login.timed, "CPU")
        trips += share * _needed(results, "counts", login.counted, "trips to Redis")
        management += share * login.management
        stripe += share * login.stripe
    for view in VISIT:
        counted = view.counted or view.page
        cpu_ms += view.times * _needed(results, "pages", view.page, "CPU")
        trips += view.times * _needed(results, "counts", counted, "trips to Redis")
        management += view.times * _needed(results, "counts", counted, "Management API")
        stripe += view.times * _needed(results, "counts", counted, "Stripe")
    return Costs(cpu_ms, trips, management, stripe)


def _needed(results: Results, part: str, subject: str, measure: str) -> float:
    value = results.value(part, subject, measure)
    if value is None:
        raise Missing(f"{part}: {subject}, {measure}")
    return value


def processor_table(results: Results) -> str:
    """What one processor does in a second if it is busy `BUSY` of the time. Raises `Missing`."""
    lines = ["| | CPU | A second, one processor |", "| --- | --- | --- |"]
    begin = _needed(results, "login", "/login", "CPU")
    rows = [
        (f"login, {login.name}", begin + _needed(results, "login", login.timed, "CPU")) for login in LOGINS
    ]
    rows += [(view.page, _needed(results, "pages", view.page, "CPU")) for view in VISIT]
    lines += [f"| {name} | {ms:.2f} ms | {BUSY * 1000 / ms:,.0f} |" for name, ms in rows]
    return "\n".join(lines)


def size_table(results: Results) -> str:
    """One machine, a million logins a day, a thousand machines. Raises `Missing`."""
    visit = costs(results, CLAIM)
    one = PROCESSORS * BUSY * 1000 / visit.cpu_ms
    sizes = {
        f"one machine of {PROCESSORS} processors": one,
        "a million logins a day": PEAK * 1e6 / DAY_S,
        "a thousand machines": 1000 * one,
    }
    columns = (
        "Logins/s, peak",
        "Logins a day",
        "Pages/s",
        "Processors",
        "Machines",
        "Redis trips/s",
        "Redis servers",
        "Management API/s",
        "Stripe/s",
    )
    lines = [f"| | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for name, per_s in sizes.items():
        processors = per_s * visit.cpu_ms / 1000 / BUSY
        machines = math.ceil(round(processors / PROCESSORS, 6))
        trips = per_s * visit.trips + machines * PROCESSORS * LOOKS_PER_S
        cells = (
            f"{per_s:,.0f}",
            f"{per_s / PEAK * DAY_S / 1e6:,.1f} million",
            f"{per_s * sum(view.times for view in VISIT):,.0f}",
            f"{processors:,.1f}",
            f"{machines:,}",
            f"{trips:,.0f}",
            f"{math.ceil(trips / REDIS_PER_S)}",
            f"{per_s * visit.management:,.1f}",
            f"{per_s * visit.stripe:,.0f}",
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def limit_table() -> str:
    """How many logins the vendors' published limits allow."""
    lines = [
        f"| Auth0 plan | {' | '.join(f'{login.name}' for login in LOGINS)} | A day, with the claim |",
        "| --- | --- | --- | --- | --- |",
    ]
    for plan in PLANS:
        cells = [f"{plan.logins_per_s(login):,.1f}/s" for login in LOGINS]
        a_day = plan.logins_per_s(CLAIM) / PEAK * DAY_S / 1e6
        lines.append(f"| [{plan.name}]({plan.page}) | {' | '.join(cells)} | {a_day:,.2f} million |")
    return "\n".join(lines)


def assumptions() -> str:
    """The assumptions of the tables, as a list."""
    visit = "; ".join(f"{view.counted or view.page} ({view.times})" for view in VISIT)
    return "\n".join(
        (
            f"- A visit is one login and these pages: {visit}.",
            f"- {FIRST_SHARE:.0%} of the logins are first ones; the others return with the claim.",
            f"- The busiest second has {PEAK:g} times the logins of the average one.",
            f"- A processor is busy {BUSY:.0%} of that second.",
            f"- A machine has {PROCESSORS} processors and as many processes.",
            f"- A Redis answers {REDIS_PER_S:,} trips a second.",
        )
    )
