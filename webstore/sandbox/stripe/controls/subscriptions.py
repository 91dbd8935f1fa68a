"""Controls of subscriptions: new ones, early and failed renewals, other plans."""

from collections.abc import Sequence

from webstore.sandbox.stripe import catalogue, catalogue_documents, params
from webstore.sandbox.stripe.controls.base import ControlBase, answer, number
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.payments import intents, invoices, prorations, renewals, subscriptions
from webstore.sandbox.stripe.payments.cards import BANK_DEBITS, GENERIC, Card, bank_debit
from webstore.sandbox.stripe.payments.lines import make_lines
from webstore.sandbox.stripe.payments.methods import add_method
from webstore.sandbox.stripe.payments.tables import Entered
from webstore.sandbox.stripe.routing import Call

_CARD = Card(last4="4242", attaches=True)


class SubscriptionControls(ControlBase):
    """What an operator does with subscriptions in the dashboard, and time."""

    def subscribe(
        self,
        *,
        customer: str,
        prices: Sequence[str],
        quantity: int = 1,
        trial_days: int = 0,
        payment: str = "card",
        metadata: dict[str, str] | None = None,
        description: str | None = None,
    ) -> Document:
        """Start a subscription without Checkout. Its first invoice is paid, or free in a trial.

        `payment` is `card`, `debit` (which waits for `settle`) or `refused` (which leaves the subscription
        `incomplete`). Raises LookupError for an unknown customer, ValueError for an unknown price.
        """
        if payment not in ("card", "debit", "refused"):
            raise ValueError("payment must be card, debit or refused")
        with self._for_customer(customer) as call:
            given = [{"price": price, "quantity": number(quantity, "quantity")} for price in prices]
            trial = number(trial_days, "trial_days", 0)
            lines, _ = make_lines(call, given, "subscription", trial=trial > 0)
            card = _CARD if payment != "debit" else bank_debit(BANK_DEBITS.get(lines[0]["currency"], ""))
            if not card.kind:
                raise ValueError(f"there is no bank debit in {lines[0]['currency']}")
            method = add_method(call, card, Entered(name="Sandbox"), customer)
            data = {
                "description": description,
                "metadata": params.merged_metadata({}, metadata or {}),
                **({"trial_period_days": trial} if trial else {}),
            }
            subscription, invoice = subscriptions.start(
                call, customer=customer, lines=lines, method=method, data=data, automatic_tax=False
            )
            _collect_first(call, subscription, invoice, method, payment)
            return answer(subscription)

    def renew(self, subscription_id: str, *, succeeded: bool = True) -> Document:
        """Renew a subscription now. The next period begins at once.

        With `succeeded` false the card is declined: the invoice stays open, and the subscription is past
        due. A subscription that is set to end does so. Raises ValueError for one that has ended.
        """
        with self._on("subscription", subscription_id, lambda table: table.subscriptions) as (call, found):
            _check_running(found)
            renewals.renew(call, found, None if succeeded is True else GENERIC)
            return answer(found)

    def change_subscription(
        self, subscription_id: str, *, price: str | None = None, quantity: int | None = None
    ) -> Document:
        """Give a subscription's first item another price or quantity. The difference is invoiced at once.

        Raises ValueError for a subscription that has ended and for a price that does not fit.
        """
        with self._on("subscription", subscription_id, lambda table: table.subscriptions) as (call, found):
            _check_running(found)
            item = found["items"]["data"][0]
            wanted = item["price"] if price is None else _recurring_price(call, price, found)
            if wanted["recurring"] != item["price"]["recurring"] and len(found["items"]["data"]) > 1:
                raise ValueError("all items of a subscription must have the same interval")
            prorations.change_plan(
                call, found, wanted, item["quantity"] if quantity is None else number(quantity, "quantity")
            )
            return answer(found)


def _recurring_price(call: Call, id: str, subscription: Document) -> Document:
    price = catalogue.find_price(call.state, call.world, id, param="price", status=400)
    if price.recurring is None or price.currency != subscription["currency"]:
        raise ValueError("the price must be recurring and in the subscription's currency")
    return dict(catalogue_documents.price_json(price, call.world))


def _check_running(subscription: Document) -> None:
    if subscription["status"] in ("canceled", "incomplete_expired"):
        raise ValueError(f"the subscription is {subscription['status']}")


def _collect_first(
    call: Call, subscription: Document, invoice: Document, method: Document, payment: str
) -> None:
    renewals.plan(call, subscription)
    if invoice["amount_due"] == 0:
        invoices.paid(call, invoice, None)
        return
    intent = intents.add_intent(
        call,
        invoice["amount_due"],
        invoice["currency"],
        customer=subscription["customer"],
        types=[method["type"]],
        data={"description": "Subscription creation", "setup_future_usage": "off_session"},
    )
    invoices.attach(call, invoice, "payment_intent", intent["id"])
    if payment == "debit":
        intents.process(call, intent, method)
    elif payment == "card":
        intents.succeed(call, intent, method)
        invoices.paid(call, invoice, intent)
    else:
        subscriptions.leave_incomplete(call, subscription)
        intents.refuse(call, intent, method, GENERIC)
        invoices.failed(call, invoice, intent)
