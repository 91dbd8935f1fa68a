"""Creating a Checkout Session. Source: https://docs.stripe.com/api/checkout/sessions/create"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import NotInSandbox, StripeError
from webstore.sandbox.stripe.expanding import expanded
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments import sessions
from webstore.sandbox.stripe.payments.cards import BANK_DEBITS
from webstore.sandbox.stripe.payments.customers import existing_customer
from webstore.sandbox.stripe.payments.lines import keep_inline, make_lines
from webstore.sandbox.stripe.payments.tables import SessionDetails
from webstore.sandbox.stripe.resources.shipping_rates import find_rate, new_rate
from webstore.sandbox.stripe.routing import Call

_HALF_AN_HOUR_S, _DAY_S = 1800, 86_400
# Parameters that only one mode accepts.
_OF_PAYMENT = (
    "customer_creation",
    "invoice_creation",
    "payment_intent_data",
    "shipping_options",
    "submit_type",
)
_OF_SUBSCRIPTION = ("subscription_data",)


def create(call: Call) -> Document:
    """Create an open session. Raises StripeError."""
    # Any: each value has been checked to be valid for its parameter.
    given: dict[str, Any] = dict(call.params)
    mode = _mode(given)
    _check_together(call, given, mode)
    expires_at = _expiry(call, given)
    subscription_data = _with_metadata(given.get("subscription_data"))
    _check_trial(call, subscription_data)
    trial = "trial_period_days" in subscription_data or "trial_end" in subscription_data
    lines, bought = make_lines(call, given["line_items"], mode, trial=trial)
    currency = lines[0]["currency"]
    wanted = given.get("currency", currency)
    if wanted != currency:
        raise StripeError(
            400,
            f"The price specified supports currencies of `{currency}` which doesn't include the expected"
            f" currency of `{wanted}`.",
        )
    types = _method_types(given.get("payment_method_types"), currency)
    rates = _shipping_rates(call, given.get("shipping_options") or [], currency)
    amounts = sessions.totals(call, lines, rates[0]["id"] if rates else None)
    keep_inline(call, bought)
    session = _document(call, given, mode, types, rates)
    session.update(amounts, expires_at=expires_at)
    payments = call.world.payments
    payments.details[session["id"]] = SessionDetails(
        lines=lines,
        intent_data=_with_metadata(given.get("payment_intent_data")),
        subscription_data=subscription_data,
        customer_update=given.get("customer_update") or {},
    )
    payments.sessions.add(session)
    _plan_expiry(call, session)
    return expanded(call, session)


def _mode(given: Mapping[str, Any]) -> str:
    mode = given.get("mode")
    if mode is None:
        raise StripeError(400, "Missing required param: mode.", code="parameter_missing", param="mode")
    if mode == "setup":
        raise NotInSandbox("Checkout Sessions in setup mode", param="mode")
    ui_mode = given.get("ui_mode") or "hosted_page"
    if ui_mode != "hosted_page":
        raise NotInSandbox(f"Checkout Sessions with the ui_mode {ui_mode}", param="ui_mode")
    if "success_url" not in given:
        raise StripeError(
            400, "Missing required param: success_url.", code="parameter_missing", param="success_url"
        )
    if not given.get("line_items"):
        raise StripeError(
            400, "Missing required param: line_items.", code="parameter_missing", param="line_items"
        )
    return str(mode)


def _check_together(call: Call, given: Mapping[str, Any], mode: str) -> None:
    """Check the parameters that depend on each other. Raises StripeError."""
    for name in ("success_url", "cancel_url"):
        if name in given:
            _check_url(given[name], name, call.world.livemode)
    for name in _OF_PAYMENT if mode == "subscription" else _OF_SUBSCRIPTION:
        if given.get(name):
            raise StripeError(400, f"You can not pass `{name}` in `{mode}` mode.", param=name)
    if mode == "payment" and given.get("payment_method_collection"):
        raise StripeError(
            400,
            "You can only set `payment_method_collection` if there are recurring prices.",
            param="payment_method_collection",
        )
    if "customer" in given and given.get("customer_email"):
        raise StripeError(
            400,
            "You may only specify one of these parameters: customer, customer_email.",
            param="customer",
        )
    if "customer" not in given and given.get("customer_update"):
        raise StripeError(400, "`customer_update` can only be used with `customer`.", param="customer_update")
    if "customer" in given and given.get("customer_creation"):
        raise StripeError(
            400, "`customer_creation` cannot be used with `customer`.", param="customer_creation"
        )
    if "customer" in given:
        _check_customer(call, given)


def _check_customer(call: Call, given: Mapping[str, Any]) -> None:
    customer, update = existing_customer(call, given["customer"]), given.get("customer_update") or {}
    if update.get("shipping") == "auto" and not given.get("shipping_address_collection"):
        raise StripeError(
            400,
            "`customer_update[shipping]` can only be `auto` when `shipping_address_collection` is set.",
            param="customer_update[shipping]",
        )
    taxed = (given.get("automatic_tax") or {}).get("enabled")
    # https://docs.stripe.com/tax/checkout: existing customers
    if not taxed or "auto" in (update.get("address"), update.get("shipping")):
        return
    if not (customer.address or {}).get("country"):
        raise StripeError(
            400,
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid"
            " address to the Customer or set either `customer_update[address]` to 'auto' or"
            " `customer_update[shipping]` to 'auto' to save the address entered in Checkout to the Customer.",
            code="customer_tax_location_invalid",
        )


def _check_url(url: str, name: str, livemode: bool) -> None:
    if not re.fullmatch(r"https?://[^\s/?#]+([/?#]\S*)?", url):
        raise StripeError(400, "Not a valid URL", code="url_invalid", param=name)
    if livemode and not url.startswith("https://"):
        raise StripeError(
            400, "Livemode requests must always be redirected via HTTPS.", code="url_invalid", param=name
        )


def _expiry(call: Call, given: Mapping[str, Any]) -> int:
    now = int(call.now)
    at = int(given.get("expires_at", now + _DAY_S))
    if at < now + _HALF_AN_HOUR_S:
        raise StripeError(
            400,
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            param="expires_at",
        )
    if at > now + _DAY_S:
        raise StripeError(
            400,
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return at


def _check_trial(call: Call, data: Mapping[str, Any]) -> None:
    if "trial_end" not in data:
        return
    if "trial_period_days" in data:
        raise StripeError(
            400,
            "You may only specify one of these parameters: trial_end, trial_period_days.",
            param="subscription_data[trial_end]",
        )
    if data["trial_end"] < call.now + 2 * _DAY_S:
        raise StripeError(
            400,
            "The `trial_end` date has to be at least 2 days in the future.",
            param="subscription_data[trial_end]",
        )


def _with_metadata(given: Mapping[str, Any] | None) -> dict[str, Any]:
    data = dict(given or {})
    return {**data, "metadata": params.merged_metadata({}, data.get("metadata") or {})}


def _method_types(given: Sequence[str] | None, currency: str) -> list[str]:
    """The requested payment method types, by default cards and the currency's bank debit."""
    debit = BANK_DEBITS.get(currency)
    if not given:
        return ["card", debit] if debit else ["card"]
    for number, kind in enumerate(given):
        name = f"payment_method_types[{number}]"
        if kind not in ("card", *BANK_DEBITS.values()):
            raise NotInSandbox(f"the payment method type {kind}", param=name)
        if kind not in ("card", debit):
            only = next(code for code, known in BANK_DEBITS.items() if known == kind)
            raise StripeError(
                400,
                f"The payment method `{kind}` only supports the following currencies: `{only}`.",
                param=name,
            )
    return list(dict.fromkeys(given))


def _shipping_rates(call: Call, options: Sequence[Mapping[str, Any]], currency: str) -> list[Document]:
    rates = []
    for number, option in enumerate(options):
        name = f"shipping_options[{number}]"
        if ("shipping_rate" in option) == ("shipping_rate_data" in option):
            raise StripeError(
                400,
                f"You must specify either `shipping_rate` or `shipping_rate_data` in `{name}`.",
                param=name,
            )
        if "shipping_rate" in option:
            rate = find_rate(call, option["shipping_rate"], param=f"{name}[shipping_rate]", status=400)
        else:
            rate = new_rate(call, option["shipping_rate_data"])
        if not rate["active"]:
            raise StripeError(
                400,
                "The shipping rate specified is inactive. This field only accepts active shipping rates.",
                param=f"{name}[shipping_rate]",
            )
        if rate["fixed_amount"]["currency"] != currency:
            raise StripeError(
                400,
                f"The shipping rate `{rate['id']}` has another currency than the line items.",
                param=f"{name}[shipping_rate]",
            )
        rates.append(rate)
    return rates


def _document(
    call: Call, given: Mapping[str, Any], mode: str, types: list[str], rates: Sequence[Document]
) -> Document:
    world = call.world
    id = new_id(f"cs_{world.mode}_", 58)
    consent = given.get("consent_collection")
    texts = given.get("custom_text") or {}
    tax = (given.get("automatic_tax") or {}).get("enabled", False)
    invoiced = (given.get("invoice_creation") or {}).get("enabled", False)
    return {
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allowed_payment_method_types": None,
        "allow_promotion_codes": given.get("allow_promotion_codes"),
        "automatic_tax": {
            "enabled": tax,
            "liability": {"type": "self"} if tax else None,
            "provider": "stripe" if tax else None,
            "status": "requires_location_inputs" if tax else None,
        },
        "billing_address_collection": given.get("billing_address_collection"),
        "branding_settings": {
            "background_color": "#ffffff",
            "border_style": "rounded",
            "button_color": "#4b3fd6",
            "display_name": "Sandbox store",
            "font_family": "default",
            "icon": None,
            "logo": None,
        },
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": consent
        and {
            "payment_method_reuse_agreement": None,
            "promotions": consent.get("promotions") or "none",
            "terms_of_service": consent.get("terms_of_service") or "none",
        },
        "created": int(call.now),
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            name: texts.get(name)
            for name in ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        },
        "customer": given.get("customer"),
        "customer_account": None,
        "customer_creation": None
        if "customer" in given
        else ("always" if mode == "subscription" else given.get("customer_creation") or "if_required"),
        "customer_details": _known_details(call, given),
        "customer_email": given.get("customer_email"),
        "discounts": [],
        "excluded_payment_method_types": None,
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": None
        if mode == "subscription"
        else {
            "enabled": invoiced,
            "invoice_data": {
                "account_tax_ids": None,
                "custom_fields": None,
                "description": None,
                "footer": None,
                "issuer": None,
                "metadata": {},
                "rendering_options": None,
            },
        },
        "livemode": world.livemode,
        "locale": given.get("locale"),
        "managed_payments": {"enabled": False},
        "metadata": params.merged_metadata({}, given.get("metadata") or {}),
        "mode": mode,
        "name_collection": None,
        "optional_items": [],
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": given.get("payment_method_collection")
        or ("always" if mode == "subscription" else "if_required"),
        "payment_method_configuration_details": None
        if given.get("payment_method_types")
        else {"id": "pmc_1Sandbox00000000000001", "parent": None},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": types,
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {
            "enabled": (given.get("phone_number_collection") or {}).get("enabled", False)
        },
        "presentment_details": None,
        "recovered_from": None,
        "redirect_on_completion": None,
        "return_url": None,
        "saved_payment_method_options": {
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": None,
        }
        if "customer" in given
        else None,
        "setup_intent": None,
        "shipping_address_collection": given.get("shipping_address_collection"),
        "shipping_options": [
            {"shipping_amount": rate["fixed_amount"]["amount"], "shipping_rate": rate["id"]} for rate in rates
        ],
        "status": "open",
        "submit_type": given.get("submit_type"),
        "subscription": None,
        "success_url": given["success_url"],
        "tax_id_collection": {"enabled": False, "required": "never"},
        "ui_mode": "hosted_page",
        # The real URLs also have a fragment, and work only with it.
        "url": f"{call.state.origin}/c/pay/{id}#{new_id('fid', 40)}",
        "wallet_options": None,
    }


def _known_details(call: Call, given: Mapping[str, Any]) -> Document | None:
    """The session's `customer_details` before the shopper fills in the page."""
    customer = call.world.customers.get(given["customer"]) if "customer" in given else None
    email = given.get("customer_email") if customer is None else customer.email
    if customer is None and email is None:
        return None
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none" if customer is None else customer.tax_exempt,
        "tax_ids": None,
    }


def _plan_expiry(call: Call, session: Document) -> None:
    def expire(due: float) -> None:
        if session["status"] == "open":
            sessions.expire(replace(call, now=due, request_id=None, idempotency_key=None), session)

    call.state.later(session["expires_at"], expire)
