"""What the log says when Stripe refuses a request."""

from __future__ import annotations

import pytest
import stripe

from webstore.gateways.stripe.refusals import explained

SUMMARY = "Stripe answered 400 some_code (request req_1)"


def refusal(message: str, param: str | None = None) -> str:
    error = stripe.InvalidRequestError(message, param)  # type: ignore[no-untyped-call]  # untyped in the SDK
    return explained(error, SUMMARY)


def test_the_message_the_parameter_and_the_advice_are_in_one_line() -> None:
    said = refusal("Stripe Tax has not been activated\non your account.", "automatic_tax[enabled]")
    assert said == (
        f"{SUMMARY}: Stripe Tax has not been activated on your account.; parameter automatic_tax[enabled]; "
        "to do: set up Stripe Tax, or set CHECKOUT_AUTOMATIC_TAX=0, https://dashboard.stripe.com/settings/tax"
    )


def test_a_refusal_without_advice_has_the_message_alone() -> None:
    assert refusal("Something else.") == f"{SUMMARY}: Something else."
    assert refusal("") == f"{SUMMARY}: no message"


@pytest.mark.parametrize("key", ["sk_test_51abcDEF", "rk_live_51abcDEF", "sk_test_****51abcDEF"])
def test_a_key_is_never_in_the_line(key: str) -> None:
    said = explained(stripe.AuthenticationError(f"Invalid API Key provided: {key}"), SUMMARY)
    assert "51abcDEF" not in said
    assert "STRIPE_SECRET_KEY" in said


def test_a_message_cannot_add_lines_or_fill_the_log() -> None:
    said = refusal(f"one\r\ntwo \x1b[31m {'x' * 10_000}")
    assert "\n" not in said
    assert "\x1b" not in said
    assert len(said) < 700


def test_a_missing_permission_is_named() -> None:
    said = explained(
        stripe.PermissionError("Having the 'rak_customer_portal_write' permission would do."), SUMMARY
    )
    assert "rak_customer_portal_write" in said
    assert "https://dashboard.stripe.com/apikeys" in said
