"""Pages that are the same for all strangers, kept in the process: made once, then answered without Flask.

A stranger is a browser that sends neither a session nor a cart. Such a request for a page that is kept is
answered here, before Flask begins to work. Every other request goes on to Flask; so does the first one for a
page, and `edge.py` then offers the page, if caches in front of the store may keep it as well.

A page belongs to an address, to a notation of amounts, and to the catalogue that it shows. Another catalogue
drops it. Docs: docs/decisions/0008-kept-pages.md.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cachetools import TTLCache
from flask import Flask, g, request
from werkzeug.datastructures import Accept
from werkzeug.http import is_entity_header, is_resource_modified, parse_accept_header

from webstore.errors import WebstoreError
from webstore.settings import Settings
from webstore.shop.models import Catalogue, Product

from . import services, services_of
from .formats import notation_of
from .own_host import is_host_of

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask.wrappers import Response

#: Seconds after which a page is made again, even if the catalogue is still the same.
KEPT_S = 60.0
#: Bytes of the pages of one process. Addresses without a query are as many as the catalogue has products.
#: Anybody can make up one with a query, so these pages have a memory of their own.
MOST_BYTES, MOST_BYTES_OF_QUERIES = 8 * 1024 * 1024, 2 * 1024 * 1024
#: Bytes of one page, with what is stored beside it.
MOST_BYTES_OF_PAGE = 256 * 1024
_BESIDE_PAGE = 4096
#: What Flask's answer offers for keeping.
_OFFER = "webstore.page_for_strangers"
_POLICY = "Content-Security-Policy"

#: Path, query and notation.
_Address = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Form:
    """One form of a page, plain or compressed. Each has an ETag of its own: RFC 9110, section 8.8.3.3."""

    etag: str
    body: bytes
    headers: tuple[tuple[str, str], ...]

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse, policy: str) -> list[bytes]:
        """Answer a GET or HEAD, with 304 if the client has the page already."""
        headers = [*self.headers, (_POLICY, policy)]
        if not is_resource_modified(environ, etag=self.etag):
            start_response("304 NOT MODIFIED", [it for it in headers if not is_entity_header(it[0])])
            return []
        start_response("200 OK", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]


@dataclass(frozen=True, slots=True)
class _Page:
    """A page and the products that it shows; None: it shows none."""

    plain: _Form
    #: A page for strangers has no secret, so its length gives none away.
    zipped: _Form
    products: tuple[Product, ...] | None

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return len(self.plain.body) + len(self.zipped.body) + _BESIDE_PAGE


def catalogue_of_page() -> Catalogue:
    """The catalogue that the page of this request shows. Raises `PaymentsUnavailable`.

    For pages that strangers may see: the kept page counts as long as the catalogue has the same products.
    """
    catalogue = services().catalogue.current()
    g.shown_products = catalogue.products
    return catalogue


def offer(response: Response) -> None:
    """Offer the answer at hand, which is the same for all strangers, for keeping. It must have an ETag."""
    etag, _ = response.get_etag()
    headers = [
        (name, value) for name, value in response.headers if name not in ("ETag", "Content-Length", _POLICY)
    ]
    body = response.get_data()
    request.environ[_OFFER] = _Page(
        _form(f'"{etag}"', body, headers),
        _form(f'"{etag}-gzip"', gzip.compress(body, 6, mtime=0), [*headers, ("Content-Encoding", "gzip")]),
        g.get("shown_products"),
    )


def _form(etag: str, body: bytes, headers: Iterable[tuple[str, str]]) -> _Form:
    return _Form(etag, body, (*headers, ("ETag", etag), ("Content-Length", str(len(body)))))


class KeptPages:
    """Answers strangers with kept pages. Stands in front of Flask, for all threads of a process."""

    def __init__(self, app: Flask, settings: Settings, policy: Callable[[], str]) -> None:
        """`policy`: gives the Content-Security-Policy of the moment, which is not kept with a page."""
        self._flask, self._behind, self._policy = app, app.wsgi_app, policy
        self._base_url = settings.base_url
        self._personal = (settings.cookie_name(), settings.cookie_name("cart"))
        self._lock = threading.Lock()
        self._plain: TTLCache[_Address, _Page] = TTLCache(MOST_BYTES, KEPT_S, getsizeof=_size_of)
        self._queried: TTLCache[_Address, _Page] = TTLCache(MOST_BYTES_OF_QUERIES, KEPT_S, getsizeof=_size_of)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with the kept page, or let Flask answer and keep what it offers."""
        if not self._is_from_stranger(environ):
            return self._behind(environ, start_response)
        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        address = path, query, notation_of(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        pages = self._queried if query else self._plain
        with self._lock:
            page = pages.get(address)
        if page is None or not self._counts(page):
            made = self._make(environ, start_response)
            if not isinstance(made, _Page):
                return made
            page = made
            if page.size <= MOST_BYTES_OF_PAGE:
                with self._lock:
                    pages[address] = page
        form = page.zipped if accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")) else page.plain
        return form.answer(environ, start_response, self._policy())

    def _is_from_stranger(self, environ: WSGIEnvironment) -> bool:
        """Whether the answer may be the same for everybody who asks this."""
        cookies = environ.get("HTTP_COOKIE", "")
        return (
            environ["REQUEST_METHOD"] in ("GET", "HEAD")
            and not any(name in cookies for name in self._personal)
            and is_host_of(
                self._base_url, environ.get("HTTP_HOST", ""), environ.get("HTTP_X_FORWARDED_HOST", "")
            )
            and not environ.get("SCRIPT_NAME")
            and "HTTP_IF_MATCH" not in environ
        )

    def _counts(self, page: _Page) -> bool:
        """Whether the page still shows the catalogue. Asking for it may begin a reading, as in any view."""
        if page.products is None:
            return True
        try:
            return services_of(self._flask).catalogue.current().products is page.products
        except WebstoreError:
            return False

    def _make(self, environ: WSGIEnvironment, start_response: StartResponse) -> _Page | Iterable[bytes]:
        """The page that Flask offers; if it offers none, its answer, which has begun."""
        started: list[tuple[str, list[tuple[str, str]], OptExcInfo | None]] = []

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            started.append((status, headers, exc_info))
            return _refuse_to_write

        answer = self._behind(environ, start)
        status, headers, exc_info = started[-1]
        page: _Page | None = environ.pop(_OFFER, None)
        # Once more, at the very end: nothing after the offer may have made the answer a personal one.
        is_for_all = status[:3] in ("200", "304") and not any(name == "Set-Cookie" for name, _ in headers)
        if page is not None and is_for_all:
            _close(answer)
            return page
        start_response(status, headers, exc_info)
        return answer


def _size_of(page: _Page) -> int:
    return page.size


def _refuse_to_write(_: bytes) -> None:
    raise RuntimeError("Flask's answers are read, not written")


def _close(answer: Iterable[bytes]) -> None:
    """End an answer that is not sent, as PEP 3333 asks of a server."""
    close = getattr(answer, "close", None)
    if close is not None:
        close()


@lru_cache(maxsize=64)
def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header allows gzip, RFC 9110 section 12.5.3."""
    return parse_accept_header(header, Accept).quality("gzip") > 0
