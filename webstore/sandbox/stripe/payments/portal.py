"""Configurations of the customer portal, and which one a session gets.

Source: https://docs.stripe.com/customer-management/integrate-customer-portal
"""

from collections.abc import Mapping
from typing import Any

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError, no_such
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.routing import Call

DEFAULT_ID = "bpc_1Sandbox00000000000001"
_SAVED: Mapping[str, Any] = {
    "features": {
        "customer_update": {"allowed_updates": ["email", "address", "tax_id"], "enabled": True},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": True},
    }
}


# Any: checked parameters.
def add_configuration(call: Call, given: Mapping[str, Any], *, id: str | None = None) -> Document:
    """Create a configuration. With `id` it is the account's default one."""
    features, profile = given["features"], given.get("business_profile") or {}
    cancel = features.get("subscription_cancel") or {}
    change = features.get("subscription_update") or {}
    reason = cancel.get("cancellation_reason") or {}
    configuration: Document = {
        "id": id or new_id("bpc_1", 23),
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {
            name: profile.get(name) for name in ("headline", "privacy_policy_url", "terms_of_service_url")
        },
        "created": int(call.now),
        "default_return_url": given.get("default_return_url"),
        "features": {
            "customer_update": {
                "allowed_updates": [],
                "enabled": False,
                **(features.get("customer_update") or {}),
            },
            "invoice_history": {"enabled": False, **(features.get("invoice_history") or {})},
            "payment_method_update": {
                "enabled": False,
                "payment_method_configuration": None,
                **(features.get("payment_method_update") or {}),
            },
            "subscription_cancel": {
                "cancellation_reason": {
                    "enabled": reason.get("enabled", False),
                    "feedback_options": None,
                    "options": reason.get("options") or [],
                },
                "enabled": cancel.get("enabled", False),
                "mode": cancel.get("mode") or "at_period_end",
                "proration_behavior": cancel.get("proration_behavior") or "none",
            },
            "subscription_pause": {
                "duration": {
                    "interval_options": [{"interval": "month", "interval_count": 1}],
                    "type": "interval_options",
                },
                "enabled": (features.get("subscription_pause") or {}).get("enabled", False),
            },
            "subscription_update": {
                "billing_cycle_anchor": None,
                "default_allowed_updates": change.get("default_allowed_updates") or [],
                "enabled": change.get("enabled", False),
                "products": change.get("products") or [],
                "proration_behavior": change.get("proration_behavior") or "none",
                "schedule_at_period_end": {"conditions": []},
                "trial_update_behavior": "end_trial",
            },
        },
        "is_default": id is not None,
        "livemode": call.world.livemode,
        "login_page": {"enabled": False, "url": None},
        "metadata": params.merged_metadata({}, given.get("metadata") or {}),
        "name": given.get("name"),
        "updated": int(call.now),
    }
    call.world.payments.portal_configurations.add(configuration)
    return configuration


def saved_default(call: Call) -> Document | None:
    """The account's default configuration, if somebody has saved the portal's settings in the dashboard."""
    known = call.world.payments.portal_configurations.get(DEFAULT_ID)
    if known is None and call.state.settings.portal_settings == "saved":
        return add_configuration(call, _SAVED, id=DEFAULT_ID)
    return known


def chosen(call: Call, id: str | None) -> Document:
    """The configuration of a new portal session: the given one, or the account's default.

    Raises StripeError when there is none, or when it is not active.
    """
    default = saved_default(call)
    if id is None:
        if default is None:
            mode = call.world.mode
            path = "" if call.world.livemode else "test/"
            raise StripeError(
                400,
                f"No configuration provided and your {mode} mode default configuration has not been created."
                " Provide a configuration or create your default by saving your customer portal settings in"
                f" {mode} mode at https://dashboard.stripe.com/{path}settings/billing/portal.",
            )
        return default
    table = call.world.payments.portal_configurations
    configuration = table.get(id)
    if configuration is None:
        other = call.state.other_mode(call.world)
        there = other.payments.portal_configurations.get(id) is not None
        raise no_such(
            "configuration", id, param="configuration", status=400, other_mode=other.mode if there else ""
        )
    if not configuration["active"]:
        raise StripeError(
            400, f"The portal configuration {id} is not active. Provide an active one.", param="configuration"
        )
    return configuration
