"""Where to go after a login: a path of this store and nothing else."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

#: Going back to these would loop into the login, or undo it.
_NEVER = ("/login", "/callback", "/logout")
_MAX = 1000


def safe_return_path(path: str | None) -> str:
    """The path if it is safe to redirect to, else the home page.

    Browsers strip control characters, take a backslash for a slash, read `//host` as another site, and
    resolve `..` even where it is percent-encoded (https://url.spec.whatwg.org/#concept-basic-url-parser), so
    none of these is let through.
    """
    if not path or len(path) > _MAX or not path.startswith("/") or path.startswith("//"):
        return "/"
    try:
        parts = urlsplit(path)
    except ValueError:
        return "/"
    if "//" in parts.path or "\\" in path or not all(c.isprintable() and c != " " for c in path):
        return "/"
    segments = unquote(parts.path).split("/")
    if "." in segments or ".." in segments or f"/{segments[1]}" in _NEVER:
        return "/"
    return path
