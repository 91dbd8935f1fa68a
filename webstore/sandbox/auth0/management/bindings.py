"""The Management API's triggers and bindings.

https://auth0.com/docs/api/management/v2/actions/get-bindings
"""

import uuid

from flask import Response, jsonify

from webstore.sandbox.auth0.action_json import TRIGGERS, shown_binding
from webstore.sandbox.auth0.actions import Action, Binding
from webstore.sandbox.auth0.api_errors import ApiError, bad_body, not_implemented
from webstore.sandbox.auth0.management.actions import no_such_action
from webstore.sandbox.auth0.management.bodies import Shape, body_of
from webstore.sandbox.auth0.management.call import Call, actions_page

_BODY: Shape = {"bindings": list}
_BINDING = frozenset({"ref", "display_name", "secrets"})
_REFERENCES = ("binding_id", "action_id", "action_name")


def list_triggers(call: Call) -> Response:
    """https://auth0.com/docs/api/management/v2/actions/get-triggers ."""
    del call  # every tenant has the same
    return jsonify(triggers=TRIGGERS)


def list_bindings(call: Call, trigger_id: str) -> Response:
    """The bindings of a trigger, in the order in which they run.

    https://auth0.com/docs/api/management/v2/actions/get-bindings
    """
    _check_trigger(trigger_id)
    return actions_page("bindings", _shown(call, trigger_id))


def replace_bindings(call: Call, trigger_id: str) -> Response:
    """Replace all bindings of a trigger. One that is named by its own ID stays as it is, maybe elsewhere.

    https://auth0.com/docs/api/management/v2/actions/patch-bindings
    """
    _check_trigger(trigger_id)
    body = body_of(_BODY, required=["bindings"])
    call.tenant.actions.bind(
        trigger_id, [_bound(call, trigger_id, it, number) for number, it in enumerate(body["bindings"])]
    )
    return jsonify(bindings=_shown(call, trigger_id))


def _shown(call: Call, trigger_id: str) -> list[dict[str, object]]:
    now, shown = call.tenant.clock.now(), []
    for binding in call.tenant.actions.flow(trigger_id):
        action = call.tenant.actions.get(binding.action_id)
        if action is not None:
            shown.append(shown_binding(trigger_id, binding, action, now))
    return shown


def _bound(call: Call, trigger_id: str, item: object, number: int) -> Binding:
    """The binding that an item of the body describes. Raises ApiError."""
    kind, value, name = _reference(item, number)
    now = call.tenant.clock.now()
    if kind == "binding_id":
        kept = next((it for it in call.tenant.actions.flow(trigger_id) if it.id == value), None)
        if kept is None:
            raise ApiError(404, "That binding does not exist.")
        if name in (None, kept.display_name):
            return kept
        return Binding(
            id=kept.id,
            action_id=kept.action_id,
            display_name=str(name),
            created_at=kept.created_at,
            updated_at=now,
        )
    actions = call.tenant.actions
    action = actions.get(value) if kind == "action_id" else actions.named(value)
    if action is None:
        raise no_such_action()
    _check_bindable(action, trigger_id, now)
    return Binding(
        id=str(uuid.uuid4()),
        action_id=action.id,
        display_name=name or action.name,
        created_at=now,
        updated_at=now,
    )


def _check_bindable(action: Action, trigger_id: str, now: float) -> None:
    if action.trigger["id"] != trigger_id:
        raise ApiError(400, f"The action does not support the trigger {trigger_id}.")
    if action.deployed(now) is None:
        raise ApiError(400, "Trying to create a binding for an action that has not been deployed yet")


def _reference(item: object, number: int) -> tuple[str, str, str | None]:
    """The kind of the reference, its value, and the binding's display name. Raises ApiError (400)."""
    wrong = bad_body(f"Data does not match any schemas from 'oneOf'' on property 'bindings[{number}]")
    if not isinstance(item, dict) or not set(item) <= _BINDING:
        raise wrong
    if item.get("secrets"):
        raise not_implemented("secrets of bindings")
    reference, name = item.get("ref"), item.get("display_name")
    if not isinstance(reference, dict) or not isinstance(name, str | None):
        raise wrong
    kind, value = reference.get("type"), reference.get("value")
    if kind not in _REFERENCES or not isinstance(value, str):
        raise wrong
    return kind, value, name


def _check_trigger(trigger_id: str) -> None:
    if not any(trigger["id"] == trigger_id for trigger in TRIGGERS):
        raise ApiError(404, "That trigger does not exist.")
