"""Payment methods. Source: https://docs.stripe.com/api/payment_methods/object"""

from uuid import uuid4

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.cards import Card
from webstore.sandbox.stripe.payments.tables import Entered
from webstore.sandbox.stripe.routing import Call

_NO_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
# What bank accounts have in each country.
_ACCOUNTS: dict[str, Document] = {
    "bacs_debit": {"sort_code": "108800"},
    "sepa_debit": {"bank_code": "37040044", "branch_code": None, "country": "DE"},
    "us_bank_account": {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "routing_number": "110000000",
    },
}
# What a payment method says of them beyond a charge.
_KEPT: dict[str, Document] = {
    "bacs_debit": {},
    "sepa_debit": {"generated_from": None},
    "us_bank_account": {"financial_connections_account": None, "networks": None, "status_details": None},
}


def add_method(call: Call, card: Card, entered: Entered, customer: str | None) -> Document:
    """Create a payment method, attached to the customer if there is one."""
    payments = call.world.payments
    method: Document = {
        "id": new_id("pm_", 24),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": billing_details(entered),
        "created": int(call.now),
        "customer": customer,
        "customer_account": None,
        "livemode": call.world.livemode,
        "metadata": {},
        "radar_options": {},
        "type": card.kind,
        card.kind: _kept_card(card) if card.kind == "card" else {**_account(card), **_KEPT[card.kind]},
    }
    payments.methods.add(method)
    payments.cards[method["id"]] = card
    return method


def billing_details(entered: Entered) -> Document:
    """The `billing_details` of a payment method or a charge."""
    return {
        "address": dict(entered.billing or _NO_ADDRESS),
        "email": entered.email,
        "name": entered.name,
        "phone": entered.phone,
        "tax_id": None,
    }


def charge_details(card: Card, amount: int) -> Document:
    """A charge's `payment_method_details`: https://docs.stripe.com/api/charges/object"""
    if card.kind != "card":
        details: Document = {**_account(card), "mandate": new_id("mandate_", 24)}
        if card.kind == "us_bank_account":
            details["payment_reference"] = None
    else:
        details = {
            **_card(card),
            "amount_authorized": None,
            "authorization_code": None,
            "electronic_commerce_indicator": None,
            "extended_authorization": {"status": "disabled"},
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card.brand,
            "network_token": {"used": False},
            "network_transaction_id": new_id("", 15).upper(),
            "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
            "three_d_secure": {
                "authentication_flow": "challenge",
                "electronic_commerce_indicator": "05",
                "exemption_indicator": None,
                "result": "authenticated",
                "result_reason": None,
                "transaction_id": str(uuid4()),
                "version": "2.2.0",
            }
            if card.authenticate
            else None,
            "transaction_link_id": None,
        }
    return {card.kind: details, "type": card.kind}


def label(method: Document) -> str:
    """A payment method as readable text, like `Visa ending in 4242`."""
    kind = method["type"]
    name = str(method["card"]["brand"]).title() if kind == "card" else "Bank account"
    return f"{name} ending in {method[kind]['last4']}"


def _card(card: Card) -> Document:
    month, year = card.expiry
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "exp_month": month,
        "exp_year": year,
        "fingerprint": f"fp{card.brand}{card.last4}",
        "funding": card.funding,
        "last4": card.last4,
        "regulated_status": "unregulated",
        "wallet": None,
    }


def _kept_card(card: Card) -> Document:
    """A payment method's `card`, which says more than a charge's."""
    return {
        **_card(card),
        "display_brand": card.brand,
        "generated_from": None,
        "networks": {"available": [card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
    }


def _account(card: Card) -> Document:
    """What a payment method and a charge both say of a bank account."""
    return {**_ACCOUNTS[card.kind], "fingerprint": f"fp{card.kind}{card.last4}", "last4": card.last4}
