"""The parameters of a new Checkout Session.

Source: https://docs.stripe.com/api/checkout/sessions/create
"""

import re
from typing import cast

from webstore.sandbox.stripe import catalogue, params
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.expanding import expands
from webstore.sandbox.stripe.forms import Value
from webstore.sandbox.stripe.resources.shipping_rates import RATE

LOCALES = tuple(
    """
    auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms mt nb nl pl pt
    pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW
    """.split()  # noqa: SIM905 (a list would take forty lines)
)
_MOST_QUANTITY = 999_999
_AUTO = params.one_of("auto", "never")
# The countries that Checkout does not support for shipping.
_NO_SHIPPING = {"AS", "CX", "CC", "CU", "HM", "IR", "KP", "MH", "FM", "NF", "MP", "PW", "SY", "UM", "VI"}


def _country(value: Value, name: str) -> str:
    code = params.exact_text(value, name)
    if not re.fullmatch("[A-Z]{2}", code) or code in _NO_SHIPPING:
        raise StripeError(400, f"Invalid {name}: {code} is not a country that Checkout supports", param=name)
    return code


def _enabled(**more: params.Check) -> params.Check:
    return params.fields({"enabled": params.boolean, **more}, required=("enabled",))


def _message() -> params.Check:
    return params.fields({"message": params.given_text(1200)}, required=("message",))


def _countries(value: Value, name: str) -> list[str]:
    codes = cast(list[str], params.list_of(_country, limit=250)(value, name))
    if not codes:
        raise params.cannot_be_unset(name)
    return codes


_ADDRESS = params.fields(
    {name: params.text() for name in ("city", "country", "line1", "line2", "postal_code", "state")},
    required=("line1",),
)

_LINE = params.fields(
    {
        "adjustable_quantity": _enabled(
            maximum=params.integer(1, _MOST_QUANTITY), minimum=params.integer(0, _MOST_QUANTITY)
        ),
        "dynamic_tax_rates": params.not_in_sandbox,
        "metadata": params.metadata,
        "price": params.given_text(),
        "price_data": params.fields(
            {
                **{
                    name: catalogue.PRICE_DATA[name]
                    for name in (
                        "currency",
                        "recurring",
                        "tax_behavior",
                        "unit_amount",
                        "unit_amount_decimal",
                    )
                },
                "product": params.given_text(),
                "product_data": params.fields(
                    {
                        **{
                            name: catalogue.PRODUCT_DATA[name]
                            for name in ("metadata", "name", "tax_code", "tax_details", "unit_label")
                        },
                        "description": params.text(40_000),
                        "images": params.list_of(params.web_address, limit=8),
                    },
                    required=("name",),
                ),
            },
            required=("currency",),
        ),
        "quantity": params.integer(1, _MOST_QUANTITY),
        "tax_rates": params.not_in_sandbox,
    }
)

# Parameters that Stripe supports and the sandbox does not.
_NOT_HERE = params.absent(
    "adaptive_pricing after_expiration allowed_payment_method_types branding_settings custom_fields"
    " customer_account discounts excluded_payment_method_types integration_identifier managed_payments"
    " name_collection optional_items origin_context payment_method_configuration payment_method_data"
    " payment_method_options permissions redirect_on_completion return_url saved_payment_method_options"
    " tax_id_collection wallet_options"
)

CREATE: params.Schema = {
    **_NOT_HERE,
    "allow_promotion_codes": params.boolean,
    "automatic_tax": _enabled(liability=params.not_in_sandbox),
    "billing_address_collection": params.one_of("auto", "required"),
    "cancel_url": params.given_text(),
    "client_reference_id": params.text(200),
    "consent_collection": params.fields(
        {
            "payment_method_reuse_agreement": params.not_in_sandbox,
            "promotions": params.one_of("auto", "none"),
            "terms_of_service": params.one_of("none", "required"),
        }
    ),
    "currency": catalogue.CURRENCY,
    "custom_text": params.fields(
        {
            name: _message()
            for name in ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        }
    ),
    "customer": params.given_text(),
    "customer_creation": params.one_of("always", "if_required"),
    "customer_email": params.email,
    "customer_update": params.fields({"address": _AUTO, "name": _AUTO, "shipping": _AUTO}),
    "expand": expands("checkout.session"),
    "expires_at": params.integer(0),
    "invoice_creation": _enabled(invoice_data=params.not_in_sandbox),
    "line_items": params.list_of(_LINE),
    "locale": params.one_of(*LOCALES),
    "metadata": params.metadata,
    "mode": params.one_of("payment", "setup", "subscription"),
    "payment_intent_data": params.fields(
        {
            **params.absent(
                "application_fee_amount capture_method on_behalf_of transfer_data transfer_group"
            ),
            "description": params.text(1000),
            "metadata": params.metadata,
            "receipt_email": params.email,
            "setup_future_usage": params.one_of("off_session", "on_session"),
            "shipping": params.fields(
                {
                    "address": _ADDRESS,
                    "carrier": params.text(),
                    "name": params.given_text(),
                    "phone": params.text(20),
                    "tracking_number": params.text(),
                },
                required=("address", "name"),
            ),
            "statement_descriptor": params.text(22),
            "statement_descriptor_suffix": params.text(22),
        }
    ),
    "payment_method_collection": params.one_of("always", "if_required"),
    "payment_method_types": params.list_of(params.exact_text),
    "phone_number_collection": _enabled(),
    "setup_intent_data": params.fields(
        {
            "description": params.text(1000),
            "metadata": params.metadata,
            "on_behalf_of": params.not_in_sandbox,
        }
    ),
    "shipping_address_collection": params.fields(
        {"allowed_countries": _countries}, required=("allowed_countries",)
    ),
    "shipping_options": params.list_of(
        params.fields({"shipping_rate": params.given_text(), "shipping_rate_data": RATE}), limit=5
    ),
    "submit_type": params.one_of("auto", "book", "donate", "pay", "subscribe"),
    "subscription_data": params.fields(
        {
            **params.absent(
                "application_fee_percent billing_cycle_anchor billing_cycle_anchor_config billing_mode"
                " default_tax_rates invoice_settings on_behalf_of pending_invoice_item_interval"
                " proration_behavior transfer_data trial_settings"
            ),
            "description": params.text(500),
            "metadata": params.metadata,
            "trial_end": params.integer(0),
            "trial_period_days": params.integer(1, 730),
        }
    ),
    "success_url": params.given_text(),
    "ui_mode": params.one_of("elements", "embedded_page", "form", "hosted_page"),
}
