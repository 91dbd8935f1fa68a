"""The conversation of `flask setup env`: which setting comes next, and whether an answer is right."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from webstore.addresses import is_loopback
from webstore.environment import is_organization_key
from webstore.errors import (
    ClientRefused,
    DirectoryRefused,
    LoginMisconfigured,
    NoSuchCustomer,
    PaymentsRefused,
    SettingsError,
    WebstoreError,
)
from webstore.settings import Settings, described

GENERATED = "APP_SECRET_KEY"
#: `flask setup auth0 --apply` makes the application, and adds these two.
APPLICATION = ("AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET")
#: Settings that a vendor judges together.
_TOGETHER = (("AUTH0_DOMAIN",), APPLICATION, ("STRIPE_SECRET_KEY", "STRIPE_ACCOUNT"))
#: In the place of settings that are missing, so that the others can be checked.
_STAND_INS = {
    "AUTH0_DOMAIN": "missing.invalid",
    "AUTH0_CLIENT_ID": "missing",
    "AUTH0_CLIENT_SECRET": "missing",
    "STRIPE_SECRET_KEY": "sk_test_missing",
    GENERATED: "m" * 64,
}


@dataclass(frozen=True, slots=True)
class Question:
    """A setting that is missing."""

    name: str
    #: Where the operator finds its value.
    where: str
    #: Whether nobody may read the answer over the operator's shoulder.
    hidden: bool = False
    #: What an empty answer means; an empty text leaves the setting out. None: an answer is needed.
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a vendor says of an answer."""

    words: str
    #: None: the vendor could not be asked.
    right: bool | None = True


class Vendors(Protocol):
    """Asks the vendors. Each method says what it found, and raises the vendor's errors."""

    def domain(self, settings: Settings) -> str:
        """Ask for the discovery document of the login provider. Raises `LoginError`."""

    def application(self, settings: Settings) -> str:
        """Ask for a token for the Management API. Raises `DirectoryError`."""

    def key(self, settings: Settings) -> str:
        """Ask for the account of the Stripe key. Raises `PaymentsError`."""


def new_secret() -> str:
    """A key that signs cookies."""
    return secrets.token_urlsafe(48)


def missing(values: Mapping[str, str]) -> dict[str, str]:
    """The settings without which the store does not start, with where to find them."""
    needed = {name: where for name, where in described().needed.items() if name != GENERATED}
    if is_organization_key(values.get("STRIPE_SECRET_KEY", "")):
        needed["STRIPE_ACCOUNT"] = _WHERE["STRIPE_ACCOUNT"]
    return {name: where for name, where in needed.items() if not values.get(name, "").strip()}


def faults(values: Mapping[str, str]) -> tuple[str, ...]:
    """The faults of the settings that are set, one sentence each."""
    try:
        Settings.from_env(_completed(values))
    except SettingsError as problem:
        return problem.problems
    return ()


def next_question(values: Mapping[str, str], left_out: frozenset[str]) -> Question | None:
    """The next setting to ask for; None if there is none."""
    for question in _questions(values):
        if question.name not in left_out and not values.get(question.name, "").strip():
            return question
    return None


def converse(
    known: Mapping[str, str],
    vendors: Vendors | None,
    *,
    ask: Callable[[Question], str],
    say: Callable[[str], None],
    keep_unchecked: Callable[[], bool],
) -> dict[str, str]:
    """Ask for everything that is missing, each until the answer is right. Returns the answers.

    `vendors`: None asks no vendor. `keep_unchecked`: whether to take an answer that could not be checked.
    """
    answers: dict[str, str] = {}
    left_out: frozenset[str] = frozenset()
    while question := next_question({**known, **answers}, left_out):
        answer = ask(question).strip() or question.default
        if answer is None:
            say("This one is needed.")
            continue
        if not answer:
            left_out |= {question.name}
            continue
        if wrong := faults({**known, **answers, question.name: answer}):
            # The next question says where to find it again.
            say("\n".join(fault.partition(" Find it: ")[0] for fault in wrong))
            continue
        answers[question.name] = answer
        verdict = vendors and judge(question.name, {**known, **answers}, vendors)
        if verdict:
            say(verdict.words)
            if not (keep_unchecked() if verdict.right is None else verdict.right):
                together = next(names for names in _TOGETHER if question.name in names)
                answers = {name: value for name, value in answers.items() if name not in together}
    return answers


def judge(name: str, values: Mapping[str, str], vendors: Vendors) -> Verdict | None:
    """What the vendor says of this setting and those that belong to it; None if it cannot tell yet."""
    together = next((names for names in _TOGETHER if name in names), ())
    lacking = missing(values)
    if not together or "AUTH0_DOMAIN" in lacking or any(it in lacking for it in together):
        return None
    question = {_TOGETHER[0]: vendors.domain, APPLICATION: vendors.application}.get(together, vendors.key)
    try:
        return Verdict(question(Settings.from_env(_completed(values))))
    except LoginMisconfigured as exc:
        return Verdict(f"This is not right: {exc}.", right=False)
    except ClientRefused:
        return Verdict("Auth0 does not know this client ID, or the secret is of another one.", right=False)
    except DirectoryRefused:
        return Verdict(
            "Auth0 knows this application, but it may not use the Management API yet: "
            "`flask --app wsgi setup auth0 --apply` changes that. The first login shows whether the secret "
            "is right."
        )
    except (PaymentsRefused, NoSuchCustomer) as exc:
        return Verdict(f"Stripe does not accept it: {exc}.", right=False)
    except WebstoreError as exc:
        return Verdict(f"It cannot be checked now: {exc}.", right=None)


def judge_all(
    names: Collection[str], values: Mapping[str, str], vendors: Vendors
) -> Iterator[tuple[str, Verdict]]:
    """What the vendors say of these settings, each vendor's call made once."""
    for together in _TOGETHER:
        name = next((name for name in together if name in names), None)
        verdict = judge(name, values, vendors) if name else None
        if name and verdict:
            yield name, verdict


def _questions(values: Mapping[str, str]) -> Iterator[Question]:
    needed = described().needed
    yield Question("BASE_URL", _WHERE["BASE_URL"], default="http://127.0.0.1:8000")
    yield Question("AUTH0_DOMAIN", needed["AUTH0_DOMAIN"])
    if _is_custom(values.get("AUTH0_DOMAIN", "")):
        yield Question("AUTH0_MGMT_DOMAIN", _WHERE["AUTH0_MGMT_DOMAIN"], default="")
    yield Question("AUTH0_CLIENT_ID", f"{needed['AUTH0_CLIENT_ID']}. {_WITHOUT}", default="")
    if values.get("AUTH0_CLIENT_ID"):
        yield Question("AUTH0_CLIENT_SECRET", needed["AUTH0_CLIENT_SECRET"], hidden=True)
    yield Question("STRIPE_SECRET_KEY", needed["STRIPE_SECRET_KEY"], hidden=True)
    if is_organization_key(values.get("STRIPE_SECRET_KEY", "")):
        yield Question("STRIPE_ACCOUNT", _WHERE["STRIPE_ACCOUNT"])
    yield Question("STRIPE_WEBHOOK_SECRET", _WHERE["STRIPE_WEBHOOK_SECRET"], hidden=True, default="")


_WITHOUT = "Enter leaves it out: `flask --app wsgi setup auth0 --apply` makes the application"
_WHERE = {
    "BASE_URL": "The address that shoppers use. Enter takes this machine's",
    "AUTH0_MGMT_DOMAIN": (
        "AUTH0_DOMAIN looks like a custom domain. This is the tenant's own one, TENANT.REGION.auth0.com: "
        "Auth0 dashboard > Settings > Custom Domains. Enter if they are the same"
    ),
    "STRIPE_ACCOUNT": "Stripe dashboard > Settings > Business > Account details (acct_...)",
    "STRIPE_WEBHOOK_SECRET": (
        "Stripe dashboard > Developers > Webhooks > your endpoint > Signing secret (whsec_...). Enter leaves "
        "it out: `flask --app wsgi setup stripe --apply` makes the endpoint"
    ),
}


def _is_custom(domain: str) -> bool:
    """Whether the domain is likely to be a custom one."""
    host = urlsplit(f"//{domain}").hostname or ""
    return host != "" and not host.endswith(".auth0.com") and not is_loopback(host)


def _completed(values: Mapping[str, str]) -> dict[str, str]:
    """The settings, with a stand-in for each one that is missing."""
    given = {name: value for name, value in values.items() if value.strip()}
    stand_ins = dict(_STAND_INS)
    if "STRIPE_ACCOUNT" in given:
        stand_ins["STRIPE_SECRET_KEY"] = "sk_org_test_missing"  # noqa: S105  # not a key
    elif is_organization_key(given.get("STRIPE_SECRET_KEY", "")):
        stand_ins["STRIPE_ACCOUNT"] = "acct_missing"
    return {**stand_ins, **given}
