"""Invoices and invoice payments.

Sources: https://docs.stripe.com/api/invoices and https://docs.stripe.com/api/invoice-payment
"""

from typing import Any

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.resources.reading import (
    found,
    list_params,
    page,
    retrieve_route,
    sublist,
    sublist_params,
)
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/invoices", "/v1/invoices/{}"
_PAYMENTS = "/v1/invoice_payments"


def table(world: World) -> Documents:
    """The table of invoices."""
    return world.payments.invoices


def payment_table(world: World) -> Documents:
    """The table of invoice payments."""
    return world.payments.invoice_payments


def record_table(world: World) -> Documents:
    """The table of payment records: https://docs.stripe.com/api/payment-record"""
    return world.payments.payment_records


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/invoices/list"""
    subscription, status = call.params.get("subscription"), call.params.get("status")

    def keep(invoice: Document) -> bool:
        details = (invoice["parent"] or {}).get("subscription_details") or {}
        return status in (None, invoice["status"]) and subscription in (None, details.get("subscription"))

    return page(call, table, "invoice", _ROOT, fields=("customer",), keep=keep)


def list_lines(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/invoices/invoice_lines"""
    invoice = found(call, table, "invoice", call.ids[0])
    return sublist(call, invoice["lines"]["data"], "line item", f"{_ROOT}/{invoice['id']}/lines")


def list_payments(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/invoice-payment/list"""
    # Any: checked parameters.
    wanted: dict[str, Any] = dict(call.params)
    payment, status = wanted.get("payment"), wanted.get("status")
    if payment is not None and payment["type"] not in payment:
        raise StripeError(
            400,
            f"Missing required param: payment[{payment['type']}].",
            code="parameter_missing",
            param=f"payment[{payment['type']}]",
        )

    def keep(document: Document) -> bool:
        own = document["payment"]
        return status in (None, document["status"]) and (
            payment is None or own.get(payment["type"]) == payment[payment["type"]]
        )

    return page(call, payment_table, "invoice_payment", _PAYMENTS, fields=("invoice",), keep=keep)


ROUTES = (
    Route(
        "GET",
        _ROOT,
        list_all,
        "invoice_read",
        list_params(
            "invoice",
            {
                **params.absent("collection_method customer_account due_date"),
                "customer": params.exact_text,
                "status": params.one_of("draft", "open", "paid", "uncollectible", "void"),
                "subscription": params.exact_text,
            },
        ),
    ),
    retrieve_route(_ONE, table, "invoice", "invoice_read", "invoice"),
    Route(
        "GET",
        f"{_ONE}/lines",
        list_lines,
        "invoice_read",
        sublist_params("line_item"),
    ),
    Route(
        "GET",
        _PAYMENTS,
        list_payments,
        "invoice_read",
        list_params(
            "invoice_payment",
            {
                "invoice": params.exact_text,
                "payment": params.fields(
                    {
                        "payment_intent": params.given_text(),
                        "payment_record": params.given_text(),
                        "type": params.one_of("payment_intent", "payment_record"),
                    },
                    required=("type",),
                ),
                "status": params.one_of("canceled", "open", "paid"),
            },
        ),
    ),
    retrieve_route(f"{_PAYMENTS}/{{}}", payment_table, "invoice_payment", "invoice_read", "invoice_payment"),
    retrieve_route(
        "/v1/payment_records/{}", record_table, "payment_record", "payment_record_read", "payment_record"
    ),
)
