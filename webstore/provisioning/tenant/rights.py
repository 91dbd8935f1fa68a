"""What an access token for the Management API allows, as far as it tells. Its signature is not checked."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from .models import CannotSetUp, Needs

#: For reading and writing each kind of object: https://auth0.com/docs/api/management/v2
_RIGHTS = ("read:{0}", "create:{0}", "update:{0}")


def needed(needs: Needs) -> tuple[str, ...]:
    """The scopes that the set-up uses for these needs."""
    kinds = ["clients", "client_grants"]
    if needs.audience:
        kinds.append("resource_servers")
    if needs.action:
        kinds.append("actions")
    scopes = [right.format(kind) for kind in kinds for right in _RIGHTS]
    return (*scopes, *(("read:client_keys",) if needs.keeps_credentials else ()))


def check_token(token: str, needs: Needs, now: float) -> None:
    """Raise `CannotSetUp` if the token says that it cannot be used; `now`: Unix seconds.

    A token that is not a JSON Web Token tells nothing. Auth0 then names a missing right.
    Source: https://auth0.com/docs/secure/tokens/access-tokens/management-api-access-tokens
    """
    claims = _claims(token)
    if claims is None:
        return
    audience = claims.get("aud")
    if needs.mgmt_audience not in (audience if isinstance(audience, list) else [audience]):
        raise CannotSetUp(
            f"The token is for {audience}, and not for {needs.mgmt_audience}. Take one of this tenant. With "
            "a custom domain, AUTH0_MGMT_DOMAIN is the tenant's own domain."
        )
    expires = claims.get("exp")
    if isinstance(expires, int | float) and expires <= now:
        raise CannotSetUp(f"The token expired{_on(expires)}. Take a new one.")
    scopes = claims.get("scope")
    if isinstance(scopes, str):
        missing = [scope for scope in needed(needs) if scope not in scopes.split()]
        if missing:
            raise CannotSetUp(f"The token lacks these scopes: {' '.join(missing)}")


def _on(moment: float) -> str:
    """The day and the minute, for people; empty if no calendar has it."""
    try:
        return f" on {datetime.fromtimestamp(moment, UTC):%d %B %Y at %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return ""


def _claims(token: str) -> Mapping[str, object] | None:
    """The claims of a JSON Web Token; None if it is something else. Source: RFC 7519, section 7.2"""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None
