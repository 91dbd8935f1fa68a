"""New Checkout Sessions as the API returns them.

Source: https://docs.stripe.com/api/checkout/sessions/object
"""

from collections.abc import Mapping, Sequence
from typing import Any

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.routing import Call


def new_session(
    call: Call, given: Mapping[str, Any], mode: str, types: list[str], rates: Sequence[Document]
) -> Document:
    """An open session without amounts. `types` are its payment methods, `rates` its shipping rates."""
    world = call.world
    id = new_id(f"cs_{world.mode}_", 58)
    consent = given.get("consent_collection")
    texts = given.get("custom_text") or {}
    tax = (given.get("automatic_tax") or {}).get("enabled", False)
    invoiced = (given.get("invoice_creation") or {}).get("enabled", False)
    return {
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allowed_payment_method_types": None,
        "allow_promotion_codes": given.get("allow_promotion_codes"),
        "automatic_tax": {
            "enabled": tax,
            "liability": {"type": "self"} if tax else None,
            "provider": "stripe" if tax else None,
            "status": "requires_location_inputs" if tax else None,
        },
        "billing_address_collection": given.get("billing_address_collection"),
        "branding_settings": {
            "background_color": "#ffffff",
            "border_style": "rounded",
            "button_color": "#4b3fd6",
            "display_name": "Sandbox store",
            "font_family": "default",
            "icon": None,
            "logo": None,
        },
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": consent
        and {
            "payment_method_reuse_agreement": None,
            "promotions": consent.get("promotions") or "none",
            "terms_of_service": consent.get("terms_of_service") or "none",
        },
        "created": int(call.now),
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            name: texts.get(name)
            for name in ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        },
        "customer": given.get("customer"),
        "customer_account": None,
        "customer_creation": None
        if "customer" in given
        else ("always" if mode == "subscription" else given.get("customer_creation") or "if_required"),
        "customer_details": _known_details(call, given),
        "customer_email": given.get("customer_email"),
        "discounts": [],
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": None
        if mode != "payment"
        else {
            "enabled": invoiced,
            "invoice_data": {
                "account_tax_ids": None,
                "custom_fields": None,
                "description": None,
                "footer": None,
                "issuer": None,
                "metadata": {},
                "rendering_options": None,
            },
        },
        "livemode": world.livemode,
        "locale": given.get("locale"),
        "managed_payments": {"enabled": False},
        "metadata": params.merged_metadata({}, given.get("metadata") or {}),
        "mode": mode,
        "optional_items": [],
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": given.get("payment_method_collection")
        or ("always" if mode == "subscription" else "if_required"),
        "payment_method_configuration_details": None
        if given.get("payment_method_types")
        else {"id": "pmc_1Sandbox00000000000001", "parent": None},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": types,
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {
            "enabled": (given.get("phone_number_collection") or {}).get("enabled", False)
        },
        "recovered_from": None,
        "saved_payment_method_options": {
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": None,
        }
        if "customer" in given
        else None,
        "setup_intent": None,
        "shipping_address_collection": given.get("shipping_address_collection"),
        "shipping_options": [
            {"shipping_amount": rate["fixed_amount"]["amount"], "shipping_rate": rate["id"]} for rate in rates
        ],
        "status": "open",
        "submit_type": given.get("submit_type"),
        "subscription": None,
        "success_url": given["success_url"],
        "tax_id_collection": {"enabled": False, "required": "never"},
        "ui_mode": "hosted_page",
        # The real URLs also have a fragment, and work only with it.
        "url": f"{call.state.origin}/c/pay/{id}#{new_id('fid', 40)}",
        "wallet_options": None,
    }


def _known_details(call: Call, given: Mapping[str, Any]) -> Document | None:
    """The session's `customer_details` before the shopper fills in the page."""
    customer = call.world.customers.get(given["customer"]) if "customer" in given else None
    email = given.get("customer_email") if customer is None else customer.email
    if customer is None and email is None:
        return None
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none" if customer is None else customer.tax_exempt,
        "tax_ids": None,
    }
