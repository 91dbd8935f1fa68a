"""The settings of Stripe Tax. Source: https://docs.stripe.com/api/tax/settings"""

from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.routing import Call, Route, expandable


def retrieve(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/tax/settings/retrieve; the sandbox's setting `tax_settings` decides."""
    pending = call.state.settings.tax_settings == "pending"
    return {
        "object": "tax.settings",
        "defaults": {"provider": "stripe", "tax_behavior": None, "tax_code": None},
        "head_office": None
        if pending
        else {
            "address": {
                "city": "Berlin",
                "country": "DE",
                "line1": "Unter den Linden 1",
                "line2": None,
                "postal_code": "10117",
                "state": None,
            }
        },
        "livemode": call.world.livemode,
        "status": "pending" if pending else "active",
        "status_details": {"pending": {"missing_fields": ["head_office"]}} if pending else {"active": {}},
    }


def check_head_office(call: Call) -> None:
    """Raise StripeError when automatic tax cannot be computed: https://docs.stripe.com/tax/checkout"""
    if call.state.settings.tax_settings == "pending":
        mode = call.world.mode
        path = "" if call.world.livemode else "test/"
        raise StripeError(
            400,
            f"You must have a valid head office address to enable automatic tax calculation in {mode} mode."
            f" Visit https://dashboard.stripe.com/{path}settings/tax to update it.",
            param="automatic_tax[enabled]",
        )


ROUTES = (Route("GET", "/v1/tax/settings", retrieve, "tax_settings_read", {"expand": expandable()}),)
