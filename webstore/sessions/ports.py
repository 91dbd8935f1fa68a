"""What sessions need of the outside."""

from __future__ import annotations

from typing import Protocol

from .models import Caller, LogoutNotice


class AccessTokens(Protocol):
    """Reads access tokens. Errors: `TokenRejected`; `LoginError` if the provider's keys cannot be read."""

    def read(self, token: str) -> Caller:
        """The caller to whom the provider gave this token for the store's API."""


class LogoutReader(Protocol):
    """Reads logout tokens. Errors: `TokenRejected`; `LoginError` if the provider's keys cannot be read."""

    def read(self, token: str) -> LogoutNotice:
        """What the token says."""
