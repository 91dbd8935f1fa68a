"""Login transactions, each in a short-lived signed cookie of its own.

There is one cookie for each `state`, so that logins in several tabs do not overwrite each other.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from authlib.integrations.flask_client import FlaskIntegration
from flask import after_this_request, g, request
from flask.wrappers import Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

#: Seconds within which a login has to be finished.
LIFETIME_S = 15 * 60
#: Maximum number of transactions of one browser.
MOST = 5
#: Maximum number of bytes of all cookies of a request. Servers refuse a header field of more than 8 KiB:
#: https://nginx.org/en/docs/http/ngx_http_core_module.html#large_client_header_buffers
_MAX_HEADER = 7900
#: Characters. No transaction of the store is longer; a longer cookie is ignored.
_MAX_COOKIE = 3000


class TransactionCookies(FlaskIntegration):  # type: ignore[misc]  # Authlib carries no types
    """Authlib's storage of the data of one `state`: nonce, code verifier, redirect URI and return path."""

    def __init__(self, name: str, *, keys: Sequence[str], prefix: str, secure: bool) -> None:
        """`keys`: the current secret first, then older secrets that are still accepted.

        `prefix`: the beginning of the cookies' names.
        """
        super().__init__(name)
        self._secure = secure
        self._prefix = prefix
        self._serializer = URLSafeTimedSerializer(list(reversed(keys)), salt="webstore-login-transaction")

    def set_state_data(self, session: object, state: str, data: dict[str, Any]) -> None:
        """Store `data` in a cookie of the current response. If there are too many, delete the oldest ones."""
        text = self._serializer.dumps({"state": state, "data": data})
        name = self._cookie_name(state)
        self._make_room(len(name) + len(text))

        @after_this_request
        def remember(response: Response) -> Response:
            response.set_cookie(
                name, text, max_age=LIFETIME_S, secure=self._secure, httponly=True, samesite="Lax"
            )
            return response

    def _make_room(self, added: int) -> None:
        """Delete the oldest transactions until `added` more bytes of cookies fit into a request."""
        bytes_of = {name: len(name) + len(value) + 3 for name, value in request.cookies.items()}
        total = sum(bytes_of.values()) + added
        oldest_first = [name for name, _ in sorted(self._open_transactions(), key=lambda pair: pair[1])]
        for index, name in enumerate(oldest_first):
            if len(oldest_first) - index < MOST and total <= _MAX_HEADER:
                return
            self._delete(name)
            total -= bytes_of[name]

    def get_state_data(self, session: object, state: str | None) -> dict[str, Any] | None:
        """The data of this `state`; None if its cookie is missing, expired or tampered with."""
        # The store asks for it, and then Authlib does.
        known: tuple[str | None, dict[str, Any] | None] | None = g.get("login_transaction")
        if known is None or known[0] != state:
            g.login_transaction = known = state, self._data(state)
        return known[1]

    def _data(self, state: str | None) -> dict[str, Any] | None:
        text = request.cookies.get(self._cookie_name(state)) if state else None
        if not text or len(text) > _MAX_COOKIE:
            return None
        try:
            stored = self._serializer.loads(text, max_age=LIFETIME_S)
        except BadSignature:
            return None
        if not hmac.compare_digest(str(stored["state"]).encode(), str(state).encode()):
            return None
        data: dict[str, Any] = stored["data"]
        return data

    def clear_state_data(self, session: object, state: str | None) -> None:
        """Delete the cookie of this `state` in the current response."""
        cleared: set[str] = g.setdefault("cleared_transactions", set())
        if state and (name := self._cookie_name(state)) in request.cookies and name not in cleared:
            # Authlib clears it a second time, and each deletion takes room in the answer's header.
            cleared.add(name)
            self._delete(name)

    def _cookie_name(self, state: str) -> str:
        return self._prefix + hashlib.sha256(state.encode()).hexdigest()[:16]

    def _open_transactions(self) -> list[tuple[str, float]]:
        """The names of this browser's transaction cookies, with the Unix times at which they were made."""
        found = []
        for name, text in request.cookies.items():
            if name.startswith(self._prefix):
                found.append((name, self._signed_at(text)))
        return found

    def _signed_at(self, text: str) -> float:
        """The Unix time at which a cookie was signed; 0 if its signature is wrong."""
        try:
            _, made = self._serializer.loads(text, return_timestamp=True)
        except BadSignature:
            return 0.0
        return float(made.timestamp())

    def _delete(self, name: str) -> None:
        @after_this_request
        def forget(response: Response) -> Response:
            response.delete_cookie(name, secure=self._secure, httponly=True, samesite="Lax")
            return response
