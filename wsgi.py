"""The application for a WSGI server: `wsgi:app`."""

import sys

from webstore import create_app
from webstore.cli import only_commands
from webstore.errors import SettingsError

try:
    app = create_app()
except SettingsError as problem:
    commands = only_commands(problem)
    if commands is None:
        sys.exit(str(problem))
    app = commands
