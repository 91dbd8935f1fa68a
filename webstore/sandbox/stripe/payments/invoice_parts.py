"""Parts of an invoice that do not depend on its amounts."""

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id

# The fields that are the same on every new invoice.
NO_COUNTS: Document = {
    "account_country": "DE",
    "account_name": "Sandbox store",
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_paid_off_stripe": 0,
    "application": None,
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": True,
    "automatically_finalizes_at": None,
    "collection_method": "charge_automatically",
    "custom_fields": None,
    "customer_account": None,
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "due_date": None,
    "footer": None,
    "from_invoice": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "metadata": {},
    "next_payment_attempt": None,
    "on_behalf_of": None,
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_details": None,
    "statement_descriptor": None,
    "test_clock": None,
    "total_pretax_credit_amounts": [],
}


def line_parent(
    item: Document | None,
    subscription: Document | None,
    *,
    proration: bool,
    credited: tuple[str, list[str]] | None,
) -> Document:
    """A line's `parent`: a subscription's item, or an invoice item."""
    details = {
        "proration": proration,
        "proration_details": {
            "credited_items": None
            if credited is None
            else {"invoice": credited[0], "invoice_line_items": credited[1]}
        },
        "subscription": subscription and subscription["id"],
    }
    if subscription is not None and item is not None:
        return {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": new_id("ii_", 24) if proration else None,
                **details,
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        }
    return {
        "invoice_item_details": {"invoice_item": new_id("ii_", 24), **details},
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }
