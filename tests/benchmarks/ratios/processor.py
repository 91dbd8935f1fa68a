"""CPU time and memory of other processes of this machine. What the system does not tell is None."""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")


def used_s(processes: Iterable[int]) -> float | None:
    """The CPU time that these processes have used with all their threads, in seconds.

    It is exact to the nanosecond; the ticks in /proc are a hundredth of a second each.
    Source: https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html
    """
    total = 0.0
    for process in processes:
        clock = ctypes.c_int()
        try:
            failed = ctypes.CDLL(None).clock_getcpuclockid(process, ctypes.byref(clock))
        except (AttributeError, OSError, TypeError):  # macOS, Windows
            return None
        if failed:
            raise ProcessLookupError(f"there is no process {process}")
        total += time.clock_gettime(clock.value)
    return total


def resident_mb(process: int) -> float | None:
    """The resident set of the process, in MB of 1,000,000 bytes, with pages that it shares.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html (VmRSS)
    """
    try:
        status = (_PROC / str(process) / "status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmRSS:\s*([0-9]+) kB$", status, re.MULTILINE)
    return None if found is None else int(found[1]) * 1024 / 1e6


def children(process: int) -> tuple[int, ...]:
    """The child processes; none where the system does not tell.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    found = []
    for file in _PROC.glob("[0-9]*/stat"):
        try:
            parent = file.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue  # it has ended
        if int(parent) == process:
            found.append(int(file.parent.name))
    return tuple(sorted(found))
