"""Checks the path to which a shopper returns after a login: it must be a path of this store."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

#: Paths that would begin another login or undo this one.
_FORBIDDEN = ("/login", "/callback", "/logout")
#: Maximum number of characters.
_MAX_LENGTH = 1000


def safe_return_path(path: str | None) -> str:
    """The path if it is safe to redirect to, else the home page.

    Browsers strip control characters, treat a backslash as a slash, read `//host` as another site, and
    resolve `..` even if it is percent-encoded (https://url.spec.whatwg.org/#concept-basic-url-parser). Paths
    with any of these are refused.
    """
    if not path or len(path) > _MAX_LENGTH or not path.startswith("/") or path.startswith("//"):
        return "/"
    try:
        parts = urlsplit(path)
    except ValueError:
        return "/"
    if "//" in parts.path or "\\" in path or not all(c.isprintable() and c != " " for c in path):
        return "/"
    segments = unquote(parts.path).split("/")
    if "." in segments or ".." in segments or f"/{segments[1]}" in _FORBIDDEN:
        return "/"
    return path
