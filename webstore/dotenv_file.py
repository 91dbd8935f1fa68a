"""Reads `.env`, a file with settings. Its form is that of python-dotenv, without replacing `${NAME}`."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream


class EnvFileUnreadable(Exception):
    """The file cannot be read; the message says why."""


def read_text(path: Path) -> str:
    """The whole file, with its own line ends. Raises `FileNotFoundError` and `EnvFileUnreadable`."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise EnvFileUnreadable(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise EnvFileUnreadable(f"{path} cannot be read: it is not a text in UTF-8") from None


def statements(text: str) -> list[Binding]:
    """The statements of the file's text, comments and empty lines among them (they have no name).

    Source: https://saurabh-kumar.com/python-dotenv/#file-format
    """
    return list(parse_stream(StringIO(text)))


def broken_lines(found: list[Binding]) -> Iterator[int]:
    """The numbers of the lines that are neither NAME=VALUE nor a comment."""
    for it in found:
        if it.error or (it.key is not None and it.value is None):
            start = it.original.string
            # python-dotenv counts the empty lines before a statement to it.
            yield it.original.line + len(start[: len(start) - len(start.lstrip())].splitlines())
