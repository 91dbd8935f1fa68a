"""The Management API's Actions: https://auth0.com/docs/api/management/v2/actions ."""

from collections.abc import Sequence
from dataclasses import replace

from flask import Response, jsonify, request

from webstore.sandbox.auth0.action_json import TRIGGERS, shown_action, shown_version
from webstore.sandbox.auth0.actions import RUNTIMES, Action, Content, NotBuilt, Secret, StillBound, Version
from webstore.sandbox.auth0.api_errors import ApiError, bad_body, not_implemented
from webstore.sandbox.auth0.management.bodies import Body, Shape, body_of, checked
from webstore.sandbox.auth0.management.call import Call, actions_page, created, flag, nothing, optional_flag
from webstore.sandbox.auth0.records import Record

_PROPERTIES: Shape = {
    "name": str,
    "supported_triggers": list,
    "code": str,
    "dependencies": list,
    "runtime": str,
    "secrets": list,
    "modules": list,
}
_TRIGGER: Shape = {
    "id": str,
    "version": str,
    "status": str,
    "runtimes": list,
    "default_runtime": str,
    "compatible_triggers": list,
    "binding_policy": str,
}
_DEPENDENCY: Shape = {"name": str, "version": str, "registry_url": str}
_SECRET: Shape = {"name": str, "value": str}
_FORMER_NAMES = {"node18": "node18-actions"}


def list_actions(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/actions/get-actions ."""
    trigger, name = request.args.get("triggerId"), request.args.get("actionName")
    now = call.tenant.clock.now()
    deployed, installed = optional_flag("deployed"), optional_flag("installed")
    found = [
        shown_action(action, now)
        for action in call.tenant.actions.all()
        if trigger in (None, action.trigger["id"])
        and name in (None, action.name)
        and deployed in (None, action.deployed(now) is not None)
        and not installed
    ]
    return actions_page("actions", found)


def get_action(call: Call, action_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/actions/get-action ."""
    return jsonify(shown_action(existing(call, action_id), call.tenant.clock.now()))


def create_action(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/actions/post-action ."""
    body = body_of({**_PROPERTIES, "deploy": bool}, required=["name", "supported_triggers"])
    if not body["name"]:
        raise bad_body("String is too short (0 chars), minimum 1' on property 'name")
    draft = _content(call, body, Content())
    action = call.tenant.actions.create(
        body["name"], _trigger(body["supported_triggers"]), draft, deploy=body.get("deploy", False)
    )
    if action is None:
        raise _name_is_taken()
    return created(shown_action(action, call.tenant.clock.now()))


def update_action(call: Call, action_id: str) -> Response:
    """Change the draft. What runs stays the same until the draft is deployed.

    https://auth0.com/docs/api/management/v2/actions/patch-action
    """
    body = body_of(_PROPERTIES)
    action = existing(call, action_id)
    namesake = call.tenant.actions.named(body.get("name", action.name))
    if namesake is not None and namesake.id != action_id:
        raise _name_is_taken()
    trigger = _trigger(body["supported_triggers"]) if "supported_triggers" in body else action.trigger
    if trigger["id"] != action.trigger["id"]:
        raise ApiError(400, "can't upgrade to this trigger.")
    changed = call.tenant.actions.change(
        action_id,
        name=body.get("name", action.name),
        trigger=trigger,
        draft=_content(call, body, action.draft),
    )
    return jsonify(shown_action(changed, call.tenant.clock.now()))


def delete_action(call: Call, action_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/actions/delete-action ."""
    existing(call, action_id)
    try:
        call.tenant.actions.delete(action_id, force=flag("force"))
    except StillBound as problem:
        raise ApiError(409, "Unable to delete an action bound to a trigger.") from problem
    return nothing()


def deploy_action(call: Call, action_id: str) -> Response:
    """Deploy the draft. The answer is sent before the version runs.

    https://auth0.com/docs/api/management/v2/actions/post-deploy-action
    """
    existing(call, action_id)
    try:
        action = call.tenant.actions.deploy(action_id)
    except NotBuilt as problem:
        message = "A draft must be in the 'built' state before it can be deployed."
        raise ApiError(400, message) from problem
    return _accepted(call, action)


def list_versions(call: Call, action_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/actions/get-action-versions ."""
    action, now = existing(call, action_id), call.tenant.clock.now()
    found = [shown_version(action, version, now) for version in reversed(action.versions)]
    return actions_page("versions", found)


def get_version(call: Call, action_id: str, version_id: str) -> Response:
    """https://auth0.com/docs/api/management/v2/actions/get-action-version ."""
    action = existing(call, action_id)
    return jsonify(shown_version(action, _version(action, version_id), call.tenant.clock.now()))


def deploy_version(call: Call, action_id: str, version_id: str) -> Response:
    """Deploy what an earlier version has as a new version.

    https://auth0.com/docs/api/management/v2/actions/post-deploy-draft-version
    """
    body = body_of({"update_draft": bool}, empty=True)
    version = _version(existing(call, action_id), version_id)
    action = call.tenant.actions.deploy(action_id, version.id)
    if body.get("update_draft"):
        call.tenant.actions.change(action_id, draft=version.content)
    return _accepted(call, action)


def existing(call: Call, action_id: str) -> Action:
    """The Action with this ID. Raises ApiError (404)."""
    action = call.tenant.actions.get(action_id)
    if action is None:
        raise no_such_action()
    return action


def no_such_action() -> ApiError:
    """The error for an Action that does not exist (404)."""
    return ApiError(404, "That action does not exist.")


def _accepted(call: Call, action: Action) -> Response:
    return created(shown_version(action, action.versions[-1], call.tenant.clock.now()), status=202)


def _version(action: Action, version_id: str) -> Version:
    version = next((it for it in action.versions if it.id == version_id), None)
    if version is None:
        raise ApiError(404, "That action version does not exist.")
    return version


def _content(call: Call, body: Body, before: Content) -> Content:
    """The draft after a change. Lists are replaced as a whole."""
    if body.get("modules"):
        raise not_implemented("modules of Actions")
    runtime = _FORMER_NAMES.get(body.get("runtime", ""), body.get("runtime", before.runtime))
    if runtime not in RUNTIMES:
        raise ApiError(400, "runtime is not supported")
    content = replace(before, code=body.get("code", before.code), runtime=runtime)
    if "dependencies" in body:
        needs = [
            checked(it, _DEPENDENCY, required=["name", "version"], within=f"dependencies[{number}]")
            for number, it in enumerate(body["dependencies"])
        ]
        content = replace(content, dependencies=needs)
    if "secrets" in body:
        content = replace(content, secrets=_secrets(body["secrets"], before.secrets, call.tenant.clock.now()))
    return content


def _secrets(given: Sequence[object], before: Sequence[Secret], now: float) -> list[Secret]:
    """The secrets after a change. One without a value keeps its own."""
    known = {secret.name: secret for secret in before}
    secrets = []
    for number, item in enumerate(given):
        secret = checked(item, _SECRET, required=["name"], within=f"secrets[{number}]")
        name = secret["name"]
        if "value" in secret:
            secrets.append(Secret(name, secret["value"], now))
        elif name in known:
            secrets.append(known[name])
        else:
            raise bad_body("Missing required property: value")
    return secrets


def _trigger(given: Sequence[object]) -> Record:
    """The one trigger of an Action, with its version. Raises ApiError (400)."""
    if len(given) != 1:
        raise bad_body(f"An action has one trigger, not {len(given)}' on property 'supported_triggers")
    asked = checked(given[0], _TRIGGER, required=["id"], within="supported_triggers[0]")
    for trigger in reversed(TRIGGERS):
        if asked["id"] == trigger["id"] and asked.get("version", trigger["version"]) == trigger["version"]:
            return {"id": trigger["id"], "version": trigger["version"]}
    raise ApiError(400, f"The trigger {asked['id']} does not exist in this version.")


def _name_is_taken() -> ApiError:
    return ApiError(409, "An action with the same name already exists.")
