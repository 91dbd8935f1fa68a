"""What reconcile needs of the outside beside linking's ports. Gateways implement these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .models import CustomersPage, Exported, Slice, SubscriptionsPage


class Exports(Protocol):
    """Exports of all users. Errors: `DirectoryRefused`, `DirectoryUnavailable`."""

    def start(self) -> str:
        """Start a job, and give its ID."""

    def location(self, job: str) -> str | None:
        """Where the file is, for a minute; None while the job is at work."""

    def download(self, location: str, into: Path) -> None:
        """Download the file."""

    def users(self, file: Path) -> Iterator[Exported]:
        """The users in a downloaded file."""


class Listing(Protocol):
    """All customers and running subscriptions of an account. Errors: the children of `PaymentsError`."""

    def newest(self) -> float | None:
        """When the newest customer was created; None without customers."""

    def customers(self, part: Slice, after: str | None) -> CustomersPage:
        """A page of the customers of this time, the newest first. `NoSuchObject`: `after` is gone."""

    def running(self, after: str | None) -> SubscriptionsPage:
        """A page of the subscriptions that have not ended. `NoSuchObject`: `after` is gone."""
