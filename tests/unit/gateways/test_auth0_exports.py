"""Export jobs of Auth0: what their answers mean, and files that cannot be read."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from webstore.errors import DirectoryRefused, DirectoryUnavailable
from webstore.gateways.auth0 import Auth0Directory
from webstore.gateways.auth0_exports import Auth0Exports
from webstore.gateways.wire import Wire, WireTimeout


class Directory:
    """Answers every call with this document."""

    def __init__(self, document: object) -> None:
        self.answer = document

    def document(self, method: str, path: str, body: object = None) -> object:
        return self.answer


class Files:
    """Gives this file."""

    service = "files"

    def __init__(self, status: int = 200, content: bytes = b"", error: Exception | None = None) -> None:
        self.status, self.content, self.error = status, content, error

    def download(self, url: str, into: BinaryIO, *, at_most_s: float) -> int:
        into.write(self.content)
        if self.error is not None:
            raise self.error
        return self.status


def exports(document: object = None, files: Files | None = None) -> Auth0Exports:
    return Auth0Exports(cast("Auth0Directory", Directory(document)), cast("Wire", files or Files()))


def test_what_a_jobs_status_means() -> None:
    assert exports({"id": "job_1"}).start() == "job_1"
    assert exports({"status": "pending"}).location("job_1") is None
    assert exports({"status": "completed", "location": "https://f"}).location("job_1") == "https://f"
    with pytest.raises(DirectoryRefused, match="failed"):
        exports({"status": "failed"}).location("job_1")


@pytest.mark.parametrize(
    "ask",
    [
        lambda it: exports(it).start(),
        lambda it: exports([it]).start(),
        lambda it: exports(it and []).location("x"),
    ],
)
def test_malformed_answers_prove_nothing(ask: Callable[[object], object]) -> None:
    with pytest.raises(DirectoryUnavailable):
        ask({"other": 1})


@pytest.mark.parametrize("files", [Files(403), Files(error=WireTimeout("late"))])
def test_a_download_that_fails_proves_nothing(tmp_path: Path, files: Files) -> None:
    with pytest.raises(DirectoryUnavailable):
        exports(files=files).download("https://f", tmp_path / "users.gz")


def test_the_users_in_a_file(tmp_path: Path) -> None:
    lines = (
        '{"user_id":"auth0|1","email":"a@example.com","last_login":"2026-01-01T00:00:00.000Z",'
        '"app_metadata":{"stripe_customer_id":"cus_1","other":[1]},"blocked":"yes"}\n'
        '{"email":"nobody@example.com"}\n'
    )
    content = gzip.compress(lines.encode())
    file = tmp_path / "users.gz"
    exports(files=Files(content=content)).download("https://f", file)
    (one,) = exports().users(file)
    assert (one.user.user_id, one.user.customer_id, one.last_login) == ("auth0|1", "cus_1", 1767225600.0)
    # Fields of other types count as absent.
    assert not one.user.blocked
    for broken in (content[:-9], b"not gzip", gzip.compress(b"{"), gzip.compress(b"[]")):
        file.write_bytes(broken)
        with pytest.raises(DirectoryUnavailable):
            list(exports().users(file))
