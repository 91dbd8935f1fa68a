"""README, `.env.example` and the code name the same settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from webstore.dotenv_file import VARIABLE
from webstore.errors import SettingsError
from webstore.settings import Settings

TOP = Path(__file__).parents[2]


class Asked(Mapping[str, str]):
    """An empty environment that remembers which variables were read."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Every variable that the store reads."""
    environment = Asked()
    with pytest.raises(SettingsError):
        Settings.from_env(environment)
    assert len(environment.names) > 30
    return environment.names


def test_the_example_describes_every_setting(known: set[str]) -> None:
    example = (TOP / ".env.example").read_text()
    assert set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE)) == known


def test_the_readme_lists_every_setting(known: set[str]) -> None:
    readme = (TOP / "README.md").read_text()
    rows = [row for row in readme.splitlines() if row.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]{3,})`", row.split(" | ")[0])}
    assert listed == known | {VARIABLE}


def test_the_server_has_no_settings_of_its_own() -> None:
    configuration = (TOP / "gunicorn.conf.py").read_text()
    # Another server that hands its sockets over sets the second one; the first one is set for the workers.
    read = set(re.findall(r'"([A-Z][A-Z0-9_]{3,})"', configuration))
    assert read == {"PROMETHEUS_MULTIPROC_DIR", "LISTEN_FDS"}


def test_the_name_of_another_file_is_no_setting_in_the_file(known: set[str]) -> None:
    assert VARIABLE not in known
    assert VARIABLE in (TOP / ".env.example").read_text()
