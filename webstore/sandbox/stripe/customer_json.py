"""Customers as the API returns them."""

from webstore.sandbox.stripe.customer import Customer
from webstore.sandbox.stripe.state import World

INVOICE_SETTINGS = ("custom_fields", "default_payment_method", "footer", "rendering_options")


def to_json(customer: Customer, world: World) -> dict[str, object]:
    """A customer as the API returns it, without expandable fields.

    Source: https://docs.stripe.com/api/customers/object
    """
    shown: dict[str, object] = {
        "id": customer.id,
        "object": "customer",
        "address": customer.address,
        "balance": customer.balance,
        "created": customer.created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": customer.description,
        "discount": None,
        "email": customer.email,
        "invoice_prefix": customer.invoice_prefix,
        "invoice_settings": {name: customer.invoice_settings.get(name) for name in INVOICE_SETTINGS},
        "livemode": world.livemode,
        "metadata": customer.metadata,
        "name": customer.name,
        "next_invoice_sequence": customer.next_invoice_sequence,
        "phone": customer.phone,
        "preferred_locales": customer.preferred_locales,
        "shipping": customer.shipping,
        "tax_exempt": customer.tax_exempt,
        "test_clock": None,
    }
    # Left out when they are not set.
    names = {"business_name": customer.business_name, "individual_name": customer.individual_name}
    return {**shown, **{name: value for name, value in names.items() if value is not None}}
