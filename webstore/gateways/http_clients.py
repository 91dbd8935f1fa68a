"""Puts the HTTP clients of the SDKs onto a wire: httpx under auth0-python, requests under Authlib."""

from __future__ import annotations

from io import BytesIO

import httpx
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout as RequestsReadTimeout
from requests.models import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict

from .wire import Sender, WireError, WireTimeout


class HttpxTransport(httpx.BaseTransport):
    """Puts an `httpx.Client` onto the wire."""

    def __init__(self, wire: Sender) -> None:
        self._wire = wire

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`; time-outs and failures come out as httpx's own exceptions."""
        try:
            answer = self._wire.send(
                request.method, str(request.url), request.headers.multi_items(), request.read() or None
            )
        except WireTimeout as exc:
            raise httpx.ReadTimeout(str(exc), request=request) from exc
        except WireError as exc:
            raise httpx.NetworkError(str(exc), request=request) from exc
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


class RequestsAdapter(BaseAdapter):
    """Puts a `requests.Session` onto the wire."""

    def __init__(self, wire: Sender) -> None:
        super().__init__()
        self._wire = wire

    def send(self, request: PreparedRequest, *args: object, **kwargs: object) -> Response:
        """See `requests.adapters.BaseAdapter`; the session's own time-out and proxies are not used."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        try:
            answer = self._wire.send(
                request.method or "GET", request.url or "", list(request.headers.items()), body
            )
        except WireTimeout as exc:
            raise RequestsReadTimeout(str(exc), request=request) from exc
        except WireError as exc:
            raise RequestsConnectionError(str(exc), request=request) from exc
        if 300 <= answer.status < 400:  # the statuses that requests would follow
            raise RequestsConnectionError("the answer is a redirect", request=request)
        response = Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = "utf-8"
        response.raw = BytesIO(answer.body)
        response.request = request
        response.url = request.url or ""
        return response

    def close(self) -> None:
        """Nothing to close: the wire outlives the session."""
