"""A check, and the run of many: an earlier failure is named once, what follows from it is left out."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

from .facts import Facts
from .models import Finding, Result, failure, skipped

#: What a check answers: one finding, several, or None if there is nothing to look at.
Answer = Finding | Sequence[Finding] | None
#: The groups of checks, and the probes that each looks at.
GROUPS = {
    "settings": frozenset[str](),
    "clock": frozenset({"login", "stripe"}),
    "login": frozenset({"login", "tenant"}),
    "management": frozenset({"login", "tenant"}),
    "stripe": frozenset({"stripe", "tenant"}),
    "webhooks": frozenset({"stripe"}),
    "state": frozenset({"state"}),
    "site": frozenset({"site"}),
}
#: The probe without which a group has nothing to look at.
_MAIN = {
    "login": "login",
    "management": "tenant",
    "stripe": "stripe",
    "webhooks": "stripe",
    "state": "state",
    "site": "site",
}


class Because(Exception):  # it says what happened
    """A check has nothing to say because another check has found the cause."""

    def __init__(self, cause: str) -> None:
        """`cause`: the ID of that check."""
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at. Its ID is a section of docs/operations.md."""

    id: str
    group: str
    #: A pure function. May raise `Because`.
    examine: Callable[[Facts], Answer]
    #: The settings without which it cannot be checked.
    settings: tuple[str, ...] = ()
    #: The checks that have to end without a failure first.
    needs: tuple[str, ...] = ()
    #: Which of the commands `flask setup ...` mends it; empty if none does.
    mended_by: str = ""


def run(checks: Sequence[Check], facts: Facts, only: Container[str] | None = None) -> Iterator[Result]:
    """Examine the facts. `only`: the groups to tell about, and what keeps them from being checked."""
    results, causes = _results(checks, facts)
    wanted = [it for it in results if only is None or it.group in only]
    shown = {causes[it.id] for it in wanted if it.id in causes}
    return (it for it in results if it in wanted or it.id in shown)


def _results(checks: Sequence[Check], facts: Facts) -> tuple[list[Result], dict[str, str]]:
    """All results, and for each check that failed or was left out: the check that has the cause."""
    results: list[Result] = []
    causes: dict[str, str] = {}
    for check in checks:
        for finding in _findings(check, facts, causes):
            results.append(Result(check.id, check.group, finding))
            if finding.blocks:
                causes.setdefault(check.id, check.id)
    return results, causes


def _findings(check: Check, facts: Facts, causes: dict[str, str]) -> Sequence[Finding]:
    wrong = [name for name in check.settings if name in wrong_settings(facts)]
    if wrong:
        causes[check.id] = "settings"
        return (skipped(f"because {wrong[0]} is missing or wrong"),)
    main = _MAIN.get(check.group, "")
    if main and main not in facts.lost and getattr(facts, main) is None:
        return ()  # it was not asked for
    cause = next((causes[it] for it in check.needs if it in causes), None)
    if cause is None and main in facts.lost:
        summary = f"It was not found out: {facts.lost[main]}."
        return (failure(summary, "Run the doctor again, or look at the network."),)
    answer: Answer = None
    if cause is None:
        try:
            answer = check.examine(facts)
        except Because as exc:
            cause = causes.get(exc.cause, exc.cause)
    if cause is not None:
        causes[check.id] = cause
        return (skipped(f"because of {cause}"),)
    if answer is None:
        return ()
    return (answer,) if isinstance(answer, Finding) else answer


def wrong_settings(facts: Facts) -> frozenset[str]:
    """The names of the settings that are missing or wrong."""
    return frozenset(problem.split(maxsplit=1)[0].rstrip(":") for problem in facts.problems)
