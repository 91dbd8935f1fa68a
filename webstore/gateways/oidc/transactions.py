"""Logins under way: one short-lived signed cookie for each `state`, so that tabs do not clobber another."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from authlib.integrations.flask_client import FlaskIntegration
from flask import after_this_request, request
from flask.wrappers import Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

LIFETIME_S = 15 * 60
MOST = 5
#: Larger than any transaction of ours; what a browser sends beyond it is not even looked at.
_MAX_COOKIE = 3000


class TransactionCookies(FlaskIntegration):  # type: ignore[misc]  # Authlib carries no types
    """Where Authlib keeps what belongs to one `state`: nonce, verifier, redirect URI, return path."""

    def __init__(self, name: str, *, keys: Sequence[str], secure: bool) -> None:
        """`keys`: the secret first, then older ones that are still accepted."""
        super().__init__(name)
        self._secure = secure
        self._prefix = f"{'__Host-' if secure else ''}webstore-login-"
        self._serializer = URLSafeTimedSerializer(list(reversed(keys)), salt="webstore-login-transaction")

    def set_state_data(self, session: object, state: str, data: dict[str, Any]) -> None:
        """Remember `data` in the answer being made; the oldest transaction goes when there are too many."""
        text = self._serializer.dumps({"state": state, "data": data})
        name = self._cookie_name(state)
        open_ones = sorted(self._open(), key=lambda pair: pair[1])
        for old, _ in open_ones[: max(0, len(open_ones) - MOST + 1)]:
            self._delete(old)

        @after_this_request
        def remember(response: Response) -> Response:
            response.set_cookie(
                name, text, max_age=LIFETIME_S, secure=self._secure, httponly=True, samesite="Lax"
            )
            return response

    def get_state_data(self, session: object, state: str | None) -> dict[str, Any] | None:
        """What belongs to this `state` in this browser, unless it is unknown, expired or tampered with."""
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
        """Forget this `state` in the answer being made."""
        if state and (name := self._cookie_name(state)) in request.cookies:
            self._delete(name)

    def _cookie_name(self, state: str) -> str:
        return self._prefix + hashlib.sha256(state.encode()).hexdigest()[:16]

    def _open(self) -> list[tuple[str, float]]:
        found = []
        for name, text in request.cookies.items():
            if name.startswith(self._prefix):
                found.append((name, self._made_at(text)))
        return found

    def _made_at(self, text: str) -> float:
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
