"""Makes the HTTP client of auth0-python, httpx, send through a `Wire`."""

from __future__ import annotations

import httpx

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
