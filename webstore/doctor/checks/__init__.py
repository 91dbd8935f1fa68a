"""All checks, in the order in which they are shown."""

from __future__ import annotations

from webstore.doctor.check import Check

from . import clock, login, management, settings, site, state, stripe, webhooks

CHECKS: tuple[Check, ...] = (
    *settings.CHECKS,
    *clock.CHECKS,
    *login.CHECKS,
    *management.CHECKS,
    *stripe.CHECKS,
    *webhooks.CHECKS,
    *state.CHECKS,
    *site.CHECKS,
)
