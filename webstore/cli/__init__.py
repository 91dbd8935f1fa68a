"""The store's commands: `flask --app wsgi COMMAND`."""

from __future__ import annotations

from flask import Flask

from .customers import customers
from .events import events
from .setup import setup


def register(app: Flask) -> None:
    """Add the commands to the application."""
    app.cli.add_command(customers)
    app.cli.add_command(events)
    app.cli.add_command(setup)


def only_commands() -> Flask:
    """An application without pages and settings, whose commands can show their help and nothing else."""
    app = Flask("webstore")
    register(app)
    return app
