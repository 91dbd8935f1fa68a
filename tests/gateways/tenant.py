"""The sandbox's tenant, and directories on it as several workers have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest

from webstore.gateways.auth0 import Auth0Directory
from webstore.gateways.wire import Wire
from webstore.sandbox.auth0 import Auth0
from webstore.sandbox.server import Server
from webstore.state import State

ADA = "auth0|000000000000000000000001"
USER = f"/api/v2/users/{quote(ADA, safe='')}"
TOKEN = "/oauth/token"

Act = Callable[[Auth0Directory], object]
EVERY_CALL = [
    pytest.param(lambda directory: directory.read_user(ADA), id="read"),
    pytest.param(lambda directory: directory.write_records(ADA, {"stripe_customer_id": "cus_1"}), id="write"),
]


@dataclass
class Tenant:
    """The sandbox's tenant, and directories on it as several workers have them."""

    auth0: Auth0
    server: Server
    state: State
    held: ExitStack

    def directory(self, *, state: State | None = None, total_s: float = 20, **changes: str) -> Auth0Directory:
        """A directory as one worker has it."""
        config = self.auth0.state.config
        wire = Wire("the Management API", connect_s=total_s, total_s=total_s)
        self.held.callback(wire.close)
        given = {
            "base_url": self.server.url,
            "domain": config.domain,
            "client_id": config.mgmt_client_id,
            "client_secret": config.mgmt_client_secret,
            **changes,
        }
        return Auth0Directory(wire, state or self.state, **given)

    def asked(self) -> list[str]:
        """Method and path of each request since the last call, in order."""
        asked = [f"{seen.method} {seen.path}" for seen in self.auth0.control.requests()]
        self.auth0.control.clear_requests()
        return asked

    def fault(self, **spec: object) -> None:
        self.auth0.control.add_fault(**spec)

    def metadata(self, user_id: str = ADA) -> Mapping[str, Any] | None:
        """What the tenant keeps about the user."""
        user = self.auth0.state.users.get(user_id)
        assert user is not None
        return user.app_metadata

    def keep(self, metadata: Mapping[str, Any] | None) -> None:
        """Put something into the user's record, as another application would."""
        self.auth0.state.users.change(ADA, lambda user: replace(user, app_metadata=metadata))
