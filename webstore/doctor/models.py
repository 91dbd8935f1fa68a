"""The results of checks: what the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    #: It could not be checked, or an earlier failure explains what it would find.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found out. Texts contain no secret."""

    status: Status
    #: The finding in one sentence.
    summary: str
    #: What the operator has to do; empty if nothing.
    what_to_do: str = ""
    #: The vendor's page for it; empty if there is none.
    page: str = ""
    #: Whether checks that build on this one are left out. A failure always does that.
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A finding with the check that made it."""

    id: str
    group: str
    finding: Finding

    @property
    def status(self) -> Status:
        """How the check ended."""
        return self.finding.status


def ok(summary: str) -> Finding:
    """Everything is as it should be."""
    return Finding(Status.OK, summary)


def warning(summary: str, what_to_do: str, page: str = "", *, blocks: bool = False) -> Finding:
    """The store works, but something is worse than it looks."""
    return Finding(Status.WARNING, summary, what_to_do, page, blocks=blocks)


def failure(summary: str, what_to_do: str, page: str = "") -> Finding:
    """Something does not work."""
    return Finding(Status.FAILURE, summary, what_to_do, page, blocks=True)


def skipped(summary: str, what_to_do: str = "", page: str = "") -> Finding:
    """It could not be checked. `summary`: why."""
    return Finding(Status.SKIPPED, summary, what_to_do, page)
