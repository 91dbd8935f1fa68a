"""Verifies Stripe's webhook events and reads the few fields that the store uses."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard

import stripe

from webstore.errors import WebhookRejected
from webstore.shop.models import StripeEvent

#: Seconds by which the time of a delivery's signature may differ from the store's clock.
TOLERANCE_S = 300
#: IDs of Stripe's objects. Other characters are refused, because IDs become parts of URLs, keys and logs.
_ID = re.compile(r"[A-Za-z0-9_.-]{1,255}")
#: Types of events, unknown ones included.
_TYPE = re.compile(r"[!-~]{1,200}")


def read_event(
    body: bytes, signature: str, secrets: Sequence[str], now: Callable[[], float] = time.time
) -> StripeEvent:
    """Verify that one of the endpoint's `secrets` signed the delivery, and return its event.

    `body`: the unchanged bytes of the request. `signature`: the header Stripe-Signature. Raises
    `WebhookRejected`. Source: https://docs.stripe.com/webhooks/signature
    """
    if not any(_is_signed(body, signature, secret) for secret in secrets):
        raise WebhookRejected("the signature is missing, wrong or too old")
    if _signed_at(signature) > now() + TOLERANCE_S:
        raise WebhookRejected("the signature is from the future")
    return _event(body)


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


def _event(body: bytes) -> StripeEvent:
    """Read the event in a verified body. Raises `WebhookRejected`.

    Source: https://docs.stripe.com/api/events/object
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise WebhookRejected(f"the body is not JSON ({type(exc).__name__})") from exc
    event = _members(found)
    event_id, kind, livemode = event.get("id"), event.get("type"), event.get("livemode")
    if not _is_id(event_id) or not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise WebhookRejected("the body is not an event")
    if not isinstance(livemode, bool):
        raise WebhookRejected("the event does not say its mode")
    about = _members(_members(event.get("data")).get("object"))
    object_id, object_type = about.get("id"), about.get("object")
    customer = object_id if object_type == "customer" else about.get("customer")
    return StripeEvent(
        id=event_id,
        type=kind,
        livemode=livemode,
        object_id=object_id if _is_id(object_id) else None,
        customer_id=customer if _is_id(customer) else None,
    )


def _members(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
