"""Asks the login provider what it answers to anybody: discovery, keys, and how it treats the store's URLs."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote

from webstore.doctor.facts import Discovery, LoginFacts, Registration, Trouble
from webstore.settings import Settings

from .asking import Asker, Reply

_REDIRECTS = (301, 302, 303, 307, 308)


def read_login(ask: Asker, settings: Settings) -> LoginFacts:
    """What the provider answers. Nobody is logged in or out by it.

    Sources: https://openid.net/specs/openid-connect-discovery-1_0.html,
    https://auth0.com/docs/api/authentication/authorization-code-flow-with-pkce/authorize-with-pkce
    """
    issuer = settings.auth0_issuer.rstrip("/")
    answer = ask.get(f"{issuer}/.well-known/openid-configuration")
    found = _discovery(answer)
    ahead = answer.clock_ahead_s if isinstance(answer, Reply) else None
    if isinstance(found, Trouble):
        return LoginFacts(found, clock_ahead_s=ahead)
    facts = LoginFacts(found, _has_rs256_key(ask.get(found.jwks_uri)), clock_ahead_s=ahead)
    if not settings.auth0_client_id:
        return facts
    return LoginFacts(
        found,
        facts.has_rs256_key,
        callback=_callback(ask, found, settings) if settings.base_url else None,
        logout=_logout(ask, found, settings) if settings.base_url else None,
        exchange=_exchange(ask, found, settings) if settings.auth0_client_secret else None,
        clock_ahead_s=ahead,
    )


def _discovery(answer: Reply | Trouble) -> Discovery | Trouble:
    if isinstance(answer, Trouble):
        return answer
    if answer.status != 200:
        return answer.trouble
    found = answer.document

    def endpoint(name: str) -> str:
        value = found.get(name)
        return value if isinstance(value, str) else ""

    read = Discovery(
        issuer=endpoint("issuer"),
        jwks_uri=endpoint("jwks_uri"),
        authorization_endpoint=endpoint("authorization_endpoint"),
        token_endpoint=endpoint("token_endpoint"),
    )
    if not (read.issuer and read.jwks_uri and read.authorization_endpoint and read.token_endpoint):
        return Trouble("the answer is no discovery document", answer.status)
    return read


def _has_rs256_key(answer: Reply | Trouble) -> bool | Trouble:
    if isinstance(answer, Trouble):
        return answer
    if answer.status != 200:
        return answer.trouble
    keys = answer.document.get("keys")
    return any(
        isinstance(key, dict) and key.get("kty") == "RSA" and key.get("alg", "RS256") == "RS256"
        for key in (keys if isinstance(keys, list) else [])
    )


def _callback(ask: Asker, found: Discovery, settings: Settings) -> Registration | Trouble:
    """Begin a silent login, which ends at once with `login_required`, at the callback if it is registered."""
    url = f"{settings.base_url}/callback"
    answer = ask.get(
        found.authorization_endpoint,
        {
            "client_id": settings.auth0_client_id,
            "response_type": "code",
            "redirect_uri": url,
            "scope": "openid",
            "prompt": "none",
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": secrets.token_urlsafe(32),
            "code_challenge_method": "S256",
        },
    )
    return _registration(answer, url)


def _logout(ask: Asker, found: Discovery, settings: Settings) -> Registration | Trouble:
    """Log out nobody, and see whether the provider would send the browser back to the store.

    Source: https://auth0.com/docs/api/authentication/logout/auth-0-logout
    """
    url = f"{settings.base_url}/"
    endpoint = f"{found.issuer.rstrip('/')}/v2/logout"
    return _registration(ask.get(endpoint, {"client_id": settings.auth0_client_id, "returnTo": url}), url)


def _registration(answer: Reply | Trouble, url: str) -> Registration | Trouble:
    """Whether the provider sent the browser to this URL. It shows a page of its own for an unknown one."""
    if isinstance(answer, Trouble):
        return answer
    location, said = answer.headers.get("location", ""), answer.text.lower()
    if answer.status in _REDIRECTS:
        if location.partition("?")[0] == url:
            return Registration.REGISTERED
        # A tenant may have an error page of its own.
        said = location.lower().replace("%20", " ").replace("+", " ")
    if "unknown client" in said or "unknown_client" in said or "invalid client" in said:
        return Registration.UNKNOWN_CLIENT
    if "mismatch" in said or "allowed" in said or "redirect_uri" in said or "returnto" in said:
        return Registration.NOT_REGISTERED
    if answer.status >= 500 or answer.status == 429:
        return answer.trouble
    if 400 <= answer.status < 500:
        return Registration.REFUSED
    return Registration.UNCLEAR


def _exchange(ask: Asker, found: Discovery, settings: Settings) -> Trouble:
    """Exchange a made-up code. The provider looks at the application's secret first.

    Source: https://auth0.com/docs/api/authentication/authorization-code-flow-with-pkce/get-token-pkce
    """
    form: Mapping[str, str] = {
        "grant_type": "authorization_code",
        "client_id": settings.auth0_client_id,
        "client_secret": settings.auth0_client_secret,
        "code": "the-doctor-has-no-code",
        "code_verifier": secrets.token_urlsafe(32),
        "redirect_uri": f"{settings.base_url}/callback",
    }
    answer = ask.post(found.token_endpoint, form)
    if isinstance(answer, Reply) and answer.status == 401:
        # The application may be registered for the other way to send the secret.
        basic = _basic(settings.auth0_client_id, settings.auth0_client_secret)
        rest = {name: value for name, value in form.items() if not name.startswith("client_")}
        answer = ask.post(found.token_endpoint, rest, {"Authorization": basic})
    return answer if isinstance(answer, Trouble) else answer.trouble


def _basic(client_id: str, client_secret: str) -> str:
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return f"Basic {b64encode(pair.encode()).decode()}"
