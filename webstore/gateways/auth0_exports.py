"""Exports all users of a tenant to a file: lists end after 1,000 users.

Source: https://auth0.com/docs/manage-users/user-migration/bulk-user-exports
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from webstore.errors import DirectoryRefused, DirectoryUnavailable
from webstore.reconcile.models import Exported

from .auth0 import Auth0Directory, user_of
from .profiles import text_of, time_of
from .wire import Wire, WireError

#: Fields of a user; at most 30. In the JSON format, the metadata is exported as it is.
_FIELDS = (
    *("user_id", "email", "email_verified", "name", "created_at", "identities", "app_metadata", "blocked"),
    "last_login",
)
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

        `DirectoryRefused`: the job has failed or is unknown; it has to be started again.
        Source: https://auth0.com/docs/api/management/v2/jobs/get-jobs-by-id
        """
        found = _object(self._directory.document("GET", f"jobs/{quote(job, safe='')}"))
        status = text_of(found, "status")
        if status == "failed":
            raise DirectoryRefused("Auth0's export of the users failed; run the command again")
        return text_of(found, "location") if status == "completed" else None

    def download(self, location: str, into: Path) -> None:
        """Download the file. Raises `DirectoryUnavailable`: ask for the location again."""
        try:
            with into.open("wb") as file:
                status = self._files.download(location, file, at_most_s=_DOWNLOAD_S)
        except WireError as exc:
            raise DirectoryUnavailable(f"the exported users could not be downloaded: {exc}") from exc
        if status != 200:
            raise DirectoryUnavailable(f"the download of the exported users answered {status}")

    def users(self, file: Path) -> Iterator[Exported]:
        """The users in a downloaded file: a JSON object in each line. Raises `DirectoryUnavailable`."""
        try:
            with gzip.open(file, "rt", encoding="utf-8") as lines:
                for line in lines:
                    found = _object(json.loads(line))
                    user_id = text_of(found, "user_id")
                    if user_id is not None:
                        yield Exported(user_of(user_id, found), time_of(found, "last_login"))
        except (OSError, EOFError, ValueError, RecursionError, zlib.error) as exc:
            raise DirectoryUnavailable(f"the exported users cannot be read ({type(exc).__name__})") from exc


def _object(found: object) -> dict[str, object]:
    if not isinstance(found, dict):
        raise DirectoryUnavailable("malformed answer of the Management API")
    return found
