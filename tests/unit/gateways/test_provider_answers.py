"""What an answer of the token endpoint means."""

from __future__ import annotations

import json

import pytest

from webstore.errors import LoginDenied, LoginError, ProviderUnavailable
from webstore.gateways.oidc.provider_answers import ClientRefused, callback_error, check_token_answer

JSON = "application/json"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "access_denied", LoginDenied),
        (400, "unauthorized", LoginDenied),
        (403, "mfa_required", LoginDenied),
        (400, "invalid_client", ClientRefused),
        # Auth0's answer to a wrong client secret: https://auth0.com/docs/api/authentication
        (401, "access_denied", ClientRefused),
        (403, "", ProviderUnavailable),
        (429, "access_denied", ProviderUnavailable),
        (503, "access_denied", ProviderUnavailable),
    ],
)
def test_an_error_that_is_not_about_the_code_has_an_error_of_its_own(
    status: int, code: str, expected: type[LoginError]
) -> None:
    with pytest.raises(expected) as raised:
        check_token_answer(status, JSON, json.dumps({"error": code}).encode())
    assert type(raised.value) is expected


@pytest.mark.parametrize(("status", "code"), [(400, "invalid_grant"), (403, "invalid_grant"), (200, "")])
def test_a_code_that_is_refused_and_a_token_are_left_to_authlib(status: int, code: str) -> None:
    check_token_answer(status, JSON, json.dumps({"error": code}).encode())


def test_the_providers_words_are_on_one_line_and_for_the_shopper() -> None:
    body = {"error": "unauthorized", "error_description": "user is blocked\r\nERROR forged\u2028"}
    with pytest.raises(LoginDenied) as raised:
        check_token_answer(403, JSON, json.dumps(body).encode())
    assert raised.value.words == "This account is blocked."
    assert raised.value.reason == "user is blocked  ERROR forged"
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("user is blocked", ""),
        ("User is blocked.", ""),
        ("user is blocked: unpaid", "user is blocked: unpaid"),
    ],
)
def test_a_reason_that_says_no_more_than_the_words_is_left_out(description: str, reason: str) -> None:
    error = callback_error("unauthorized", description)
    assert isinstance(error, LoginDenied)
    assert (error.words, error.reason) == ("This account is blocked.", reason)


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("User did not authorize the request", "You cancelled the login."),
        ("The user cancelled the operation", "You cancelled the login."),
        # An Action's `api.access.deny(reason)`: https://auth0.com/docs/customize/actions
        ("You are not on the list", "The login was refused. Reason: You are not on the list"),
        ("", "The login was refused."),
    ],
)
def test_only_a_shopper_who_cancelled_is_told_so(description: str, words: str) -> None:
    error = callback_error("access_denied", description)
    assert isinstance(error, LoginDenied)
    assert error.words + (f" Reason: {error.reason}" if error.reason else "") == words
    assert description in str(error)
