"""Actions, their versions and bindings as JSON.

https://auth0.com/docs/api/management/v2/actions/get-action
"""

from collections.abc import Iterable
from typing import Any

from webstore.sandbox.auth0.actions import RUNTIMES, Action, Binding, Content, Version, nanoseconds
from webstore.sandbox.auth0.records import Record

# Any: JSON.
Json = dict[str, Any]

_NEW = {"status": "CURRENT", "runtimes": list(RUNTIMES), "default_runtime": RUNTIMES[-1]}
_OLD = {"status": "DEPRECATED", "runtimes": ["node18-actions"], "default_runtime": "node18-actions"}
_BOUND: Json = {"compatible_triggers": [], "binding_policy": "trigger-bound"}

#: The triggers, with their versions: https://auth0.com/docs/customize/actions/explore-triggers
TRIGGERS: list[Json] = [
    {"id": "post-login", "version": "v2", **_OLD, **_BOUND},
    {
        "id": "post-login",
        "version": "v3",
        **_NEW,
        **_BOUND,
        "compatible_triggers": [{"id": "post-login", "version": "v2"}],
    },
    {"id": "credentials-exchange", "version": "v2", **_NEW, **_BOUND},
    {"id": "pre-user-registration", "version": "v2", **_NEW, **_BOUND},
    {"id": "post-user-registration", "version": "v2", **_NEW, **_BOUND},
    {"id": "post-change-password", "version": "v2", **_NEW, **_BOUND},
    {"id": "send-phone-message", "version": "v2", **_NEW, **_BOUND},
    {"id": "password-reset-post-challenge", "version": "v1", **_NEW, **_BOUND},
]


def shown_action(action: Action, now: float) -> Json:
    """The Action with its draft and, if one is deployed, its version."""
    status = action.status(now)
    return {
        **_basics(action, action.updated_at),
        **_content(action.draft),
        "status": status,
        **({"built_at": nanoseconds(action.built_at)} if status == "built" else {}),
        **_deployment(action, now),
        "all_changes_deployed": has_all_deployed(action, now),
    }


def shown_version(action: Action, version: Version, now: float) -> Json:
    """A version with the Action that it belongs to."""
    basics = {**_basics(action, action.updated_at), "all_changes_deployed": False}
    return {**_version(action, version, now), "action": basics}


def shown_binding(trigger_id: str, binding: Binding, action: Action, now: float) -> Json:
    """A binding with its Action, of which only the deployed version is shown, not the draft."""
    return {
        "id": binding.id,
        "trigger_id": trigger_id,
        "action": {
            **_basics(action, action.created_at),
            **_deployment(action, now),
            "all_changes_deployed": False,
        },
        "created_at": nanoseconds(binding.created_at),
        "updated_at": nanoseconds(binding.updated_at),
        "display_name": binding.display_name,
    }


def has_all_deployed(action: Action, now: float) -> bool:
    """Whether the draft is what runs."""
    version = action.deployed(now)
    return version is not None and version.content == action.draft


def _basics(action: Action, updated_at: float) -> Json:
    return {
        "id": action.id,
        "name": action.name,
        "supported_triggers": [dict(action.trigger)],
        "created_at": nanoseconds(action.created_at),
        "updated_at": nanoseconds(updated_at),
    }


def _content(content: Content) -> Json:
    return {
        "code": content.code,
        "dependencies": _copies(content.dependencies),
        "runtime": content.runtime,
        "secrets": [{"name": it.name, "updated_at": nanoseconds(it.updated_at)} for it in content.secrets],
    }


def _version(action: Action, version: Version, now: float) -> Json:
    deployed = action.deployed(now) == version
    done = {"built_at": nanoseconds(version.deployed_at)} if version.deployed_at <= now else {}
    return {
        "id": version.id,
        "number": version.number,
        **_content(version.content),
        "deployed": deployed,
        "status": "built",
        **done,
        "created_at": nanoseconds(version.created_at),
        "updated_at": nanoseconds(version.deployed_at if done else version.created_at),
        "supported_triggers": [dict(action.trigger)],
    }


def _deployment(action: Action, now: float) -> Json:
    version = action.deployed(now)
    if version is None:
        return {}
    current = {
        "id": version.id,
        "code": version.content.code,
        "runtime": version.content.runtime,
        "status": "BUILT",
        "number": version.number,
        "build_time": nanoseconds(version.deployed_at),
        "created_at": nanoseconds(version.created_at),
        "updated_at": nanoseconds(version.deployed_at),
    }
    return {"current_version": current, "deployed_version": _version(action, version, now)}


def _copies(records: Iterable[Record]) -> list[Json]:
    return [dict(record) for record in records]
