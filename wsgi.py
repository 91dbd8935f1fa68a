"""The application for a WSGI server: `wsgi:app`."""

import sys

from webstore import create_app
from webstore.errors import SettingsError

try:
    app = create_app()
except SettingsError as problem:
    sys.exit(str(problem))
