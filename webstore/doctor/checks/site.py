"""Checks of the store that runs at BASE_URL, as somebody sees it from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from webstore.doctor.check import Because, Check
from webstore.doctor.facts import Facts, SiteFacts, StoreReport, Trouble
from webstore.doctor.models import Finding, failure, ok, skipped, warning
from webstore.environment import is_published

from .settings import is_local

#: The variables whose fields have other names.
_VARIABLES = {
    "checkout": "CHECKOUT_...",
    "hsts_subdomains": "HSTS_INCLUDE_SUBDOMAINS",
    "link_lookup_always": "LINK_LOOKUP",
    "login_rate": "LOGIN_RATE_PER_10S",
    "stripe_webhook_secrets": "STRIPE_WEBHOOK_SECRET",
}


def _site(facts: Facts) -> SiteFacts:
    assert facts.site is not None  # noqa: S101  # the group is examined only then
    return facts.site


def _reports(facts: Facts) -> Sequence[StoreReport]:
    """What the store said. Raises `Because` if it does not run."""
    found = _site(facts).reports
    if isinstance(found, Trouble):
        raise Because("store")
    return found


def _store(facts: Facts) -> Finding:
    found, url = _site(facts).reports, facts.settings.base_url
    if not isinstance(found, Trouble):
        return ok(f"The store answers at {url}.")
    if found.status == 404 and not _site(facts).something_else:
        if is_local(facts) and is_published(facts.settings.app_secret_key):
            return replace(
                skipped(f"The store at {url} has an APP_SECRET_KEY of its own, as `make run` gives it."),
                blocks=True,
            )
        return failure(
            f"The store at {url} does not accept this command's APP_SECRET_KEY, or is another release.",
            "Run the command with the store's settings, and restart the store after a change.",
        )
    if found.answered:
        return failure(
            f"Something else than the store answers at {url}: {found.reason}.",
            "Correct BASE_URL, or the proxy in front of the store.",
        )
    if is_local(facts) and not found.late:
        return replace(
            skipped(f"The store does not run at {url}.", "Start it, and run the doctor again."), blocks=True
        )
    return warning(
        f"The store does not answer at {url}: {found.reason}.",
        "Look at the store's log: it may hang."
        if is_local(facts)
        else "Start it, or look at DNS, at the proxy and at its certificate.",
        blocks=True,
    )


def _settings(facts: Facts) -> Finding:
    if facts.problems:
        raise Because("settings")
    names = sorted({variable(name) for report in _reports(facts) for name in report.other_settings})
    if not names:
        return ok("The running store has the same settings as this command.")
    return warning(
        f"The running store has other values of {', '.join(names)}.",
        "Restart the store, or run this command with its settings.",
    )


def variable(field: str) -> str:
    """The variable of a field of `Settings`."""
    return _VARIABLES.get(field, field.upper())


def _machines(facts: Facts) -> Finding | None:
    states = {report.state_id for report in _reports(facts) if report.state_id is not None}
    if not states:
        return None
    if len(states) == 1:
        return ok("All answers came from one shared state.")
    return failure(
        f"{len(states)} machines answer at {facts.settings.base_url}, each with a state of its own: a "
        "session that ends on one lives on at the others.",
        "Set REDIS_URL to the same Redis on all of them.",
    )


def _hops(facts: Facts) -> Finding:
    trusted = facts.settings.trusted_proxy_hops
    seen = {report.forwarded_for for report in _reports(facts)}
    if seen == {trusted}:
        return ok(f"TRUSTED_PROXY_HOPS={trusted} is what arrives.")
    most = max(seen)
    if most > trusted:
        return warning(
            f"{most} proxies add to X-Forwarded-For, and TRUSTED_PROXY_HOPS is {trusted}: all shoppers "
            "share the limits of a proxy's address.",
            f"Set TRUSTED_PROXY_HOPS={most}.",
        )
    if len(seen) > 1:
        return warning(
            f"TRUSTED_PROXY_HOPS is {trusted}, and {_listed(seen)} proxies add to X-Forwarded-For, a "
            "different number on each way to the store: on the shorter way, a client can claim any address.",
            "Let all ways have the same number of proxies.",
        )
    return warning(
        f"TRUSTED_PROXY_HOPS is {trusted}, and {most} proxies add to X-Forwarded-For: a client can claim "
        "any address.",
        f"Set TRUSTED_PROXY_HOPS={most}.",
    )


def _listed(numbers: set[int]) -> str:
    return " or ".join(map(str, sorted(numbers)))


def _host(facts: Facts) -> Finding:
    own = urlsplit(facts.settings.base_url).hostname
    other = next(
        (it.host for it in _reports(facts) if it.host and urlsplit(f"//{it.host}").hostname != own), None
    )
    if other is None:
        return ok("The Host header arrives as it was sent.")
    return warning(
        f"A proxy replaces the Host header by {other}: visits under other names cannot be seen.",
        "Let it pass the header on, in nginx with `proxy_set_header Host $host;`.",
    )


def _https(facts: Facts) -> Finding | None:
    redirected = _site(facts).https_redirect
    if redirected is None:
        return None
    if redirected:
        return ok("Plain http leads to https.")
    return warning(
        "The store's host serves plain http, too: who comes that way logs in at https, and what they saw "
        "before could have been changed on the way.",
        "Let the proxy redirect http to https.",
    )


CHECKS = (
    Check("store", "site", _store, ("BASE_URL", "APP_SECRET_KEY")),
    Check("running-settings", "site", _settings, ("BASE_URL", "APP_SECRET_KEY"), needs=("store",)),
    Check("machines", "site", _machines, ("BASE_URL", "APP_SECRET_KEY"), needs=("store",)),
    Check(
        "proxy-hops",
        "site",
        _hops,
        ("BASE_URL", "APP_SECRET_KEY", "TRUSTED_PROXY_HOPS"),
        needs=("store", "running-settings"),
    ),
    Check("proxy-host", "site", _host, ("BASE_URL", "APP_SECRET_KEY"), needs=("store",)),
    Check("https-redirect", "site", _https, ("BASE_URL", "APP_SECRET_KEY"), needs=("store",)),
)
