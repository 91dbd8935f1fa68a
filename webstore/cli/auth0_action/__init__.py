"""The tenant's own Auth0 Action, as JavaScript: the linking protocol's first create, or the claims alone.

The templates beside this file are complete programs. Each "%NAME%" in them is filled in.
docs/auth0-action.md explains when one wants it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from webstore.linking.models import Account
from webstore.linking.protocol import MAX_DESCRIPTION, MAX_NAME, Policy

#: The version of the npm package `stripe` that the Action was tested with.
STRIPE_PACKAGE = "23.1.0"
#: Seconds. Auth0 ends a login flow after 20: https://auth0.com/docs/customize/actions/limitations
_MAX_TIME_LIMIT_S = 10.0
_TEMPLATES = Path(__file__).parent


def linking_action(
    policy: Policy, account: Account, *, namespace: str, time_limit_s: float, stripe_api_version: str
) -> str:
    """The Action that links new users as the store with this policy does.

    `account`: account and mode of its Stripe key. `namespace`: prefix of the claims. `time_limit_s`: what a
    login may spend on linking.
    """
    world = f"{account.id or 'not known, every account counts as the same'}, {account.mode} mode"
    return _filled(
        "linking.js",
        {
            "TENANT": policy.tenant,
            "NAMESPACE": namespace,
            "ACCOUNT": account.id,
            "MODE": account.mode,
            "STRIPE_API_VERSION": stripe_api_version,
            "TIME_LIMIT_MS": round(min(time_limit_s, _MAX_TIME_LIMIT_S) * 1000),
            "KEY_WINDOW_MS": round(policy.key_window_s * 1000),
            "MAX_NAME": MAX_NAME,
            "MAX_DESCRIPTION": MAX_DESCRIPTION,
        },
        {"TENANT": policy.tenant, "WORLD": world, "STRIPE_PACKAGE": STRIPE_PACKAGE},
    )


def claims_only_action(namespace: str) -> str:
    """The Action that copies the links into the tokens, and needs no Stripe key."""
    return _filled("claims_only.js", {"NAMESPACE": namespace}, {})


def _filled(template: str, constants: Mapping[str, object], words: Mapping[str, str]) -> str:
    """The template with its constants and, in comments, its words."""
    code = "".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in (template, "claims.js"))

    def value(found: re.Match[str]) -> str:
        constant, word = found.groups()
        return json.dumps(constants[constant]) if constant else words[word]

    return re.sub(r'"%([A-Z_]+)%"|%([A-Z_]+)%', value, code)
