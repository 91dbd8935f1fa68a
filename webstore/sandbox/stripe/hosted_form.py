"""Reads and checks the payment page's form, as the real page does."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.payments.cards import BANK_DEBITS, Card, bank_debit, entered_card
from webstore.sandbox.stripe.payments.tables import Entered

_PARTS = {
    "line1": "AddressLine1",
    "line2": "AddressLine2",
    "city": "Locality",
    "state": "AdministrativeArea",
    "postal_code": "PostalCode",
    "country": "Country",
}
_REQUIRED = ("line1", "city", "postal_code", "country")
_MOST_CHARACTERS = 500


class FormError(Exception):
    """A form field is missing or wrong. The message is for the shopper."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


Form = Mapping[str, str]


def read_shopper(form: Form, session: Document, email: str | None) -> Entered:
    """The shopper's contact data and addresses. Raises FormError.

    `email` is the address that the shopper cannot change, or None.
    """
    if (session["consent_collection"] or {}).get("terms_of_service") == "required" and not form.get(
        "termsOfServiceConsentCheckbox"
    ):
        raise FormError("Please agree to the terms of service.")
    phone = _text(form, "phoneNumber")
    if session["phone_number_collection"]["enabled"] and not re.fullmatch(
        r"\+?[0-9 ()/.-]{5,30}", phone or ""
    ):
        raise FormError("Please enter a phone number.")
    return Entered(
        email=email or _email(form),
        name=_text(form, "billingName"),
        phone=phone,
        billing=_billing(form, session),
        shipping=_shipping(form, session),
    )


def read_card(form: Form, session: Document, now: int, *, due: bool) -> Card:
    """The shopper's card or bank debit. `now` is in Unix seconds. Raises FormError.

    When nothing is due, now or later, the page asks for no card.
    """
    types = session["payment_method_types"]
    if form.get("paymentMethod") == "debit":
        debit = next((kind for kind in types if kind in BANK_DEBITS.values()), None)
        if debit is None:
            raise FormError("Please choose how to pay.")
        return bank_debit(debit)
    if not due:
        return Card(last4="0000", attaches=True)
    if "card" not in types:
        raise FormError("Please choose how to pay.")
    number = re.sub(r"[ -]", "", form.get("cardNumber", ""))
    if not re.fullmatch(r"[0-9]{12,19}", number):
        raise FormError("Your card number is incomplete.")
    expiry = _expiry(form.get("cardExpiry", ""), now)
    if not re.fullmatch(r"[0-9]{3,4}", form.get("cardCvc", "").strip()):
        raise FormError("Your card's security code is incomplete.")
    if _text(form, "billingName") is None:
        raise FormError("Please enter the name on the card.")
    return entered_card(number, expiry, livemode=session["livemode"])


def chosen_quantities(form: Form, lines: Sequence[Document]) -> dict[str, int]:
    """The chosen quantities of adjustable lines, by line ID. Raises FormError."""
    chosen = {}
    for line in lines:
        adjustable, given = line["adjustable_quantity"], form.get(f"quantity_{line['id']}")
        if given is None or not adjustable or not adjustable["enabled"]:
            continue
        number = int(given) if re.fullmatch("[0-9]{1,6}", given.strip()) else -1
        if not adjustable["minimum"] <= number <= adjustable["maximum"]:
            raise FormError(f"The quantity must be from {adjustable['minimum']} to {adjustable['maximum']}.")
        chosen[line["id"]] = number
    return chosen


def asks_for_billing(session: Document) -> bool:
    """Whether the page asks for the whole billing address."""
    return session["billing_address_collection"] == "required" or (
        session["automatic_tax"]["enabled"] and session["shipping_address_collection"] is None
    )


def _expiry(given: str, now: int) -> tuple[int, int]:
    match = re.fullmatch(r"\s*([0-9]{1,2})\s*/?\s*(?:20)?([0-9]{2})\s*", given)
    if match is None or not 1 <= int(match[1]) <= 12:
        raise FormError("Your card's expiration date is incomplete.")
    month, year = int(match[1]), 2000 + int(match[2])
    today = datetime.fromtimestamp(now, UTC)
    if (year, month) < (today.year, today.month):
        raise FormError("Your card's expiration date is in the past.")
    return month, year


def _email(form: Form) -> str:
    try:
        email = params.email(form.get("email", "").strip(), "email")
    except StripeError as error:
        raise FormError("Please enter a valid e-mail address.") from error
    if email is None:
        raise FormError("Please enter your e-mail address.")
    return email


def _billing(form: Form, session: Document) -> dict[str, str | None] | None:
    if asks_for_billing(session):
        return _address(form, "billing", None)
    country = _text(form, "billingCountry")
    if country is None:
        return None
    return {**dict.fromkeys(_PARTS), "country": country, "postal_code": _text(form, "billingPostalCode")}


def _shipping(form: Form, session: Document) -> dict[str, object] | None:
    asked = session["shipping_address_collection"]
    if asked is None:
        return None
    name = _text(form, "shippingName")
    if name is None:
        raise FormError("Please enter the recipient's name.")
    return {"address": _address(form, "shipping", asked["allowed_countries"]), "name": name}


def _address(form: Form, prefix: str, countries: Sequence[str] | None) -> dict[str, str | None]:
    address = {part: _text(form, prefix + field) for part, field in _PARTS.items()}
    if any(address[part] is None for part in _REQUIRED):
        raise FormError(f"The {prefix} address is incomplete.")
    country = address["country"] or ""
    if not re.fullmatch("[A-Z]{2}", country) or (countries is not None and country not in countries):
        raise FormError("We cannot ship to this country." if countries else "Please choose a country.")
    return {part: address[part] for part in ("city", "country", "line1", "line2", "postal_code", "state")}


def _text(form: Form, name: str) -> str | None:
    return form.get(name, "").strip()[:_MOST_CHARACTERS] or None
