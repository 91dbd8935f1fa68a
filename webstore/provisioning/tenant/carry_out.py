"""Carries a plan out. Each object is read again right before it is written: nobody's change is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from webstore.errors import DirectoryRefused

from . import look, wanted
from .models import Action, Application, Binding, CannotSetUp, Found, Needs
from .plan import missing_secrets, wanted_backchannel
from .ports import Tenant

#: Seconds between two looks at a build. Auth0 builds in a few seconds, and in more if it loads packages.
_BUILD_PAUSES_S = (0.2, 0.3, 0.5, 1.0, *[2.0] * 40)
#: Seconds between two attempts to bind: a new Action is not known everywhere at once.
_BIND_PAUSES_S = (1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Means:
    """The side effects of carrying out, besides those at the tenant."""

    #: Keeps the client ID and the client secret of the login's application.
    keep: Callable[[str, str], None]
    #: Tells the operator about the next step, in a few words.
    tell: Callable[[str], None]
    #: Waits for some seconds.
    pause: Callable[[float], None]


def carry_out(tenant: Tenant, needs: Needs, found: Found, means: Means) -> None:
    """Do what the plan of these needs says. Raises `CannotSetUp` and the errors of `Tenant`.

    After an error, it may be started again: it goes on where it stopped.
    """
    login = _login(tenant, needs, means)
    holder = _manager(tenant, needs, means) or login
    _grant(tenant, needs, holder, means)
    _api(tenant, needs, means)
    if needs.action is not None:
        _bind(tenant, _action(tenant, needs, means), means)
    _backchannel(tenant, needs, found, login, means)


def _login(tenant: Tenant, needs: Needs, means: Means) -> Application:
    found = look.login_application(tenant, needs)
    to_be = wanted.application(needs, found)
    if found is None:
        means.tell(f"creating the application {to_be.name}")
        found = tenant.create_application(to_be)
    elif found != to_be:
        means.tell(f"changing the application {found.name}")
        tenant.change_application(found, to_be)
    if needs.keeps_credentials:
        means.keep(found.id, tenant.client_secret(found.id))
    return found


def _manager(tenant: Tenant, needs: Needs, means: Means) -> Application | None:
    found = look.management_application(tenant, needs)
    if found is not None and found != (to_be := wanted.manager(found)):
        means.tell(f"changing the application {found.name}")
        tenant.change_application(found, to_be)
    return found


def _grant(tenant: Tenant, needs: Needs, holder: Application, means: Means) -> None:
    found = look.grant_of(tenant, needs, holder.id)
    to_be = wanted.grant(needs, holder.id, found)
    if found is None:
        means.tell("creating the grant for the Management API")
        tenant.create_grant(to_be)
    elif found != to_be:
        means.tell("changing the grant for the Management API")
        tenant.change_grant(found, to_be.scopes)


def _api(tenant: Tenant, needs: Needs, means: Means) -> None:
    if needs.audience is None:
        return
    found = tenant.api(needs.audience)
    to_be = wanted.api(needs, needs.audience, found)
    if found is None:
        means.tell(f"creating the API {to_be.identifier}")
        tenant.create_api(to_be)
    elif found != to_be:
        means.tell(f"changing the API {to_be.identifier}")
        tenant.change_api(found, to_be)


def _action(tenant: Tenant, needs: Needs, means: Means) -> Action:
    """The store's Action, deployed as it is wanted."""
    if needs.action is None:
        raise ValueError("no Action is wanted")
    code = needs.action.code
    found = look.own_action(tenant, needs)
    secrets = missing_secrets(needs, found)
    if found is not None and found.runs(needs.action) and not secrets:
        return found
    if found is None:
        means.tell(f"creating the Action {needs.name}")
        found = tenant.create_action(needs.name, code, secrets)
    elif secrets or not code.does_the_same_as(found.draft):
        lost = [name for name in found.secret_names if name not in needs.action.secrets] if secrets else []
        if lost:
            raise CannotSetUp(
                f"The Action {found.name} has secrets that are not the store's ({', '.join(lost)}), and "
                f"Auth0 replaces all secrets at once. Add {', '.join(secrets)} by hand: {_page(found)} > "
                "Secrets. Then run this again."
            )
        means.tell(f"changing the Action {found.name}")
        tenant.change_action(found, code, needs.action.secrets if secrets else {})
    return _deployed(tenant, needs, found, means)


def _page(action: Action) -> str:
    return f"Auth0 dashboard > Actions > Library > {action.name}"


def _deployed(tenant: Tenant, needs: Needs, action: Action, means: Means) -> Action:
    """Wait until the draft is built, deploy it, and wait until that is done."""
    means.tell(f"waiting until Auth0 has built the Action {action.name}")
    deployed = False
    for pause_s in _BUILD_PAUSES_S:
        now = tenant.action(action.id)
        if deployed and needs.action and now.runs(needs.action):
            return now
        if now.status == "failed":
            raise CannotSetUp(
                f"Auth0 could not build the Action {action.name}. The reason: {_page(action)}. The version "
                "that was deployed before still runs."
            )
        if not deployed and now.status in ("built", ""):
            deployed = tenant.deploy(action.id)
            if deployed:
                continue
        means.pause(pause_s)
    raise CannotSetUp(
        f"Auth0 has not built and deployed the Action {action.name} in {sum(_BUILD_PAUSES_S):.0f} seconds. "
        "Run this again later: it goes on from there."
    )


def _bind(tenant: Tenant, action: Action, means: Means) -> None:
    """Put the Action behind all others in the post-login flow, and check that they are all still there.

    A write replaces the whole flow, so it is read right before. Somebody may still write in between: then the
    flow afterwards is not the one that was sent.
    """
    for pause_s in (*_BIND_PAUSES_S, None):
        before = tenant.bindings()
        if any(it.action_id == action.id for it in before):
            return
        means.tell(f"adding the Action {action.name} to the post-login flow")
        try:
            tenant.bind(before, action)
        except DirectoryRefused:
            if pause_s is None:
                raise
            means.pause(pause_s)
            continue
        _check_flow(before, tenant.bindings(), action)
        return


def _check_flow(before: Sequence[Binding], after: Sequence[Binding], action: Action) -> None:
    was = [(it.action_id, it.display_name) for it in before]
    now = [(it.action_id, it.display_name) for it in after]
    if now[:-1] == was and now[-1][0] == action.id:
        return
    kept, listed = ", ".join(name for _, name in was), ", ".join(name for _, name in now)
    raise CannotSetUp(
        "Somebody else changed the post-login flow at the same moment. Compare it: Auth0 dashboard > Actions "
        f"> Triggers > post-login. Before: {kept or 'empty'}. {action.name} was added. Now: {listed}."
    )


def _backchannel(tenant: Tenant, needs: Needs, found: Found, login: Application, means: Means) -> None:
    if not (needs.is_public and found.has_backchannel_logout):
        return
    now = tenant.application(login.id) or login
    to_be = wanted_backchannel(needs, found, now)
    if now != to_be:
        means.tell("registering the address for back-channel logout")
        tenant.change_application(now, to_be)
