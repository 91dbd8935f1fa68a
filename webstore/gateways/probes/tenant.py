"""Asks the Management API, with the store's own rights and with AUTH0_SETUP_TOKEN."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote

from webstore.doctor.facts import Action, Application, Links, TenantFacts, Trouble
from webstore.linking.models import PIN
from webstore.settings import Settings

from .asking import Asker, Reply

_POST_LOGIN = "post-login"
#: What the code of every Action begins with that the store prints.
_MARK = "// Auth0 post-login Action of the web store"
#: Users that are looked at.
_SAMPLE = 100


def read_tenant(ask: Asker, settings: Settings, setup_token: str = "") -> TenantFacts:
    """What the Management API answers.

    `setup_token`: an access token with the rights of an administrator; empty: the store's own is used.
    """
    api = f"{settings.auth0_mgmt_url}/api/v2"
    answer = ask.post(
        f"{settings.auth0_mgmt_url}/oauth/token",
        {
            "grant_type": "client_credentials",
            "client_id": settings.auth0_mgmt_client_id,
            "client_secret": settings.auth0_mgmt_client_secret,
            "audience": f"https://{settings.auth0_mgmt_domain}/api/v2/",
        },
    )
    if isinstance(answer, Reply) and answer.status != 200:
        answer = answer.trouble
    scopes: tuple[str, ...] | Trouble
    token = ""
    if isinstance(answer, Reply):
        token, scopes = _text(answer.document, "access_token"), tuple(_text(answer.document, "scope").split())
        if not token:
            scopes = Trouble("the answer is no token", answer.status)
    else:
        scopes = answer
    facts = TenantFacts(scopes, with_setup_token=bool(setup_token))
    if token:
        facts = replace(facts, links=_links(ask, api, token))
    if setup_token or token:
        rights = setup_token or token
        facts = replace(
            facts,
            application=_application(ask, api, rights, settings.auth0_client_id),
            actions=_actions(ask, api, rights, settings.auth0_claim_namespace),
        )
    return facts


def _get(ask: Asker, url: str, token: str, **query: str) -> Reply | Trouble:
    answer = ask.get(url, query, {"Authorization": f"Bearer {token}"})
    return answer.trouble if isinstance(answer, Reply) and answer.status != 200 else answer


def _application(ask: Asker, api: str, token: str, client_id: str) -> Application | Trouble:
    """The login's application, without its secret.

    Source: https://auth0.com/docs/api/management/v2/clients/get-clients-by-id
    """
    fields = (
        "app_type,grant_types,jwt_configuration,token_endpoint_auth_method,callbacks,allowed_logout_urls,"
        "oidc_logout"
    )
    answer = _get(
        ask, f"{api}/clients/{quote(client_id, safe='')}", token, fields=fields, include_fields="true"
    )
    if isinstance(answer, Trouble):
        return answer
    found = answer.document
    jwt, logout = found.get("jwt_configuration"), found.get("oidc_logout")
    return Application(
        app_type=_text(found, "app_type"),
        grant_types=_texts(found.get("grant_types")),
        algorithm=_text(jwt, "alg"),
        token_auth_method=_text(found, "token_endpoint_auth_method") or "client_secret_post",
        callbacks=_texts(found.get("callbacks")),
        logout_urls=_texts(found.get("allowed_logout_urls")),
        back_channel_urls=_texts(logout.get("backchannel_logout_urls") if isinstance(logout, dict) else ()),
    )


def _actions(ask: Asker, api: str, token: str, namespace: str) -> tuple[Action, ...] | Trouble:
    """The post-login Actions that this store printed; without one, those of other stores or namespaces.

    Sources: https://auth0.com/docs/api/management/v2/actions/get-actions and
    https://auth0.com/docs/api/management/v2/actions/get-bindings
    """
    answer = _get(ask, f"{api}/actions/actions", token, triggerId=_POST_LOGIN, per_page="100")
    if isinstance(answer, Trouble):
        return answer
    bindings = _get(ask, f"{api}/actions/triggers/{_POST_LOGIN}/bindings", token, per_page="100")
    if isinstance(bindings, Trouble):
        return bindings
    bound = {
        _text(it.get("action"), "id")
        for it in _dicts(bindings.document.get("bindings"))
        if isinstance(it.get("action"), dict)
    }
    printed = [
        it
        for it in _dicts(answer.document.get("actions"))
        if any(code.lstrip().startswith(_MARK) for code in _codes(it))
    ]
    line = f"const NAMESPACE = {json.dumps(namespace)};"
    own = [it for it in printed if any(line in code.splitlines() for code in _codes(it))]
    return tuple(_action(it, bound) for it in own or printed)


def _codes(action: Mapping[str, object]) -> tuple[str, str]:
    """The code of the draft, and the one that is deployed."""
    return _text(action, "code"), _text(action.get("deployed_version"), "code")


def _action(found: Mapping[str, object], bound: set[str]) -> Action:
    deployed = found.get("deployed_version")
    is_deployed = isinstance(deployed, dict) and deployed.get("deployed") is not False
    code = _text(deployed, "code") if is_deployed else ""
    return Action(
        id=_text(found, "id"),
        name=_text(found, "name"),
        deployed_code=code or None,
        has_newer_draft=found.get("all_changes_deployed") is False,
        bound=_text(found, "id") in bound,
    )


def _links(ask: Asker, api: str, token: str) -> Links | Trouble:
    """The accounts and modes that users are linked in.

    Source: https://auth0.com/docs/api/management/v2/users/get-users
    """
    answer = _get(
        ask,
        f"{api}/users",
        token,
        q=f"_exists_:app_metadata.{PIN}",
        search_engine="v3",
        per_page=str(_SAMPLE),
        fields="app_metadata",
        include_fields="true",
    )
    if isinstance(answer, Trouble):
        return answer
    listed = answer.json
    users = list(_dicts(listed))
    pins = Counter(pin for user in users for pin in _pins(user.get("app_metadata")))
    return Links(len(users), dict(pins))


def _pins(metadata: object) -> set[str]:
    records = metadata if isinstance(metadata, dict) else {}
    return {
        value
        for name, value in records.items()
        if name.startswith(PIN) and isinstance(value, str) and value.startswith("acct_")
    }


def _dicts(value: object) -> Iterator[Mapping[str, object]]:
    return (it for it in (value if isinstance(value, list) else ()) if isinstance(it, dict))


def _text(found: object, name: str) -> str:
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(it for it in (value if isinstance(value, list) else ()) if isinstance(it, str))
