"""An Auth0 tenant's configuration: applications, grants, APIs and Actions, for `flask setup auth0`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from webstore.errors import DirectoryRefused, DirectoryUnavailable
from webstore.provisioning.tenant.models import TRIGGER, Action, Api, Application, Binding, Code, Grant

from .management_calls import ManagementCalls, NotThere
from .profiles import text_of
from .tenant_documents import (
    MARK,
    action_of,
    application_of,
    as_object,
    changes,
    packages,
    required,
    scopes,
    secrets_of,
    texts,
)
from .wire import Sender, WireError

#: The fields of an application that are read: not its secret, not its keys.
_CLIENT_FIELDS = (
    "client_id,name,app_type,callbacks,allowed_logout_urls,oidc_logout,grant_types,jwt_configuration,"
    "oidc_conformant,token_endpoint_auth_method,client_authentication_methods,client_metadata"
)
_BINDINGS = f"actions/triggers/{TRIGGER}/bindings"


class Auth0Tenant:
    """The tenant behind these calls. Implements `webstore.provisioning.tenant.ports.Tenant`."""

    def __init__(self, calls: ManagementCalls, wire: Sender, base_url: str) -> None:
        """`wire`, `base_url`: for what the tenant tells everybody, at its origin."""
        self._calls, self._wire, self._base_url = calls, wire, base_url

    def application(self, client_id: str) -> Application | None:
        """The application with this client ID.

        Source: https://auth0.com/docs/api/management/v2/clients/get-clients-by-id
        """
        query = {"fields": _CLIENT_FIELDS, "include_fields": "true"}
        try:
            return application_of(as_object(self._calls.send("GET", f"clients/{_part(client_id)}", query)))
        except NotThere:
            return None

    def applications(self) -> Sequence[Application]:
        """Every application of the tenant.

        Source: https://auth0.com/docs/api/management/v2/clients/get-clients
        """
        query = {"fields": _CLIENT_FIELDS, "include_fields": "true", "is_global": "false"}
        return [application_of(it) for it in self._every("clients", "clients", query)]

    def create_application(self, wanted: Application) -> Application:
        """Create the application, with a mark for its store.

        Source: https://auth0.com/docs/api/management/v2/clients/post-clients
        """
        body = {
            "name": wanted.name,
            "app_type": wanted.app_type,
            "client_metadata": {MARK: wanted.store},
            **changes(Application("", "", ""), wanted),
        }
        return application_of(as_object(self._calls.send("POST", "clients", body=body)))

    def change_application(self, found: Application, wanted: Application) -> None:
        """Change the fields in which the two differ, and no other.

        Source: https://auth0.com/docs/api/management/v2/clients/patch-clients-by-id
        """
        self._calls.send("PATCH", f"clients/{_part(found.id)}", body=changes(found, wanted))

    def client_secret(self, client_id: str) -> str:
        """The application's client secret. Needs read:client_keys."""
        query = {"fields": "client_secret", "include_fields": "true"}
        secret = text_of(
            as_object(self._calls.send("GET", f"clients/{_part(client_id)}", query)), "client_secret"
        )
        if secret is None:
            raise DirectoryRefused(
                f"Auth0 does not show the client secret of {client_id}: the right read:client_keys is missing"
            )
        return secret

    def grants(self, client_id: str, audience: str) -> Sequence[Grant]:
        """The grants of an application itself (not of its users) for an API.

        Source: https://auth0.com/docs/api/management/v2/client-grants/get-client-grants
        """
        query = {"client_id": client_id, "audience": audience}
        return [
            Grant(
                id=required(it, "id"),
                client_id=client_id,
                audience=audience,
                scopes=texts(it, "scope"),
                all_scopes=it.get("allow_all_scopes") is True,
            )
            for it in self._every("client-grants", "client_grants", query)
            if (it.get("client_id"), it.get("audience")) == (client_id, audience)
            and it.get("subject_type", "client") == "client"
        ]

    def create_grant(self, wanted: Grant) -> None:
        """Create the grant. Source: https://auth0.com/docs/api/management/v2/client-grants/post-client-grants"""
        body = {"client_id": wanted.client_id, "audience": wanted.audience, "scope": list(wanted.scopes)}
        self._calls.send("POST", "client-grants", body=body)

    def change_grant(self, found: Grant, scopes: Sequence[str]) -> None:
        """Set the grant's scopes.

        Source: https://auth0.com/docs/api/management/v2/client-grants/patch-client-grants-by-id
        """
        self._calls.send("PATCH", f"client-grants/{_part(found.id)}", body={"scope": list(scopes)})

    def api(self, identifier: str) -> Api | None:
        """The API with this identifier.

        Source: https://auth0.com/docs/api/management/v2/resource-servers/get-resource-servers
        """
        for it in self._every("resource-servers", "resource_servers"):
            if it.get("identifier") == identifier:
                listed = it.get("scopes")
                return Api(
                    id=required(it, "id"),
                    identifier=identifier,
                    name=text_of(it, "name") or identifier,
                    algorithm=text_of(it, "signing_alg") or "",
                    permissions={
                        required(scope, "value"): text_of(scope, "description") or ""
                        for scope in (listed if isinstance(listed, list) else [])
                    },
                )
        return None

    def create_api(self, wanted: Api) -> None:
        """Create the API.

        Source: https://auth0.com/docs/api/management/v2/resource-servers/post-resource-servers
        """
        body = {
            "name": wanted.name,
            "identifier": wanted.identifier,
            "signing_alg": wanted.algorithm,
            "scopes": scopes(wanted.permissions),
        }
        self._calls.send("POST", "resource-servers", body=body)

    def change_api(self, found: Api, wanted: Api) -> None:
        """Change algorithm and permissions, if they differ.

        Source: https://auth0.com/docs/api/management/v2/resource-servers/patch-resource-servers-by-id
        """
        body: dict[str, object] = {}
        if found.algorithm != wanted.algorithm:
            body["signing_alg"] = wanted.algorithm
        if found.permissions != wanted.permissions:
            body["scopes"] = scopes(wanted.permissions)
        self._calls.send("PATCH", f"resource-servers/{_part(found.id)}", body=body)

    def actions(self) -> Sequence[Action]:
        """Every post-login Action.

        Source: https://auth0.com/docs/api/management/v2/actions/get-actions
        """
        query = {"triggerId": TRIGGER}
        return [action_of(it) for it in self._calls.every("actions/actions", "actions", query)]

    def action(self, action_id: str) -> Action:
        """One Action. Source: https://auth0.com/docs/api/management/v2/actions/get-action"""
        return action_of(as_object(self._calls.send("GET", f"actions/actions/{_part(action_id)}")))

    def create_action(self, name: str, code: Code, secrets: Mapping[str, str]) -> Action:
        """Create a post-login Action as a draft.

        Source: https://auth0.com/docs/api/management/v2/actions/post-action
        """
        body = {
            "name": name,
            "supported_triggers": [{"id": TRIGGER, "version": "v3"}],
            "code": code.text,
            "dependencies": packages(code),
            "runtime": code.runtime,
            "secrets": secrets_of(secrets),
        }
        return action_of(as_object(self._calls.send("POST", "actions/actions", body=body)))

    def change_action(self, found: Action, code: Code, secrets: Mapping[str, str]) -> None:
        """Change the draft. With secrets, they replace all secrets that it has; without, all are kept.

        Source: https://auth0.com/docs/api/management/v2/actions/patch-action
        """
        body: dict[str, object] = {}
        if code.text != found.draft.text:
            body["code"] = code.text
        if code.dependencies != found.draft.dependencies:
            body["dependencies"] = packages(code)
        if code.runtime != found.draft.runtime:
            body["runtime"] = code.runtime
        if secrets:
            body["secrets"] = secrets_of(secrets)
        self._calls.send("PATCH", f"actions/actions/{_part(found.id)}", body=body)

    def deploy(self, action_id: str) -> bool:
        """Deploy the draft. False if it is not built yet.

        Source: https://auth0.com/docs/api/management/v2/actions/post-deploy-action
        """
        try:
            self._calls.send("POST", f"actions/actions/{_part(action_id)}/deploy")
        except DirectoryRefused as exc:
            # "The action ... must be in the 'built' state to be deployed"
            if "'built' state" in str(exc):
                return False
            raise
        return True

    def bindings(self) -> Sequence[Binding]:
        """The post-login flow, in its order.

        Source: https://auth0.com/docs/api/management/v2/actions/get-bindings
        """
        return [
            Binding(
                id=required(it, "id"),
                display_name=text_of(it, "display_name") or "",
                action_id=required(as_object(it.get("action")), "id"),
                action_name=text_of(as_object(it.get("action")), "name") or "",
            )
            for it in self._calls.every(_BINDINGS, "bindings")
        ]

    def bind(self, before: Sequence[Binding], action: Action) -> None:
        """Set the post-login flow: what it has, and the Action behind it.

        The list replaces the flow. The bindings that are there are named by their IDs, as the dashboard does.
        Source: https://auth0.com/docs/api/management/v2/actions/patch-bindings
        """
        bindings = [
            {"ref": {"type": "binding_id", "value": it.id}, "display_name": it.display_name} for it in before
        ]
        bindings.append({"ref": {"type": "action_id", "value": action.id}, "display_name": action.name})
        self._calls.send("PATCH", _BINDINGS, body={"bindings": bindings})

    def has_backchannel_logout(self) -> bool:
        """Whether the tenant offers back-channel logout.

        Source: https://openid.net/specs/openid-connect-backchannel-1_0.html#BCSupport
        """
        url = f"{self._base_url}/.well-known/openid-configuration"
        try:
            answer = self._wire.send("GET", url, [("Accept", "application/json")], None)
            document = json.loads(answer.body)
        except (WireError, ValueError, RecursionError) as exc:
            raise DirectoryUnavailable(f"the tenant's discovery document cannot be read: {exc}") from exc
        if answer.status != 200 or not isinstance(document, dict):
            raise DirectoryUnavailable(f"the tenant's discovery document answers {answer.status}")
        return document.get("backchannel_logout_supported") is True

    def _every(self, path: str, key: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self._calls.every(path, key, {**(query or {}), "include_totals": "true"})


def _part(value: str) -> str:
    return quote(value, safe="")
