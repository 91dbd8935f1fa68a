"""Checks of the settings by themselves, and of the shop's texts."""

from __future__ import annotations

from urllib.parse import urlsplit

from webstore.addresses import is_loopback
from webstore.doctor import pages
from webstore.doctor.check import Check
from webstore.doctor.facts import Facts
from webstore.doctor.models import Finding, failure, ok, warning
from webstore.environment import RANDOM_TEXT, is_published

#: Labels of host names that are rarely those of a shop.
_REHEARSAL = frozenset(
    ("demo", "dev", "develop", "development", "local", "localhost", "preview", "qa", "sandbox", "stage")
) | {"staging", "test", "testing", "uat"}
#: A random key has more different characters: https://docs.python.org/3/library/secrets.html
_FEW_CHARACTERS = 12


def is_local(facts: Facts) -> bool:
    """Whether BASE_URL is an address of this machine."""
    return is_loopback(urlsplit(facts.settings.base_url).hostname)


def _settings(facts: Facts) -> list[Finding] | Finding:
    if not facts.problems:
        return ok("All settings are there and well-formed.")
    found = []
    for problem in facts.problems:
        summary, _, where = problem.partition(" Find it: ")
        if RANDOM_TEXT in where:
            found.append(failure(summary, f"Set it to {RANDOM_TEXT}"))
        else:
            found.append(failure(summary, f"Find it: {where}" if where else "Correct it; see .env.example."))
    return found


def _secret_key(facts: Facts) -> Finding:
    settings = facts.settings
    key = settings.app_secret_key
    others = {
        "AUTH0_CLIENT_SECRET": settings.auth0_client_secret,
        "AUTH0_MGMT_CLIENT_SECRET": settings.auth0_mgmt_client_secret,
        "STRIPE_SECRET_KEY": settings.stripe_secret_key,
        "METRICS_TOKEN": settings.metrics_token,
    }
    twice = [name for name, value in others.items() if value == key]
    if twice:
        return warning(
            f"APP_SECRET_KEY is the same as {twice[0]}: who learns one can log in as any shopper.",
            f"Set APP_SECRET_KEY to {RANDOM_TEXT}",
        )
    if len(set(key)) < _FEW_CHARACTERS:
        return warning(
            f"APP_SECRET_KEY has only {len(set(key))} different characters, so it is not random.",
            f"Set it to {RANDOM_TEXT}",
        )
    if is_published(key):
        return ok("APP_SECRET_KEY is the sandbox's, which is public: enough for this machine.")
    return ok("APP_SECRET_KEY is long enough.")


def _key_mode(facts: Facts) -> Finding:
    settings = facts.settings
    host = urlsplit(settings.base_url).hostname or ""
    rehearsal = is_local(facts) or bool(_REHEARSAL & set(host.replace("-", ".").split(".")))
    if settings.stripe_livemode and rehearsal:
        return warning(
            f"The Stripe key is a live one, and BASE_URL ({settings.base_url}) looks like a trial: "
            "real money is taken here.",
            "Use a test key (sk_test_...) here, or correct BASE_URL.",
            pages.stripe(settings, "apikeys"),
        )
    if not settings.stripe_livemode and not rehearsal:
        return warning(
            f"The Stripe key is a test one, and BASE_URL ({settings.base_url}) is public: nobody pays "
            "real money.",
            "Use a live key (sk_live_... or rk_live_...) once the shop opens.",
            pages.stripe(settings, "apikeys"),
        )
    mode = "live" if settings.stripe_livemode else "test"
    return ok(f"A {mode} key of Stripe fits BASE_URL ({settings.base_url}).")


def _cookies(facts: Facts) -> Finding:
    if facts.settings.secure:
        return ok("Cookies are sent over https only.")
    return ok("Plain http on this machine: cookies do not leave it.")


def _texts(facts: Facts) -> Finding:
    left = {name: count for name, count in facts.gaps.items() if count}
    if not left:
        return ok("The shop's texts have no placeholders.")
    told = ", ".join(f"{name}.md ({count})" for name, count in sorted(left.items()))
    if is_local(facts):
        return ok(f"Placeholders, to replace before the shop opens: {told}.")
    return warning(
        f"The shop's texts have placeholders: {told}.",
        "Replace each [REPLACE: ...] in templates/shop/texts/.",
    )


CHECKS = (
    Check("settings", "settings", _settings),
    Check("secret-key", "settings", _secret_key, settings=("APP_SECRET_KEY",)),
    Check("key-mode", "settings", _key_mode, settings=("STRIPE_SECRET_KEY", "BASE_URL")),
    Check("cookies", "settings", _cookies, settings=("BASE_URL",)),
    Check("texts", "settings", _texts, settings=("BASE_URL",)),
)
