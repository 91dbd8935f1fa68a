"""The account that a key belongs to. Source: https://docs.stripe.com/api/accounts/retrieve"""

from webstore.sandbox.stripe.auth import no_access
from webstore.sandbox.stripe.routing import Call, Route, expandable


def retrieve(call: Call) -> dict[str, object]:
    """The account of the API key: a standard account in Germany with charges and payouts enabled."""
    return {
        "id": call.world.account,
        "object": "account",
        "business_profile": {
            "mcc": None,
            "minority_owned_business_designation": None,
            "name": "Sandbox store",
            "product_description": None,
            "specified_commercial_transactions_act_url": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "DE",
        "created": 1_600_000_000,
        "default_currency": "eur",
        "details_submitted": True,
        "email": "owner@example.com",
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{call.world.account}/external_accounts",
        },
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": "Sandbox store", "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": "SANDBOX STORE",
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
        },
        "type": "standard",
    }


def retrieve_by_id(call: Call) -> dict[str, object]:
    """The account with this ID. There are no connected accounts, so a key reads its own account only."""
    (id,) = call.ids
    if id != call.world.account:
        raise no_access(call.api_key, id)
    return retrieve(call)


ROUTES = (
    Route("GET", "/v1/account", retrieve, "account_read", {"expand": expandable()}),
    Route("GET", "/v1/accounts/{}", retrieve_by_id, "account_read", {"expand": expandable()}),
)
