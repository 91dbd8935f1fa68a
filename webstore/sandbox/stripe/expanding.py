"""The `expand` parameter: replaces IDs in a response with objects.

`_EXPANDABLE` lists the expandable properties of each kind of object, and the kind that each property refers
to. `expand` names paths of up to four properties. A path goes into a list through `data`.
Source: https://docs.stripe.com/api/expanding_objects
"""

from collections.abc import Callable
from typing import cast

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.catalogue_documents import price_json, product_json
from webstore.sandbox.stripe.customer_json import to_json
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.embedding import capped, listed
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.forms import Value
from webstore.sandbox.stripe.payments.money import breakdown
from webstore.sandbox.stripe.routing import Call

# For each kind of object: the kind that each expandable property refers to. `[x]` is a list of x, and `(x)`
# is a part of an object. `<x>` is a plain array of x. A "nothing" property is expandable, but has no object
# in the sandbox. A "computed" property is only included on request.
_EXPANDABLE = {
    "checkout.session": {
        "customer": "customer",
        "discounts": "<session_discount>",
        "invoice": "invoice",
        "line_items": "[item]",
        "payment_intent": "payment_intent",
        "setup_intent": "setup_intent",
        "shipping_cost": "(shipping)",
        "subscription": "subscription",
        "total_details": "(totals)",
    },
    "(shipping)": {"shipping_rate": "shipping_rate"},
    "(totals)": {"breakdown": "(breakdown)"},
    "(breakdown)": {"discounts": "<breakdown_discount>"},
    "breakdown_discount": {"discount": "discount"},
    "session_discount": {"coupon": "coupon", "promotion_code": "promotion_code"},
    "discount": {"customer": "customer", "promotion_code": "promotion_code", "source": "(source)"},
    "(source)": {"coupon": "coupon"},
    "setup_intent": {"customer": "customer", "payment_method": "payment_method"},
    "item": {"discounts": "computed", "price": "(price)", "taxes": "computed"},
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
        "discounts": "<discount>",
        "items": "[subscription_item]",
        "latest_invoice": "invoice",
        "pending_setup_intent": "nothing",
        "schedule": "nothing",
    },
    "subscription_item": {"price": "(price)"},
    "invoice": {
        "customer": "customer",
        "default_payment_method": "payment_method",
        "discounts": "<discount>",
        "lines": "[line_item]",
        "parent": "(parent)",
        "payments": "[invoice_payment]",
        "total_discount_amounts": "<discount_amount>",
    },
    "discount_amount": {"discount": "discount"},
    "(parent)": {"subscription_details": "(subscription_details)"},
    "(subscription_details)": {"subscription": "subscription"},
    "line_item": {"discount_amounts": "<discount_amount>", "discounts": "<discount>"},
    "invoice_payment": {"invoice": "invoice", "payment": "(payment)"},
    "(payment)": {
        "charge": "charge",
        "payment_intent": "payment_intent",
        "payment_record": "payment_record",
    },
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "credit_note": {"customer": "customer", "invoice": "invoice", "refunds": "<credit_note_refund>"},
    "credit_note_refund": {"refund": "refund"},
}
_DEEPEST = 4
# Lists and parts that are always included, so a path must not end with them.
_EMBEDDED = frozenset(
    {"[line_item]", "[subscription_item]", "<discount_amount>", "<breakdown_discount>"}
    | {"<session_discount>", "<credit_note_refund>"}
)


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
    shown = capped(document)
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
        kind = kind.strip("<>")
        target = _EXPANDABLE.get(kind, {}).get(name)
        if target is None:
            return False
        kind = target
    return (not kind.startswith("(") or kind == "(breakdown)") and kind not in _EMBEDDED


def _expand(call: Call, owner: Document, kind: str, path: list[str]) -> None:
    """Expand a path of `owner` in place. `owner` must be a copy."""
    name, rest = path[0], path[1:]
    target = _EXPANDABLE[kind][name]
    value = owner.get(name)
    if target == "nothing":
        return
    if target == "computed":
        one = call.world.payments.line_amounts.get(owner["id"])
        owner[name] = [] if one is None else breakdown([one])[name]
        return
    if target.startswith("<"):
        _expand_array(call, owner, name, target.strip("<>"), rest)
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
    if target == "(totals)":
        amounts = call.world.payments.details[owner["id"]].amounts
        value["breakdown"] = breakdown(list(amounts.values()))
    if rest and not value.get("deleted"):
        _expand(call, value, target, rest)


def _expand_array(call: Call, owner: Document, name: str, kind: str, rest: list[str]) -> None:
    """Expand the items of a plain array, which are objects, parts or IDs."""
    items = []
    for item in owner.get(name) or []:
        shown = _found(call, kind, item) if isinstance(item, str) else dict(item)
        if rest:
            _expand(call, shown, kind, rest)
        items.append(shown)
    owner[name] = items


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
        "coupon": payments.coupons,
        "discount": payments.discounts,
        "invoice": payments.invoices,
        "payment_intent": payments.intents,
        "payment_method": payments.methods,
        "payment_record": payments.payment_records,
        "promotion_code": payments.promotion_codes,
        "refund": payments.refunds,
        "setup_intent": payments.setup_intents,
        "shipping_rate": payments.shipping_rates,
        "subscription": payments.subscriptions,
    }
    found = tables[kind].get(id)
    if found is None:
        raise LookupError(id)
    return capped(found)


def at_present_prices(call: Call, lines: list[Document]) -> list[Document]:
    """The lines of a session, with their prices as they are now: active or archived."""
    prices = [(line, call.world.prices.get(line["price"]["id"])) for line in lines]
    return [{**line, "price": price_json(it, call.world)} if it else line for line, it in prices]


def _line_items(call: Call, session: Document) -> Document:
    lines = at_present_prices(call, call.world.payments.details[session["id"]].lines)
    return listed(lines, f"/v1/checkout/sessions/{session['id']}/line_items")


def _refunds(call: Call, charge: Document) -> Document:
    refunds = call.world.payments.refunds.having("charge", charge["id"])[::-1]
    return listed(refunds, f"/v1/charges/{charge['id']}/refunds")


def _payments(call: Call, invoice: Document) -> Document:
    payments = call.world.payments.invoice_payments.having("invoice", invoice["id"])[::-1]
    return listed(payments, f"/v1/invoice_payments?invoice={invoice['id']}")


_INCLUDED: dict[tuple[str, str], Callable[[Call, Document], Document]] = {
    ("checkout.session", "line_items"): _line_items,
    ("charge", "refunds"): _refunds,
    ("invoice", "payments"): _payments,
}
