"""The customer of a Checkout Session: updated as it allows, or created.

Source: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-customer_update
"""

import dataclasses

from webstore.sandbox.stripe.customer_table import Customer
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import no_such
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.tables import Entered, SessionDetails
from webstore.sandbox.stripe.recording import differences, record
from webstore.sandbox.stripe.resources.customers import to_json
from webstore.sandbox.stripe.routing import Call


def paying_customer(call: Call, session: Document, details: SessionDetails, entered: Entered) -> str | None:
    """The ID of who pays; None for a guest. Raises StripeError when the customer has been deleted."""
    if session["customer"] is None:
        # There are no guests who pay nothing: https://docs.stripe.com/payments/checkout/no-cost-orders
        free = session["amount_total"] == 0
        creates = session["mode"] == "subscription" or session["customer_creation"] == "always" or free
        return _create(call, entered) if creates else None
    before = living(call, session["customer"])
    after = _updated(before, details, entered)
    shown = to_json(after, call.world)
    if previous := differences(to_json(before, call.world), shown):
        call.world.customers.change(after, call.now)
        record(call, "customer.updated", shown, previous)
    return before.id


def living(call: Call, id: str) -> Customer:
    """A customer that has not been deleted. Raises StripeError, which says so when the other mode has it."""
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
