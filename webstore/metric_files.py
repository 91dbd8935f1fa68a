"""The files of the figures, whose space on the disk is reserved before it is written to.

A process writes its figures into memory that is mapped to its files. The package makes such a file longer
without reserving space for the new bytes. If the disk, or the memory of a tmpfs, is full when one of them is
written, the system ends the process with SIGBUS. So the space is reserved first: a full disk is an `OSError`.

Source: https://man7.org/linux/man-pages/man2/mmap.2.html, "SIGBUS"
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

#: Bytes of a new file. The package doubles a file that is full. A worker has some, and its successors more.
_FIRST_BYTES = 16 * 1024
#: Bytes of an entry beside its key, at most: lengths, padding, value and time.
_BESIDE_KEY = 32


class ReservedFile(MmapedDict):
    """The package's file of figures. Raises `OSError` if the disk has no space for it, or for more of it."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            _make(Path(filename))
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]  # the package has no types

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + _BESIDE_KEY > self._capacity:
            _reserve(self._f.fileno(), 2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]  # the package has no types


def install() -> None:
    """Have the package use these files. To be called before the first figure is noted.

    The package has no setting for it.
    """
    values.MmapedDict = ReservedFile  # type: ignore[attr-defined]  # as said


def _make(file: Path) -> None:
    """Make the file if it is missing. Raises `OSError`. It appears at once as a whole: others read it."""
    if file.exists():
        return
    new = file.with_suffix(".new")
    try:
        with new.open("wb") as opened:
            _reserve(opened.fileno(), _FIRST_BYTES)
        new.rename(file)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def _reserve(descriptor: int, size: int) -> None:
    """Give the file so many bytes at least, each with a place. Raises `OSError`."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:  # macOS
        os.pwrite(descriptor, bytes(size - os.fstat(descriptor).st_size), os.fstat(descriptor).st_size)
