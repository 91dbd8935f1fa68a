"""Export jobs of Auth0: what their answers mean, and files that cannot be read."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from webstore.errors import DirectoryRefused, DirectoryUnavailable, UserGone
from webstore.gateways.auth0 import Auth0Directory
from webstore.gateways.auth0_exports import Auth0Exports
from webstore.gateways.wire import Wire, WireTimeout


class Directory:
    """Answers every call with this document."""

    def __init__(self, document: object) -> None:
        self.answer = document

    def document(self, method: str, path: str, body: object = None) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
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
    for status in ("failed", "expired"):
        with pytest.raises(DirectoryRefused, match=status):
            exports({"status": status}).location("job_1")
    with pytest.raises(DirectoryUnavailable, match="where"):
        exports({"status": "completed"}).location("job_1")


def test_a_job_that_auth0_does_not_know_is_no_missing_user() -> None:
    with pytest.raises(DirectoryRefused) as refused:
        exports(UserGone("404")).location("job_1")
    assert refused.value.only_this


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


def test_an_address_that_is_none_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DirectoryUnavailable):
        exports(files=Files(error=ValueError("Invalid IPv6 URL"))).download("http://[", tmp_path / "users.gz")


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
    no_users = (b"", gzip.compress(b'{"Id": "auth0|1"}\n'))
    for broken in (content[:-9], b"not gzip", gzip.compress(b"{"), gzip.compress(b"[]"), *no_users):
        file.write_bytes(broken)
        with pytest.raises(DirectoryUnavailable):
            list(exports().users(file))
    # A tenant without users.
    file.write_bytes(gzip.compress(b""))
    assert not list(exports().users(file))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_may_be_packed_or_not(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "users"
    file.write_bytes(pack(b'\xef\xbb\xbf{"user_id":"auth0|1"}\r\n\n{"user_id":"auth0|2"}\n\n'))
    assert [it.user.user_id for it in exports().users(file)] == ["auth0|1", "auth0|2"]


@pytest.mark.parametrize("metadata", ['"x"', "[1]", "7", "true"])
def test_a_record_that_cannot_be_read_does_not_end_the_run(tmp_path: Path, metadata: str) -> None:
    file = tmp_path / "users"
    file.write_text(f'{{"user_id":"auth0|1","app_metadata":{metadata}}}\n{{"user_id":"auth0|2"}}\n')
    found = {it.user.user_id: it.last_login for it in exports().users(file)}
    assert found == {"auth0|1": -1.0, "auth0|2": 0.0}
