"""How `flask setup auth0` gets at the tenant: with a token, as an application, or by the auth0 command."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from webstore import environment
from webstore.addresses import is_loopback
from webstore.gateways.auth0_command import CommandWay
from webstore.gateways.auth0_tenant import Auth0Tenant
from webstore.gateways.auth0_tokens import request_token
from webstore.gateways.http_clients import HttpxTransport
from webstore.gateways.management_calls import ManagementCalls, TokenWay, Way
from webstore.gateways.wire import Wire
from webstore.provisioning.tenant.models import CannotSetUp, Needs
from webstore.provisioning.tenant.rights import check_token, needed

WAYS = ("token", "m2m", "cli")
_TOKEN, _CLIENT_ID, _CLIENT_SECRET = (
    "AUTH0_SETUP_TOKEN",
    "AUTH0_SETUP_CLIENT_ID",
    "AUTH0_SETUP_CLIENT_SECRET",
)
_EXPLORER = "Auth0 dashboard > Applications > APIs > Auth0 Management API"
#: Seconds for one call.
_CALL_S = 15.0


@dataclass(frozen=True, slots=True)
class Access:
    """The tenant, and how it is reached, in words."""

    tenant: Auth0Tenant
    by: str


@contextmanager
def reached(
    way: str | None, needs: Needs, variables: Mapping[str, str], pause: Callable[[float], None]
) -> Iterator[Access]:
    """The tenant, reached by this way, or by the first one for which there is what it takes.

    Raises `CannotSetUp`, `DirectoryRefused` and `DirectoryUnavailable`.
    """
    wire, base_url = Wire("the Auth0 tenant", total_s=_CALL_S), origin(needs.domain, variables)
    try:
        chosen, by = _chosen(way or _first(variables), wire, base_url, needs, variables)
        yield Access(Auth0Tenant(ManagementCalls(chosen, pause), wire, base_url), by)
    finally:
        wire.close()


def _chosen(
    way: str | None, wire: Wire, base_url: str, needs: Needs, variables: Mapping[str, str]
) -> tuple[Way, str]:
    """The way, and its name in words."""
    match way:
        case "token":
            return _with_token(wire, base_url, needs, variables), f"the token in {_TOKEN}"
        case "m2m":
            by = f"the application {_value(variables, _CLIENT_ID)} ({_CLIENT_ID})"
            return _as_application(wire, base_url, needs, variables), by
        case "cli":
            return _through_command(needs), "the auth0 command"
        case _:
            raise CannotSetUp(
                "Auth0 has to let this command in. Give it one of these:\n"
                f"  - {_TOKEN}: a token. {_EXPLORER} > API Explorer\n"
                f"  - {_CLIENT_ID} and {_CLIENT_SECRET}: a Machine to Machine application that may call "
                f"the Management API, with the scopes {' '.join(needed(needs))}\n"
                "  - the auth0 command, installed and logged in: https://github.com/auth0/auth0-cli"
            )


def origin(domain: str, variables: Mapping[str, str]) -> str:
    """The tenant's origin: https, or the issuer's scheme where the tenant is on this machine."""
    local = is_loopback(urlsplit(f"//{domain}").hostname)
    scheme = urlsplit(variables.get("AUTH0_ISSUER") or "http:").scheme if local else "https"
    return f"{scheme}://{domain}"


def _first(variables: Mapping[str, str]) -> str | None:
    if _value(variables, _TOKEN):
        return "token"
    if _value(variables, _CLIENT_ID):
        return "m2m"
    return "cli" if shutil.which("auth0") else None


def _value(variables: Mapping[str, str], name: str) -> str:
    return variables.get(name, "").strip()


def _sound(variables: Mapping[str, str], name: str, check: environment.Check) -> str:
    """The variable's value, which goes into a request. Raises `CannotSetUp`."""
    try:
        return check(_value(variables, name))
    except ValueError as exc:
        raise CannotSetUp(f"{name} {exc}.") from None


def _with_token(wire: Wire, base_url: str, needs: Needs, variables: Mapping[str, str]) -> Way:
    if not _value(variables, _TOKEN):
        raise CannotSetUp(f"{_TOKEN} is missing: a token from {_EXPLORER} > API Explorer.")
    token = _sound(variables, _TOKEN, environment.word)
    _check(token, needs, f"Look at {_EXPLORER} > API Explorer, and set {_TOKEN} again.")
    return TokenWay(wire, base_url, token, f"A token with {{scope}} comes from {_EXPLORER} > API Explorer.")


def _as_application(wire: Wire, base_url: str, needs: Needs, variables: Mapping[str, str]) -> Way:
    if not _value(variables, _CLIENT_ID) or not _value(variables, _CLIENT_SECRET):
        raise CannotSetUp(f"{_CLIENT_ID} and {_CLIENT_SECRET} belong together, and one of them is missing.")
    client_id = _sound(variables, _CLIENT_ID, environment.word)
    secret = _sound(variables, _CLIENT_SECRET, environment.client_secret)
    page = f"{_EXPLORER} > Machine to Machine Applications > {client_id}"
    token, _ = request_token(
        httpx.Client(transport=HttpxTransport(wire)),
        base_url=base_url,
        domain=needs.domain,
        client_id=client_id,
        client_secret=secret,
        settings="AUTH0_SETUP",
    )
    _check(token, needs, f"Add them: {page}.")
    return TokenWay(wire, base_url, token, f"Add {{scope}}: {page}.")


def _check(token: str, needs: Needs, what_to_do: str) -> None:
    try:
        check_token(token, needs, time.time())
    except CannotSetUp as exc:
        raise CannotSetUp(f"{exc} {what_to_do}") from exc


def _through_command(needs: Needs) -> Way:
    command = shutil.which("auth0")
    if command is None:
        raise CannotSetUp("The auth0 command is not installed: https://github.com/auth0/auth0-cli")
    return CommandWay(command, needs.domain)
