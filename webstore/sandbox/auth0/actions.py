"""The tenant's Actions: drafts that are built, versions that are deployed, and bindings to triggers.

https://auth0.com/docs/customize/actions/actions-overview
A build and a deployment take `Settings.action_build_s` and `Settings.action_deploy_s` seconds.
"""

import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from webstore.sandbox.auth0.config import Settings
from webstore.sandbox.auth0.records import Record
from webstore.sandbox.clock import Clock

POST_LOGIN = "post-login"
RUNTIMES = ("node18-actions", "node22")


@dataclass(frozen=True)
class Secret:
    """A secret of an Action. The API never shows its value."""

    name: str
    value: str
    updated_at: float


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a version of an Action consists of: its code, and what the code needs."""

    code: str = ""
    dependencies: Sequence[Record] = ()
    runtime: str = RUNTIMES[-1]
    secrets: Sequence[Secret] = ()


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of an Action, which never changes. It is deployed at `deployed_at`."""

    id: str
    number: int
    content: Content
    created_at: float
    deployed_at: float


@dataclass(frozen=True, kw_only=True)
class Action:
    """An Action: its draft, and the versions that were deployed, oldest first. Times are Unix seconds."""

    id: str
    name: str
    trigger: Record
    draft: Content
    created_at: float
    updated_at: float
    built_at: float
    fails_to_build: bool = False
    deploys_itself: bool = False
    versions: tuple[Version, ...] = ()

    def status(self, now: float) -> str:
        """How far the build of the draft is: `pending`, `building`, `built` or `failed`."""
        if now >= self.built_at:
            return "failed" if self.fails_to_build else "built"
        return "pending" if now - self.updated_at < (self.built_at - self.updated_at) / 3 else "building"

    def deployed(self, now: float) -> Version | None:
        """The version that runs, or None."""
        return next((it for it in reversed(self.versions) if it.deployed_at <= now), None)

    def with_version(self, content: Content, now: float, deployed_at: float) -> "Action":
        """The Action with a new version."""
        version = Version(
            id=str(uuid.uuid4()),
            number=len(self.versions) + 1,
            content=content,
            created_at=now,
            deployed_at=deployed_at,
        )
        return replace(self, versions=(*self.versions, version), deploys_itself=False)


@dataclass(frozen=True, kw_only=True)
class Binding:
    """An Action's place in a trigger's flow."""

    id: str
    action_id: str
    display_name: str
    created_at: float
    updated_at: float


class NotBuilt(Exception):
    """The draft cannot be deployed, because its build is not finished or failed."""


class StillBound(Exception):
    """The Action cannot be deleted, because it is bound to a trigger."""


@dataclass
class Actions:
    """The Actions of one tenant, and the flow of each trigger. Thread-safe."""

    settings: Settings
    clock: Clock
    _actions: dict[str, Action] = field(default_factory=dict)
    _flows: dict[str, tuple[Binding, ...]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def clear(self) -> None:
        """Remove all Actions and bindings."""
        with self._lock:
            self._actions.clear()
            self._flows.clear()

    def all(self) -> list[Action]:
        """All Actions, oldest first."""
        with self._lock:
            return [self._current(action) for action in list(self._actions.values())]

    def get(self, action_id: str) -> Action | None:
        """The Action with this ID, or None."""
        with self._lock:
            action = self._actions.get(action_id)
            return None if action is None else self._current(action)

    def named(self, name: str) -> Action | None:
        """The Action with this name, or None."""
        return next((action for action in self.all() if action.name == name), None)

    def create(self, name: str, trigger: Record, draft: Content, *, deploy: bool = False) -> Action | None:
        """Add an Action, and begin to build it. Returns None if there is one with this name."""
        with self._lock:
            if self.named(name) is not None:
                return None
            now = self.clock.now()
            action = Action(
                id=str(uuid.uuid4()),
                name=name,
                trigger=trigger,
                draft=draft,
                created_at=now,
                updated_at=now,
                built_at=now,
                deploys_itself=deploy,
            )
            return self._building(action)

    def add(self, action: Action) -> None:
        """Add an Action as it is."""
        with self._lock:
            self._keep(action)

    def change(self, action_id: str, **changes: Any) -> Action:  # Any: fields of an Action
        """Change an Action's name or draft, and begin to build it. Raises KeyError for an unknown ID."""
        with self._lock:
            return self._building(replace(self._existing(action_id), **changes))

    def deploy(self, action_id: str, version_id: str | None = None) -> Action:
        """Deploy the draft, or what an earlier version has, as a new version: the Action's last one.

        Raises KeyError for an unknown ID, and NotBuilt.
        """
        with self._lock:
            action, now = self._existing(action_id), self.clock.now()
            content = action.draft
            if version_id is not None:
                content = next(it.content for it in action.versions if it.id == version_id)
            elif action.status(now) != "built":
                raise NotBuilt
            return self._keep(action.with_version(content, now, now + self.settings.action_deploy_s))

    def delete(self, action_id: str, *, force: bool) -> None:
        """Delete an Action and its versions. `force` removes its bindings, too.

        Raises KeyError for an unknown ID, and StillBound.
        """
        with self._lock:
            self._existing(action_id)
            bound = [it for flow in self._flows.values() for it in flow if it.action_id == action_id]
            if bound and not force:
                raise StillBound
            for trigger, flow in self._flows.items():
                self._flows[trigger] = tuple(it for it in flow if it.action_id != action_id)
            del self._actions[action_id]

    def flow(self, trigger_id: str) -> tuple[Binding, ...]:
        """The bindings of a trigger, in the order in which they run."""
        with self._lock:
            return self._flows.get(trigger_id, ())

    def bind(self, trigger_id: str, bindings: Iterable[Binding]) -> None:
        """Replace all bindings of a trigger."""
        with self._lock:
            self._flows[trigger_id] = tuple(bindings)

    def running(self, trigger_id: str) -> list[Version]:
        """The versions that a trigger runs, in order."""
        now = self.clock.now()
        actions = [self.get(binding.action_id) for binding in self.flow(trigger_id)]
        versions = [action.deployed(now) for action in actions if action is not None]
        return [version for version in versions if version is not None]

    def _existing(self, action_id: str) -> Action:
        action = self.get(action_id)
        if action is None:
            raise KeyError(action_id)
        return action

    def _building(self, action: Action) -> Action:
        now = self.clock.now()
        return self._keep(
            replace(
                action,
                updated_at=now,
                built_at=now + self.settings.action_build_s,
                fails_to_build=self.settings.action_build_fails,
            )
        )

    def _current(self, action: Action) -> Action:
        """The Action, after the deployment that was asked for at its creation."""
        if not action.deploys_itself or action.status(self.clock.now()) != "built":
            return action
        built_at = action.built_at
        return self._keep(
            action.with_version(action.draft, built_at, built_at + self.settings.action_deploy_s)
        )

    def _keep(self, action: Action) -> Action:
        self._actions[action.id] = action
        return action


def nanoseconds(unix_seconds: float) -> str:
    """A time in the format of the Actions API: ISO 8601 in UTC with nine decimals and `Z`."""
    moment = datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="microseconds")
    return moment.replace("+00:00", "000Z")
