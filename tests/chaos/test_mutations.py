"""Each safeguard of linking is taken out, one by one, and the test that is named for it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.mutations import MUTATIONS, Mutation

pytestmark = pytest.mark.timeout(900)

_TOP = Path(__file__).resolve().parents[2]
_COPIED = (
    "webstore",
    "tests",
    "templates",
    "static",
    "docs",
    "pyproject.toml",
    "wsgi.py",
    "gunicorn.conf.py",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store and its tests, to be changed. Plain tests pass there."""
    folder = tmp_path_factory.mktemp("copy")
    for name in _COPIED:
        there = _TOP / name
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        if there.is_dir():
            shutil.copytree(there, folder / name, ignore=ignored)
        else:
            shutil.copy(there, folder / name)
    return folder


@pytest.fixture
def mutated(copy: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The copy without one safeguard."""
    mutation: Mutation = request.param
    file = copy / mutation.file
    text = file.read_text()
    assert text.count(mutation.old) == 1, f"{mutation.file} does not have this once: {mutation.old}"
    file.write_text(text.replace(mutation.old, mutation.new))
    yield copy
    file.write_text(text)


def run(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run these tests in the folder, up to the first that fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=line", *tests]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # noqa: S603 (nothing of the command comes from outside)
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_named_tests_pass_while_every_safeguard_is_there(copy: Path) -> None:
    ended = run(copy, *dict.fromkeys(mutation.test for mutation in MUTATIONS))
    assert ended.returncode == 0, ended.stdout[-3000:]


@pytest.mark.parametrize(
    ("mutated", "test"),
    [(mutation, mutation.test) for mutation in MUTATIONS],
    ids=[mutation.what for mutation in MUTATIONS],
    indirect=["mutated"],
)
def test_without_its_safeguard_the_test_fails(mutated: Path, test: str) -> None:
    ended = run(mutated, test)
    # 1: a test failed. Everything else is a test that could not be run.
    assert ended.returncode == 1, ended.stdout[-3000:]
    assert " failed" in ended.stdout
    assert "OverBudget: no answer" not in ended.stdout, "the machine was too slow for the test's budget"
    assert " error" not in ended.stdout.splitlines()[-1]
