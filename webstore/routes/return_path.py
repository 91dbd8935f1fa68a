"""Where to go after a login: a path of this store and nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

#: Going back to these would loop into the login, or undo it.
_NEVER = ("/login", "/callback", "/logout")
_MAX = 1000


def safe_return_path(path: str | None) -> str:
    """The path if it is safe to redirect to, else the home page.

    Browsers strip control characters, take a backslash for a slash, and read `//host` as another site
    (https://url.spec.whatwg.org/#concept-basic-url-parser), so none of these is let through.
    """
    if not path or len(path) > _MAX or not path.startswith("/") or path.startswith("//"):
        return "/"
    if "\\" in path or any(ord(c) < 0x21 or ord(c) == 0x7F for c in path):
        return "/"
    try:
        parts = urlsplit(path)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or "//" in parts.path:
        return "/"
    if any(parts.path == never or parts.path.startswith(f"{never}/") for never in _NEVER):
        return "/"
    return path
