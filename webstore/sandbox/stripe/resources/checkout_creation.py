"""Creating a Checkout Session. Source: https://docs.stripe.com/api/checkout/sessions/create"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import NotInSandbox, StripeError
from webstore.sandbox.stripe.expanding import expanded
from webstore.sandbox.stripe.payments import session_amounts, sessions, setups
from webstore.sandbox.stripe.payments.cards import BANK_DEBITS
from webstore.sandbox.stripe.payments.customers import existing_customer
from webstore.sandbox.stripe.payments.lines import keep_inline, make_lines
from webstore.sandbox.stripe.payments.tables import SessionDetails
from webstore.sandbox.stripe.resources.checkout_documents import new_session
from webstore.sandbox.stripe.resources.shipping_rates import find_rate, new_rate
from webstore.sandbox.stripe.resources.tax_settings import check_head_office
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
_OF_SETUP = ("setup_intent_data",)
_NOT_IN = {
    "payment": (*_OF_SUBSCRIPTION, *_OF_SETUP),
    "setup": (
        *(name for name in _OF_PAYMENT if name != "customer_creation"),
        *_OF_SUBSCRIPTION,
        "allow_promotion_codes",
        "line_items",
        "payment_method_collection",
    ),
    "subscription": (*_OF_PAYMENT, *_OF_SETUP),
}


def create(call: Call) -> Document:
    """Create an open session. Raises StripeError."""
    # Any: each value has been checked to be valid for its parameter.
    given: dict[str, Any] = dict(call.params)
    mode = _mode(given)
    _check_together(call, given, mode)
    expires_at = _expiry(call, given)
    if mode == "setup":
        return _create_setup(call, given, expires_at)
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
    fields, amounts = session_amounts.totals(call, lines, rates[0]["id"] if rates else None)
    keep_inline(call, bought)
    session = new_session(call, given, mode, types, rates)
    session.update(fields, expires_at=expires_at)
    payments = call.world.payments
    payments.details[session["id"]] = SessionDetails(
        lines=lines,
        intent_data=_with_metadata(given.get("payment_intent_data")),
        subscription_data=subscription_data,
        customer_update=given.get("customer_update") or {},
    )
    session_amounts.keep_amounts(call, session, amounts)
    payments.sessions.add(session)
    _plan_expiry(call, session)
    return expanded(call, session)


def _create_setup(call: Call, given: Mapping[str, Any], expires_at: int) -> Document:
    """A session that saves a payment method and sells nothing.

    Source: https://docs.stripe.com/payments/save-and-reuse
    """
    types = _method_types(given.get("payment_method_types"), given.get("currency"))
    session = new_session(call, given, "setup", types, [])
    intent = setups.add_setup_intent(
        call, given.get("customer"), types, _with_metadata(given.get("setup_intent_data"))
    )
    session.update(
        amount_subtotal=None,
        amount_total=None,
        currency=given.get("currency"),
        expires_at=expires_at,
        payment_status="no_payment_required",
        setup_intent=intent["id"],
        shipping_cost=None,
        total_details=None,
    )
    payments = call.world.payments
    payments.details[session["id"]] = SessionDetails(
        lines=[], intent_data={}, subscription_data={}, customer_update=given.get("customer_update") or {}
    )
    payments.sessions.add(session)
    _plan_expiry(call, session)
    return expanded(call, session)


def _mode(given: Mapping[str, Any]) -> str:
    mode = given.get("mode")
    if mode is None:
        raise StripeError(400, "Missing required param: mode.", code="parameter_missing", param="mode")
    ui_mode = given.get("ui_mode") or "hosted_page"
    if ui_mode != "hosted_page":
        raise NotInSandbox(f"Checkout Sessions with the ui_mode {ui_mode}", param="ui_mode")
    if "success_url" not in given:
        raise StripeError(
            400, "Missing required param: success_url.", code="parameter_missing", param="success_url"
        )
    for name in ("line_items",) if mode != "setup" else _needed_for_setup(given):
        if not given.get(name):
            raise StripeError(400, f"Missing required param: {name}.", code="parameter_missing", param=name)
    return str(mode)


def _needed_for_setup(given: Mapping[str, Any]) -> tuple[str, ...]:
    """https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-currency"""
    return () if given.get("payment_method_types") else ("currency",)


def _check_together(call: Call, given: Mapping[str, Any], mode: str) -> None:
    """Check the parameters that depend on each other. Raises StripeError."""
    for name in ("success_url", "cancel_url"):
        if name in given:
            _check_url(given[name], name, call.world.livemode)
    for name in _NOT_IN[mode]:
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
    if (given.get("automatic_tax") or {}).get("enabled"):
        check_head_office(call)


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


def _method_types(given: Sequence[str] | None, currency: str | None) -> list[str]:
    """The requested payment method types, by default cards and the currency's bank debit."""
    debit = BANK_DEBITS.get(currency or "")
    if not given:
        return ["card", debit] if debit else ["card"]
    for number, kind in enumerate(given):
        name = f"payment_method_types[{number}]"
        if kind not in ("card", *BANK_DEBITS.values()):
            raise NotInSandbox(f"the payment method type {kind}", param=name)
        if currency is not None and kind not in ("card", debit):
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


def _plan_expiry(call: Call, session: Document) -> None:
    def expire(due: float) -> None:
        if session["status"] == "open":
            sessions.expire(replace(call, now=due, request_id=None, idempotency_key=None), session)

    call.state.later(session["expires_at"], expire)
