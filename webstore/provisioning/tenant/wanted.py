"""Each object of the tenant as the store wants it: as it is, with the missing things added."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .models import API_PERMISSIONS, STORE_SCOPES, Api, Application, CannotSetUp, Grant, Needs

_LOGIN, _MACHINE = "authorization_code", "client_credentials"
#: How the store sends its client secret: it knows both ways, and takes the first.
_WITH_SECRET = ("client_secret_post", "client_secret_basic")


def application(needs: Needs, found: Application | None) -> Application:
    """The login's application. Raises `CannotSetUp` if the one that is there is of another kind.

    Sources: https://auth0.com/docs/get-started/applications/application-settings and
    https://auth0.com/docs/get-started/applications/application-grant-types
    """
    grants = (_LOGIN,) if needs.mgmt_client_id else (_LOGIN, _MACHINE)
    if found is None:
        return Application(
            id="",
            name=needs.name,
            app_type="regular_web",
            callbacks=(f"{needs.base_url}/callback",),
            logout_urls=(f"{needs.base_url}/",),
            grant_types=grants,
            algorithm="RS256",
            oidc_conformant=True,
            authentication=_WITH_SECRET[0],
            store=needs.base_url,
        )
    if found.app_type not in ("regular_web", ""):
        raise CannotSetUp(
            f"The application {found.id} ({found.name}) is of the type {found.app_type}. The store needs a "
            "Regular Web Application: give the client ID of one as AUTH0_CLIENT_ID, or leave it out, and one "
            "is created."
        )
    return replace(
        found,
        callbacks=_with(found.callbacks, f"{needs.base_url}/callback"),
        logout_urls=_with(found.logout_urls, f"{needs.base_url}/"),
        grant_types=_with(found.grant_types, *grants),
        algorithm="RS256",
        oidc_conformant=True,
        authentication=_authentication(found),
    )


def manager(found: Application) -> Application:
    """The application for the Management API, if it is not the login's."""
    return replace(
        found,
        grant_types=_with(found.grant_types, _MACHINE),
        authentication=_authentication(found),
    )


def _authentication(found: Application) -> str:
    if not found.authentication:
        raise CannotSetUp(
            f"The application {found.id} ({found.name}) authenticates with a key or a certificate. The store "
            "has a client secret: Auth0 dashboard > Applications > this application > Credentials > "
            "Client Secret (Post)."
        )
    return found.authentication if found.authentication in _WITH_SECRET else _WITH_SECRET[0]


def with_backchannel_logout(needs: Needs, found: Application) -> Application:
    """The application with the store's back-channel logout address, if it has none. Auth0 allows one."""
    if found.backchannel_logout_urls:
        return found
    return replace(found, backchannel_logout_urls=(f"{needs.base_url}/backchannel-logout",))


def grant(needs: Needs, client_id: str, found: Grant | None) -> Grant:
    """The right to the Management API."""
    if found is None:
        return Grant("", client_id, needs.mgmt_audience, STORE_SCOPES)
    if found.all_scopes:
        return found
    scopes = _with(found.scopes, *STORE_SCOPES)
    if needs.exact_scopes:
        scopes = tuple(scope for scope in scopes if scope in STORE_SCOPES)
    return replace(found, scopes=scopes)


def api(needs: Needs, identifier: str, found: Api | None) -> Api:
    """The JSON API. The store checks RS256 signatures alone."""
    if found is None:
        return Api("", identifier, f"{needs.name} API", "RS256", dict(API_PERMISSIONS))
    missing = {name: text for name, text in API_PERMISSIONS.items() if name not in found.permissions}
    return replace(found, algorithm="RS256", permissions={**found.permissions, **missing})


def _with(listed: Iterable[str], *added: str) -> tuple[str, ...]:
    """The list as it is, and what it lacks behind it."""
    return tuple(dict.fromkeys((*listed, *added)))
