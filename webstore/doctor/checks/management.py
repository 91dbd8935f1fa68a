"""Checks of the Management API: its token and scopes, and the Action that sets the claims."""

from __future__ import annotations

from webstore.doctor import pages
from webstore.doctor.check import Because, Check
from webstore.doctor.facts import Action, Facts, TenantFacts, Trouble
from webstore.doctor.models import Finding, failure, ok, warning

from .login import lacking, unread

#: The scope for shoppers who close their account; linking does without it.
CLOSING_SCOPE = "delete:users"
_NOT_AUTH0 = "Correct AUTH0_MGMT_DOMAIN, or the proxy that answers in the place of Auth0."


def _tenant(facts: Facts) -> TenantFacts:
    assert facts.tenant is not None  # noqa: S101  # the group is examined only then
    return facts.tenant


def _domain(facts: Facts) -> Finding:
    found, settings = _tenant(facts).scopes, facts.settings
    domain = settings.auth0_mgmt_domain
    if isinstance(found, Trouble) and not found.answered:
        if _has_no_answer_at_login(facts):
            raise Because("discovery")
        return failure(
            f"The Management API at {domain} does not answer: {found.reason}.",
            "Correct AUTH0_MGMT_DOMAIN, or look at the network.",
        )
    if isinstance(found, Trouble) and "service not found" in found.reason.lower():
        return failure(
            f"{domain} is not the tenant's own domain: the Management API has another one.",
            "Set AUTH0_MGMT_DOMAIN to the canonical domain (TENANT.REGION.auth0.com), also if shoppers log "
            "in under a custom domain.",
            pages.auth0(settings, "apis"),
        )
    return ok(f"The Management API is the one of {domain}.")


def _token(facts: Facts) -> Finding:
    found, settings = _tenant(facts).scopes, facts.settings
    if not isinstance(found, Trouble):
        return ok("The Management API gives a token.")
    name = "AUTH0_MGMT_CLIENT_ID"
    if found.status == 401 or found.code == "invalid_client":
        _same_cause(facts)
        return failure(
            f"Auth0 refuses {name} and AUTH0_MGMT_CLIENT_SECRET: nobody can be linked.",
            "Copy both again from the settings of the Machine to Machine application.",
            pages.application(settings, settings.auth0_mgmt_client_id),
        )
    if found.code == "unauthorized_client":
        return failure(
            f"The application {name} may not use the grant type Client Credentials.",
            "Turn it on under Advanced Settings > Grant Types.",
            pages.application(settings, settings.auth0_mgmt_client_id),
        )
    if found.status == 403:
        return failure(
            f"The application {name} is not authorized for the Management API.",
            f"Authorize it for Auth0 Management API with {', '.join(facts.expected.scopes)}.",
            pages.grants(settings),
        )
    if _has_no_answer_at_login(facts):
        raise Because("discovery")
    to_do = "Wait, and run the doctor again." if found.overloaded else _NOT_AUTH0
    return failure(f"The Management API gives no token: {found.reason}.", to_do)


def _has_no_answer_at_login(facts: Facts) -> bool:
    """Whether the login's check has told already that this domain gives no usable answer."""
    same = facts.settings.auth0_mgmt_domain == facts.settings.auth0_domain
    return same and facts.login is not None and isinstance(facts.login.discovery, Trouble)


def _same_cause(facts: Facts) -> None:
    """Raise `Because` if the login's check has told already that the same ID or secret is refused."""
    settings = facts.settings
    own = (settings.auth0_client_id, settings.auth0_client_secret)
    if own != (settings.auth0_mgmt_client_id, settings.auth0_mgmt_client_secret) or facts.login is None:
        return
    exchange = facts.login.exchange
    if exchange is not None and exchange.status == 401:
        raise Because("client-secret")


def _scopes(facts: Facts) -> Finding:
    found = _tenant(facts).scopes
    granted = () if isinstance(found, Trouble) else found
    missing = [it for it in facts.expected.scopes if it not in (*granted, CLOSING_SCOPE)]
    page = pages.grants(facts.settings)
    if missing:
        return failure(
            f"The Management application lacks {', '.join(missing)}: users cannot be linked.",
            "Grant it to the application AUTH0_MGMT_CLIENT_ID at Auth0 Management API.",
            page,
        )
    if CLOSING_SCOPE not in granted:
        return warning(
            f"The Management application lacks {CLOSING_SCOPE}: shoppers cannot close their account.",
            "Grant it to the application AUTH0_MGMT_CLIENT_ID at Auth0 Management API.",
            page,
        )
    return ok("Every scope that the store uses is granted.")


def _action(facts: Facts) -> Finding | None:
    found, settings = _tenant(facts).actions, facts.settings
    if found is None:
        return None
    if isinstance(found, Trouble):
        if found.forbidden:
            return lacking(facts, "Actions", "read:actions")
        return unread(facts, found)
    if not found:
        return ok("No Action: each login of a linked user costs one Management API call.")
    library, flow = pages.auth0(settings, "actions/library"), pages.auth0(settings, "actions/triggers")
    own = next((it for it in found if it.bound), found[0])
    if len([it for it in found if it.bound]) > 1:
        return warning(
            f"Several Actions of the store are bound: {', '.join(it.name for it in found if it.bound)}.",
            "Remove all but one from the post-login flow.",
            flow,
        )
    if own.deployed_code is None:
        return warning(f"The Action {own.name} is not deployed.", "Deploy it.", library)
    if not own.bound:
        return warning(
            f"The Action {own.name} is deployed and not bound: it never runs.",
            "Add it to the post-login flow and press Apply.",
            flow,
        )
    return _current(facts, own, library)


def _current(facts: Facts, own: Action, library: str) -> Finding:
    """Whether the Action that runs is the one that the store prints today."""
    variants = [name for name, code in facts.expected.actions.items() if _same(code, own.deployed_code)]
    if variants:
        return ok(f"{own.name} ({variants[0]}) is deployed, bound and current.")
    if own.has_newer_draft:
        return warning(
            f"The Action {own.name} has changes that are not deployed, and the deployed code is not the one "
            "that the store prints.",
            "Deploy it, or replace its code by what `flask --app wsgi setup action` prints.",
            library,
        )
    return warning(
        f"The Action {own.name} is not the one that the store prints today: another release of it, or made "
        "for another tenant, claim namespace or Stripe account.",
        "Replace its code by what `flask --app wsgi setup action` prints, and deploy it.",
        library,
    )


def _same(expected: str, found: str | None) -> bool:
    return found is not None and expected.split() == found.split()


_SETTINGS = ("AUTH0_DOMAIN", "AUTH0_MGMT_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET")
_ALL = (*_SETTINGS, "AUTH0_MGMT_CLIENT_ID", "AUTH0_MGMT_CLIENT_SECRET")

CHECKS = (
    Check("management-domain", "management", _domain, _ALL),
    Check("management-token", "management", _token, _ALL, needs=("management-domain",), mended_by="auth0"),
    Check("management-scopes", "management", _scopes, _ALL, needs=("management-token",), mended_by="auth0"),
    Check("action", "management", _action, _ALL, needs=("management-token",), mended_by="auth0"),
)
