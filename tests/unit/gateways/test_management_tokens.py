"""A token that the Management API refused never comes back, whichever thread still holds it."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from webstore.gateways.auth0 import ManagementTokens
from webstore.gateways.state import FileState
from webstore.state import State


class SlowState(FileState):
    """A state whose first reading is answered late: the value is read, and then the answer waits."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.was_read, self.go_on = threading.Event(), threading.Event()

    def get(self, key: str) -> str | None:
        value = super().get(key)
        if not self.was_read.is_set():
            self.was_read.set()
            assert self.go_on.wait(20)
        return value


def tokens_of(state: State) -> tuple[ManagementTokens, list[str]]:
    """Tokens in front of a tenant that issues "new 1", "new 2" and so on, and what it issued so far."""
    issued: list[str] = []

    def answer(_: httpx.Request) -> httpx.Response:
        issued.append(f"new {len(issued) + 1}")
        return httpx.Response(200, json={"access_token": issued[-1], "expires_in": 86400})

    tokens = ManagementTokens(
        httpx.Client(transport=httpx.MockTransport(answer)),
        state,
        base_url="https://tenant.example",
        domain="tenant.example",
        client_id="api",
        client_secret="secret",
    )
    return tokens, issued


KEY = "auth0-management-token:tenant.example:api"


def test_a_thread_that_read_the_old_token_late_does_not_bring_it_back(tmp_path: Path) -> None:
    state = SlowState(tmp_path)
    state.set(KEY, json.dumps({"token": "old", "renew_at": time.time() + 9999}), 9999)
    tokens, issued = tokens_of(state)
    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(tokens.get)
        assert state.was_read.wait(20)
        tokens.forget("old")
        waiting = pool.submit(tokens.get)
        state.go_on.set()
        assert late.result(20) == "new 1"
        assert waiting.result(20) == "new 1"
    assert tokens.get() == "new 1"
    assert issued == ["new 1"]


def test_a_refused_token_that_another_worker_stored_again_is_not_used(tmp_path: Path) -> None:
    state = FileState(tmp_path)
    tokens, issued = tokens_of(state)
    assert tokens.get() == "new 1"
    tokens.forget("new 1")
    state.set(KEY, json.dumps({"token": "new 1", "renew_at": time.time() + 9999}), 9999)
    assert tokens.get() == "new 2"
    assert issued == ["new 1", "new 2"]
