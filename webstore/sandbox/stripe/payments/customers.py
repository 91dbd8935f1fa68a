"""The customer who pays a Checkout Session: an existing one, which may be updated, or a new one.

Source: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-customer_update
"""

import dataclasses

from webstore.sandbox.stripe.customer import Customer
from webstore.sandbox.stripe.customer_json import to_json
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import no_such
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.tables import Entered, SessionDetails
from webstore.sandbox.stripe.recording import differences, record
from webstore.sandbox.stripe.routing import Call


def paying_customer(call: Call, session: Document, details: SessionDetails, entered: Entered) -> str | None:
    """The ID of the customer who pays, or None for a guest. Creates or updates the customer.

    Raises StripeError when the customer was deleted.
    """
    if session["customer"] is None:
        # An order without cost always creates a customer:
        # https://docs.stripe.com/payments/checkout/no-cost-orders
        free = session["amount_total"] == 0 and session["mode"] == "payment"
        creates = session["mode"] == "subscription" or session["customer_creation"] == "always" or free
        return _create(call, entered) if creates else None
    before = existing_customer(call, session["customer"])
    after = _updated(before, details, entered)
    shown = to_json(after, call.world)
    if previous := differences(to_json(before, call.world), shown):
        call.world.customers.change(after, call.now)
        record(call, "customer.updated", shown, previous)
    return before.id


def existing_customer(call: Call, id: str) -> Customer:
    """The customer with this ID. Raises StripeError when it is unknown, deleted or in the other mode."""
    customer = call.world.customers.get(id)
    if customer is None or customer.deleted:
        other = call.state.other_mode(call.world)
        there = customer is None and other.customers.get(id) is not None
        raise no_such("customer", id, param="customer", status=400, other_mode=other.mode if there else "")
    return customer


def _updated(customer: Customer, details: SessionDetails, entered: Entered) -> Customer:
    allowed = {name for name, choice in details.customer_update.items() if choice == "auto"}
    after = dataclasses.replace(customer, email=customer.email or entered.email)
    if "name" in allowed and entered.name:
        after = dataclasses.replace(after, name=entered.name)
    if "address" in allowed and entered.billing is not None:
        after = dataclasses.replace(after, address=dict(entered.billing))
    if "shipping" in allowed and entered.shipping is not None:
        after = dataclasses.replace(after, shipping={**entered.shipping, "phone": entered.phone})
    return after


def _create(call: Call, entered: Entered) -> str:
    customer = Customer(
        id=new_id("cus_", 14),
        created=int(call.now),
        invoice_prefix=new_id("", 8).upper(),
        address=None if entered.billing is None else dict(entered.billing),
        email=entered.email,
        name=entered.name,
        phone=entered.phone,
        shipping=None if entered.shipping is None else {**entered.shipping, "phone": entered.phone},
    )
    call.world.customers.add(customer, call.now)
    record(call, "customer.created", to_json(customer, call.world))
    return customer.id
