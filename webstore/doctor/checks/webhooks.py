"""Checks of the webhook endpoint: its address, secret, events and version."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from webstore.addresses import is_loopback
from webstore.doctor import pages
from webstore.doctor.check import Because, Check
from webstore.doctor.facts import Endpoint, Facts, StripeFacts, Trouble
from webstore.doctor.models import Finding, failure, ok, skipped, warning

from .settings import is_local
from .stripe import unanswered

#: The signing secret of `stripe listen`; those of endpoints have 32 letters and digits of any case.
_CLI_SECRET = re.compile(r"whsec_[0-9a-f]{64}")
_EVERY_EVENT = "*"
_PATH = "/webhooks/stripe"


def _stripe(facts: Facts) -> StripeFacts:
    assert facts.stripe is not None  # noqa: S101  # the group is examined only then
    return facts.stripe


def _page(facts: Facts) -> str:
    return pages.stripe(facts.settings, "workbench/webhooks")


def _url(facts: Facts) -> str:
    return f"{facts.settings.base_url}{_PATH}"


def _listed(facts: Facts) -> tuple[Endpoint, ...]:
    """Every endpoint of the account, in the mode of the key. Raises `Because`."""
    found = _stripe(facts)
    if not isinstance(found.endpoints, tuple):
        raise Because("webhook-endpoint")
    # A destination of API v2 tells more than the same endpoint of API v1.
    better = found.destinations if isinstance(found.destinations, tuple) else ()
    urls = {it.url for it in better}
    return (*better, *(it for it in found.endpoints if it.url not in urls))


def _own(facts: Facts) -> list[Endpoint]:
    """The endpoints that deliver to this store. Raises `Because`."""
    url = _url(facts)
    return [it for it in _listed(facts) if it.url.rstrip("/") == url and it.enabled and not it.connected]


def _out_of_reach(facts: Facts) -> bool:
    """Whether Stripe cannot reach the store: it is on this machine, and Stripe is not."""
    return is_local(facts) and not is_loopback(urlsplit(facts.settings.stripe_api_base).hostname)


def _endpoint(facts: Facts) -> Finding | None:
    endpoints, secrets = _stripe(facts).endpoints, facts.settings.stripe_webhook_secrets
    url = _url(facts)
    if _out_of_reach(facts):
        if secrets:
            return ok(f"Stripe cannot reach this machine: run `stripe listen --forward-to {url}`.")
        return ok("Webhooks are off, and Stripe cannot reach this machine.")
    if endpoints is None:
        return None
    if isinstance(endpoints, Trouble):
        if endpoints.forbidden:
            return skipped(
                "It cannot be checked: the restricted key may not read webhook endpoints.",
                "Give it that permission, or look at the page.",
                _page(facts),
            )
        return unanswered(facts, endpoints)
    here = [it for it in _listed(facts) if it.url.rstrip("/") == url]
    if any(it.enabled and not it.connected for it in here):
        return ok(f"Stripe delivers to {url}.")
    if any(it.connected for it in here):
        return failure(
            f"The webhook endpoint {here[0].id} receives the events of connected accounts, not the account's "
            "own: the store drops them.",
            "Add an endpoint for events of your own account, and remove this one.",
            _page(facts),
        )
    if here:
        return failure(
            f"The webhook endpoint {here[0].id} is disabled: Stripe delivers nothing.",
            "Find out why its deliveries failed, then enable it; "
            "`flask --app wsgi events replay --since 2d` handles what was missed.",
            _page(facts),
        )
    if not secrets:
        return warning(
            "Webhooks are off: no endpoint is registered, and STRIPE_WEBHOOK_SECRET is not set. Hooks are "
            "not called, and changed products show late.",
            f"Add an endpoint for {url}, and set STRIPE_WEBHOOK_SECRET to its signing secret.",
            _page(facts),
        )
    if isinstance(_stripe(facts).destinations, Trouble):
        return warning(
            f"No webhook endpoint is registered for {url}, as far as the key may see: event destinations "
            "cannot be read.",
            "Look at the page, or give the restricted key the permission to read event destinations.",
            _page(facts),
        )
    return failure(
        f"No webhook endpoint is registered for {url}{_elsewhere(facts)}.",
        f"Add an endpoint for {url}, and set STRIPE_WEBHOOK_SECRET to its signing secret.",
        _page(facts),
    )


def _elsewhere(facts: Facts) -> str:
    """An endpoint at the store's host with another path, or with the path at another host."""
    host = urlsplit(_url(facts)).netloc
    near = next(
        (it.url for it in _listed(facts) if urlsplit(it.url).netloc == host or it.url.endswith(_PATH)), None
    )
    return f"; there is one for {near}" if near else ""


def _secret(facts: Facts) -> Finding | None:
    secrets, own = facts.settings.stripe_webhook_secrets, _own(facts)
    if not own:
        return None
    if not secrets:
        return failure(
            "STRIPE_WEBHOOK_SECRET is not set, and an endpoint is registered: every delivery is refused.",
            "Set it to the endpoint's signing secret (whsec_...).",
            _page(facts),
        )
    if all(_CLI_SECRET.fullmatch(secret) for secret in secrets):
        return failure(
            "STRIPE_WEBHOOK_SECRET is the one of `stripe listen`, not the endpoint's: every delivery is "
            "refused.",
            "Set it to the endpoint's signing secret: open the endpoint and press Reveal.",
            _page(facts),
        )
    if len(secrets) < len(own):
        return failure(
            f"{len(own)} endpoints deliver to {_url(facts)} ({', '.join(it.id for it in own)}), each with a "
            f"secret of its own, and STRIPE_WEBHOOK_SECRET has {len(secrets)}: the deliveries of the others "
            "are refused.",
            "Keep one endpoint, or give STRIPE_WEBHOOK_SECRET all secrets, separated by commas.",
            _page(facts),
        )
    return ok("STRIPE_WEBHOOK_SECRET has the form of an endpoint's secret.")


def _payload(facts: Facts) -> Finding | None:
    own = _own(facts)
    if not own:
        return None
    if all(it.thin for it in own):
        return warning(
            "The endpoint sends thin events. The store reads them, but they do not say which customer a "
            "refund is about, so a change of the link shows late.",
            "Add an endpoint with the payload style Snapshot, and remove the thin one.",
            _page(facts),
        )
    return ok("The endpoint sends snapshot events.")


def _events(facts: Facts) -> Finding | None:
    own = _own(facts)
    if not own:
        return None
    chosen = {event.removeprefix("v1.") if it.thin else event for it in own for event in it.events}
    missing = sorted(facts.expected.events - chosen)
    if not missing or _EVERY_EVENT in chosen:
        return ok("The endpoint has every type that the store handles.")
    return warning(
        f"The endpoint does not receive {', '.join(missing)}.",
        "Add these types to it; docs/webhooks.md says what each is for.",
        _page(facts),
    )


def _version(facts: Facts) -> Finding | None:
    snapshots = [it for it in _own(facts) if not it.thin]
    if not snapshots:
        return None
    expected, default = facts.expected.api_version, _stripe(facts).default_version
    found = {it.api_version or default or expected for it in snapshots}
    if expected in found:
        return ok(f"The endpoint sends events of version {expected}.")
    whose = "of the account's default version" if snapshots[0].api_version is None else "of version"
    return warning(
        f"The endpoint sends events {whose} {', '.join(sorted(found))}; the store speaks {expected}.",
        f"Add an endpoint with the API version {expected}, and remove the old one.",
        _page(facts),
    )


def _deliveries(facts: Facts) -> Finding | None:
    found = _stripe(facts).undelivered
    if found is None or not _own(facts):
        return None
    if isinstance(found, Trouble):
        return unanswered(facts, found)
    # Other programs of the account have endpoints of their own.
    lost = [kind for kind in found.types if kind in facts.expected.events]
    if not lost:
        return ok("Stripe delivered all events of the last day.")
    return warning(
        f"Stripe could not deliver {len(lost)} events of the last day, such as {lost[0]}.",
        "Open the endpoint and look at the answers. 400: STRIPE_WEBHOOK_SECRET is not this endpoint's. No "
        "answer: Stripe cannot reach the store. 503: see the store's log.",
        _page(facts),
    )


_SETTINGS = ("STRIPE_SECRET_KEY", "STRIPE_API_BASE", "STRIPE_ACCOUNT", "BASE_URL")
_KEY = ("stripe-key", "worlds")
_HERE = (*_KEY, "webhook-endpoint")

CHECKS = (
    Check("webhook-endpoint", "webhooks", _endpoint, _SETTINGS, needs=_KEY, mended_by="stripe"),
    Check("webhook-secret", "webhooks", _secret, (*_SETTINGS, "STRIPE_WEBHOOK_SECRET"), needs=_HERE),
    Check("webhook-payload", "webhooks", _payload, _SETTINGS, needs=_HERE),
    Check("webhook-events", "webhooks", _events, _SETTINGS, needs=_HERE, mended_by="stripe"),
    Check("webhook-version", "webhooks", _version, _SETTINGS, needs=_HERE),
    Check("webhook-deliveries", "webhooks", _deliveries, _SETTINGS, needs=(*_HERE, "webhook-secret")),
)
