"""A web store whose shoppers log in with Auth0 and are linked to exactly one Stripe customer each.

Importing the package imports nothing else, so that `webstore.linking` is usable without Flask and the shop.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from .settings import Settings

# The command `httpx`: its package imports it if it can, with Rich and Pygments, 3 MB of each worker. All else
# works without it. Source: https://docs.python.org/3/reference/import.html#the-module-cache
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # as that page says


def create_app(settings: Settings | None = None) -> Flask:
    """The store, ready for a WSGI server. See `application.build`.

    Without `settings` they are read from the environment. Raises `SettingsError`. Makes no network call.
    """
    from .application import build  # noqa: PLC0415  # imports Flask, every gateway and every page
    from .cli import register  # noqa: PLC0415  # likewise

    app = build(settings)
    register(app)
    return app
