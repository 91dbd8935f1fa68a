"""Authlib's OAuth 2.0 protocol client, which sends through the store's wire.

Authlib's own clients open a new HTTP session for each step of each login. A login needs one
request, and the wire sends it over a connection that stays open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from authlib.consts import default_user_agent
from authlib.integrations.base_client import OAuthError
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

from webstore.errors import ProviderUnavailable
from webstore.gateways.wire import Answer, Sender, WireError

from .provider_answers import check_token_answer


class TokenClient(OAuth2Client):  # type: ignore[misc]  # Authlib carries no types
    """Authlib's client of an authorization server, for one step of a login."""

    oauth_error_class = OAuthError

    def __init__(self, wire: Sender, **options: object) -> None:
        """`options`: as for Authlib's `OAuth2Client`."""
        super().__init__(session=_Session(wire), **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close: the wire keeps its connections."""


class _Session:
    """The part of an HTTP library's session that Authlib's client uses."""

    def __init__(self, wire: Sender) -> None:
        self._wire = wire

    def post(
        self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth
    ) -> _TokenAnswer:
        """Send a form to the token endpoint. Raises `LoginError` unless the answer is about this login."""
        own_headers = {**headers, "User-Agent": default_user_agent}
        uri, sent, body = auth.prepare("POST", url, own_headers, urlencode(data))
        try:
            answer = self._wire.send("POST", uri, list(sent.items()), body.encode())
        except WireError as exc:
            raise ProviderUnavailable(f"token endpoint: {exc}") from exc
        if 300 <= answer.status < 400:
            raise ProviderUnavailable(f"token endpoint: status {answer.status}, a redirect")
        check_token_answer(answer.status, answer.headers.get("Content-Type", ""), answer.body)
        return _TokenAnswer(answer)


@dataclass(frozen=True, slots=True)
class _TokenAnswer:
    """An answer of the token endpoint, as Authlib reads it."""

    answer: Answer

    def json(self) -> Any:  # any document
        """The JSON document. Raises `ValueError`."""
        return json.loads(self.answer.body.decode(errors="replace"))

    @property
    def status_code(self) -> int:
        """The status."""
        return self.answer.status

    def raise_for_status(self) -> None:
        """Nothing to raise: `check_token_answer` has refused error answers without an error code."""
