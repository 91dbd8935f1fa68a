"""Checks of the login provider and of the login's application."""

from __future__ import annotations

from webstore.doctor import pages
from webstore.doctor.check import Because, Check
from webstore.doctor.facts import Application, Facts, LoginFacts, Registration, Trouble
from webstore.doctor.models import Finding, failure, ok, skipped, warning

#: How applications may send their secret. The store tries both.
_AUTH_METHODS = ("client_secret_post", "client_secret_basic")
_CODE = "authorization_code"
_DOMAIN = (
    "Correct AUTH0_DOMAIN: Applications > Applications > your application > Settings > Domain. "
    "AUTH0_ISSUER is https://AUTH0_DOMAIN/ and needs no value of its own."
)


def _login(facts: Facts) -> LoginFacts:
    assert facts.login is not None  # noqa: S101  # the group is examined only then
    return facts.login


def _page(facts: Facts) -> str:
    return pages.application(facts.settings, facts.settings.auth0_client_id)


def _discovery(facts: Facts) -> Finding:
    found, issuer = _login(facts).discovery, facts.settings.auth0_issuer
    if isinstance(found, Trouble):
        if found.overloaded:
            to_do = "Wait, and run the doctor again. If it stays so, look at https://status.auth0.com."
        else:
            to_do = (
                _DOMAIN if found.answered else f"{_DOMAIN} If it is right, look at the network and at DNS."
            )
        return failure(
            f"The login provider at {issuer} gives no discovery document: {found.reason}.",
            to_do,
            pages.auth0(facts.settings, "applications"),
        )
    return ok(f"The login provider at {issuer} answers.")


def _issuer(facts: Facts) -> Finding:
    found, own = _login(facts).discovery, facts.settings.auth0_issuer
    if isinstance(found, Trouble):
        raise Because("discovery")
    if found.issuer == own:
        return ok(f"The issuer is {own}.")
    if found.issuer.rstrip("/") == own.rstrip("/"):
        what = "without the slash at the end" if found.issuer.endswith("/") else "with a slash too many"
        return failure(
            f"AUTH0_ISSUER is {own}, {what}: every ID token is refused.",
            f"Set AUTH0_ISSUER={found.issuer}, or leave it out.",
        )
    return failure(
        f"The provider calls itself {found.issuer}, and AUTH0_ISSUER is {own}: every ID token is refused.",
        "Set AUTH0_DOMAIN to the domain under which shoppers log in (a custom domain, if the tenant has "
        "one), and leave AUTH0_ISSUER out.",
        pages.auth0(facts.settings, "tenant/custom_domains"),
    )


def _signing_keys(facts: Facts) -> Finding:
    found = _login(facts).has_rs256_key
    if isinstance(found, Trouble):
        return failure(f"The provider's keys cannot be read: {found.reason}.", "Run the doctor again.")
    if not found:
        return failure(
            "The provider publishes no key for RS256: no ID token can be checked.",
            "Look at Settings > Signing Keys.",
            pages.auth0(facts.settings, "tenant/signing_keys"),
        )
    return ok("The provider publishes a key for RS256.")


def _client_id(facts: Facts) -> Finding:
    if _login(facts).callback is Registration.UNKNOWN_CLIENT:
        return failure(
            f"The provider knows no application {facts.settings.auth0_client_id}.",
            "Copy AUTH0_CLIENT_ID again from Applications > Applications > your application > Settings; "
            "it must be of the tenant AUTH0_DOMAIN.",
            pages.auth0(facts.settings, "applications"),
        )
    exchange = _login(facts).exchange
    if _login(facts).callback is Registration.REFUSED and exchange is not None and exchange.status == 401:
        return failure(
            "The provider refuses AUTH0_CLIENT_ID or AUTH0_CLIENT_SECRET, and does not say which.",
            "Copy both again from Applications > Applications > your application > Settings; they must be of "
            "the tenant AUTH0_DOMAIN.",
            pages.auth0(facts.settings, "applications"),
        )
    return ok("The provider knows the application AUTH0_CLIENT_ID.")


def _callback(facts: Facts) -> Finding:
    url = f"{facts.settings.base_url}/callback"
    application = _application(facts)
    listed = application.callbacks if isinstance(application, Application) else None
    return _registered(facts, url, _login(facts).callback, listed, "Allowed Callback URLs")


def _logout(facts: Facts) -> Finding:
    url = f"{facts.settings.base_url}/"
    application = _application(facts)
    listed = application.logout_urls if isinstance(application, Application) else None
    return _registered(facts, url, _login(facts).logout, listed, "Allowed Logout URLs")


def _registered(
    facts: Facts,
    url: str,
    answered: Registration | Trouble | None,
    listed: tuple[str, ...] | None,
    field: str,
) -> Finding:
    """Judge by how the provider behaves; by the application's list where that is unclear."""
    if answered in (Registration.REGISTERED, Registration.NOT_REGISTERED):
        registered = answered is Registration.REGISTERED
    elif listed is not None:
        registered = url in listed
    elif answered is Registration.REFUSED:
        registered = False
    else:
        why = answered.reason if isinstance(answered, Trouble) else "the provider's answer is unclear"
        return skipped(f"It cannot be checked: {why}.", f"Look whether {url} is in {field}.", _page(facts))
    if registered:
        return ok(f"{url} is registered.")
    return failure(f"{url} is not registered.", f"Add it to {field} of the application.", _page(facts))


def _application(facts: Facts) -> Application | Trouble | None:
    return facts.tenant.application if facts.tenant else None


def _known_application(facts: Facts) -> Application | Finding:
    """The application, or why it cannot be checked."""
    found = _application(facts)
    if isinstance(found, Application):
        return found
    if isinstance(found, Trouble) and not found.forbidden:
        return unread(facts, found)
    return lacking(facts, "applications", "read:clients")


def unread(facts: Facts, trouble: Trouble) -> Finding:
    """What to say about something that the Management API did not tell."""
    if trouble.status == 401 and facts.tenant is not None and facts.tenant.with_setup_token:
        return skipped(
            "It cannot be checked: Auth0 refuses AUTH0_SETUP_TOKEN, which is wrong or has expired.",
            "Copy a new one from APIs > Auth0 Management API > API Explorer, or leave it out.",
            pages.auth0(facts.settings, "apis"),
        )
    return skipped(f"It cannot be checked: {trouble.reason}.")


def lacking(facts: Facts, what: str, scope: str) -> Finding:
    """What to say about something that the token may not read."""
    if facts.tenant is not None and facts.tenant.with_setup_token:
        return skipped(
            f"It cannot be checked: AUTH0_SETUP_TOKEN may not read {what}.",
            f"Use a token with the scope {scope}.",
            pages.auth0(facts.settings, "apis"),
        )
    return skipped(
        f"It cannot be checked: the Management application may not read {what}.",
        f"Set AUTH0_SETUP_TOKEN for this command, or grant {scope}.",
        pages.grants(facts.settings),
    )


def _application_type(facts: Facts) -> Finding:
    found = _known_application(facts)
    if isinstance(found, Finding):
        return found
    if found.app_type == "regular_web":
        return ok("The application is a Regular Web Application.")
    return warning(
        f"The application's type is {found.app_type or 'not set'}, not Regular Web Application.",
        "Set Application Type to Regular Web Application.",
        _page(facts),
    )


def _grant_types(facts: Facts) -> Finding:
    exchange, application = _login(facts).exchange, _application(facts)
    refused = exchange is not None and exchange.code == "unauthorized_client"
    if refused or (isinstance(application, Application) and _CODE not in application.grant_types):
        return failure(
            "The application may not use the grant type Authorization Code: nobody can log in.",
            "Turn it on under Advanced Settings > Grant Types.",
            _page(facts),
        )
    return ok("The application may use the grant type Authorization Code.")


def _token_auth(facts: Facts) -> Finding:
    found = _known_application(facts)
    if isinstance(found, Finding):
        return found
    if found.token_auth_method in _AUTH_METHODS:
        return ok("The application authenticates with its client secret.")
    return failure(
        f"The application's way to authenticate is {found.token_auth_method or 'not set'}; the store sends "
        "its client secret.",
        "Set Credentials > Authentication Method to Client Secret (Post).",
        pages.auth0(facts.settings, f"applications/{facts.settings.auth0_client_id}/credentials"),
    )


def _algorithm(facts: Facts) -> Finding:
    found = _known_application(facts)
    if isinstance(found, Finding):
        return found
    if found.algorithm == "RS256":
        return ok("ID tokens are signed with RS256.")
    to_do = "Set Advanced Settings > OAuth > JSON Web Token (JWT) Signature Algorithm to RS256."
    if not found.algorithm:
        return warning(
            "The application names no algorithm for ID tokens: Auth0 may sign them with HS256, which the "
            "store refuses.",
            to_do,
            _page(facts),
        )
    return failure(
        f"The application signs ID tokens with {found.algorithm}: the store takes RS256 alone, so every "
        "login is refused.",
        to_do,
        _page(facts),
    )


def _client_secret(facts: Facts) -> Finding:
    found = _login(facts).exchange
    if found is None or not found.answered:
        why = found.reason if found else "there is no token endpoint"
        return skipped(f"It cannot be checked: {why}.")
    if found.status == 401 or found.code in ("invalid_client", "access_denied"):
        return failure(
            "The provider refuses AUTH0_CLIENT_SECRET: nobody can log in.",
            "Copy it again from the application's settings.",
            _page(facts),
        )
    if found.code == "invalid_grant":
        return ok("The provider accepts AUTH0_CLIENT_SECRET.")
    return skipped(f"It cannot be checked: {found.reason}.")


def _back_channel(facts: Facts) -> Finding:
    found = _known_application(facts)
    if isinstance(found, Finding):
        return found
    url = f"{facts.settings.base_url}/backchannel-logout"
    if url in found.back_channel_urls:
        return ok(f"{url} is registered.")
    if not facts.settings.secure:
        return ok("Auth0 calls public https addresses only: no back-channel logout on this machine.")
    return warning(
        f"{url} is not registered: who logs out elsewhere stays logged in here.",
        "Enter it under Settings > OpenID Connect Back-Channel Logout.",
        _page(facts),
    )


_PROVIDER = ("AUTH0_DOMAIN", "AUTH0_ISSUER")
_CLIENT = (*_PROVIDER, "AUTH0_CLIENT_ID")
_SITE = (*_CLIENT, "BASE_URL")
_SECRET = (*_CLIENT, "AUTH0_CLIENT_SECRET")

CHECKS = (
    Check("discovery", "login", _discovery, _PROVIDER),
    Check("issuer", "login", _issuer, _PROVIDER, needs=("discovery",)),
    Check("signing-keys", "login", _signing_keys, _PROVIDER, needs=("discovery",)),
    Check("client-id", "login", _client_id, _CLIENT, needs=("discovery",)),
    Check("callback-url", "login", _callback, _SITE, needs=("discovery", "client-id"), mended_by="auth0"),
    Check("logout-url", "login", _logout, _SITE, needs=("discovery", "client-id"), mended_by="auth0"),
    Check("application-type", "login", _application_type, _CLIENT, needs=("client-id",)),
    Check("grant-types", "login", _grant_types, _SECRET, needs=("discovery", "client-id"), mended_by="auth0"),
    Check("token-endpoint-auth", "login", _token_auth, _CLIENT, needs=("client-id",), mended_by="auth0"),
    Check(
        "client-secret",
        "login",
        _client_secret,
        _SECRET,
        needs=("discovery", "client-id", "grant-types", "token-endpoint-auth"),
    ),
    Check("signing-algorithm", "login", _algorithm, _CLIENT, needs=("client-id",), mended_by="auth0"),
    Check("back-channel-url", "login", _back_channel, _SITE, needs=("client-id",), mended_by="auth0"),
)
