"""Jobs that export users to a file: https://auth0.com/docs/manage-users/user-migration/bulk-user-exports ."""

import csv
import gzip
import hmac
import io
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from webstore.sandbox.auth0.config import Auth0Config, Settings
from webstore.sandbox.auth0.records import Record, random_text
from webstore.sandbox.auth0.user import User, identities_of, timestamp
from webstore.sandbox.auth0.users import Users
from webstore.sandbox.clock import Clock

#: Seconds after which a job and its file are gone.
KEPT_S = 86_400
#: Seconds for which the file's address is valid. The job, asked again, then gives another one.
VALID_S = 60
_AMZ_DATE = "%Y%m%dT%H%M%SZ"
_CHUNK = 2000
_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
# What an export without `fields` has.
_DEFAULT_FIELDS: list[Record] = [
    {"name": "user_id", "export_as": "Id"},
    {"name": "given_name", "export_as": "Given Name"},
    {"name": "family_name", "export_as": "Family Name"},
    {"name": "nickname", "export_as": "Nickname"},
    {"name": "name", "export_as": "Name"},
    {"name": "email", "export_as": "Email"},
    {"name": "email_verified", "export_as": "Email Verified"},
    {"name": "created_at", "export_as": "Created At"},
    {"name": "updated_at", "export_as": "Updated At"},
]

# Any: JSON.
Read = Callable[[User], Any]


@dataclass
class Job:
    """An export. `spec` is the body of its request; `file` is the compressed file once it is written."""

    id: str
    spec: Record
    created_at: float
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    file: bytes | None = None

    def signed(self, at: float) -> str:
        """The query of the file's address that is given out at this time."""
        date = datetime.fromtimestamp(at, UTC).strftime(_AMZ_DATE)
        return f"X-Amz-Date={date}&X-Amz-Expires={VALID_S}&X-Amz-Signature={self.signature(date)}"

    def signature(self, date: str) -> str:
        """The signature of an address that was given out at this time."""
        return hmac.new(self.secret, date.encode(), "sha256").hexdigest()


class Exports:
    """The export jobs of one tenant. Each writes its file in a thread of its own."""

    def __init__(self, config: Auth0Config, settings: Settings, clock: Clock, users: Users) -> None:
        self._config, self._settings, self._clock, self._users = config, settings, clock, users
        self._jobs: dict[str, Job] = {}

    def clear(self) -> None:
        """Forget all jobs."""
        self._jobs = {}

    def start(self, spec: Record, connection: str | None) -> Record:
        """Begin to export all users, or those of a connection. Returns the job as JSON."""
        job = Job(f"job_{random_text(16)}", spec, self._clock.now())
        self._jobs[job.id] = job
        threading.Thread(target=self._write, args=(job, connection), daemon=True).start()
        return self._shown(job, "pending")

    def get(self, job_id: str) -> Record | None:
        """The job as JSON, with the file's address once it is there; None for an unknown or old job."""
        job = self._jobs.get(job_id)
        age = 0.0 if job is None else self._clock.now() - job.created_at
        if job is None or age > KEPT_S:
            return None
        if job.file is None or age < self._settings.export_s:
            return self._shown(job, "pending")
        file = f"sandbox.{job.spec['format']}.gz"
        location = f"{self._config.issuer}exports/{job.id}/{file}?{job.signed(self._clock.now())}"
        return {**self._shown(job, "completed"), "location": location}

    def file(self, job_id: str, date: str, signature: str) -> bytes | None:
        """The compressed file, or None if the address is wrong or has expired.

        `date` and `signature` are those of the address.
        """
        job = self._jobs.get(job_id)
        if job is None or not secrets.compare_digest(job.signature(date).encode(), signature.encode()):
            return None
        given_out = datetime.strptime(date, _AMZ_DATE).replace(tzinfo=UTC).timestamp()
        now = self._clock.now()
        return job.file if now - given_out <= VALID_S and now - job.created_at <= KEPT_S else None

    def _shown(self, job: Job, status: str) -> Record:
        created_at = timestamp(job.created_at)
        return {"type": "users_export", "status": status, **job.spec, "created_at": created_at, "id": job.id}

    def _write(self, job: Job, connection: str | None) -> None:
        everybody = (
            user for user in self._users.indexed(0) if connection is None or user.connection == connection
        )
        users = islice(everybody, job.spec.get("limit"))
        columns = {
            str(it.get("export_as") or it["name"]): reader(it["name"])
            for it in job.spec.get("fields") or _DEFAULT_FIELDS
        }
        lines = _csv(users, columns) if job.spec["format"] == "csv" else _ndjson(users, columns)
        file = io.BytesIO()
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as packed:
            while chunk := list(islice(lines, _CHUNK)):
                packed.write("".join(chunk).encode())
        job.file = file.getvalue()


def reader(path: str) -> Read:
    """A function that reads a field of a profile, such as `app_metadata.plan` or `identities[0].connection`.

    It reads None where a user lacks the field.
    """
    parts = [name or int(number) for name, number in _PART.findall(path)]
    root, inner = _ROOTS.get(str(parts[0]), _nothing), parts[1:]
    if not inner:
        return root

    def read(user: User) -> Any:  # Any: JSON
        value = root(user)
        for part in inner:
            if isinstance(value, Mapping) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    return read


def _nothing(user: User) -> None:
    del user  # no user has a field of this name


def _attribute(name: str) -> Read:
    return lambda user: getattr(user, name)


def _moment(name: str) -> Read:
    def read(user: User) -> str | None:
        moment = getattr(user, name)
        return None if moment is None else timestamp(moment)

    return read


_ROOTS: dict[str, Read] = {
    "identities": identities_of,
    "email_verified": lambda user: None if user.email is None else user.email_verified,
    "logins_count": lambda user: user.logins_count or None,
    **{
        name: _attribute(name)
        for name in (
            *("user_id", "email", "name", "nickname", "given_name", "family_name", "picture", "blocked"),
            *("last_ip", "app_metadata", "user_metadata"),
        )
    },
    **{name: _moment(name) for name in ("created_at", "updated_at", "last_login", "last_password_reset")},
}


def _ndjson(users: Iterator[User], columns: Mapping[str, Read]) -> Iterator[str]:
    """A JSON object in each line, without the fields that a user lacks."""
    for user in users:
        values = {name: read(user) for name, read in columns.items()}
        line = {name: value for name, value in values.items() if value is not None}
        yield json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n"


def _csv(users: Iterator[User], columns: Mapping[str, Read]) -> Iterator[str]:
    yield _row(list(columns))
    for user in users:
        yield _row([read(user) for read in columns.values()])


def _row(values: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(
        [json.dumps(it) if isinstance(it, bool | dict | list) else it for it in values]
    )
    return line.getvalue()
