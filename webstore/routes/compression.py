"""The codings of answers: brotli and gzip, chosen by Accept-Encoding (RFC 9110, section 12.5.3).

Only answers that are the same for everybody are compressed: static files and strangers' pages. If a page with
a secret and words of the request were compressed, its length would give the secret away
(https://www.breachattack.com).
docs/decisions/0008-static-files.md has the reasons.
"""

from __future__ import annotations

import gzip
from functools import lru_cache

import brotli
from flask.wrappers import Response
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

#: The codings that the store knows, best first.
CODINGS = ("br", "gzip")
#: Bytes. A shorter body is not worth it.
SHORTEST = 256
#: Of brotli, from 0 to 11. With 5, a page takes a millisecond; more gains little.
_PAGE_QUALITY = 5


@lru_cache(maxsize=64)
def coding_for(accept_encoding: str) -> str | None:
    """The coding to use: that with the highest weight, brotli of two equal ones. None for no coding.

    `accept_encoding`: the header of the request; empty if there is none.
    """
    accepted: Accept = parse_accept_header(accept_encoding, Accept)
    best = max(CODINGS, key=accepted.quality)
    return best if accepted.quality(best) > 0 else None


def compressed_as(coding: str, body: bytes, quality: int = _PAGE_QUALITY) -> bytes:
    """The body in one of the `CODINGS`."""
    if coding == "br":
        coded: bytes = brotli.compress(body, mode=brotli.MODE_TEXT, quality=quality)
        return coded
    return gzip.compress(body, mtime=0)


def compressed(body: bytes, accept_encoding: str) -> tuple[bytes, str | None]:
    """The body in the best coding that the client accepts, and the coding. None: the body is as it was.

    The answer needs `Content-Encoding: <coding>` and, compressed or not, `Vary: Accept-Encoding`. Each coding
    needs an ETag of its own (RFC 9110, section 8.8.3.3).
    """
    coding = coding_for(accept_encoding) if len(body) >= SHORTEST else None
    return (compressed_as(coding, body), coding) if coding else (body, None)


def send_compressed(response: Response, accept_encoding: str) -> None:
    """Compress a page, if the client accepts it. The page's ETag, if it has one, gets the coding's name."""
    response.vary.add("Accept-Encoding")
    body, coding = compressed(response.get_data(), accept_encoding)
    if coding is None:
        return
    response.set_data(body)
    response.content_encoding = coding
    etag, weak = response.get_etag()
    if etag is not None:
        response.set_etag(f"{etag}-{coding}", weak=bool(weak))
