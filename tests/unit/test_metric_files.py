"""The files of the figures: a full disk costs figures, and never a process."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from webstore.metric_files import ReservedFile

TOP = Path(__file__).parents[2]
MANY = 600
COUNT_MANY = f"""
from webstore import metrics
for number in range({MANY}):
    metrics.observe_request(f"/{{number}}", "GET", "200", 0.1)
assert metrics.exposition().count(b"webstore_request_seconds_count") == {MANY}
"""


def is_whole(file: Path) -> bool:
    """Whether each byte of the file has its place on the disk."""
    found = file.stat()
    return found.st_blocks * 512 >= found.st_size > 0


def test_each_byte_has_its_place_before_it_is_written(tmp_path: Path) -> None:
    """Otherwise a process that writes it when the disk is full ends with SIGBUS."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", COUNT_MANY], cwd=TOP, env=environment, check=True)  # noqa: S603 (ourselves)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size > 1_000_000
    assert is_whole(file)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="macOS has no such call")
def test_a_full_disk_is_an_error_and_leaves_no_half_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "counter_2.db"
    # The package has no types.
    file: Any = ReservedFile(str(tmp_path / "counter_1.db"))
    allocate = os.posix_fallocate

    def refuse(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space"):
        ReservedFile(str(full))
    assert [it.name for it in tmp_path.iterdir()] == ["counter_1.db"]
    number = 0
    with pytest.raises(OSError, match="No space"):  # noqa: PT012 (only one of them has no place)
        while True:
            file.write_value(f"key {number} {'x' * 100}", float(number), 0.0)
            number += 1
    file.write_value(f"key 1 {'x' * 100}", 7.0, 0.0)
    monkeypatch.setattr(os, "posix_fallocate", allocate)
    file.write_value(f"key {number} {'x' * 100}", float(number), 0.0)
    found = {key.rstrip(): value for key, value, _ in file.read_all_values()}
    assert len(found) == number + 1
    assert found[f"key 1 {'x' * 100}"] == 7.0
    assert is_whole(tmp_path / "counter_1.db")
    file.close()
