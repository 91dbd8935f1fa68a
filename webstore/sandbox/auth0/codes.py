"""The authorization codes that the tenant has issued.

https://auth0.com/docs/get-started/authentication-and-authorization-flow/authorization-code-flow
"""

import threading
from dataclasses import dataclass

from authlib.oidc.core import AuthorizationCodeMixin

from webstore.sandbox.auth0.tokens import Login
from webstore.sandbox.clock import Clock

#: Seconds for which a code is valid.
CODE_S = 600


@dataclass(frozen=True, kw_only=True)
class Code(AuthorizationCodeMixin):  # type: ignore[misc]  # Authlib has no types
    """An issued authorization code. `expires_at` is in Unix seconds of the sandbox's clock."""

    code: str
    login: Login
    redirect_uri: str
    nonce: str | None
    with_auth_time: bool
    code_challenge: str | None
    code_challenge_method: str | None
    expires_at: float

    def get_redirect_uri(self) -> str:
        """The redirect URI that received the code."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """The granted scope."""
        return self.login.scope


class Codes:
    """The issued authorization codes. Each is valid for ten minutes and for one use."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[str, Code] = {}

    def clear(self) -> None:
        """Remove all codes."""
        with self._lock:
            self._codes.clear()

    def add(self, code: Code) -> None:
        """Add a code and remove the expired ones."""
        now = self._clock.now()
        with self._lock:
            for old in [c.code for c in self._codes.values() if c.expires_at <= now]:
                del self._codes[old]
            self._codes[code.code] = code

    def find(self, code: str, client_id: str) -> Code | None:
        """The code, or None when it has expired, was used or was issued to another application."""
        found = self._codes.get(code)
        if found is None or found.login.client_id != client_id or found.expires_at <= self._clock.now():
            return None
        return found

    def take(self, code: str) -> bool:
        """Use a code. Of several concurrent callers exactly one gets True."""
        with self._lock:
            return self._codes.pop(code, None) is not None
