"""Finds the store's own objects at the tenant, and no others."""

from __future__ import annotations

import json

from .models import Action, Application, CannotSetUp, Found, Grant, Needs
from .ports import Tenant

#: The first words of the Action's code, by which one that was installed by hand is found.
_OWN_CODE = "// Auth0 post-login Action of the web store"


def look(tenant: Tenant, needs: Needs) -> Found:
    """Read what the tenant has for this store. Raises `CannotSetUp` and the errors of `Tenant`."""
    login = login_application(tenant, needs)
    manager = management_application(tenant, needs)
    holder = manager or login
    return Found(
        application=login,
        manager=manager,
        grant=grant_of(tenant, needs, holder.id) if holder else None,
        api=tenant.api(needs.audience) if needs.audience else None,
        action=own_action(tenant, needs),
        bindings=tuple(tenant.bindings()) if needs.action else (),
        has_backchannel_logout=needs.is_public and tenant.has_backchannel_logout(),
    )


def login_application(tenant: Tenant, needs: Needs) -> Application | None:
    """The login's application: by its client ID, else by the mark of its store, else by its name."""
    if needs.client_id:
        return _named(tenant, needs, "AUTH0_CLIENT_ID", needs.client_id)
    everything = tenant.applications()
    marked = [it for it in everything if it.store == needs.base_url]
    found = marked or [it for it in everything if it.name == needs.name and not it.store]
    if len(found) > 1:
        ids = ", ".join(it.id for it in found)
        raise CannotSetUp(
            f"Several applications could be this store's: {ids}. Set AUTH0_CLIENT_ID to one of them."
        )
    return found[0] if found else None


def management_application(tenant: Tenant, needs: Needs) -> Application | None:
    """The application for the Management API, if it is not the login's."""
    if needs.mgmt_client_id is None:
        return None
    return _named(tenant, needs, "AUTH0_MGMT_CLIENT_ID", needs.mgmt_client_id)


def _named(tenant: Tenant, needs: Needs, setting: str, client_id: str) -> Application:
    found = tenant.application(client_id)
    if found is None:
        raise CannotSetUp(
            f"{setting} is {client_id}, but the tenant {needs.domain} has no such application. Correct it. "
            "Or leave it out together with its secret."
        )
    return found


def grant_of(tenant: Tenant, needs: Needs, client_id: str) -> Grant | None:
    """The application's right to the Management API."""
    return next(iter(tenant.grants(client_id, needs.mgmt_audience)), None)


def own_action(tenant: Tenant, needs: Needs) -> Action | None:
    """The store's Action: by its name, else by its code and the namespace of its claims."""
    if needs.action is None:
        return None
    everything = tenant.actions()
    line = f"const NAMESPACE = {json.dumps(needs.action.namespace)};"
    found = [it for it in everything if it.name == needs.name] or [
        it for it in everything if it.draft.text.startswith(_OWN_CODE) and line in it.draft.text.splitlines()
    ]
    return tenant.action(found[0].id) if found else None
