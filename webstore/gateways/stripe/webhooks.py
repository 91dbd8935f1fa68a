"""Verifies Stripe's webhook events and reads the few fields that the store uses."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeGuard

import stripe

from webstore.errors import WebhookRejected
from webstore.shop.models import StripeEvent

from .client import moment

#: Seconds by which the time of a delivery's signature may differ from the store's clock.
TOLERANCE_S = 300
#: IDs of Stripe's objects. Other characters are refused, because IDs become parts of URLs, keys and logs.
_ID = re.compile(r"[A-Za-z0-9_.-]{1,255}")
#: Types of events, unknown ones included.
_TYPE = re.compile(r"[!-~]{1,200}")


def verify(body: bytes, signature: str, secrets: Sequence[str], now: Callable[[], float] = time.time) -> None:
    """Verify that one of the endpoint's `secrets` signed the delivery.

    `body`: the unchanged bytes of the request. `signature`: the header Stripe-Signature. Raises
    `WebhookRejected`. Source: https://docs.stripe.com/webhooks/signature
    """
    if not any(_is_signed(body, signature, secret) for secret in secrets):
        raise WebhookRejected("the signature is missing, wrong or too old")
    if _signed_at(signature) > now() + TOLERANCE_S:
        raise WebhookRejected("the signature is from the future")


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE_S))
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        # The SDK fails with these errors if the body is not UTF-8 or the signature is not ASCII.
        return False


def _signed_at(signature: str) -> int:
    """The signed Unix time. The SDK refuses old signatures only, not signatures from the future."""
    items = (item.partition("=") for item in signature.split(","))
    try:
        return int(next(value for name, _, value in items if name == "t"))
    except (StopIteration, ValueError):
        raise WebhookRejected("the signature has no time") from None


def read_event(body: bytes) -> StripeEvent:
    """Read the event in a verified body, in the snapshot or in the thin form. Raises `WebhookRejected`.

    Sources: https://docs.stripe.com/api/events/object and
    https://docs.stripe.com/event-destinations#thin-events
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise WebhookRejected(f"the body is not JSON ({type(exc).__name__})") from exc
    return event_of(found)


def event_of(found: object) -> StripeEvent:
    """Read an event. Raises `WebhookRejected` if its form is unknown."""
    event = _members(found)
    form = event.get("object", "event")
    if form not in ("event", "v2.core.event"):
        raise WebhookRejected("the body is not an event")
    event_id, kind, livemode = event.get("id"), event.get("type"), event.get("livemode")
    if not _is_id(event_id) or not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise WebhookRejected("the body is not an event")
    if not isinstance(livemode, bool):
        raise WebhookRejected("the event does not say its mode")
    thin = form == "v2.core.event"
    about = _members(event.get("related_object") if thin else _members(event.get("data")).get("object"))
    object_id, object_type = about.get("id"), about.get("type" if thin else "object")
    customer = object_id if object_type == "customer" else about.get("customer")
    account = event.get("account") or event.get("context")
    return StripeEvent(
        id=event_id,
        # The thin form of a type of API v1: https://docs.stripe.com/webhooks/migrate-snapshot-to-thin-events
        type=kind.removeprefix("v1.") if thin else kind,
        livemode=livemode,
        object_id=object_id if _is_id(object_id) else None,
        customer_id=customer if _is_id(customer) else None,
        created=_created(event.get("created")),
        account=_last_account(account) if isinstance(account, str) and account else None,
        thin=thin,
    )


def _created(value: object) -> float:
    """When the event was made: Unix seconds, or in the thin form a text. 0, long ago, if it does not say."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
            value = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            return 0.0
    try:
        return moment(value)
    except TypeError:
        return 0.0


def _last_account(context: str) -> str:
    """The account in a context, which may name an organization or a platform before it.

    Source: https://docs.stripe.com/context
    """
    account = context.rpartition("/")[2]
    return account if _is_id(account) else "?"


def _members(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
