"""Controls of payments: a bank that answers."""

from webstore.sandbox.stripe.controls.base import ControlBase
from webstore.sandbox.stripe.payments import sessions


class PaymentControls(ControlBase):
    """What banks do with payments."""

    def settle(self, payment_intent_id: str, *, succeeded: bool = False) -> None:
        """Let a delayed payment (a bank debit) succeed or fail now.

        Raises LookupError for an unknown payment intent, ValueError for one that is not processing.
        """
        with self._on("payment intent", payment_intent_id, lambda table: table.intents) as (call, intent):
            sessions.settle(call, intent, succeeded=succeeded is True)
