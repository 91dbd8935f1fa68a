"""An Auth0 tenant in memory, which lists the writes to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from webstore.errors import DirectoryRefused
from webstore.provisioning.tenant.carry_out import Means, carry_out
from webstore.provisioning.tenant.look import look
from webstore.provisioning.tenant.models import (
    Action,
    Api,
    Application,
    Binding,
    Code,
    Grant,
    Needs,
    WantedAction,
)
from webstore.provisioning.tenant.plan import Item, Plan, make_plan

URL, DOMAIN = "https://shop.example.com", "shop.eu.auth0.com"
CODE = Code('// the store\'s Action\nconst NAMESPACE = "https://shop.example.com";\n')
NEEDS = Needs(URL, DOMAIN, action=WantedAction(CODE, URL), keeps_credentials=True)


@dataclass
class MemoryTenant:
    """Has what the tests put into it; `written`: the writes, in order."""

    clients: dict[str, Application] = field(default_factory=dict)
    rights: list[Grant] = field(default_factory=list)
    apis: list[Api] = field(default_factory=list)
    library: dict[str, Action] = field(default_factory=dict)
    flow: list[Binding] = field(default_factory=list)
    backchannel: bool = True
    written: list[str] = field(default_factory=list)
    #: How often a draft is looked at until it is built.
    looks_until_built: int = 2
    #: Whether each draft fails to build.
    fails_to_build: bool = False
    #: How often binding is refused at first, as Auth0 may for a new Action.
    refusals_to_bind: int = 0
    #: What somebody else does at the same moment as the flow is written.
    meanwhile: Callable[[], None] = lambda: None
    _ids: count[int] = field(default_factory=lambda: count(1))
    _looks: int = 0

    def application(self, client_id: str) -> Application | None:
        return self.clients.get(client_id)

    def applications(self) -> Sequence[Application]:
        return list(self.clients.values())

    def create_application(self, wanted: Application) -> Application:
        self.written.append(f"create application {wanted.name}")
        made = replace(wanted, id=f"client{next(self._ids)}")
        self.clients[made.id] = made
        return made

    def change_application(self, found: Application, wanted: Application) -> None:
        self.written.append(f"change application {found.id}")
        self.clients[found.id] = wanted

    def client_secret(self, client_id: str) -> str:
        return f"secret of {client_id}"

    def grants(self, client_id: str, audience: str) -> Sequence[Grant]:
        return [it for it in self.rights if (it.client_id, it.audience) == (client_id, audience)]

    def create_grant(self, wanted: Grant) -> None:
        self.written.append(f"create grant of {wanted.client_id}")
        self.rights.append(replace(wanted, id=f"cgr_{next(self._ids)}"))

    def change_grant(self, found: Grant, scopes: Sequence[str]) -> None:
        self.written.append(f"change grant {found.id}")
        self.rights = [replace(it, scopes=tuple(scopes)) if it == found else it for it in self.rights]

    def api(self, identifier: str) -> Api | None:
        return next((it for it in self.apis if it.identifier == identifier), None)

    def create_api(self, wanted: Api) -> None:
        self.written.append(f"create API {wanted.identifier}")
        self.apis.append(replace(wanted, id=f"api{next(self._ids)}"))

    def change_api(self, found: Api, wanted: Api) -> None:
        self.written.append(f"change API {found.identifier}")
        self.apis = [wanted if it == found else it for it in self.apis]

    def actions(self) -> Sequence[Action]:
        return list(self.library.values())

    def action(self, action_id: str) -> Action:
        found = self.library[action_id]
        self._looks += 1
        if found.status == "pending" and self._looks > self.looks_until_built:
            self.library[action_id] = replace(found, status="failed" if self.fails_to_build else "built")
        return self.library[action_id]

    def create_action(self, name: str, code: Code, secrets: Mapping[str, str]) -> Action:
        self.written.append(f"create Action {name} with secrets {list(secrets)}")
        made = Action(f"action{next(self._ids)}", name, code, None, "pending", tuple(secrets))
        self.library[made.id] = made
        self._looks = 0
        return made

    def change_action(self, found: Action, code: Code, secrets: Mapping[str, str]) -> None:
        self.written.append(f"change Action {found.name} with secrets {list(secrets)}")
        names = tuple(secrets) or found.secret_names
        self.library[found.id] = replace(found, draft=code, status="pending", secret_names=names)
        self._looks = 0

    def deploy(self, action_id: str) -> bool:
        found = self.library[action_id]
        if found.status != "built":
            return False
        self.written.append(f"deploy {found.name}")
        self.library[action_id] = replace(
            found, deployed=found.draft, deployed_secret_names=found.secret_names
        )
        return True

    def bindings(self) -> Sequence[Binding]:
        return list(self.flow)

    def bind(self, before: Sequence[Binding], action: Action) -> None:
        if self.refusals_to_bind:
            self.refusals_to_bind -= 1
            raise DirectoryRefused("the Action is not deployed")
        self.written.append(f"bind {[it.display_name for it in before]} and {action.name}")
        self.flow = [*before, Binding(f"bound{next(self._ids)}", action.name, action.id, action.name)]
        self.meanwhile()

    def has_backchannel_logout(self) -> bool:
        return self.backchannel

    def add_bound(self, *names: str) -> None:
        """Actions of other people, in the flow."""
        for name in names:
            code = Code(f"// {name}")
            action = Action(f"action{next(self._ids)}", name, code, code, "built")
            self.library[action.id] = action
            self.flow.append(Binding(f"bound{next(self._ids)}", f"{name}!", action.id, name))


@dataclass
class Kept:
    """What carrying out did outside of the tenant."""

    credentials: list[tuple[str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)

    @property
    def means(self) -> Means:
        return Means(
            keep=lambda *pair: self.credentials.append(pair),
            tell=self.told.append,
            pause=self.waited_s.append,
        )


def planned(tenant: MemoryTenant, needs: Needs = NEEDS) -> Plan:
    return make_plan(needs, look(tenant, needs))


def applied(tenant: MemoryTenant, needs: Needs = NEEDS) -> Kept:
    kept = Kept()
    carry_out(tenant, needs, look(tenant, needs), kept.means)
    return kept


def item(plan: Plan, kind: str) -> Item:
    """The plan's only object of this kind."""
    (found,) = [it for it in plan.items if it.kind == kind]
    return found


def own_application(**changes: object) -> Application:
    """The store's application as the set-up leaves it, but for the changes."""
    tenant = MemoryTenant()
    applied(tenant)
    (made,) = tenant.clients.values()
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of an application
