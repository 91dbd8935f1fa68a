"""Configurations of the customer portal. Source: https://docs.stripe.com/api/customer_portal/configurations"""

from collections.abc import Mapping
from typing import Any

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.expanding import expands
from webstore.sandbox.stripe.payments.portal import add_configuration, saved_default
from webstore.sandbox.stripe.resources.reading import found, page, sublist_params
from webstore.sandbox.stripe.resources.subscriptions import CANCELLATION_REASONS
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import World

_ROOT, _ONE = "/v1/billing_portal/configurations", "/v1/billing_portal/configurations/{}"


def table(world: World) -> Documents:
    """The table of configurations."""
    return world.payments.portal_configurations


def create(call: Call) -> Document:
    """https://docs.stripe.com/api/customer_portal/configurations/create"""
    given = _checked(call)
    if not given.get("features"):
        raise StripeError(
            400,
            "You must enable at least one feature to create a portal configuration.",
            param="features",
        )
    return add_configuration(call, given)


def retrieve(call: Call) -> Document:
    """https://docs.stripe.com/api/customer_portal/configurations/retrieve"""
    saved_default(call)
    return found(call, table, "configuration", call.ids[0])


def update(call: Call) -> Document:
    """https://docs.stripe.com/api/customer_portal/configurations/update"""
    before = retrieve(call)
    given = _checked(call)
    if given.get("active") is False and before["is_default"]:
        raise StripeError(400, "You cannot deactivate the default portal configuration.", param="active")
    changes: dict[str, object] = {
        name: given[name] for name in ("active", "default_return_url", "name") if name in given
    }
    if "business_profile" in given:
        changes["business_profile"] = {**before["business_profile"], **given["business_profile"]}
    if "metadata" in given:
        changes["metadata"] = params.merged_metadata(before["metadata"], given["metadata"])
    if "features" in given:
        changes["features"] = {
            name: {**feature, **given["features"].get(name, {})}
            for name, feature in before["features"].items()
        }
    table(call.world).change(before, **changes, updated=int(call.now))
    return before


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/customer_portal/configurations/list"""
    saved_default(call)
    wanted = {name: call.params[name] for name in ("active", "is_default") if name in call.params}

    def keep(configuration: Document) -> bool:
        return all(configuration[name] == value for name, value in wanted.items())

    return page(call, table, "configuration", _ROOT, keep=keep)


def _checked(call: Call) -> dict[str, Any]:
    # Any: checked parameters.
    given: dict[str, Any] = dict(call.params)
    features: Mapping[str, Any] = given.get("features") or {}
    cancel = features.get("subscription_cancel") or {}
    if cancel.get("proration_behavior") == "always_invoice":
        raise StripeError(
            400,
            "Passing `always_invoice` is not supported when canceling subscriptions.",
            param="features[subscription_cancel][proration_behavior]",
        )
    if cancel.get("mode") == "at_period_end" and cancel.get("proration_behavior") == "create_prorations":
        raise StripeError(
            400,
            "`create_prorations` can only be used with `mode=immediately`.",
            param="features[subscription_cancel][proration_behavior]",
        )
    change = features.get("subscription_update") or {}
    if change.get("enabled"):
        for name in ("default_allowed_updates", "products"):
            if not change.get(name):
                param = f"features[subscription_update][{name}]"
                raise StripeError(
                    400, f"Missing required param: {param}.", code="parameter_missing", param=param
                )
    return given


_FEATURES = params.fields(
    {
        "customer_update": params.fields(
            {
                "allowed_updates": params.list_of(
                    params.one_of("address", "email", "name", "phone", "shipping", "tax_id")
                ),
                "enabled": params.boolean,
            },
            required=("enabled",),
        ),
        "invoice_history": params.fields({"enabled": params.boolean}, required=("enabled",)),
        "payment_method_update": params.fields(
            {"enabled": params.boolean, "payment_method_configuration": params.not_in_sandbox},
            required=("enabled",),
        ),
        "subscription_cancel": params.fields(
            {
                "cancellation_reason": params.fields(
                    {
                        "enabled": params.boolean,
                        "feedback_options": params.not_in_sandbox,
                        "options": params.list_of(params.one_of(*CANCELLATION_REASONS)),
                    },
                    required=("enabled", "options"),
                ),
                "enabled": params.boolean,
                "mode": params.one_of("at_period_end", "immediately"),
                "proration_behavior": params.one_of("always_invoice", "create_prorations", "none"),
            },
            required=("enabled",),
        ),
        "subscription_pause": params.fields(
            {"duration": params.not_in_sandbox, "enabled": params.boolean},
        ),
        "subscription_update": params.fields(
            {
                **params.absent("billing_cycle_anchor schedule_at_period_end trial_update_behavior"),
                "default_allowed_updates": params.list_of(
                    params.one_of("price", "promotion_code", "quantity")
                ),
                "enabled": params.boolean,
                "products": params.list_of(
                    params.fields(
                        {
                            "adjustable_quantity": params.not_in_sandbox,
                            "prices": params.list_of(params.given_text()),
                            "product": params.given_text(),
                        },
                        required=("prices", "product"),
                    ),
                    limit=10,
                ),
                "proration_behavior": params.one_of("always_invoice", "create_prorations", "none"),
            },
            required=("enabled",),
        ),
    }
)
_WRITABLE: params.Schema = {
    "business_profile": params.fields(
        {
            "headline": params.text(60),
            "privacy_policy_url": params.web_address,
            "terms_of_service_url": params.web_address,
        }
    ),
    "default_return_url": params.web_address,
    "expand": expands("billing_portal.configuration"),
    "features": _FEATURES,
    "login_page": params.not_in_sandbox,
    "metadata": params.metadata,
    "name": params.text(),
}
_LIST: params.Schema = {
    **sublist_params("billing_portal.configuration"),
    "active": params.boolean,
    "is_default": params.boolean,
}

ROUTES = (
    Route("POST", _ROOT, create, "customer_portal_write", _WRITABLE, required=("features",)),
    Route("GET", _ROOT, list_all, "customer_portal_read", _LIST),
    Route("GET", _ONE, retrieve, "customer_portal_read", {"expand": expands("billing_portal.configuration")}),
    Route("POST", _ONE, update, "customer_portal_write", {**_WRITABLE, "active": params.boolean}),
)
