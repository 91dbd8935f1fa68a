"""The plan of `flask setup stripe`: the missing objects of an account, and hints for a person."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from .catalogue import catalogue_steps
from .models import (
    Action,
    ChangeEndpoint,
    CreateEndpoint,
    CreatePortal,
    Difference,
    Endpoint,
    Found,
    KeepPortal,
    Plan,
    Step,
    Wanted,
    new,
)

SECRET, PORTAL = "STRIPE_WEBHOOK_SECRET", "STRIPE_PORTAL_CONFIGURATION"  # names


def plan(wanted: Wanted, found: Found) -> Plan:
    """The steps from the objects found to those wanted. None is about other endpoints and configurations."""
    own = _own_endpoint(wanted, found)
    steps = (_endpoint_step(wanted, own), _portal_step(wanted, found), *catalogue_steps(wanted, found))
    hints = (*_webhook_hints(wanted, found, own), *_other_hints(wanted, found))
    return Plan(tuple(step for step in steps if step is not None), hints)


def listen_command(webhook_url: str, events: tuple[str, ...]) -> str:
    """The command of Stripe's CLI that forwards the events to a store on this machine.

    Source: https://docs.stripe.com/cli/listen
    """
    parts = urlsplit(webhook_url)
    target = f"{parts.netloc}{parts.path}" if parts.scheme == "http" else webhook_url
    return f"stripe listen --forward-to {target} --events {','.join(events)}"


def endpoint_page(dashboard: str, endpoint_id: str) -> str:
    """The endpoint's page in the dashboard, which shows its signing secret."""
    return f"{dashboard}/workbench/webhooks/{endpoint_id}"


def _own_endpoint(wanted: Wanted, found: Found) -> Endpoint | None:
    """The endpoint at the store's address. Of several, an enabled one, then the oldest."""
    foreign = {it.id for it in found.destinations or () if not it.own_events}
    own = [it for it in found.endpoints if it.url == wanted.webhook_url and it.id not in foreign]
    return min(own, key=lambda it: (not it.enabled, it.created, it.id), default=None)


def _endpoint_step(wanted: Wanted, own: Endpoint | None) -> Step | None:
    what = f"webhook endpoint {wanted.webhook_url}"
    if own is not None:
        differences = tuple(_endpoint_differences(wanted, own))
        if not differences:
            return Step(Action.LEAVE, what, own.id)
        change = ChangeEndpoint(own.id, wanted.events)
        return Step(Action.CHANGE, what, own.id, differences, command=change)
    if not wanted.reachable:
        return None
    note = (
        f"{SECRET} is set and stays; the new endpoint has another one"
        if wanted.has_secret
        else f"its signing secret goes to .env as {SECRET}"
    )
    differences = (
        new("enabled_events", *wanted.events),
        new("api_version", wanted.api_version),
        new("event_payload", "snapshot"),
    )
    command = CreateEndpoint(wanted.webhook_url, wanted.events, keep_secret=not wanted.has_secret)
    return Step(Action.CREATE, what, None, differences, note, command)


def _endpoint_differences(wanted: Wanted, own: Endpoint) -> Iterator[Difference]:
    if set(own.events) != set(wanted.events):
        yield Difference("enabled_events", own.events, wanted.events)
    if not own.enabled:
        yield Difference("status", ("disabled",), ("enabled",))


def _portal_step(wanted: Wanted, found: Found) -> Step:
    what = "customer portal configuration"
    if found.chosen_portal_active is not None:
        return Step(Action.LEAVE, what, wanted.portal_configuration)
    if found.own_portal is not None:
        return Step(
            Action.CHANGE,
            "setting in .env",
            None,
            (new(PORTAL, found.own_portal),),
            "the store's configuration of the customer portal exists",
            KeepPortal(found.own_portal),
        )
    return Step(Action.CREATE, what, note=f"its ID goes to .env as {PORTAL}", command=CreatePortal())


def _webhook_hints(wanted: Wanted, found: Found, own: Endpoint | None) -> Iterator[str]:
    page = f"{wanted.dashboard}/workbench/webhooks"
    if own is None and not wanted.reachable:
        yield (
            f"Stripe cannot reach {wanted.base_url}, so it gets no webhook endpoint. Let Stripe's CLI "
            f"forward the events, and set {SECRET} to the secret that it prints:\n"
            f"{listen_command(wanted.webhook_url, wanted.events)}"
        )
    if own is not None and not wanted.has_secret:
        yield (
            f"{SECRET} is not set, and Stripe's API shows an endpoint's secret only once. Copy it from the "
            f"dashboard ({endpoint_page(wanted.dashboard, own.id)} > Signing secret), or roll it there."
        )
    if own is not None and own.api_version not in (None, wanted.api_version):
        yield (
            f"{own.id} sends events of the API version {own.api_version}, and the store uses "
            f"{wanted.api_version}. The store reads each object again, so this does no harm. An endpoint's "
            f"version cannot be changed: for another one, delete this one ({page}) and run the command again."
        )
    others = [(it.id, "") for it in found.endpoints if own and it.enabled and it.url == own.url and it != own]
    others += [
        (it.id, "thin ") for it in found.destinations or () if it.thin and it.url == wanted.webhook_url
    ]
    for other_id, kind in others:
        yield (
            f"{other_id} sends {kind}events to the same address. The store handles each event once; to save "
            f"the second delivery, delete one of the two: {page}"
        )


def _other_hints(wanted: Wanted, found: Found) -> Iterator[str]:
    settings = f"{wanted.dashboard}/settings"
    if found.chosen_portal_active is False:
        yield (
            f"{PORTAL} is {wanted.portal_configuration}, which is not an active configuration of this "
            "account and mode. Remove the setting and run the command again, or correct it."
        )
    if wanted.automatic_tax and found.tax_pending:
        yield (
            "CHECKOUT_AUTOMATIC_TAX is 1, but Stripe Tax is not set up: Checkout refuses every purchase. "
            f"Enter the head office's address and the registrations: {settings}/tax"
        )
    if wanted.automatic_tax and found.tax_pending is None:
        yield (
            f"CHECKOUT_AUTOMATIC_TAX is 1, and the key may not read whether Stripe Tax is set up: "
            f"{settings}/tax"
        )
    if wanted.terms:
        yield (
            "CHECKOUT_TERMS is 1: Checkout needs the address of the terms of service, which Stripe's API "
            f"does not show. Check that {wanted.base_url}/terms is entered: {settings}/public"
        )
