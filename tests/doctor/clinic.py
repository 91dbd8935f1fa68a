"""One store with its two vendors, to be broken and mended again, and what the doctor says about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask

from tests.support import Shop
from webstore.cli import register
from webstore.cli.auth0_action import claims_only_action
from webstore.cli.terminal import keep_settings_problem
from webstore.errors import SettingsError
from webstore.routes import Services, attach
from webstore.sandbox.auth0.actions import POST_LOGIN, Action, Binding, Content
from webstore.sandbox.auth0.tenant import Tenant
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import ACCOUNT
from webstore.sandbox.stripe.state import World
from webstore.settings import Settings

#: What the doctor needs of an administrator's rights.
READING = "read:clients read:actions"


@dataclass
class Clinic:
    """The store under examination."""

    shop: Shop
    #: What the command finds in the environment instead of the store's own; None: not set.
    changed: dict[str, str | None] = field(default_factory=dict)

    @property
    def tenant(self) -> Tenant:
        """Auth0."""
        return self.shop.sandbox.auth0.state

    @property
    def world(self) -> World:
        """Stripe, in test mode."""
        return self.shop.sandbox.stripe.state.world(ACCOUNT, livemode=False)

    @property
    def environment(self) -> dict[str, str]:
        """The command's environment."""
        found: Mapping[str, str | None] = {**self.shop.environment, **self.setup_token(), **self.changed}
        return {name: value for name, value in found.items() if value is not None}

    def setup_token(self, scopes: str = READING) -> dict[str, str]:
        """The variable with the token of an administrator who has these rights."""
        api = self.tenant.apis.find(self.tenant.config.management_audience)
        assert api is not None
        token = self.tenant.tokens.client_access_token("administrator", api, scopes)
        return {"AUTH0_SETUP_TOKEN": token}

    @contextmanager
    def set(self, **changes: str | None) -> Iterator[None]:
        """Run the command with other variables."""
        before = dict(self.changed)
        self.changed |= changes
        try:
            yield
        finally:
            self.changed = before

    @contextmanager
    def application(self, client_id: str | None = None, **fields: object) -> Iterator[None]:
        """Change the application at Auth0; the store's login application if none is named."""
        named = client_id or self.shop.environment["AUTH0_CLIENT_ID"]
        before = self.tenant.clients.get(named)
        assert before is not None
        self.tenant.clients.put(named, {**before, **fields})
        try:
            yield
        finally:
            self.tenant.clients.put(named, before)

    @contextmanager
    def vendor_settings(self, settings: object, **changes: object) -> Iterator[None]:
        """Change settings of a vendor of the sandbox."""
        before = {name: getattr(settings, name) for name in changes}
        for name, value in changes.items():
            setattr(settings, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(settings, name, value)

    @contextmanager
    def endpoint(self, **fields: Any) -> Iterator[None]:
        """Change the store's webhook endpoint at Stripe."""
        (before,) = list(self.world.webhook_endpoints)
        self.world.webhook_endpoints.change(replace(before, **fields))
        try:
            yield
        finally:
            self.world.webhook_endpoints.change(before)

    def has_delivered_all(self) -> bool:
        """Whether Stripe has delivered every event so far."""
        events = self.world.events
        return all(not events.at(number).pending_webhooks for number in range(len(events)))

    def install_action(self) -> None:
        """Put the Action for the claims into the login's flow."""
        self.tenant.settings.action_build_s = self.tenant.settings.action_deploy_s = 0.0
        trigger = {"id": POST_LOGIN, "version": "v3"}
        content = Content(code=claims_only_action(self.shop.url))
        made = self.tenant.actions.create("Web store", trigger, content, deploy=True)
        assert made is not None
        binding = Binding(
            id="bound", action_id=made.id, display_name=made.name, created_at=0.0, updated_at=0.0
        )
        self.tenant.actions.bind(POST_LOGIN, [binding])

    @contextmanager
    def action(self, change: Callable[[Action], Action]) -> Iterator[None]:
        """Change the Action at Auth0."""
        (before,) = self.tenant.actions.all()
        self.tenant.actions.add(change(before))
        try:
            yield
        finally:
            self.tenant.actions.add(before)

    @contextmanager
    def unbound_action(self) -> Iterator[None]:
        """Take the Action out of the flow."""
        before = self.tenant.actions.flow(POST_LOGIN)
        self.tenant.actions.bind(POST_LOGIN, [])
        try:
            yield
        finally:
            self.tenant.actions.bind(POST_LOGIN, before)

    @contextmanager
    def instead(self, server: Server, how: Callable[[Any], Any]) -> Iterator[None]:
        """Put another WSGI application in the place of a server's, made of the one that it has."""
        before = server.app
        self._serve(server, how(before))
        try:
            yield
        finally:
            self._serve(server, before)

    @staticmethod
    def _serve(server: Server, app: Any) -> None:
        server.app = app
        server.stop()
        server.start()

    def command(self, *arguments: str) -> Any:
        """Run `flask doctor` with this environment; the result of Click's runner."""
        with ExitStack() as stack:
            runner = self._app(stack).test_cli_runner(env=self.environment)
            return runner.invoke(args=["doctor", *arguments])

    def _app(self, stack: ExitStack) -> Flask:
        """The application that `wsgi.py` makes of this environment."""
        app = Flask("doctor")
        register(app)
        services: Services = self.shop.app.extensions["webstore"]
        try:
            attach(app, replace(services, settings=Settings.from_env(self.environment)))
        except SettingsError as problem:
            with app.app_context():
                keep_settings_problem(problem)
        return app

    def findings(self) -> dict[str, str]:
        """The checks that failed or warned, and how."""
        told = json.loads(self.command("--json").stdout)
        return {it["id"]: it["status"] for it in told["checks"] if it["status"] in ("failure", "warning")}
