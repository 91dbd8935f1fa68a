"""One store for all benchmarks of a file, and their tables at the end of the run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .stage import Stage, running_stage

_TABLES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The store under gunicorn, and the two vendors."""
    with running_stage(tmp_path_factory.mktemp("stage")) as running:
        yield running


@pytest.fixture(scope="session")
def tables(pytestconfig: pytest.Config) -> list[str]:
    """Tables to print at the end, whether the tests pass or fail."""
    return pytestconfig.stash.setdefault(_TABLES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """See pytest's hook of this name."""
    for table in config.stash.get(_TABLES, []):
        terminalreporter.write_line("")
        terminalreporter.write_line(table)
