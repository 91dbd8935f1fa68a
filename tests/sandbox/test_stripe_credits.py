"""Disputes, credit notes and receipts, through the controls and the dashboard."""

import httpx
import pytest
import stripe

from tests.sandbox.checkout import DEBIT, again, events, monthly, pay, price, session
from tests.sandbox.conftest import RunningStripe


@pytest.fixture
def customer(client: stripe.StripeClient) -> str:
    return client.v1.customers.create({"email": "ada@example.com"}).id


@pytest.fixture
def paid(client: stripe.StripeClient, http: httpx.Client, customer: str) -> stripe.Charge:
    """The charge of a payment of 18.00 EUR."""
    made = session(client, price(client), customer=customer, invoice_creation={"enabled": True})
    pay(http, made)
    intent = again(client, made, "payment_intent.latest_charge").payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    return intent.latest_charge


def _invoice(client: stripe.StripeClient, customer: str) -> stripe.Invoice:
    (invoice,) = client.v1.invoices.list({"customer": customer}).data
    return invoice


# Disputes


@pytest.mark.parametrize("won", [True, False])
def test_a_dispute_and_its_end(
    running: RunningStripe, client: stripe.StripeClient, paid: stripe.Charge, won: bool
) -> None:
    made = running.vendor.dispute(paid.id, reason="product_not_received")
    found = client.v1.disputes.retrieve(made["id"])
    assert set(found.to_dict()) == set(stripe.Dispute.__annotations__) - {"OBJECT_NAME"}
    assert set(found.evidence.to_dict()) == set(stripe.Dispute.Evidence.__annotations__)
    assert set(found.evidence_details.to_dict()) == set(stripe.Dispute.EvidenceDetails.__annotations__)
    assert (found.amount, found.reason, found.status) == (1800, "product_not_received", "needs_response")
    assert client.v1.charges.retrieve(paid.id).disputed is True
    with pytest.raises(stripe.InvalidRequestError, match="charged back") as refused:
        client.v1.refunds.create({"charge": paid.id})
    assert refused.value.code == "charge_disputed"
    for filters in ({"charge": paid.id}, {"payment_intent": str(paid.payment_intent)}):
        assert [one.id for one in client.v1.disputes.list(filters).data] == [found.id]  # type: ignore[arg-type]  # a test's own
    assert client.v1.disputes.list({"created": {"lt": found.created}}).data == []
    assert client.v1.disputes.list({"charge": "ch_other"}).data == []
    running.vendor.close_dispute(found.id, won=won)
    assert client.v1.disputes.retrieve(found.id).status == ("won" if won else "lost")
    assert client.v1.charges.retrieve(paid.id).disputed is True
    with pytest.raises(ValueError, match="already"):
        running.vendor.close_dispute(found.id, won=True)
    assert events(client, "charge.dispute") == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
        *(["charge.dispute.funds_reinstated"] if won else []),
    ]


def test_what_cannot_be_disputed(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, paid: stripe.Charge
) -> None:
    root = "/_sandbox/stripe/charges"
    assert http.post(f"{root}/{paid.id}/dispute", json={"amount": 1801}).status_code == 400
    assert http.post(f"{root}/{paid.id}/dispute", json={"reason": "bored"}).status_code == 400
    assert http.post(f"{root}/ch_none/dispute", json={}).status_code == 404
    assert http.post(f"{root}/{paid.id}/dispute", json={"amount": 500}).json()["object"]["amount"] == 500
    assert http.post(f"{root}/{paid.id}/dispute", json={}).status_code == 400
    pay(http, session(client, price(client)), DEBIT)
    (waiting,) = client.v1.charges.list({"limit": 1}).data
    with pytest.raises(ValueError, match="cannot be disputed"):
        running.vendor.dispute(waiting.id)


# Credit notes


@pytest.mark.usefixtures("paid")
def test_credit_notes_of_a_paid_invoice(
    running: RunningStripe, client: stripe.StripeClient, customer: str
) -> None:
    invoice = _invoice(client, customer)
    id = str(invoice.id)
    refunded = running.vendor.credit_invoice(id, amount=500, reason="order_change", memo="Too late")
    whole = client.v1.credit_notes.retrieve(refunded["id"], {"expand": ["refunds.refund"]})
    assert set(whole.to_dict()) == set(stripe.CreditNote.__annotations__) - {"OBJECT_NAME"}
    (line,) = whole.lines.data
    seldom = {"OBJECT_NAME", "invoice_line_item"}
    assert set(line.to_dict()) == set(stripe.CreditNoteLineItem.__annotations__) - seldom
    assert (whole.type, whole.amount, whole.post_payment_amount, whole.reason) == (
        "post_payment",
        500,
        500,
        "order_change",
    )
    (refund,) = whole.refunds
    assert isinstance(refund.refund, stripe.Refund)
    assert (refund.amount_refunded, refund.refund.amount) == (500, 500)
    running.vendor.credit_invoice(id, amount=300, by="customer_balance")
    assert client.v1.customers.retrieve(customer).balance == -300
    outside = running.vendor.credit_invoice(id, amount=200, by="out_of_band")
    assert client.v1.credit_notes.retrieve(outside["id"]).out_of_band_amount == 200
    after = client.v1.invoices.retrieve(id)
    assert (after.post_payment_credit_notes_amount, after.amount_paid, after.status) == (1000, 1800, "paid")
    notes = client.v1.credit_notes.list({"invoice": id}).data
    assert [note.amount for note in notes] == [200, 300, 500]
    assert notes[0].number == f"{invoice.number}-CN-03"
    assert len(client.v1.credit_notes.line_items.list(notes[0].id).data) == 1
    assert client.v1.credit_notes.list({"invoice": "in_other"}).data == []
    with pytest.raises(ValueError, match="800"):
        running.vendor.credit_invoice(id, amount=801)
    with pytest.raises(ValueError, match="by must be"):
        running.vendor.credit_invoice(id, amount=1, by="cash")


def test_a_credit_note_of_an_open_invoice(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    made = running.vendor.subscribe(customer=customer, prices=[monthly(client)], payment="debit")
    (intent,) = client.v1.payment_intents.list({"customer": customer}).data
    running.vendor.settle(intent.id, succeeded=False)
    note = running.vendor.credit_invoice(made["latest_invoice"], amount=200)
    assert (note["type"], note["pre_payment_amount"]) == ("pre_payment", 200)
    invoice = _invoice(client, customer)
    assert (invoice.total, invoice.amount_due, invoice.amount_remaining) == (1200, 1000, 1000)
    assert invoice.pre_payment_credit_notes_amount == 200
    running.vendor.pay_invoice(str(invoice.id))
    assert _invoice(client, customer).status == "paid"
    pdf = http.get(note["pdf"])
    assert pdf.content.startswith(b"%PDF")


# Receipts and the dashboard


def test_a_receipt_gets_its_number_when_it_is_sent(
    running: RunningStripe, client: stripe.StripeClient, paid: stripe.Charge
) -> None:
    assert paid.receipt_number is None
    sent = running.vendor.send_receipt(paid.id)
    charge = client.v1.charges.retrieve(paid.id)
    assert (charge.receipt_number, charge.receipt_email) == (sent["receipt_number"], "ada@example.com")
    assert running.vendor.send_receipt(paid.id)["receipt_number"] == sent["receipt_number"]


def test_the_dashboard_has_buttons(
    client: stripe.StripeClient, http: httpx.Client, customer: str, paid: stripe.Charge
) -> None:
    page = f"/test/payments/{paid.payment_intent}"
    for form, status in (({"outcome": "open"}, "needs_response"), ({"outcome": "lost"}, "lost")):
        assert f"{page}/dispute" in http.get(page).text
        assert http.post(f"{page}/dispute", data=form).status_code == 303
        assert client.v1.disputes.list().data[0].status == status
    assert http.post(f"{page}/dispute", data={"outcome": "won"}).status_code == 400
    assert http.post(f"{page}/receipt").status_code == 303
    assert str(client.v1.charges.retrieve(paid.id).receipt_number) in http.get(page).text
    admin = f"/test/invoices/{_invoice(client, customer).id}"
    assert http.post(f"{admin}/credit", data={"amount": "1", "by": "out_of_band"}).status_code == 303
    assert "-CN-01" in http.get(admin).text
    assert http.post(f"{admin}/credit", data={"amount": "much"}).status_code == 400
