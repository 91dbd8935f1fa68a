"""Static files: read at the start, each with a name that changes with its content.

`url_for("static", filename="css/all.css")` gives `/static/css/all.<hash>.css`, which browsers keep for a year
without asking again. The plain name works, too, and so does the name with the hash of another release: during
a deployment, a page of one release may ask a process of the other.
docs/decisions/0008-static-files.md has the reasons.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Flask, abort
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wrappers import Response

from .compression import CODINGS, SHORTEST, coding_for, compressed_as
from .measured import ROUTE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: The stylesheet that all pages link, and the files that it consists of, in the order of the cascade.
BUNDLE = "css/all.css"
STYLESHEETS = ("css/store.css", "css/shop.css", "css/buy.css", "css/orders.css")

_PREFIX = "/static/"
_ROUTE = f"{_PREFIX}<path:filename>"
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
#: Hexadecimal digits of a hash in a file's name.
_DIGITS = 12
#: The only kind of range that the store answers: one, in bytes.
_RANGE = re.compile(r"bytes=(?:[0-9]+-[0-9]*|-[0-9]+)")
_HASHED = re.compile(rf"^(.+)\.[0-9a-f]{{{_DIGITS}}}(\.\w+)$")
#: Of brotli: all files together take some 20 ms at a start. 11 takes three times as long and saves 2%.
_QUALITY = 10
#: Media types that Python 3.11 does not know or calls by an old name.
_TYPES = {".js": "text/javascript", ".webp": "image/webp", ".avif": "image/avif", ".woff2": "font/woff2"}
_TEXT = frozenset({"text/css", "text/javascript", "text/plain", "image/svg+xml", "application/json"})


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A static file, uncoded and in each coding that makes it shorter. The key `""` means no coding."""

    name: str
    mimetype: str
    digest: str
    bodies: Mapping[str, bytes]

    @property
    def hashed_name(self) -> str:
        """The name with the hash of the content."""
        stem, _, suffix = self.name.rpartition(".")
        return f"{stem}.{self.digest}.{suffix}"


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """All files of the folder, and the bundle."""

    by_name: Mapping[str, StaticFile]
    by_hashed_name: Mapping[str, StaticFile]

    def hashed(self, name: str) -> str:
        """The name to link, given the plain one. A name without a file stays as it is."""
        file = self.by_name.get(name)
        return file.hashed_name if file else name

    def find(self, name: str) -> tuple[StaticFile, str] | None:
        """The file under its plain or hashed name, with its Cache-Control."""
        if file := self.by_hashed_name.get(name):
            return file, _FOREVER
        file = self.by_name.get(name) or self.by_name.get(_HASHED.sub(r"\1\2", name))
        return (file, _ASK_AGAIN) if file else None


@cache
def read_static_files(folder: Path) -> StaticFiles:
    """Read and compress the files below the folder, once in a process. Raises `OSError`."""
    contents = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix
    }
    contents[BUNDLE] = b"\n".join(contents[name] for name in STYLESHEETS)
    files = [_file(name, content) for name, content in contents.items()]
    return StaticFiles({it.name: it for it in files}, {it.hashed_name: it for it in files})


def _file(name: str, content: bytes) -> StaticFile:
    mimetype = _types().guess_type(name)[0] or "application/octet-stream"
    bodies = {"": content}
    if mimetype in _TEXT and len(content) >= SHORTEST:
        shorter = {coding: compressed_as(coding, content, _QUALITY) for coding in CODINGS}
        bodies |= {coding: body for coding, body in shorter.items() if len(body) < len(content)}
    return StaticFile(name, mimetype, hashlib.sha256(content).hexdigest()[:_DIGITS], bodies)


@cache
def _types() -> mimetypes.MimeTypes:
    """Media types by the end of a name. The machine's own list of types is not used."""
    types = mimetypes.MimeTypes()
    for suffix, mimetype in _TYPES.items():
        types.add_type(mimetype, suffix)
    return types


def install(app: Flask, folder: Path) -> StaticFiles:
    """Let `url_for` give the hashed names of the files in the folder. `Served` serves them."""
    files = read_static_files(folder)

    def static(filename: str) -> NoReturn:  # noqa: ARG001 (the route's)
        """Answer for names that no file has."""
        abort(404)

    def hash_name(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values["filename"] = files.hashed(values["filename"])

    app.add_url_rule(_ROUTE, endpoint="static", view_func=static)
    app.url_defaults(hash_name)
    return files


class Served:
    """Answers requests for static files before Flask sees them: without a session, and at little cost."""

    def __init__(self, app: WSGIApplication, files: StaticFiles, headers: Mapping[str, str]) -> None:
        """`headers`: of every answer with a file."""
        self._app, self._files, self._headers = app, files, headers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a GET or HEAD for a file, and hand everything else on."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(_PREFIX) and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            name = path.removeprefix(_PREFIX).encode("latin-1").decode("utf-8", "replace")
            if found := self._files.find(name):
                environ[ROUTE] = _ROUTE
                return self._answer(*found, environ)(environ, start_response)
        return self._app(environ, start_response)

    def _answer(self, file: StaticFile, caching: str, environ: WSGIEnvironment) -> Response:
        # RFC 9110, section 14.2: a range of another kind, or of another method than GET, is passed over.
        is_part = environ["REQUEST_METHOD"] == "GET" and _RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
        # A range is one of the plain file: few clients can continue a compressed one.
        coding = None if is_part else coding_for(environ.get("HTTP_ACCEPT_ENCODING", ""))
        coding = coding if coding in file.bodies else None
        body = file.bodies[coding or ""]
        response = Response(body, mimetype=file.mimetype, headers=self._headers)
        response.headers["Cache-Control"] = caching
        response.set_etag(f"{file.digest}-{coding}" if coding else file.digest)
        if coding:
            response.headers["Content-Encoding"] = coding
        if len(file.bodies) > 1:
            response.headers["Vary"] = "Accept-Encoding"
        if "HTTP_RANGE" in environ and not is_part:
            environ = {name: value for name, value in environ.items() if name != "HTTP_RANGE"}
        try:
            return response.make_conditional(environ, accept_ranges=True, complete_length=len(body))
        except RequestedRangeNotSatisfiable as exc:
            plain = Response(exc.description, exc.code, self._headers, mimetype="text/plain")
            plain.headers["Content-Range"] = f"bytes */{len(body)}"
            plain.headers["Cache-Control"] = _ASK_AGAIN
            return plain
