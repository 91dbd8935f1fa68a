"""The store's commands: `flask --app wsgi COMMAND`."""

from __future__ import annotations

import click
from flask import Flask

from webstore.errors import SettingsError

from .customers import customers
from .doctor import doctor
from .events import events
from .setup import setup
from .terminal import keep_settings_problem


def register(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(customers)
    app.cli.add_command(doctor)
    app.cli.add_command(events)
    app.cli.add_command(setup)


def only_commands(problem: SettingsError) -> Flask | None:
    """An application without pages, whose commands show their help and list the problems of the settings.

    None unless `flask` is looking for one of the store's commands: a server must not start without settings.
    """
    context = click.get_current_context(silent=True)
    if context is None or not isinstance(context.command, click.Group):
        return None
    app = Flask("webstore")
    register(app)
    with app.app_context():
        keep_settings_problem(problem)
    return app
