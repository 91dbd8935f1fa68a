"""The store's commands: `flask --app wsgi COMMAND`."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

from webstore.errors import SettingsError


class _Commands(AppGroup):
    """The commands, imported when one is looked for: a server needs neither them nor their packages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._import()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._import()
        return super().get_command(ctx, cmd_name)

    def _import(self) -> None:
        from .commands import COMMANDS  # noqa: PLC0415  # not before it is needed

        for command in COMMANDS:
            self.add_command(command)


def register(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli = _Commands(app.name)


def only_commands(problem: SettingsError) -> Flask | None:
    """An application without pages, whose commands show their help and list the problems of the settings.

    None unless `flask` is looking for one of the store's commands: a server must not start without settings.
    """
    context = click.get_current_context(silent=True)
    if context is None or not isinstance(context.command, click.Group):
        return None
    app = Flask("webstore")
    register(app)
    from .terminal import keep_settings_problem  # noqa: PLC0415  # as above

    with app.app_context():
        keep_settings_problem(problem)
    return app
