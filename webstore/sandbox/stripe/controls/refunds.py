"""Controls of money that goes back, and of receipts: disputes, credit notes, receipt numbers."""

from webstore.sandbox.stripe.controls.base import ControlBase, answer, number
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments import credit_notes, disputes
from webstore.sandbox.stripe.payments.changes import changed


class RefundControls(ControlBase):
    """What cardholders' banks do with payments, and what an operator gives back."""

    def dispute(self, charge_id: str, *, amount: int | None = None, reason: str = "fraudulent") -> Document:
        """Let the cardholder dispute a charge, or `amount` minor units of it. Returns the dispute.

        Raises ValueError for a charge that did not succeed or has been disputed.
        """
        if reason not in disputes.REASONS:
            raise ValueError(f"the reason must be one of {', '.join(disputes.REASONS)}")
        with self._on("charge", charge_id, lambda table: table.charges) as (call, charge):
            wanted = None if amount is None else number(amount, "amount")
            return answer(disputes.open_dispute(call, charge, wanted, reason))

    def close_dispute(self, dispute_id: str, *, won: bool) -> Document:
        """Decide a dispute. Raises ValueError for one that is decided already."""
        with self._on("dispute", dispute_id, lambda table: table.disputes) as (call, found):
            disputes.close_dispute(call, found, won=won is True)
            return answer(found)

    def credit_invoice(
        self,
        invoice_id: str,
        *,
        amount: int,
        by: str = "refund",
        reason: str | None = None,
        memo: str | None = None,
    ) -> Document:
        """Credit `amount` minor units of an invoice. Returns the credit note.

        What was paid is given back `by` a `refund`, to the `customer_balance`, or `out_of_band`. An open
        invoice is reduced. Raises ValueError for too much.
        """
        if by not in ("refund", "customer_balance", "out_of_band"):
            raise ValueError("by must be refund, customer_balance or out_of_band")
        with self._on("invoice", invoice_id, lambda table: table.invoices) as (call, invoice):
            note = credit_notes.add_credit_note(
                call, invoice, number(amount, "amount"), by, reason=reason, memo=memo
            )
            return answer(note)

    def send_receipt(self, charge_id: str, *, email: str | None = None) -> Document:
        """Send a charge's receipt, which gives it a number. Returns the charge.

        Raises ValueError for a charge that did not succeed or has no address.
        """
        with self._on("charge", charge_id, lambda table: table.charges) as (call, charge):
            address = email or charge["receipt_email"] or charge["billing_details"]["email"]
            if not charge["paid"] or address is None:
                raise ValueError("the charge has no receipt, or no address")
            digits = str(int.from_bytes(new_id("", 4).encode()) % 100_000_000).zfill(8)
            changed(
                call,
                "charge.updated",
                call.world.payments.charges,
                charge,
                receipt_email=address,
                receipt_number=charge["receipt_number"] or f"{digits[:4]}-{digits[4:]}",
            )
            return answer(charge)
