"""The endpoint to which Stripe delivers its webhook events."""

from __future__ import annotations

import logging

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from webstore import metrics
from webstore.errors import WebhookRejected
from webstore.shop.fulfilment import Outcome
from webstore.shop.webhooks import receive

from . import services
from .marks import signed
from .problems import problem

log = logging.getLogger(__name__)
blueprint = Blueprint("webhooks", __name__)

#: An event contains a complete object. A Checkout Session with many lines is larger than any form.
MAX_BYTES = 1_000_000
#: Answers after which Stripe sends the event again, for days.
_NOT_TAKEN = {
    Outcome.REFUSED: (
        400,
        "The store cannot read this event. Its log says how to configure the endpoint.",
    ),
    Outcome.BUSY: (409, "Another delivery about the same object is not done yet."),
    Outcome.FAILED: (503, "This could not be done just now. Send it again later."),
}


@blueprint.before_app_request
def look_for_missed_events() -> None:
    """Begin to handle the events that were missed while the store was away."""
    catch_up = services().catch_up
    if catch_up is not None:
        catch_up.begin()


@blueprint.post("/webhooks/stripe")
@signed
def stripe() -> ResponseReturnValue:
    """Process an event. Answers 2xx once it is processed; after any other answer Stripe retries for days.

    Source: https://docs.stripe.com/webhooks#automatic-retries
    """
    settings, webhooks = services().settings, services().webhooks
    if not settings.stripe_webhook_secrets:
        return problem(503, "Webhooks are refused: STRIPE_WEBHOOK_SECRET is not set.")
    request.max_content_length = MAX_BYTES
    body, signature = request.get_data(cache=False), request.headers.get("Stripe-Signature", "")
    try:
        outcome = receive(webhooks, body, signature)
    except WebhookRejected as exc:
        log.warning("webhook refused: %s", exc)
        metrics.count_webhook("unknown", "rejected")
        return problem(400, f"This is not an event of Stripe: {exc}.")
    if outcome in _NOT_TAKEN:
        return problem(*_NOT_TAKEN[outcome])
    return {"outcome": outcome}
