"""Reads what `python -X importtime` reports.

Source: https://docs.python.org/3/using/cmdline.html#cmdoption-X
"""

from __future__ import annotations

import re
from collections import Counter

_LINE = re.compile(r"import time:\s+(?P<own>[0-9]+) \|\s+[0-9]+ \| +(?P<name>\S+)")


def by_package(report: str) -> dict[str, float]:
    """Seconds that the modules of each top package took by themselves."""
    own: Counter[str] = Counter()
    for line in _LINE.finditer(report):
        own[line["name"].partition(".")[0]] += int(line["own"])
    return {name: took / 1e6 for name, took in own.items()}
