"""The Auth0 tenant as the set-up sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from .models import Action, Api, Application, Binding, Code, Grant


class Tenant(Protocol):
    """One tenant's configuration.

    Every method raises `DirectoryRefused` if the right for it is missing or Auth0 refuses the request, and
    `DirectoryUnavailable` if Auth0 does not answer or its answer is malformed. Lists are complete.
    """

    def application(self, client_id: str) -> Application | None:
        """The application with this client ID."""

    def applications(self) -> Sequence[Application]:
        """Every application of the tenant."""

    def create_application(self, wanted: Application) -> Application:
        """Create the application, with a mark for its store."""

    def change_application(self, found: Application, wanted: Application) -> None:
        """Change the fields in which the two differ, and no other."""

    def client_secret(self, client_id: str) -> str:
        """The application's client secret."""

    def grants(self, client_id: str, audience: str) -> Sequence[Grant]:
        """The grants of an application itself (not of its users) for an API."""

    def create_grant(self, wanted: Grant) -> None:
        """Create the grant."""

    def change_grant(self, found: Grant, scopes: Sequence[str]) -> None:
        """Set the grant's scopes."""

    def api(self, identifier: str) -> Api | None:
        """The API with this identifier."""

    def create_api(self, wanted: Api) -> None:
        """Create the API."""

    def change_api(self, found: Api, wanted: Api) -> None:
        """Change algorithm and permissions, if they differ."""

    def actions(self) -> Sequence[Action]:
        """Every post-login Action."""

    def action(self, action_id: str) -> Action:
        """One Action."""

    def create_action(self, name: str, code: Code, secrets: Mapping[str, str]) -> Action:
        """Create a post-login Action as a draft."""

    def change_action(self, found: Action, code: Code, secrets: Mapping[str, str]) -> None:
        """Change the draft. With secrets, they replace all secrets that it has; without, all are kept."""

    def deploy(self, action_id: str) -> bool:
        """Deploy the draft. False if it is not built yet."""

    def bindings(self) -> Sequence[Binding]:
        """The post-login flow, in its order."""

    def bind(self, before: Sequence[Binding], action: Action) -> None:
        """Set the post-login flow: what it has, and the Action behind it."""

    def has_backchannel_logout(self) -> bool:
        """Whether the tenant offers back-channel logout."""
