"""What the provider's errors mean: the "no" at the callback, and the errors of the token endpoint.

Sources: https://openid.net/specs/openid-connect-core-1_0.html#AuthError, RFC 6749 (sections 4.1.2.1 and 5.2),
https://auth0.com/docs/libraries/common-auth0-library-authentication-errors
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress

from webstore.errors import (
    LoginDenied,
    LoginError,
    LoginInteractionNeeded,
    LoginMisconfigured,
    LoginRejected,
    ProviderUnavailable,
)
from webstore.gateways.profiles import printable

#: The syntax of the error codes that providers send: far narrower than RFC 6749 allows.
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
#: Errors of a silent login that only the shopper can resolve.
_NEEDS_SHOPPER = ("login_required", "interaction_required", "consent_required", "account_selection_required")
_NOT_NOW = ("server_error", "temporarily_unavailable", "too_many_requests")
#: The provider refuses the application itself: no user can log in.
_APPLICATION_REFUSED = (
    "unauthorized_client",
    "invalid_client",
    "invalid_scope",
    "unsupported_response_type",
    "request_not_supported",
    "request_uri_not_supported",
)
_NOT_LET_IN = "This account can't log in here."
_SECOND_STEP = "The login needs a second step, such as a code, which was not completed."
_WORDS: Mapping[str, str] = {
    "access_denied": "The login was refused.",
    "extension_error": "The store's login rules stopped this login.",
    "invalid_user_password": "The e-mail address or the password is wrong.",
    "mfa_invalid_code": _SECOND_STEP,
    "mfa_registration_required": _SECOND_STEP,
    "mfa_required": _SECOND_STEP,
    "password_leaked": "This password has been found in a data leak. Choose a new one on the login page.",
    "too_many_attempts": "There were too many attempts, so this account is locked for a while.",
    "unauthorized": _NOT_LET_IN,
}
#: What Auth0 and identity providers say when the user presses "Decline" or "Cancel".
_CANCELLED = re.compile(r"\bdid not authorize\b|\bcancel|\buser denied\b", re.IGNORECASE)
_WORDS_CANCELLED = "You cancelled the login."
_WORDS_BLOCKED = "This account is blocked."
_WORDS_UNVERIFIED = "The e-mail address of this account has to be verified first. Please check your inbox."
#: Reasons that say no more than the store's own words.
_SAYS_NO_MORE: Mapping[str, re.Pattern[str]] = {
    _WORDS_BLOCKED: re.compile(r"user is blocked\.?", re.IGNORECASE),
    _WORDS_UNVERIFIED: re.compile(
        r"please verify your e-?mail(?: address)?(?: before [a-z ]{1,30})?[.!]?", re.IGNORECASE
    ),
}
_WORDS_ORGANIZATION = "This account can log in only with the right organization."
#: Error codes of the token endpoint that mean the store's own credentials.
_CLIENT_CODES = ("invalid_client", "unauthorized_client")
CREDENTIALS = "check AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET"


class ClientRefused(LoginMisconfigured):
    """The token endpoint does not accept the store's client ID and secret."""


def callback_error(code: str, description: str | None, source: str = "the provider") -> LoginError:
    """The store's error for an error that the provider sent to the callback. `source`: for the log."""
    given = printable(description)
    told = f"{source} answered with the error {printable(code, 60)!r}" + (f": {given}" if given else "")
    if code in _NEEDS_SHOPPER:
        return LoginInteractionNeeded(told)
    if code in _NOT_NOW:
        return ProviderUnavailable(told)
    if code in _APPLICATION_REFUSED:
        return LoginMisconfigured(
            f"{told}; check the settings of the application AUTH0_CLIENT_ID at the provider"
        )
    about_organization = re.search(r"\b(?:organization|invitation)\b", given, re.IGNORECASE)
    if about_organization:
        told += (
            "; check the application's settings for organizations in the Auth0 dashboard, and the parameter "
            "`organization` of /login"
        )
        return LoginDenied(told, words=_WORDS_ORGANIZATION, reason=given)
    if code == "invalid_request" or not _CODE.fullmatch(code):
        return LoginRejected(told)
    if code == "access_denied" and _CANCELLED.search(given):
        return LoginDenied(told, words=_WORDS_CANCELLED, cancelled=True)
    if code == "extension_error":
        told += "; check the tenant's Actions, Rules and custom database scripts"
    words = _words(code, given)
    says_no_more = words in _SAYS_NO_MORE and _SAYS_NO_MORE[words].fullmatch(given)
    return LoginDenied(told, words=words, reason="" if says_no_more else given)


def _words(code: str, given: str) -> str:
    """What happened, in the shopper's words."""
    if code in ("unauthorized", "access_denied", "blocked_user"):
        if re.search(r"\bblocked\b", given, re.IGNORECASE):
            return _WORDS_BLOCKED
        if re.search(r"\bverif(?:y|ied)\b.*\be-?mail|\be-?mail\b.*\bverif(?:y|ied)\b", given, re.IGNORECASE):
            return _WORDS_UNVERIFIED
    return _WORDS.get(code, _NOT_LET_IN)


def check_token_answer(status: int, content_type: str, body: bytes) -> None:
    """Check that the token endpoint has answered, and that an error in its answer is about this login's code.

    Raises `ProviderUnavailable` for a rate limit, an outage or the page of a proxy, `ClientRefused`, and
    `LoginDenied` if the provider does not let the user in: an Action can say so as late as here. Other errors
    are left to the caller.
    """
    if status == 429 or status >= 500:
        raise ProviderUnavailable(f"token endpoint: status {status}")
    if "html" in content_type.lower() or body.lstrip()[:1] == b"<":
        raise ProviderUnavailable(f"token endpoint: status {status}, a page instead of JSON")
    if status < 400:
        return
    code, description = _error(body)
    if status == 401 or code in _CLIENT_CODES:
        raise ClientRefused(f"the token endpoint refuses the store: {status} {code}; {CREDENTIALS}")
    if not code:
        raise ProviderUnavailable(f"token endpoint: status {status} without an error code")
    if code in _WORDS:
        raise callback_error(code, description, "the token endpoint")


def _error(body: bytes) -> tuple[str, str]:
    """The fields `error` and `error_description` of an error answer; empty if there are none."""
    with suppress(ValueError, RecursionError):
        found = json.loads(body)
        if isinstance(found, dict):
            return printable(found.get("error"), 60), printable(found.get("error_description"))
    return "", ""
