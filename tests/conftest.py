"""Fixtures that many tests share. They import the store when they are used: unit tests do without."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from tests.support import Shop

# No test reads the `.env` of the person who runs it, with keys of a real tenant and account.
NO_ENV_FILE = "WEBSTORE_ENV_FILE"
os.environ[NO_ENV_FILE] = ""
# No test meets a certificate of the outside, and each store would read all authorities, which takes 30 ms.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = os.devnull

# Tests leave little garbage, and Python's usual 700 make it look some thousand times.
NEW_OBJECTS_A_COLLECTION = 20_000
# Where a report is found that one process of a parallel run sends to another.
PACKED = "packed report"


def _refuse_to_read_env_file(event: str, arguments: tuple[object, ...]) -> None:
    """Make it an error to start a program with an environment that does not switch `.env` off."""
    if event != "subprocess.Popen" or (environment := arguments[3]) is None:
        return
    if NO_ENV_FILE not in cast("Mapping[str, str]", environment):
        raise RuntimeError(f"a program that a test starts needs {NO_ENV_FILE}='' in its environment")


sys.addaudithook(_refuse_to_read_env_file)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, which would look at thousands of tests again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(NEW_OBJECTS_A_COLLECTION)
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, object] | None, dict[str, object] | None]:
    """Send a report from a process of the parallel run as one text.

    The transport packs each value of each list by itself, in Python, and takes longer than most unit tests.
    """
    report = yield
    return report if report is None else {PACKED: json.dumps(report)}


@pytest.hookimpl(wrapper=True)
def pytest_report_from_serializable(data: dict[str, object]) -> Generator[None, object, object]:
    """Unpack the report before pytest reads it; the transport has added values of its own."""
    if PACKED in data:
        data.update(json.loads(cast("str", data.pop(PACKED))))
    return (yield)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store for all tests of a file that leave its vendors and its products as they are."""
    from tests.support import running_shop  # noqa: PLC0415

    with running_shop(tmp_path_factory.mktemp("shared") / "state") as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store with its own two vendors and its own shared state."""
    from tests.support import running_shop  # noqa: PLC0415

    with running_shop(tmp_path / "state") as running:
        yield running
