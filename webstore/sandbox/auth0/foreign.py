"""What an existing tenant has besides the store: other applications, other Actions, hand-made grants.

A set-up must leave all of it as it is.
"""

import uuid
from dataclasses import replace

from webstore.sandbox.auth0.actions import POST_LOGIN, Action, Actions, Binding, Content, Secret
from webstore.sandbox.auth0.apis import Apis, new_api
from webstore.sandbox.auth0.clients import Clients, new_client
from webstore.sandbox.auth0.grants import ClientGrants

_CODE = "exports.onExecutePostLogin = async (event, api) => {{\n  console.log('action {number}');\n}};\n"
_AGE_S = 90 * 86400


def add_clients(clients: Clients, count: int) -> None:
    """Add applications of others. Their names are like those of the store, and some of them are the same."""
    for number in range(count):
        address = f"https://app{number}.example"
        client = new_client(
            {
                "name": "Web store" if number == 0 else f"Application {number}",
                "app_type": ("spa", "regular_web", "native", "non_interactive")[number % 4],
                "callbacks": [f"{address}/callback"],
                "allowed_logout_urls": [address],
                "client_metadata": {"team": f"team-{number % 3}"},
            }
        )
        clients.put(client["client_id"], client)


def add_actions(actions: Actions, count: int, now: float) -> None:
    """Add Actions of others, deployed and bound to the post-login trigger after those that are there."""
    then = now - _AGE_S
    flow = list(actions.flow(POST_LOGIN))
    for number in range(count):
        content = Content(
            code=_CODE.format(number=number),
            dependencies=[{"name": "lodash", "version": "4.17.21"}],
            secrets=[Secret("API_KEY", f"secret-{number}", then)],
        )
        action = Action(
            id=str(uuid.uuid4()),
            name=f"Action {number} of others",
            trigger={"id": POST_LOGIN, "version": "v3"},
            draft=content,
            created_at=then,
            updated_at=then,
            built_at=then,
        ).with_version(content, then, then)
        if number == 0:
            action = replace(action, draft=replace(content, code=f"{content.code}// not deployed yet\n"))
        actions.add(action)
        flow.append(
            Binding(
                id=str(uuid.uuid4()),
                action_id=action.id,
                display_name=f"Step {number}",
                created_at=then,
                updated_at=then,
            )
        )
    actions.bind(POST_LOGIN, flow)


def add_grants(clients: Clients, apis: Apis, grants: ClientGrants, count: int) -> None:
    """Add APIs of others, each with an application that was granted a part of its scopes."""
    for number in range(count):
        identifier = f"https://api{number}.others.example/"
        scopes = [{"value": f"{verb}:things", "description": f"{verb} things"} for verb in ("read", "write")]
        api = new_api({"name": f"API {number} of others", "identifier": identifier, "scopes": scopes})
        apis.put(api["id"], api)
        client = new_client(
            {
                "name": f"Machine {number} of others",
                "app_type": "non_interactive",
                "grant_types": ["client_credentials"],
                "token_endpoint_auth_method": "client_secret_post",
            }
        )
        clients.put(client["client_id"], client)
        grants.add({"client_id": client["client_id"], "audience": identifier, "scope": ["read:things"]})
