"""The pages of receipts and invoices for shoppers.

Sources: https://docs.stripe.com/receipts and https://docs.stripe.com/invoicing/hosted-invoice-page
"""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from webstore.sandbox.stripe.amounts import shown
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.payments.methods import label
from webstore.sandbox.stripe.pdf import text_page
from webstore.sandbox.stripe.state import State, World


def add_document_pages(pages: Blueprint, state: State) -> None:
    """Add the pages of receipts and invoices to a blueprint."""

    @pages.get("/receipts/payment/<id>")
    def show_receipt(id: str) -> ResponseReturnValue:
        with state.lock:
            state.catch_up()
            for world in state.worlds():
                charge = world.payments.charges.get(id)
                if charge is not None and charge["receipt_url"] is not None:
                    return _receipt(world, charge)
        raise NotFound

    @pages.get("/i/<id>/<token>")
    def show_invoice(id: str, token: str) -> ResponseReturnValue:
        with state.lock:
            invoice = _invoice(state, id, token)
            return render_template("stripe/invoice.html", invoice=invoice, pdf=f"/i/{id}/{token}/pdf")

    @pages.get("/i/<id>/<token>/pdf")
    def download_invoice(id: str, token: str) -> ResponseReturnValue:
        with state.lock:
            invoice = _invoice(state, id, token)
            name = f'attachment; filename="Invoice-{invoice["number"]}.pdf"'
            headers = {"Content-Type": "application/pdf", "Content-Disposition": name}
            return text_page(_invoice_lines(invoice)), headers


def _receipt(world: World, charge: Document) -> str:
    payments = world.payments
    intent, invoice_id = charge["payment_intent"], payments.invoice_of_intent.get(charge["payment_intent"])
    sessions = payments.sessions.having("payment_intent", intent)
    if invoice_id is not None:
        invoice = payments.invoices.get(invoice_id)
        lines = [] if invoice is None else invoice["lines"]["data"]
        rows = [(line["description"], line["quantity"], line["amount"]) for line in lines]
    else:
        own = [line for session in sessions for line in payments.details[session["id"]].lines]
        rows = [(line["description"], line["quantity"], line["amount_total"]) for line in own]
    return render_template(
        "stripe/receipt.html",
        charge=charge,
        rows=rows,
        shipping=next((session["shipping_cost"] for session in sessions), None),
        method=label(payments.methods.at(payments.methods.position_of(charge["payment_method"]) or 0)),
        refunds=payments.refunds.having("charge", charge["id"]),
    )


def _invoice(state: State, id: str, token: str) -> Document:
    """The invoice, if the token is that of its URL. Ends the request with 404 otherwise."""
    state.catch_up()
    for world in state.worlds():
        invoice = world.payments.invoices.get(id)
        if invoice is not None and invoice["hosted_invoice_url"].endswith(f"/i/{id}/{token}"):
            return invoice
    raise NotFound


def _invoice_lines(invoice: Document) -> list[str]:
    currency = invoice["currency"]
    return [
        f"{invoice['account_name']} (sandbox: nothing here is real)",
        "",
        f"Invoice {invoice['number']}, {invoice['status']}",
        f"Bill to: {invoice['customer_name'] or ''} {invoice['customer_email'] or ''}",
        "",
        *(
            f"{line['quantity']}  {line['description']}: {shown(line['amount'], currency)}"
            for line in invoice["lines"]["data"]
        ),
        "",
        f"Total: {shown(invoice['total'], currency)}",
        f"Paid: {shown(invoice['amount_paid'], currency)}",
    ]
