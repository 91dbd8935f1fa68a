"""The `expand` parameter: replaces IDs in a response with objects.

`_EXPANDABLE` lists the expandable properties of each kind of object, and the kind that each property refers
to. `expand` names paths of up to four properties. A path goes into a list through `data`.
Source: https://docs.stripe.com/api/expanding_objects
"""

from collections.abc import Callable
from typing import cast

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.catalogue import product_json
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.forms import Value
from webstore.sandbox.stripe.resources.customers import to_json
from webstore.sandbox.stripe.routing import Call

# For each kind of object: the kind that each expandable property refers to. `[x]` is a list of x, and `(x)`
# is a part of an object. A "nothing" property is expandable, but has no object in the sandbox.
_EXPANDABLE = {
    "checkout.session": {
        "customer": "customer",
        "invoice": "invoice",
        "line_items": "[item]",
        "payment_intent": "payment_intent",
        "setup_intent": "nothing",
        "shipping_cost": "(shipping)",
        "subscription": "subscription",
        "total_details": "(totals)",
    },
    "(shipping)": {"shipping_rate": "shipping_rate"},
    "(totals)": {"breakdown": "nothing"},
    "item": {"discounts": "nothing", "price": "(price)", "taxes": "nothing"},
    "(price)": {"product": "product"},
    "product": {"default_price": "nothing"},
    "payment_intent": {
        "customer": "customer",
        "latest_charge": "charge",
        "payment_method": "payment_method",
        "review": "nothing",
    },
    "payment_method": {"customer": "customer"},
    "charge": {
        "balance_transaction": "nothing",
        "customer": "customer",
        "payment_intent": "payment_intent",
        "refunds": "[refund]",
    },
    "refund": {"balance_transaction": "nothing", "charge": "charge", "payment_intent": "payment_intent"},
    "subscription": {
        "customer": "customer",
        "default_payment_method": "payment_method",
        "items": "[subscription_item]",
        "latest_invoice": "invoice",
        "pending_setup_intent": "nothing",
        "schedule": "nothing",
    },
    "subscription_item": {"price": "(price)"},
    "invoice": {
        "customer": "customer",
        "default_payment_method": "payment_method",
        "discounts": "nothing",
        "lines": "[line_item]",
        "parent": "(parent)",
        "payments": "[invoice_payment]",
    },
    "(parent)": {"subscription_details": "(subscription_details)"},
    "(subscription_details)": {"subscription": "subscription"},
    "line_item": {"discounts": "nothing"},
    "invoice_payment": {"invoice": "invoice", "payment": "(payment)"},
    "(payment)": {"charge": "charge", "payment_intent": "payment_intent"},
}
_DEEPEST = 4
# Lists that are always included, so a path must not end with them.
_EMBEDDED = frozenset({"[line_item]", "[subscription_item]"})


def expands(kind: str, *, within: str = "") -> params.Check:
    """The check for the parameter `expand` of objects of a kind. For lists, `within` is `data.`."""

    def check(value: Value, name: str) -> list[str]:
        wanted = cast(list[str], params.list_of(params.exact_text)(value, name))
        for path in wanted:
            if path.count(".") >= _DEEPEST:
                raise StripeError(
                    400,
                    f"You cannot expand more than {_DEEPEST} levels of a property. Property: {path}",
                    param=name,
                )
            if not path.startswith(within) or not _can_expand(kind, path.removeprefix(within)):
                raise StripeError(400, f"This property cannot be expanded ({path}).", param=name)
        return [path.removeprefix(within) for path in wanted]

    return check


def expanded(call: Call, document: Document, kind: str | None = None) -> Document:
    """A copy of an object in which the paths of the call's `expand` parameter are expanded."""
    shown = dict(document)
    for path in cast(list[str], call.params.get("expand", ())):
        _expand(call, shown, kind or document["object"], path.split("."))
    return shown


def _can_expand(kind: str, path: str) -> bool:
    for name in path.split("."):
        if kind.startswith("["):
            if name != "data":
                return False
            kind = kind.strip("[]")
            continue
        target = _EXPANDABLE.get(kind, {}).get(name)
        if target is None:
            return False
        kind = target
    return not kind.startswith("(") and kind not in _EMBEDDED


def _expand(call: Call, owner: Document, kind: str, path: list[str]) -> None:
    """Expand a path of `owner` in place. `owner` must be a copy."""
    name, rest = path[0], path[1:]
    target = _EXPANDABLE[kind][name]
    value = owner.get(name)
    if target == "nothing":
        if name == "breakdown":
            owner[name] = {"discounts": [], "taxes": []}
        elif name in ("discounts", "taxes"):
            owner[name] = []
        return
    if target.startswith("["):
        listed = dict(value) if isinstance(value, dict) else _INCLUDED[kind, name](call, owner)
        listed["data"] = [dict(item) for item in listed["data"]]
        owner[name] = listed
        for item in listed["data"]:
            if rest[1:]:
                _expand(call, item, target.strip("[]"), rest[1:])
        return
    if isinstance(value, str):
        value = _found(call, target, value)
    if not isinstance(value, dict):
        return
    owner[name] = value = dict(value)
    if rest and not value.get("deleted"):
        _expand(call, value, target, rest)


def _found(call: Call, kind: str, id: str) -> Document:
    payments = call.world.payments
    if kind == "customer":
        customer = call.world.customers.get(id)
        if customer is None or customer.deleted:
            return {"id": id, "object": "customer", "deleted": True}
        return to_json(customer, call.world)
    if kind == "product":
        product = call.world.products.get(id)
        if product is None:
            return {"id": id, "object": "product", "deleted": True}
        return product_json(product, call.world)
    tables = {
        "charge": payments.charges,
        "invoice": payments.invoices,
        "payment_intent": payments.intents,
        "payment_method": payments.methods,
        "shipping_rate": payments.shipping_rates,
        "subscription": payments.subscriptions,
    }
    found = tables[kind].get(id)
    if found is None:
        raise LookupError(id)
    return found


def listed(items: list[Document], url: str) -> Document:
    """A list inside another object, with all items on one page."""
    return {"object": "list", "data": items, "has_more": False, "url": url}


def _line_items(call: Call, session: Document) -> Document:
    lines = call.world.payments.details[session["id"]].lines
    whole = listed(lines[:10], f"/v1/checkout/sessions/{session['id']}/line_items")
    return {**whole, "has_more": len(lines) > 10}


def _refunds(call: Call, charge: Document) -> Document:
    refunds = call.world.payments.refunds.having("charge", charge["id"])[::-1]
    whole = listed(refunds[:10], f"/v1/charges/{charge['id']}/refunds")
    return {**whole, "has_more": len(refunds) > 10}


def _payments(call: Call, invoice: Document) -> Document:
    payments = call.world.payments.invoice_payments.having("invoice", invoice["id"])[::-1]
    return listed(payments, f"/v1/invoice_payments?invoice={invoice['id']}")


_INCLUDED: dict[tuple[str, str], Callable[[Call, Document], Document]] = {
    ("checkout.session", "line_items"): _line_items,
    ("charge", "refunds"): _refunds,
    ("invoice", "payments"): _payments,
}
