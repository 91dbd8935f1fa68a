"""A store whose vendors are nowhere: for tests of its routes that make no call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from tests.support import APP_SECRET_KEY
from webstore import create_app
from webstore.sandbox.vendors import auth0_config, environment
from webstore.settings import Settings

NOWHERE, URL = "http://127.0.0.1:1", "http://127.0.0.1:8000"


def offline_settings(state_dir: Path, **changes: str) -> Settings:
    """The settings of a store that calls nobody."""
    environ = environment(auth0_config(NOWHERE, URL), NOWHERE, URL)
    return Settings.from_env(
        {**environ, "APP_SECRET_KEY": APP_SECRET_KEY, "STATE_DIR": str(state_dir), **changes}
    )


@contextmanager
def offline_store(state_dir: Path, **changes: str) -> Iterator[Flask]:
    """A store that calls nobody."""
    app = create_app(offline_settings(state_dir, **changes))
    try:
        yield app
    finally:
        app.extensions["webstore"].close()
