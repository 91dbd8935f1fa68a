"""The plan: each object that is created, changed or left, line by line. Pure; it holds no secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from . import wanted
from .models import STORE_SCOPES, TRIGGER, Action, Api, Application, Binding, Code, Found, Grant, Needs

_SECRETS = (
    "The secret's value comes from this machine's settings. It is kept at Auth0, where everybody who may "
    "edit Actions can use it."
)
#: A change of the Action's code is shown if it has no more lines than this.
_SHORT_DIFF = 12


class Act(StrEnum):
    """What happens to an object."""

    CREATE = "create"
    CHANGE = "change"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Item:
    """One object of the plan."""

    #: application, management application, grant, API, Action, flow or back-channel logout
    kind: str
    name: str
    act: Act
    #: The differences, for people: "+ ..." is added, "- ..." is taken away, "  ..." stays.
    lines: tuple[str, ...] = ()
    #: What an operator has to know about it.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the store needs of its tenant, in the order in which it is done."""

    items: tuple[Item, ...]

    @property
    def changes(self) -> bool:
        """Whether anything would be written."""
        return any(item.act is not Act.LEAVE for item in self.items)

    def count(self, act: Act) -> int:
        """The number of objects to which this happens."""
        return sum(item.act is act for item in self.items)


def make_plan(needs: Needs, found: Found) -> Plan:
    """Compare the tenant with the needs. Raises `CannotSetUp`."""
    login = wanted.application(needs, found.application)
    items = [_application("application", found.application, login)]
    if needs.keeps_credentials:
        items[0] = _with_note(items[0], "AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET are written to .env.")
    if found.manager is not None:
        items.append(_application("management application", found.manager, wanted.manager(found.manager)))
    holder = found.manager or login
    items.append(_grant(needs, holder, found.grant))
    if needs.audience:
        items.append(_api(found.api, wanted.api(needs, needs.audience, found.api)))
    if needs.action:
        items.append(_action(needs, found.action))
        items.append(_flow(needs, found.action, found.bindings))
    items.append(_backchannel(needs, found, login))
    return Plan(tuple(items))


def _with_note(item: Item, note: str) -> Item:
    return Item(item.kind, item.name, item.act, item.lines, (*item.notes, note))


def _item(kind: str, name: str, *, new: bool, lines: Iterable[str], notes: Iterable[str] = ()) -> Item:
    shown = tuple(lines)
    act = Act.CREATE if new else Act.CHANGE if shown else Act.LEAVE
    return Item(kind, name, act, shown, tuple(notes))


def _application(kind: str, found: Application | None, to_be: Application) -> Item:
    was = found or Application("", "", "")
    lines = [
        *_value("type", was.app_type, to_be.app_type),
        *_listed("callback URL", was.callbacks, to_be.callbacks),
        *_listed("logout URL", was.logout_urls, to_be.logout_urls),
        *_listed("grant type", was.grant_types, to_be.grant_types),
        *_value("ID tokens signed with", was.algorithm, to_be.algorithm),
        *_value("OIDC conformant", _yes(was.oidc_conformant), _yes(to_be.oidc_conformant)),
        *_value("authentication", was.authentication, to_be.authentication),
    ]
    name = f"{to_be.name} ({to_be.id})" if to_be.id else to_be.name
    return _item(kind, name, new=found is None, lines=lines)


def _yes(flag: bool) -> str:
    return "yes" if flag else ""


def _grant(needs: Needs, holder: Application, found: Grant | None) -> Item:
    to_be = wanted.grant(needs, holder.id, found)
    was = found.scopes if found else ()
    more = [scope for scope in to_be.scopes if scope not in STORE_SCOPES]
    notes = []
    if to_be.all_scopes:
        notes.append("It has every scope of the Management API. The store needs five; it is left as it is.")
    elif more:
        notes.append(f"It has more than the store needs, which is kept: {', '.join(more)}.")
    lines, name = _listed("scope", was, to_be.scopes), f"{holder.name} for {needs.mgmt_audience}"
    return _item("grant", name, new=found is None, lines=lines, notes=notes)


def _api(found: Api | None, to_be: Api) -> Item:
    lines = [
        *_value("access tokens signed with", found.algorithm if found else "", to_be.algorithm),
        *_listed("permission", found.permissions if found else (), to_be.permissions),
    ]
    return _item("API", f"{to_be.name} ({to_be.identifier})", new=found is None, lines=lines)


def missing_secrets(needs: Needs, found: Action | None) -> Mapping[str, str]:
    """The secrets to send for the Action."""
    if needs.action is None:
        return {}
    have = found.secret_names if found and not needs.renew_secrets else ()
    return {name: value for name, value in needs.action.secrets.items() if name not in have}


def _action(needs: Needs, found: Action | None) -> Item:
    if needs.action is None:
        raise ValueError("no Action is wanted")
    code, secrets = needs.action.code, missing_secrets(needs, found)
    lines = [f"+ secret: {name}" for name in secrets]
    notes = [_SECRETS] if secrets else []
    if found is None:
        lines = [*_code_lines(Code(text="", runtime=""), code), *lines]
        return _item("Action", needs.name, new=True, lines=lines, notes=notes)
    if found.runs(needs.action) and not secrets:
        if not code.does_the_same_as(found.draft):
            notes.append("The deployed version is current. Other changes in the draft are left alone.")
    else:
        lines = [*_code_lines(found.draft, code), *lines, "+ deploy it"]
    if unused := [name for name in found.secret_names if name not in needs.action.secrets]:
        notes.append(f"It keeps secrets that this code does not use: {', '.join(unused)}.")
    return _item("Action", found.name, new=False, lines=lines, notes=notes)


def _code_lines(was: Code, to_be: Code) -> list[str]:
    """The change of an Action's code: each line of a short one, the number of lines of a long one."""
    changed = [
        line
        for line in difflib.unified_diff(was.text.splitlines(), to_be.text.splitlines(), lineterm="", n=0)
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    if was.text and len(changed) <= _SHORT_DIFF:
        code = [f"{line[:1]} code: {line[1:]}" for line in changed]
    else:
        counts = [(sign, sum(line.startswith(sign) for line in changed)) for sign in "+-"]
        code = [f"{sign} code: {count} lines" for sign, count in counts if count]
    packages = [[f"{name} {version}" for name, version in it.dependencies.items()] for it in (was, to_be)]
    return [*code, *_value("runtime", was.runtime, to_be.runtime), *_listed("package", *packages)]


def _flow(needs: Needs, action: Action | None, bindings: Sequence[Binding]) -> Item:
    name = action.name if action else needs.name
    if action and any(it.action_id == action.id for it in bindings):
        return _item("flow", TRIGGER, new=False, lines=())
    kept = [f"  {number}. {it.display_name}" for number, it in enumerate(bindings, 1)]
    return _item("flow", TRIGGER, new=False, lines=[*kept, f"+ {len(kept) + 1}. {name}"])


def _backchannel(needs: Needs, found: Found, login: Application) -> Item:
    to_be = wanted_backchannel(needs, found, login)
    url = f"{needs.base_url}/backchannel-logout"
    notes = []
    if not needs.is_public:
        notes.append(
            "Auth0 calls public https addresses only. Logouts elsewhere do not end the store's sessions."
        )
    elif not found.has_backchannel_logout:
        notes.append("The tenant's plan has none. Logouts elsewhere do not end the store's sessions.")
    elif url not in to_be.backchannel_logout_urls:
        notes.append(
            f"Auth0 allows one address, and {', '.join(to_be.backchannel_logout_urls)} has the place: it is "
            f"kept. The store's is {url}"
        )
    lines = _listed("URL", login.backchannel_logout_urls, to_be.backchannel_logout_urls)
    return _item("back-channel logout", login.name, new=False, lines=lines, notes=notes)


def wanted_backchannel(needs: Needs, found: Found, login: Application) -> Application:
    """The application with the store's address, where the tenant can call it."""
    possible = needs.is_public and found.has_backchannel_logout
    return wanted.with_backchannel_logout(needs, login) if possible else login


def _value(name: str, was: str, to_be: str) -> list[str]:
    if was == to_be:
        return []
    return [*([f"- {name}: {was}"] if was else []), *([f"+ {name}: {to_be}"] if to_be else [])]


def _listed(name: str, was: Iterable[str], to_be: Iterable[str]) -> list[str]:
    before, after = list(was), list(to_be)
    gone = [f"- {name}: {it}" for it in before if it not in after]
    return [*gone, *(f"+ {name}: {it}" for it in after if it not in before)]
