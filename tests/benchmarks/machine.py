"""What else the machine was doing: figures taken beside other programs' work say little.

Source: https://man7.org/linux/man-pages/man5/proc_stat.5.html and proc_pid_stat.5.html; other systems have
no such files, and nothing is said about them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """CPU time used since the machine started, in clock ticks."""

    #: All processors together, idle or not.
    passed: int
    busy: int
    #: This process, its descendants, and those that have ended.
    ours: int


def usage() -> Usage | None:
    """The CPU time used so far, or None where the system does not tell."""
    if not (_PROC / "stat").exists():
        return None
    user, nice, system, idle, waiting, *rest = map(
        int, (_PROC / "stat").read_text().splitlines()[0].split()[1:9]
    )
    busy = user + nice + system + sum(rest)
    return Usage(busy + idle + waiting, busy, _ours())


def others(before: Usage | None, after: Usage | None) -> float | None:
    """How many processors other programs kept busy between the two, on average."""
    if before is None or after is None or after.passed == before.passed:
        return None
    foreign = (after.busy - before.busy) - (after.ours - before.ours)
    return (os.cpu_count() or 1) * max(0, foreign) / (after.passed - before.passed)


def _ours() -> int:
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for file in _PROC.glob("[0-9]*/stat"):
        try:
            # The command's name comes second, in parentheses, and may hold anything.
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        pid = int(file.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        # utime, stime, and those of children that were waited for
        ticks[pid] = sum(map(int, fields[11:15]))
    total, todo = 0, [os.getpid()]
    while todo:
        pid = todo.pop()
        total += ticks.get(pid, 0)
        todo += children.get(pid, [])
    return total
