"""The pages of receipts and invoices for shoppers.

Sources: https://docs.stripe.com/receipts and https://docs.stripe.com/invoicing/hosted-invoice-page
"""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from webstore.sandbox.stripe.amounts import shown
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.hosted_form import FormError, read_card
from webstore.sandbox.stripe.payments import invoices
from webstore.sandbox.stripe.payments.invoice_payments import pay_by_card
from webstore.sandbox.stripe.payments.methods import label
from webstore.sandbox.stripe.payments.tables import Entered
from webstore.sandbox.stripe.pdf import text_page
from webstore.sandbox.stripe.routing import Call
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
            call, invoice = _invoice(state, id, token)
            return _invoice_page(call, invoice)

    @pages.post("/i/<id>/<token>")
    def pay_invoice(id: str, token: str) -> ResponseReturnValue:
        with state.lock:
            call, invoice = _invoice(state, id, token)
            if not _can_be_paid(call, invoice):
                return _invoice_page(call, invoice)
            types = {"payment_method_types": ["card"], "livemode": invoice["livemode"]}
            try:
                card = read_card(request.form, types, int(call.now), due=True)
            except FormError as problem:
                return _invoice_page(call, invoice, problem.message, 400)
            if card.authenticate:
                return _invoice_page(call, invoice, "The sandbox has no 3-D Secure on this page.", 501)
            entered = Entered(email=invoice["customer_email"], name=request.form.get("billingName"))
            decline = pay_by_card(call, invoice, card, entered)
            if decline is not None:
                return _invoice_page(call, invoice, decline.message, 402)
            return redirect(request.path, 303)

    @pages.get("/i/<id>/<token>/pdf")
    def download_invoice(id: str, token: str) -> ResponseReturnValue:
        with state.lock:
            _, invoice = _invoice(state, id, token)
            name = f'attachment; filename="Invoice-{invoice["number"]}.pdf"'
            headers = {"Content-Type": "application/pdf", "Content-Disposition": name}
            return text_page(_invoice_lines(invoice)), headers

    @pages.get("/credit_notes/<id>/<token>/pdf")
    def download_credit_note(id: str, token: str) -> ResponseReturnValue:
        with state.lock:
            state.catch_up()
            for world in state.worlds():
                note = world.payments.credit_notes.get(id)
                if note is not None and note["pdf"].endswith(f"/{token}/pdf"):
                    amount = shown(note["amount"], note["currency"])
                    return text_page([f"Credit note {note['number']}", "", f"Credit: {amount}"]), {
                        "Content-Type": "application/pdf"
                    }
        raise NotFound


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


def _can_be_paid(call: Call, invoice: Document) -> bool:
    """Whether the page shows a form: money is due, and no payment is on its way."""
    intent = invoices.open_intent(call, invoice)
    on_its_way = intent is not None and intent["status"] == "processing"
    return invoice["status"] in ("open", "uncollectible") and not on_its_way


def _invoice_page(
    call: Call, invoice: Document, problem: str | None = None, status: int = 200
) -> ResponseReturnValue:
    page = render_template(
        "stripe/invoice.html",
        invoice=invoice,
        pdf=f"{request.path}/pdf",
        payable=_can_be_paid(call, invoice),
        problem=problem,
    )
    return page, status


def _invoice(state: State, id: str, token: str) -> tuple[Call, Document]:
    """The invoice, if the token is that of its URL. Ends the request with 404 otherwise."""
    now = state.catch_up()
    for world in state.worlds():
        invoice = world.payments.invoices.get(id)
        if invoice is not None and (invoice["hosted_invoice_url"] or "").endswith(f"/i/{id}/{token}"):
            return Call(state, world, now, request.path), invoice
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
