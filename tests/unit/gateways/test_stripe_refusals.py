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


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ("whsec_51abcDEF+/=", "whsec_..."),
        ("rkcs_51abcDEF", "rkcs_..."),
        ("rkcs_test_51abcDEF", "rkcs_test_..."),
        ("sk_org_51abcDEF", "sk_org_..."),
        ("sk_org_live_51abcDEF", "sk_org_live_..."),
        ("rk_org_test_51abcDEF", "rk_org_test_..."),
        ("sk_live_51abcDEF", "sk_live_..."),
        ("ek_test_51abcDEF", "ek_test_..."),
        ("pi_3abc_secret_51abcDEF", "pi_3abc_secret_..."),
        ("cs_test_a1_secret_fid%2F51abcDEF", "cs_test_a1_secret_..."),
        ("51abcDEF@example.com", "(e-mail address)"),
        ("ada+51abcDEF@mail.example.co.uk", "(e-mail address)"),
        ("ada@51abcDEF", "(e-mail address)"),
        ("51abcDEF%40example.com", "(e-mail address)"),
        ("zoë.51abcDEF@exämple.de", "(e-mail address)"),
    ],
)
@pytest.mark.parametrize("said", ["Wrong: {}", "`{}` is wrong", "email={}, number 2", "<{}>.", '("{}")'])
def test_what_is_nobodys_business_is_masked(said: str, quoted: str, shown: str) -> None:
    assert refusal(said.format(quoted)) == f"{SUMMARY}: {said.format(shown)}"


@pytest.mark.parametrize("before", [480, 495, 499, 1990, 1999])
def test_what_is_cut_off_is_masked_as_well(before: int) -> None:
    for quoted in ("sk_live_51abcDEF51abcDEF", "51abcDEF51abcDEF@example.com", "pi_1_secret_51abcDEF"):
        assert "51abc" not in refusal(f"{'x' * (before - 1)} {quoted}")


@pytest.mark.parametrize(
    "said", ["No such price: 'price_1abc'", "Having the 'rak_price_read' permission", "@"]
)
def test_the_rest_of_a_message_stays(said: str) -> None:
    assert refusal(said) == f"{SUMMARY}: {said}"


def test_a_clock_that_is_wrong_is_named() -> None:
    said = refusal("The `expires_at` timestamp must be at least 30 minutes from creation.", "expires_at")
    assert "parameter expires_at; to do: set the machine's clock" in said


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
