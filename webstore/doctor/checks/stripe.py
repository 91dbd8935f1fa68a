"""Checks of the Stripe key, its account, and the goods for sale."""

from __future__ import annotations

from webstore.doctor import pages
from webstore.doctor.check import Because, Check
from webstore.doctor.facts import Facts, Links, StripeAccount, StripeFacts, Trouble
from webstore.doctor.models import Finding, failure, ok, skipped, warning
from webstore.environment import is_organization_key

_NOT_STRIPE = "Correct STRIPE_API_BASE if it is set, or the proxy that answers in the place of Stripe."


def _stripe(facts: Facts) -> StripeFacts:
    assert facts.stripe is not None  # noqa: S101  # the group is examined only then
    return facts.stripe


def unanswered(facts: Facts, trouble: Trouble) -> Finding:
    """What to say about something that Stripe did not answer. Raises `Because`."""
    lacking = any(given is False for given in _stripe(facts).permissions.values())
    if trouble.forbidden and lacking:
        raise Because("stripe-permissions")
    return skipped(f"It cannot be checked: {trouble.reason}.")


def _keys(facts: Facts) -> str:
    return pages.stripe(facts.settings, "apikeys")


def _key(facts: Facts) -> Finding:
    found, settings = _stripe(facts).account, facts.settings
    key = settings.stripe_secret_key
    if isinstance(found, Trouble):
        if not found.answered:
            return failure(f"Stripe does not answer: {found.reason}.", "Look at the network.")
        if found.status == 401:
            return failure(
                "Stripe refuses STRIPE_SECRET_KEY: it is wrong, expired or was rolled.",
                "Copy the key again.",
                _keys(facts),
            )
        if is_organization_key(key):
            return failure(
                f"The organization's key may not act for {settings.stripe_account}: {found.reason}.",
                "Correct STRIPE_ACCOUNT: the ID (acct_...) of an account of the organization.",
                _keys(facts),
            )
        if not found.forbidden:
            to_do = "Wait, and run the doctor again." if found.overloaded else _NOT_STRIPE
            return failure(f"Stripe does not tell its account: {found.reason}.", to_do)
    mode = "live" if settings.stripe_livemode else "test"
    if key.startswith("rkcs_"):
        return warning(
            "The Stripe key is of a claimable sandbox, which ends if nobody claims it.",
            "Claim it in the Stripe dashboard, then use a key of its own.",
            "https://docs.stripe.com/sandboxes/claimable-sandboxes",
        )
    return ok(f"Stripe accepts the key: {_kind(key)}, {mode} mode.")


def _kind(key: str) -> str:
    if is_organization_key(key):
        return "an organization's"
    return "restricted" if key.startswith("rk_") else "secret"


def _account(facts: Facts) -> Finding:
    found, settings = _stripe(facts).account, facts.settings
    if not isinstance(found, StripeAccount):
        return warning(
            "The key may not read its own account: links are recorded without it, so a key of another "
            "account is not noticed.",
            "Give the restricted key the permission to read the account, if Stripe offers it.",
            _keys(facts),
        )
    if settings.stripe_livemode and not found.charges_enabled:
        return failure(
            f"The account {found.id} cannot take payments yet.",
            "Finish its activation.",
            pages.stripe(settings, "account/onboarding"),
        )
    return ok(f"The key is of the account {found.id}.")


def _worlds(facts: Facts) -> Finding | None:
    """Whether the links on the tenant are of this key's account and mode."""
    links = facts.tenant.links if facts.tenant else None
    if not isinstance(links, Links):
        return None
    account, settings = _stripe(facts).account, facts.settings
    told = ", ".join(f"{pin}: {count}" for pin, count in sorted(links.pins.items()))
    if not links.pins:
        return ok("No user's link names an account yet.")
    if not isinstance(account, StripeAccount):
        return ok(f"Users by account (sample of {links.users}): {told}.")
    mode = "live" if settings.stripe_livemode else "test"
    others = [pin for pin in links.pins if pin.endswith(f" {mode}") and pin != f"{account.id} {mode}"]
    if others and f"{account.id} {mode}" not in links.pins:
        summary = f"The key is of {account.id} ({mode}), and users are linked in another account: {told}."
        to_do = "Use the key of that account"
        if settings.stripe_livemode and not settings.link_second_account:
            return failure(
                f"{summary} They are refused.",
                f"{to_do}. If the shop has a second account, set LINK_SECOND_ACCOUNT=1.",
                _keys(facts),
            )
        return warning(
            f"{summary} They get new customers here.",
            f"{to_do}. If this is on purpose, log in once: this warning ends with the first link.",
            _keys(facts),
            blocks=True,
        )
    return ok(f"Users by account (sample of {links.users}): {told}.")


def _permissions(facts: Facts) -> Finding:
    asked = _stripe(facts).permissions
    if not asked:
        return ok("The key may do everything.")
    missing = [name for name, given in asked.items() if given is False]
    if missing:
        return failure(
            f"The restricted key lacks {', '.join(missing)}.",
            "Give it these permissions.",
            _keys(facts),
        )
    unclear = [name for name, given in asked.items() if isinstance(given, Trouble)]
    if unclear:
        return skipped(f"It cannot be checked for {', '.join(unclear)}: Stripe gave no usable answer.")
    return ok("The restricted key has every permission that the store uses.")


def _catalogue(facts: Facts) -> Finding | None:
    found, page = _stripe(facts).for_sale, pages.stripe(facts.settings, "products")
    if found is None:
        return None
    if isinstance(found, Trouble):
        return unanswered(facts, found)
    if not found.products:
        return warning(
            "Nothing is for sale: no active product has an active price of a fixed amount.",
            "Add a product with a price.",
            page,
        )
    if not found.in_stock:
        return warning(
            f"All {found.products} products are out of stock: each has stock = 0 in its metadata.",
            "Remove the metadata stock, or set it to another value.",
            page,
        )
    return ok(f"{found.in_stock} of {found.products} products can be bought.")


def _rates(facts: Facts) -> Finding | None:
    rates, bad = facts.settings.checkout.shipping_rates, _stripe(facts).bad_rates
    if not rates:
        return None
    if isinstance(bad, Trouble):
        return unanswered(facts, bad)
    if bad:
        return failure(
            f"CHECKOUT_SHIPPING_RATES names what Stripe does not have or has archived: {', '.join(bad)}.",
            "Correct it: every checkout that ships is refused.",
            pages.stripe(facts.settings, "shipping-rates"),
        )
    return ok("The shipping rates exist.")


def _tax(facts: Facts) -> Finding | None:
    found = _stripe(facts).tax
    if found is None:
        return None
    if isinstance(found, Trouble):
        return unanswered(facts, found)
    if found != "active":
        return failure(
            "CHECKOUT_AUTOMATIC_TAX is 1, and Stripe Tax is not set up: every checkout is refused.",
            "Set up Stripe Tax, or set CHECKOUT_AUTOMATIC_TAX=0.",
            pages.stripe(facts.settings, "settings/tax"),
        )
    return ok("Stripe Tax is active.")


def _portal(facts: Facts) -> Finding | None:
    found = _stripe(facts).portal
    if found is None:
        return None
    if isinstance(found, Trouble):
        return unanswered(facts, found)
    if found:
        return ok("The billing portal has a configuration.")
    chosen = facts.settings.stripe_portal_configuration
    if chosen is not None:
        return warning(
            f"STRIPE_PORTAL_CONFIGURATION names {chosen}, which Stripe does not have or has switched off: "
            "the store uses a configuration of its own.",
            "Correct it, or leave it out.",
            pages.stripe(facts.settings, "settings/billing/portal"),
        )
    return ok("No configuration yet: the store makes one at the first visit.")


_SETTINGS = ("STRIPE_SECRET_KEY", "STRIPE_API_BASE", "STRIPE_ACCOUNT")

CHECKS = (
    Check("stripe-key", "stripe", _key, _SETTINGS),
    Check("stripe-account", "stripe", _account, _SETTINGS, needs=("stripe-key",)),
    Check("worlds", "stripe", _worlds, _SETTINGS, needs=("stripe-key",)),
    Check("stripe-permissions", "stripe", _permissions, _SETTINGS, needs=("stripe-key",)),
    Check("catalogue", "stripe", _catalogue, _SETTINGS, needs=("stripe-key", "worlds")),
    Check("shipping-rates", "stripe", _rates, _SETTINGS, needs=("stripe-key", "worlds")),
    Check("tax", "stripe", _tax, _SETTINGS, needs=("stripe-key", "worlds")),
    Check("portal", "stripe", _portal, _SETTINGS, needs=("stripe-key", "worlds")),
)
