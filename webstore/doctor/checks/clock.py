"""The check of this machine's clock against the clocks of both vendors."""

from __future__ import annotations

from webstore.doctor.check import Check
from webstore.doctor.facts import Facts
from webstore.doctor.models import Finding, failure, ok, warning

#: Seconds. Tokens are refused beyond the second: the login's leeway is a minute.
WARN_S, FAIL_S = 5.0, 60.0


def _clock(facts: Facts) -> Finding | None:
    ahead = {
        "Auth0": facts.login.clock_ahead_s if facts.login else None,
        "Stripe": facts.stripe.clock_ahead_s if facts.stripe else None,
    }
    known = {vendor: seconds for vendor, seconds in ahead.items() if seconds is not None}
    if not known:
        return None
    off = {vendor: seconds for vendor, seconds in known.items() if abs(seconds) > WARN_S}
    if not off:
        return ok(f"The clock agrees with {' and '.join(known)}.")
    told = ", ".join(f"{_told(seconds)} {vendor}'s" for vendor, seconds in off.items())
    summary = f"This machine's clock is {told}."
    to_do = "Set the clock, and keep it right with NTP (timedatectl set-ntp true)."
    if max(map(abs, off.values())) > FAIL_S:
        return failure(f"{summary} Logins and webhooks are refused.", to_do)
    return warning(summary, to_do)


def _told(seconds: float) -> str:
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"


CHECKS = (Check("clock", "clock", _clock),)
