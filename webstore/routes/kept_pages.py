"""Pages that are the same for all strangers, kept in the process: made once, then answered without Flask.

A stranger is a browser that sends neither a session nor a cart. Such a request for a page that is kept is
answered here, before Flask begins to work. Every other request goes on to Flask, the first one for a page
as well: `edge.py` then offers the page for keeping, if caches in front of the store may keep it, too.

A page belongs to an address, to a notation of amounts, and to the products that it shows. As soon as the
catalogue has others, it is made again. docs/decisions/0009-kept-pages.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Flask, g, request
from werkzeug.http import is_entity_header, is_resource_modified

from webstore import metrics
from webstore.errors import WebstoreError
from webstore.settings import Settings
from webstore.shop.models import Catalogue, Product

from . import services, services_of
from .bounded_memory import BoundedMemory
from .compression import SHORTEST, coding_for, compressed_as
from .formats import notation_of
from .measured import ROUTE
from .own_host import is_host_of

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask.wrappers import Response

#: Seconds after which a page is made again, even if the products are still the same.
KEPT_S = 60.0
#: Bytes of the pages of one process. The catalogue has so many addresses without a query; those with one
#: anybody can make up, so they have a memory of their own.
MOST_BYTES, MOST_BYTES_OF_QUERIES = 8 * 1024 * 1024, 2 * 1024 * 1024
#: Bytes of a page that is kept.
MOST_BYTES_OF_PAGE = 256 * 1024
#: Bytes that are counted for what belongs to a page: addresses and headers.
_BESIDE_PAGE = 4096
#: The place in the WSGI environment where a page is offered.
_OFFER = "webstore.page_for_strangers"

#: Path, query and notation.
_Address = tuple[str, str, str]
_Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Form:
    """A page in one coding. Each coding has an ETag of its own: RFC 9110, section 8.8.3.3."""

    etag: str
    body: bytes
    headers: _Headers

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer a GET or HEAD; with 304 if the client has the page already."""
        if not is_resource_modified(environ, etag=self.etag):
            start_response("304 NOT MODIFIED", [it for it in self.headers if not is_entity_header(it[0])])
            return []
        start_response("200 OK", self.headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]


@dataclass(frozen=True, slots=True)
class _Page:
    """A page, and the products that it shows (None: it shows no products)."""

    etag: str
    body: bytes
    headers: _Headers
    products: tuple[Product, ...] | None
    #: The pattern of its address, for the figures.
    route: str
    forms: dict[str | None, _Form] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes that it takes at most; all compressed forms together are shorter than the plain one."""
        return 2 * len(self.body) + _BESIDE_PAGE

    def form_for(self, accept_encoding: str) -> _Form:
        """The page in the best coding that the client accepts. Each is made once."""
        coding = coding_for(accept_encoding) if len(self.body) >= SHORTEST else None
        form = self.forms.get(coding)
        if form is None:
            form = self.forms[coding] = self._in(coding)
        return form

    def _in(self, coding: str | None) -> _Form:
        body = compressed_as(coding, self.body) if coding else self.body
        etag = f'"{self.etag}-{coding}"' if coding else f'"{self.etag}"'
        headers = [*self.headers, ("ETag", etag), ("Content-Length", str(len(body)))]
        return _Form(etag, body, [*headers, ("Content-Encoding", coding)] if coding else headers)


def catalogue_of_page() -> Catalogue:
    """The catalogue that the page of this request shows. Raises `PaymentsUnavailable`.

    For pages that strangers may see: a kept one counts as long as the catalogue has the same products.
    """
    catalogue = services().catalogue.current()
    g.shown_products = catalogue.products
    return catalogue


def offer(response: Response) -> bool:
    """Offer this page, which is the same for all strangers, for keeping. It must have an ETag.

    Returns whether it is wanted: then `KeptPages` answers with it, instead of Flask.
    """
    if _OFFER not in request.environ:
        return False
    # Each coding has its own.
    separate = ("etag", "content-length")
    headers = [(name, value) for name, value in response.headers if name.lower() not in separate]
    etag, _ = response.get_etag()
    request.environ[_OFFER] = _Page(
        str(etag), response.get_data(), headers, g.get("shown_products"), request.environ[ROUTE]
    )
    return True


class KeptPages:
    """WSGI middleware that answers strangers with kept pages. All threads of a process share it."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app, self._flask = app, app.wsgi_app
        self._base_url = settings.base_url
        self._personal = (settings.cookie_name(), settings.cookie_name("cart"))
        self._of_paths = BoundedMemory[_Address, _Page](MOST_BYTES, KEPT_S, lambda page: page.size)
        self._of_queries = BoundedMemory[_Address, _Page](
            MOST_BYTES_OF_QUERIES, KEPT_S, lambda page: page.size
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with the kept page, or let Flask answer and keep the page that it offers."""
        if not self._is_from_stranger(environ):
            return self._flask(environ, start_response)
        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        address = path, query, notation_of(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        kept = self._of_queries if query else self._of_paths
        page = kept.get(address)
        if page is not None and self._counts(page):
            metrics.count_cache_read("page", "hit")
        else:
            page, answer = self._made(environ, start_response)
            if page is None:
                return answer
            metrics.count_cache_read("page", "miss")
            if len(page.body) <= MOST_BYTES_OF_PAGE:
                kept.put(address, page)
        environ[ROUTE] = page.route
        form = page.form_for(environ.get("HTTP_ACCEPT_ENCODING", ""))
        return form.answer(environ, start_response)

    def _is_from_stranger(self, environ: WSGIEnvironment) -> bool:
        """Whether everybody may get the same answer to this."""
        cookies = environ.get("HTTP_COOKIE", "")
        visited, forwarded = environ.get("HTTP_HOST", ""), environ.get("HTTP_X_FORWARDED_HOST", "")
        return (
            environ["REQUEST_METHOD"] in ("GET", "HEAD")
            and not any(name in cookies for name in self._personal)
            and is_host_of(self._base_url, visited, forwarded)
            and not environ.get("SCRIPT_NAME")
            and "HTTP_IF_MATCH" not in environ
        )

    def _counts(self, page: _Page) -> bool:
        """Whether the page shows the current catalogue. As in a view, asking may start to read it again."""
        if page.products is None:
            return True
        try:
            return services_of(self._app).catalogue.current().products is page.products
        except WebstoreError:
            return False

    def _made(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> tuple[_Page | None, Iterable[bytes]]:
        """The page that Flask offers; if there is none, Flask's answer, which has begun."""
        begun: list[tuple[str, _Headers, OptExcInfo | None]] = []

        def start(
            status: str, headers: _Headers, exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            begun.append((status, headers, exc_info))
            return _refuse_to_write

        environ[_OFFER] = None
        answer = self._flask(environ, start)
        status, headers, exc_info = begun[-1]
        page: _Page | None = environ.pop(_OFFER)
        # Flask adds its session's cookie after the offer, if a view has put something into the session.
        if page is not None and status[:3] in ("200", "304") and not _sets_cookie(headers):
            _close(answer)
            return page, ()
        start_response(status, headers, exc_info)
        return None, answer


def _sets_cookie(headers: _Headers) -> bool:
    return any(name.lower() == "set-cookie" for name, _ in headers)


def _refuse_to_write(_: bytes) -> None:
    raise RuntimeError("Flask returns its answers")


def _close(answer: Iterable[bytes]) -> None:
    """End an answer that is not sent, as PEP 3333 asks of a server."""
    close = getattr(answer, "close", None)
    if close is not None:
        close()
