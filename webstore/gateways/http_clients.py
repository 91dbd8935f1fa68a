"""Makes the SDKs' HTTP clients send through a `Wire`: httpx of auth0-python, requests of Authlib."""

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
    """A transport that makes an `httpx.Client` send through a wire."""

    def __init__(self, wire: Sender) -> None:
        self._wire = wire

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request. Time-outs and failures are raised as httpx's own exceptions."""
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
    """An adapter that makes a `requests.Session` send through a wire."""

    def __init__(self, wire: Sender) -> None:
        super().__init__()
        self._wire = wire

    def send(self, request: PreparedRequest, *args: object, **kwargs: object) -> Response:
        """Send the request. Time-outs, failures and redirects are raised as requests' own exceptions.

        The session's own time-out and proxies are not used.
        """
        body = request.body.encode() if isinstance(request.body, str) else request.body
        try:
            answer = self._wire.send(
                request.method or "GET", request.url or "", list(request.headers.items()), body
            )
        except WireTimeout as exc:
            raise RequestsReadTimeout(str(exc), request=request) from exc
        except WireError as exc:
            raise RequestsConnectionError(str(exc), request=request) from exc
        if 300 <= answer.status < 400:  # requests would follow the redirect
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
        """Do nothing: the wire outlives the session."""
