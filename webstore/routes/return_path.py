"""Checks the path to which a shopper returns after a login: it must be a path of this store."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from werkzeug.urls import iri_to_uri

#: Paths that would begin another login or undo this one.
_FORBIDDEN = ("/login", "/callback", "/logout")
#: Maximum number of bytes in the header Location, where a character of another script takes up to twelve.
MAX_BYTES = 1000


def safe_return_path(path: str | None, most: int = MAX_BYTES) -> str:
    """The path if it is safe to redirect to, else the home page.

    A path of more than `most` bytes loses its query; without it, it may be short enough.

    Browsers strip control characters, treat a backslash as a slash, read `//host` as another site, and
    resolve `..` even if it is percent-encoded (https://url.spec.whatwg.org/#concept-basic-url-parser). Paths
    with any of these are refused.
    """
    if not path or not path.startswith("/") or path.startswith("//"):
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
    if _length(path) <= most:
        return path
    return parts.path if _length(parts.path) <= most else "/"


def _length(path: str) -> int:
    """How many bytes the path takes in the header Location."""
    return len(iri_to_uri(path))
