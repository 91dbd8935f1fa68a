"""Sessions of the customer portal. Source: https://docs.stripe.com/api/customer_portal/sessions"""

from typing import Any

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.expanding import expands
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.customers import existing_customer
from webstore.sandbox.stripe.payments.portal import chosen
from webstore.sandbox.stripe.resources.checkout_params import LOCALES
from webstore.sandbox.stripe.routing import Call, Route

_LOCALES = (*LOCALES, "en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-SG")


def create(call: Call) -> Document:
    """https://docs.stripe.com/api/customer_portal/sessions/create"""
    # Any: checked parameters.
    given: dict[str, Any] = dict(call.params)
    customer = existing_customer(call, given["customer"])
    if call.world.livemode and not str(given.get("return_url", "https://")).startswith("https://"):
        raise StripeError(
            400,
            "Livemode requests must always be redirected via HTTPS.",
            code="url_invalid",
            param="return_url",
        )
    configuration = chosen(call, given.get("configuration"))
    token = new_id("live_" if call.world.livemode else "test_", 80)
    session: Document = {
        "id": new_id("bps_1", 23),
        "object": "billing_portal.session",
        "after_expiration": None,
        "configuration": configuration["id"],
        "created": int(call.now),
        "customer": customer.id,
        "customer_account": None,
        "flow": None,
        "livemode": call.world.livemode,
        "locale": given.get("locale"),
        "on_behalf_of": None,
        "return_url": given.get("return_url") or configuration["default_return_url"],
        "url": f"{call.state.origin}/p/session/{token}",
    }
    payments = call.world.payments
    payments.portals.add(session)
    payments.portal_tokens[token] = session["id"]
    return session


ROUTES = (
    Route(
        "POST",
        "/v1/billing_portal/sessions",
        create,
        "customer_portal_write",
        {
            **params.absent("after_expiration customer_account flow_data on_behalf_of"),
            "configuration": params.given_text(),
            "customer": params.given_text(),
            "expand": expands("billing_portal.session"),
            "locale": params.one_of(*_LOCALES),
            "return_url": params.web_address,
        },
        required=("customer",),
    ),
)
