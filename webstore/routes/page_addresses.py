"""The addresses in pages: each is built once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Flask

#: Addresses that a process keeps. Longer values are few, or somebody made them up.
_MOST, _MOST_CHARACTERS = 2048, 100


def install(app: Flask) -> None:
    """Let templates build addresses with `url_for`, which gives what Flask's own gives.

    All requests of a process have the same SCRIPT_NAME, which the addresses begin with.
    """

    @lru_cache(maxsize=_MOST)
    def built(endpoint: str, values: tuple[tuple[str, Any], ...]) -> str:
        return app.url_for(endpoint, **dict(values))

    def url_for(endpoint: str, **values: Any) -> str:  # as Flask's own
        # A relative endpoint depends on the request.
        if endpoint[0] == "." or not all(map(_is_short, values.values())):
            return app.url_for(endpoint, **values)
        return built(endpoint, tuple(values.items()))

    app.jinja_env.globals["url_for"] = url_for


def _is_short(value: object) -> bool:
    return (
        value is None or isinstance(value, int) or (isinstance(value, str) and len(value) <= _MOST_CHARACTERS)
    )
