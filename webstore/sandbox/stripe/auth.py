"""Authentication with API keys.

Sources: https://docs.stripe.com/api/authentication, https://docs.stripe.com/keys and
https://docs.stripe.com/keys/organization-api-keys
"""

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass

from webstore.sandbox.stripe.errors import StripeError, masked
from webstore.sandbox.stripe.state import State, World

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Stripe"'}
_NO_KEY = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, using"
    " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See"
    " https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/."
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The API key of a request, and the account and mode that it opens."""

    key: str
    world: World

    def check_permission(self, permission: str, state: State) -> None:
        """Raises StripeError 403 when a restricted key lacks `permission`, like `customer_write`."""
        if not self.key.startswith("rk_") or permission not in state.settings.denied_permissions:
            return
        resource, _, access = permission.rpartition("_")
        title = f"{resource.replace('_', ' ').capitalize()}s {access.capitalize()}"
        raise StripeError(
            403,
            f"The provided key '{masked(self.key)}' does not have the required permissions for this endpoint"
            f" on account '{self.world.account}'. Enabling \"{title}\" ('{permission}') permissions on this"
            " key would allow this request to continue.",
        )


def authenticate(authorization: str | None, context: str | None, state: State) -> Caller:
    """The caller that an Authorization header (Bearer or Basic) names.

    `context` is the header Stripe-Context, in which an organization key names the account. Raises
    StripeError: 401, or 400 and 403 about the context.
    """
    key = _key(authorization or "")
    if not key:
        raise StripeError(401, _NO_KEY, headers=_CHALLENGE)
    organization = state.config.organizations.get(key)
    if organization is not None:
        accounts, livemode = organization
        return Caller(key, state.world(_account(key, context, accounts), livemode))
    known = state.config.keys.get(key)
    if known is None:
        raise StripeError(401, f"Invalid API Key provided: {masked(key)}", headers=_CHALLENGE)
    return Caller(key, state.world(*known))


def _account(key: str, context: str | None, accounts: Collection[str]) -> str:
    if not context:
        raise StripeError(
            400,
            "Requests with an organization API key need the header Stripe-Context, which names the account."
            " See https://docs.stripe.com/keys/organization-api-keys.",
        )
    if context not in accounts:
        raise no_access(key, context)
    return context


def no_access(key: str, account: str) -> StripeError:
    """The error for an account that the key does not open: https://docs.stripe.com/error-codes"""
    return StripeError(
        403,
        f"The provided key '{masked(key)}' does not have access to account '{account}' (or that account does"
        " not exist). Application access may have been revoked.",
        code="account_invalid",
    )


def _key(authorization: str) -> str:
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
