"""The application for a WSGI server: `wsgi:app`."""

import sys

from webstore import create_app
from webstore.cli import only_commands
from webstore.errors import SettingsError

try:
    app = create_app()
except SettingsError as problem:
    if "--help" not in sys.argv:
        sys.exit(str(problem))
    # `flask --app wsgi COMMAND --help` needs no settings.
    app = only_commands()
