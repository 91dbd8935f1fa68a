"""How long the values in an answer's header may be: a proxy refuses an answer whose header is too long.

By default nginx reads the header of an answer into 4,096 bytes, and answers 502 if it is longer:
https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffer_size
"""

from __future__ import annotations

from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response

#: Bytes of the whole header.
BUFFER = 4096
#: Bytes for the status line and for all fields but Location and the cookies. The longest is
#: Content-Security-Policy, which has the addresses of the vendors.
FIXED = 1200
#: Bytes of the name and the attributes of the session cookie, and of the deletion of a login's cookie.
_SESSION_FIELD, _DELETION = 140, 160
#: Most bytes of the session cookie's value, also in an answer without a long Location.
_MAX_SESSION = 2100


def for_session(location: str) -> int:
    """The bytes that the value of the session cookie may have in an answer that redirects to `location`."""
    return min(_MAX_SESSION, BUFFER - FIXED - _SESSION_FIELD - _DELETION - len(iri_to_uri(location)))


def left(response: Response) -> int:
    """The bytes that the session cookie's value may have beside this answer's Location and other cookies."""
    cookies = sum(len("Set-Cookie: \r\n") + len(value) for value in response.headers.getlist("Set-Cookie"))
    return BUFFER - FIXED - _SESSION_FIELD - cookies - len(iri_to_uri(response.headers.get("Location", "")))
