"""Exports all users of a tenant to a file: lists end after 1,000 users.

Source: https://auth0.com/docs/manage-users/user-migration/bulk-user-exports
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from webstore.errors import DirectoryRefused, DirectoryUnavailable, UserGone
from webstore.reconcile.models import Exported

from .auth0 import Auth0Directory, user_of
from .profiles import text_of, time_of
from .wire import Wire, WireError

#: Fields of a user; at most 30. In the JSON format, the metadata is exported as it is.
_FIELDS = (
    *("user_id", "email", "email_verified", "name", "created_at", "identities", "app_metadata", "blocked"),
    "last_login",
)
#: States of a job without a file, in words.
_ENDED = {"failed": "failed", "expired": "has expired", "cancelled": "was cancelled"}
#: Seconds that the file's download may take.
_DOWNLOAD_S = 3600.0


class Auth0Exports:
    """Export jobs of a tenant. Needs the scope read:users."""

    def __init__(self, directory: Auth0Directory, files: Wire) -> None:
        """`files`: for the download, which is not at Auth0's own address."""
        self._directory, self._files = directory, files

    def start(self) -> str:
        """Start a job, and give its ID. Raises `DirectoryRefused` and `DirectoryUnavailable`.

        Source: https://auth0.com/docs/api/management/v2/jobs/post-users-exports
        """
        body = {"format": "json", "fields": [{"name": name} for name in _FIELDS]}
        job = text_of(_object(self._directory.document("POST", "jobs/users-exports", body)), "id")
        if job is None:
            raise DirectoryUnavailable("Auth0 did not say the ID of the export")
        return job

    def location(self, job: str) -> str | None:
        """Where the file is, for a minute; None while the job is at work. Raises as `start`.

        `DirectoryRefused`: the job has failed or is unknown (`only_this`); it has to be started again.
        Source: https://auth0.com/docs/api/management/v2/jobs/get-jobs-by-id
        """
        try:
            found = _object(self._directory.document("GET", f"jobs/{quote(job, safe='')}"))
        except UserGone as exc:
            # The directory takes each 404 for a user's.
            unknown = DirectoryRefused("Auth0 does not know the export of the users any more")
            unknown.only_this = True
            raise unknown from exc
        status = text_of(found, "status")
        if status in _ENDED:
            raise DirectoryRefused(f"Auth0's export of the users {_ENDED[status]}; run the command again")
        if status != "completed":
            return None
        location = text_of(found, "location")
        if location is None:
            raise DirectoryUnavailable("Auth0 did not say where the exported users are")
        return location

    def download(self, location: str, into: Path) -> None:
        """Download the file. Raises `DirectoryUnavailable`: ask for the location again."""
        try:
            with into.open("wb") as file:
                status = self._files.download(location, file, at_most_s=_DOWNLOAD_S)
        except (WireError, ValueError) as exc:
            raise DirectoryUnavailable(f"the exported users could not be downloaded: {exc}") from exc
        if status != 200:
            raise DirectoryUnavailable(f"the download of the exported users answered {status}")

    def users(self, file: Path) -> Iterator[Exported]:
        """The users in a downloaded file: a JSON object in each line. Raises `DirectoryUnavailable`.

        The file may be compressed with gzip or not. Objects without a user ID are skipped.
        It also raises if the file has only such objects.
        """
        known = unknown = 0
        try:
            with _opened(file) as lines:
                for line in lines:
                    if not line.strip():
                        continue
                    found = _object(json.loads(line))
                    user_id = text_of(found, "user_id")
                    if user_id is None:
                        unknown += 1
                        continue
                    known += 1
                    yield _exported(user_id, found)
        except (OSError, EOFError, ValueError, RecursionError, zlib.error) as exc:
            raise DirectoryUnavailable(f"the exported users cannot be read ({type(exc).__name__})") from exc
        if unknown and not known:
            raise DirectoryUnavailable("the exported users have no user IDs")


def _opened(file: Path) -> TextIO:
    """The file's lines, unpacked. Raises `OSError`, and `EOFError` for a file without a byte."""
    with file.open("rb") as raw:
        begins = raw.read(2)
    if not begins:
        raise EOFError
    packed = begins == b"\x1f\x8b"
    encoding = "utf-8-sig"
    return gzip.open(file, "rt", encoding=encoding) if packed else file.open(encoding=encoding)


def _exported(user_id: str, found: dict[str, object]) -> Exported:
    """The user in a line. One whose `app_metadata` cannot be read exists, and is left alone."""
    try:
        return Exported(user_of(user_id, found), time_of(found, "last_login"))
    except DirectoryUnavailable:
        return Exported(user_of(user_id, {**found, "app_metadata": None}), last_login=-1.0)


def _object(found: object) -> dict[str, object]:
    if not isinstance(found, dict):
        raise DirectoryUnavailable("malformed answer of the Management API")
    return found
