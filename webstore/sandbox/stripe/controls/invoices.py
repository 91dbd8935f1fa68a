"""Controls of invoices: one-off invoices, payments by hand, in part and out of band, and write-offs."""

from collections.abc import Mapping, Sequence
from typing import Any

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.controls.base import ControlBase, answer, number
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.payments import invoice_documents, invoice_payments, invoices, subscriptions

_DAY_S = 86_400


class InvoiceControls(ControlBase):
    """What an operator does with invoices in the dashboard."""

    # Any: a line is JSON from a test, and is checked here.
    def add_invoice(
        self,
        *,
        customer: str,
        lines: Sequence[Mapping[str, Any]],
        currency: str = "eur",
        days_until_due: int | None = None,
        draft: bool = False,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> Document:
        """Make a one-off invoice: `lines` with `description`, `amount` (minor units) and `quantity`.

        With `days_until_due` it is sent and not charged. A `draft` has no number and no page yet.
        Raises LookupError for an unknown customer.
        """
        made = [
            invoice_documents.Line(
                description=str(line.get("description", "Item")),
                amount=number(line.get("amount"), "amount", least=-999_999_999),
                currency=currency,
                quantity=number(line.get("quantity", 1), "quantity"),
            )
            for line in lines
        ]
        if not made:
            raise ValueError("an invoice needs a line")
        with self._for_customer(customer) as call:
            fields: dict[str, object] = {
                "auto_advance": False,
                "description": description,
                "metadata": params.merged_metadata({}, metadata or {}),
            }
            if days_until_due is not None:
                due = int(call.now) + number(days_until_due, "days_until_due", 0) * _DAY_S
                fields.update(collection_method="send_invoice", due_date=due)
            invoice = invoice_documents.add(
                call, customer, made, reason="manual", draft=draft is True, with_balance=True, fields=fields
            )
            if not draft and invoice["amount_due"] == 0:
                invoices.paid(call, invoice, None)
            return answer(invoice)

    def pay_invoice(
        self, invoice_id: str, *, amount: int | None = None, by: str = "payment_intent"
    ) -> Document:
        """Pay an open invoice, or `amount` minor units of it.

        `by` is `payment_intent` (a card), `charge` (a card, without a payment intent) or `payment_record`
        (paid out of band). Raises ValueError for an invoice that cannot be paid, and for too much.
        """
        with self._on("invoice", invoice_id, lambda table: table.invoices) as (call, invoice):
            invoices.check_payable(invoice)
            wanted = invoice["amount_remaining"] if amount is None else number(amount, "amount")
            if wanted > invoice["amount_remaining"]:
                raise ValueError(f"only {invoice['amount_remaining']} remains to be paid")
            invoice_payments.pay(call, invoice, wanted, by)
            if invoice["status"] == "paid":
                subscriptions.follow_invoice(call, invoice, succeeded=True)
            return answer(invoice)

    def void_invoice(self, invoice_id: str) -> Document:
        """Void an open invoice. Raises ValueError for any other."""
        with self._on("invoice", invoice_id, lambda table: table.invoices) as (call, invoice):
            invoices.void(call, invoice)
            subscriptions.follow_invoice(call, invoice, succeeded=True)
            return answer(invoice)

    def mark_uncollectible(self, invoice_id: str) -> Document:
        """Write an open invoice off. Raises ValueError for any other."""
        with self._on("invoice", invoice_id, lambda table: table.invoices) as (call, invoice):
            invoices.mark_uncollectible(call, invoice)
            subscriptions.follow_invoice(call, invoice, succeeded=True)
            return answer(invoice)
