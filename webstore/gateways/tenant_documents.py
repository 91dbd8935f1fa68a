"""The JSON documents of a tenant's applications, APIs and Actions, and what they are to the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webstore.errors import DirectoryUnavailable
from webstore.provisioning.tenant.models import Action, Application, Code

from .profiles import text_of

#: The key of `client_metadata` that names the store.
MARK = "webstore"


def as_object(document: object) -> dict[str, Any]:
    """The document, which has to be an object. Raises `DirectoryUnavailable`."""
    if not isinstance(document, dict):
        raise DirectoryUnavailable("the answer is not an object")
    return document


def required(document: object, name: str) -> str:
    """A text that Auth0 always has. Raises `DirectoryUnavailable`."""
    found = text_of(as_object(document), name)
    if found is None:
        raise DirectoryUnavailable(f"the answer has no {name}")
    return found


def texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts; empty if it is missing."""
    value = document.get(name)
    return tuple(it for it in value if isinstance(it, str)) if isinstance(value, list) else ()


def part_of(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object within the document; empty if it is missing."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def application_of(it: dict[str, Any]) -> Application:
    """An application."""
    method = text_of(it, "token_endpoint_auth_method") or ""
    if not method and not it.get("client_authentication_methods"):
        method = "client_secret_post"  # neither is shown: the default of a web application
    return Application(
        id=required(it, "client_id"),
        name=text_of(it, "name") or "",
        app_type=text_of(it, "app_type") or "",
        callbacks=texts(it, "callbacks"),
        logout_urls=texts(it, "allowed_logout_urls"),
        backchannel_logout_urls=texts(part_of(it, "oidc_logout"), "backchannel_logout_urls"),
        grant_types=texts(it, "grant_types"),
        algorithm=text_of(part_of(it, "jwt_configuration"), "alg") or "",
        oidc_conformant=it.get("oidc_conformant") is True,
        authentication=method,
        store=text_of(part_of(it, "client_metadata"), MARK) or "",
        raw=it,
    )


def changes(found: Application, wanted: Application) -> dict[str, object]:
    """The fields in which the two differ, as Auth0 names them."""
    body: dict[str, object] = {}
    if found.callbacks != wanted.callbacks:
        body["callbacks"] = list(wanted.callbacks)
    if found.logout_urls != wanted.logout_urls:
        body["allowed_logout_urls"] = list(wanted.logout_urls)
    if found.grant_types != wanted.grant_types:
        body["grant_types"] = list(wanted.grant_types)
    if found.algorithm != wanted.algorithm:
        # Whether a PATCH merges or replaces this object is not documented.
        body["jwt_configuration"] = {**part_of(found.raw, "jwt_configuration"), "alg": wanted.algorithm}
    if found.oidc_conformant != wanted.oidc_conformant:
        body["oidc_conformant"] = wanted.oidc_conformant
    if found.authentication != wanted.authentication:
        body["token_endpoint_auth_method"] = wanted.authentication
    if found.backchannel_logout_urls != wanted.backchannel_logout_urls:
        # By default, Auth0 tells of logouts alone, and not of changed passwords or deleted accounts:
        # https://auth0.com/docs/authenticate/login/logout/back-channel-logout/oidc-back-channel-logout-initiators
        body["oidc_logout"] = {
            "backchannel_logout_initiators": {"mode": "all"},
            **part_of(found.raw, "oidc_logout"),
            "backchannel_logout_urls": list(wanted.backchannel_logout_urls),
        }
    return body


def scopes(permissions: Mapping[str, str]) -> list[dict[str, str]]:
    """The permissions of an API, for Auth0."""
    return [{"value": name, **({"description": text} if text else {})} for name, text in permissions.items()]


def action_of(it: dict[str, Any]) -> Action:
    """An Action, with its draft and its deployed version."""
    deployed = it.get("deployed_version")
    live = deployed if isinstance(deployed, dict) and "code" in deployed else None
    return Action(
        id=required(it, "id"),
        name=text_of(it, "name") or "",
        draft=_code(it),
        deployed=_code(live) if live else None,
        status=text_of(it, "status") or "",
        secret_names=_names(it.get("secrets")),
        # A version that does not show its secrets has those of the draft, as far as anybody knows.
        deployed_secret_names=_names((live or {}).get("secrets", it.get("secrets"))),
    )


def _names(listed: object) -> tuple[str, ...]:
    return tuple(required(it, "name") for it in listed) if isinstance(listed, list) else ()


def _code(it: dict[str, Any]) -> Code:
    listed = it.get("dependencies")
    return Code(
        text=text_of(it, "code") or "",
        runtime=text_of(it, "runtime") or "",
        dependencies={
            required(package, "name"): text_of(package, "version") or ""
            for package in (listed if isinstance(listed, list) else [])
        },
    )


def packages(code: Code) -> list[dict[str, str]]:
    """The npm packages, for Auth0."""
    return [{"name": name, "version": version} for name, version in code.dependencies.items()]


def secrets_of(secrets: Mapping[str, str]) -> list[dict[str, str]]:
    """The secrets, for Auth0."""
    return [{"name": name, "value": value} for name, value in secrets.items()]
