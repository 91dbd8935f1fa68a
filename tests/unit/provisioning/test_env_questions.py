"""The questions of `flask setup env` come in order, and an answer is taken when it is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from webstore.errors import (
    ClientRefused,
    DirectoryRefused,
    LoginMisconfigured,
    PaymentsRefused,
    PaymentsUnavailable,
    ProviderUnavailable,
    WebstoreError,
)
from webstore.provisioning.env_questions import Question, converse, faults, judge_all, missing
from webstore.settings import Settings

DOMAIN = "my-shop.eu.auth0.com"
REQUIRED = {
    "AUTH0_DOMAIN": DOMAIN,
    "AUTH0_CLIENT_ID": "the-client-id",
    "AUTH0_CLIENT_SECRET": "the-client-secret",
    "STRIPE_SECRET_KEY": "sk_test_1",
}
BASE = {"BASE_URL": "https://shop.example.com"}
NOT_NEEDED = ("STRIPE_WEBHOOK_SECRET", "")


def well(_: Settings) -> str:
    return "fine"


@dataclass
class Asked:
    """Vendors that remember what they were asked about."""

    answers: dict[str, Callable[[Settings], str]] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def domain(self, settings: Settings) -> str:
        self.calls.append(("domain", settings.auth0_issuer))
        return self.answers.get("domain", well)(settings)

    def application(self, settings: Settings) -> str:
        self.calls.append(("application", settings.auth0_client_id, settings.auth0_client_secret))
        return self.answers.get("application", well)(settings)

    def key(self, settings: Settings) -> str:
        self.calls.append(("key", settings.stripe_secret_key, settings.stripe_account or ""))
        return self.answers.get("key", well)(settings)


@dataclass
class Talk:
    answers: dict[str, str]
    said: list[str]
    questions: list[Question]


def talk(
    known: Mapping[str, str],
    *typed: tuple[str, str],
    vendors: Asked | None = None,
    keep: bool = False,
) -> Talk:
    """Answer the questions in this order; each must be the one that is expected."""
    said: list[str] = []
    questions: list[Question] = []
    coming = iter(typed)

    def ask(question: Question) -> str:
        questions.append(question)
        name, answer = next(coming)
        assert question.name == name
        return answer

    answers = converse(known, vendors, ask=ask, say=said.append, keep_unchecked=lambda: keep)
    assert next(coming, None) is None
    return Talk(answers, said, questions)


def failing(*errors: WebstoreError) -> Callable[[Settings], str]:
    """Raises these errors one after the other, and is content afterwards."""
    coming = iter(errors)

    def answer(_: Settings) -> str:
        if (error := next(coming, None)) is not None:
            raise error
        return "fine"

    return answer


def test_everything_is_asked_in_order_and_checked_at_once() -> None:
    vendors = Asked()
    found = talk(
        {}, ("BASE_URL", ""), *REQUIRED.items(), ("STRIPE_WEBHOOK_SECRET", "whsec_1"), vendors=vendors
    )
    assert found.answers == {
        "BASE_URL": "http://127.0.0.1:8000",
        **REQUIRED,
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
    }
    assert vendors.calls == [
        ("domain", f"https://{DOMAIN}/"),
        ("application", "the-client-id", "the-client-secret"),
        ("key", "sk_test_1", ""),
    ]
    assert found.said == ["fine"] * 3
    hidden = [question.name for question in found.questions if question.hidden]
    assert hidden == ["AUTH0_CLIENT_SECRET", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"]
    assert "Auth0 dashboard > Applications" in found.questions[1].where


def test_only_what_is_missing_is_asked() -> None:
    known = {**BASE, **REQUIRED, "STRIPE_SECRET_KEY": " ", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
    found = talk(known, ("STRIPE_SECRET_KEY", "sk_test_2"))
    assert found.answers == {"STRIPE_SECRET_KEY": "sk_test_2"}


@pytest.mark.parametrize("answer", ["https://my-shop.eu.auth0.com", "my shop", "", "'my-shop.eu.auth0.com'"])
def test_a_malformed_answer_is_asked_for_again(answer: str) -> None:
    known = {**BASE, **REQUIRED, "AUTH0_DOMAIN": ""}
    found = talk(
        known, ("AUTH0_DOMAIN", answer), ("AUTH0_DOMAIN", f" {DOMAIN} "), NOT_NEEDED, vendors=(v := Asked())
    )
    assert found.answers == {"AUTH0_DOMAIN": DOMAIN}
    assert len(v.calls) == 1
    assert "Find it" not in found.said[0]


def test_a_domain_that_names_another_issuer_is_asked_for_again() -> None:
    vendors = Asked({"domain": failing(LoginMisconfigured("it names another issuer"))})
    known = {**BASE, **REQUIRED, "AUTH0_DOMAIN": ""}
    typed = [("AUTH0_DOMAIN", "other.eu.auth0.com"), ("AUTH0_DOMAIN", DOMAIN)]
    found = talk(known, *typed, NOT_NEEDED, vendors=vendors)
    assert found.answers == {"AUTH0_DOMAIN": DOMAIN}
    assert "another issuer" in found.said[0]


def test_a_wrong_secret_takes_the_client_id_with_it() -> None:
    vendors = Asked({"application": failing(ClientRefused("401"))})
    pair = [("AUTH0_CLIENT_ID", "an-id"), ("AUTH0_CLIENT_SECRET", "wrong")]
    again = [("AUTH0_CLIENT_ID", "an-id"), ("AUTH0_CLIENT_SECRET", "right")]
    known = {**BASE, "AUTH0_DOMAIN": DOMAIN, "STRIPE_SECRET_KEY": "sk_test_1"}
    found = talk(known, *pair, *again, NOT_NEEDED, vendors=vendors)
    assert found.answers == {"AUTH0_CLIENT_ID": "an-id", "AUTH0_CLIENT_SECRET": "right"}


def test_an_application_without_its_grant_is_accepted_and_it_is_said() -> None:
    vendors = Asked({"application": failing(DirectoryRefused("403 access_denied"))})
    known = {**BASE, **REQUIRED, "AUTH0_CLIENT_SECRET": ""}
    found = talk(known, ("AUTH0_CLIENT_SECRET", "right"), NOT_NEEDED, vendors=vendors)
    assert found.answers == {"AUTH0_CLIENT_SECRET": "right"}
    assert "knows this application" in found.said[0]
    assert "setup auth0" in found.said[0]


def test_the_application_can_be_left_to_the_set_up() -> None:
    known = {**BASE, "AUTH0_DOMAIN": DOMAIN, "STRIPE_SECRET_KEY": "sk_test_1"}
    found = talk(known, ("AUTH0_CLIENT_ID", ""), NOT_NEEDED)
    assert found.answers == {}
    assert "setup auth0 --apply" in found.questions[0].where


def test_a_refused_key_is_asked_for_again() -> None:
    vendors = Asked({"key": failing(PaymentsRefused("Stripe answered 401"))})
    known = {**BASE, **REQUIRED, "STRIPE_SECRET_KEY": ""}
    typed = [("STRIPE_SECRET_KEY", "sk_test_wrong"), ("STRIPE_SECRET_KEY", "sk_test_1")]
    assert talk(known, *typed, NOT_NEEDED, vendors=vendors).answers == {"STRIPE_SECRET_KEY": "sk_test_1"}


def test_an_organization_key_is_checked_with_its_account() -> None:
    known = {**BASE, **REQUIRED, "STRIPE_SECRET_KEY": ""}
    typed = [("STRIPE_SECRET_KEY", "sk_org_test_1"), ("STRIPE_ACCOUNT", "1A"), ("STRIPE_ACCOUNT", "acct_1A")]
    found = talk(known, *typed, NOT_NEEDED, vendors=(vendors := Asked()))
    assert found.answers == {"STRIPE_SECRET_KEY": "sk_org_test_1", "STRIPE_ACCOUNT": "acct_1A"}
    assert vendors.calls == [("key", "sk_org_test_1", "acct_1A")]
    assert found.said[0].startswith("STRIPE_ACCOUNT must be the ID")


@pytest.mark.parametrize("keep", [True, False])
def test_an_answer_that_cannot_be_checked_is_kept_if_the_operator_says_so(*, keep: bool) -> None:
    vendors = Asked({"domain": failing(ProviderUnavailable("no answer"))})
    known = {**BASE, **REQUIRED, "AUTH0_DOMAIN": ""}
    typed = [("AUTH0_DOMAIN", DOMAIN)] * (1 if keep else 2)
    found = talk(known, *typed, NOT_NEEDED, vendors=vendors, keep=keep)
    assert found.answers == {"AUTH0_DOMAIN": DOMAIN}
    assert "cannot be checked now: no answer" in found.said[0]


def test_an_outage_of_stripe_is_no_wrong_key() -> None:
    vendors = Asked({"key": failing(PaymentsUnavailable("429"))})
    known = {**BASE, **REQUIRED, "STRIPE_SECRET_KEY": ""}
    found = talk(known, ("STRIPE_SECRET_KEY", "sk_test_1"), NOT_NEEDED, vendors=vendors, keep=True)
    assert found.answers == {"STRIPE_SECRET_KEY": "sk_test_1"}


def test_a_custom_domain_needs_the_tenants_own() -> None:
    known = {**BASE, **REQUIRED, "AUTH0_DOMAIN": ""}
    found = talk(known, ("AUTH0_DOMAIN", "login.example.com"), ("AUTH0_MGMT_DOMAIN", DOMAIN), NOT_NEEDED)
    assert found.answers == {"AUTH0_DOMAIN": "login.example.com", "AUTH0_MGMT_DOMAIN": DOMAIN}


@pytest.mark.parametrize("domain", [DOMAIN, "my-shop.auth0.com", "127.0.0.1:8001", "localhost:8001"])
def test_a_tenants_own_domain_is_enough(domain: str) -> None:
    known = {**BASE, **REQUIRED, "AUTH0_DOMAIN": ""}
    assert talk(known, ("AUTH0_DOMAIN", domain), NOT_NEEDED).answers == {"AUTH0_DOMAIN": domain}


def test_what_is_missing_is_what_the_store_cannot_start_without() -> None:
    assert set(missing({})) == set(REQUIRED)
    assert set(missing({**REQUIRED, "STRIPE_SECRET_KEY": "sk_org_test_1"})) == {"STRIPE_ACCOUNT"}
    assert missing(REQUIRED) == {}


def test_settings_that_are_missing_are_no_faults_and_wrong_ones_are() -> None:
    assert faults({}) == ()
    assert faults({"STRIPE_ACCOUNT": "acct_1"}) == ()
    assert faults({"STRIPE_SECRET_KEY": "sk_org_test_1"}) == ()
    found = faults({"BASE_URL": "ftp://x", "LINK_BUDGET_S": "soon"})
    assert [it.split()[0] for it in found] == ["BASE_URL", "LINK_BUDGET_S"]


def test_settings_of_the_environment_are_judged_once_for_each_call() -> None:
    vendors = Asked()
    found = list(judge_all(REQUIRED, REQUIRED, vendors))
    assert [name for name, _ in found] == ["AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "STRIPE_SECRET_KEY"]
    assert [call[0] for call in vendors.calls] == ["domain", "application", "key"]
    assert list(judge_all(["LINK_LOOKUP"], REQUIRED, vendors)) == []
    assert list(judge_all(["AUTH0_CLIENT_ID"], {**REQUIRED, "AUTH0_CLIENT_SECRET": ""}, vendors)) == []
