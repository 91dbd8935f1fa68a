"""Adds settings to `.env`. No value in the file is ever overwritten."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from dotenv.parser import Binding

from webstore.dotenv_file import EnvFileUnreadable, broken_lines, read_text, statements
from webstore.errors import EnvFileError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Needs no quotation marks. (`docker run --env-file` would take them for a part of the value.)
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


def add_to_env_file(path: Path, values: Mapping[str, str]) -> tuple[str, ...]:
    """Add settings to the file, and make it if there is none. Returns the names that were added.

    A name that is in the file without a value gets the value in its place. The others follow at the end.
    Comments and order are kept, and a name that has the same value already is left alone. The file is
    replaced as a whole or not at all. A new file is readable by its owner alone, and so is one that others
    could read before.

    Raises `EnvFileError` if a name has another value already, if a value cannot be written so that
    python-dotenv and a shell read the same, and if the file cannot be read or written.
    """
    place = Path(os.path.realpath(path))  # a symbolic link stays, and the file that it names is replaced
    text = _read(place)
    found = statements(text)
    if broken := next(broken_lines(found), None):
        raise EnvFileError(f"{path}, line {broken}, is neither NAME=VALUE nor a comment. Correct it first.")
    there = {it.key: it.value for it in found if it.key}
    taken = [name for name, value in values.items() if there.get(name) and there[name] != value]
    if taken:
        raise EnvFileError(
            f"{path} has another value for {' and '.join(taken)} already, and nothing there is overwritten. "
            "Remove the line first if the value is wrong."
        )
    lines = {name: _line(name, value) for name, value in values.items() if there.get(name) != value}
    if lines:
        _replace(place, _filled(found, lines))
    return tuple(lines)


def quoted(value: str) -> str:
    """The value as python-dotenv and a POSIX shell read it alike.

    Raises `ValueError` if it cannot be written so. Sources: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
    and https://saurabh-kumar.com/python-dotenv/#file-format
    """
    if not value.isprintable():
        raise ValueError("has a control character or an invisible character in it")
    if _PLAIN.fullmatch(value):
        return value
    # In single quotes, python-dotenv replaces \\ and \', and a shell replaces nothing.
    if "'" not in value and "\\\\" not in value and not value.endswith("\\"):
        return f"'{value}'"
    # In double quotes, both replace \\ and \", but only a shell expands $ and `.
    if "$" not in value and "`" not in value:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    raise ValueError("has a $ or ` together with ' or \\, which the file cannot hold for every reader")


def _line(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        raise EnvFileError(f"{name!r} cannot be the name of a setting.")
    try:
        return f"{name}={quoted(value)}"
    except ValueError as exc:
        raise EnvFileError(f"{name} {exc}. Nothing was written.") from None


def _read(place: Path) -> str:
    if place.exists() and not place.is_file():
        raise EnvFileError(f"{place} is not a file.")
    try:
        return read_text(place)
    except FileNotFoundError:
        return ""
    except EnvFileUnreadable as exc:
        raise EnvFileError(f"{exc}.") from exc


def _filled(found: list[Binding], lines: Mapping[str, str]) -> str:
    """The new text. If the file has a name twice, readers take the last one."""
    last = {it.key: number for number, it in enumerate(found) if it.key in lines}
    parts = [
        _in_place(it, lines[it.key]) if it.key and last.get(it.key) == number else it.original.string
        for number, it in enumerate(found)
    ]
    text = "".join(parts)
    end = "\r\n" if "\r\n" in text else "\n"
    if text and not text.endswith(("\n", "\r")):
        text += end
    return text + "".join(line + end for name, line in lines.items() if name not in last)


def _in_place(statement: Binding, line: str) -> str:
    """The statement without a value, with the new line; `export` before it and a comment after it stay."""
    empty = rf"(\s*(?:export[^\S\r\n]+)?)'?{statement.key}'?[^\S\r\n]*=(?:[^\S\r\n]*(?:''|\"\"))?"
    return re.sub(empty, lambda found: found[1] + line, statement.original.string, count=1)


def _replace(place: Path, text: str) -> None:
    """Put the text in the place of the file in one step. If that fails, the old file stays."""
    new = None
    try:
        handle, new = mkstemp(dir=place.parent, prefix=".env.")  # for its owner alone
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            _keep_owner(handle, place)
            os.fsync(handle)
        Path(new).replace(place)
        _flush(place.parent)
    except OSError as exc:
        raise EnvFileError(f"{place} cannot be written: {exc.strerror}. It is as it was.") from exc
    finally:
        if new is not None:
            Path(new).unlink(missing_ok=True)


def _keep_owner(handle: int, place: Path) -> None:
    """Give the new file the old one's owner, and its mode if it keeps others out."""
    try:
        old = place.stat()
    except FileNotFoundError:
        return
    with suppress(PermissionError):
        os.fchown(handle, old.st_uid, old.st_gid)
        if not old.st_mode & stat.S_IRWXO:
            os.fchmod(handle, stat.S_IMODE(old.st_mode))


def _flush(folder: Path) -> None:
    """Write the folder to the disk, so that a power cut loses no line."""
    # Some file systems cannot flush a folder.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
