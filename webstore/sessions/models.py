"""Who logs in and who calls the JSON API, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webstore.linking.models import ClaimedLink, LinkOutcome


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in: the part of the verified ID token that the store keeps.

    Source: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    """

    issuer: str
    user_id: str
    name: str | None = None
    email: str | None = None
    picture: str | None = None
    #: The provider's session (claim `sid`), for logout.
    sid: str | None = None
    #: When the user logged in, by the provider's clock in Unix seconds: `auth_time`, or `iat` without it.
    since: float = 0.0
    #: When the user last typed a password or the like (claim `auth_time`); None if the provider does not say.
    authenticated_at: float | None = None
    claimed: ClaimedLink = field(default_factory=ClaimedLink)
    #: All valid claims of the ID token, for the side-by-side page.
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the JSON API: the part of the verified access token that the store keeps.

    Source: https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
    """

    #: The user, or the program that got the token for itself.
    subject: str
    #: None for a program.
    user_id: str | None
    #: When the provider issued the token (claim `iat`), in Unix seconds; 0 if it does not say.
    since: float
    scopes: frozenset[str]
    #: The namespaced claim `stripe_customer_id`, when the tenant adds it.
    claimed_customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class LogoutNotice:
    """What a logout token says: the provider's session `sid` ended, or without one all sessions of a user.

    Source: https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken
    """

    sid: str | None
    user_id: str | None
    #: Used once (claim `jti`).
    token_id: str


@dataclass(slots=True)
class PostLogin:
    """What post-login hooks receive; the hook that links leaves its outcome here."""

    identity: Identity
    link: LinkOutcome | None = None
