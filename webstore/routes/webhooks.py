"""The endpoint to which Stripe delivers its webhook events."""

from __future__ import annotations

import logging

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from webstore.errors import WebhookRejected
from webstore.shop import fulfilment
from webstore.shop.fulfilment import Outcome

from . import services
from .marks import signed
from .problems import problem

log = logging.getLogger(__name__)
blueprint = Blueprint("webhooks", __name__)

#: An event contains a complete object. A Checkout Session with many lines is larger than any form.
MAX_BYTES = 1_000_000


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
    try:
        event = webhooks.read(request.get_data(cache=False), request.headers.get("Stripe-Signature", ""))
    except WebhookRejected as exc:
        log.warning("webhook refused: %s", exc)
        return problem(400, f"This is not an event of Stripe: {exc}.")
    outcome = fulfilment.handle(webhooks, event)
    if outcome is Outcome.BUSY:
        return problem(409, "Another delivery about the same object is not done yet.")
    if outcome is Outcome.FAILED:
        return problem(503, "This could not be done just now. Send it again later.")
    return {"outcome": outcome}
