"""The form of the log."""

from __future__ import annotations

import io
import json
import logging
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from webstore import logs, request_id

#: Every character that begins a line, moves the cursor, is invisible or cannot be encoded.
UNSAFE = [
    chr(number)
    for number in range(0x10000)
    if unicodedata.category(chr(number)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
]


def record(message: str, *args: object, exc: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(exc), exc, exc.__traceback__) if exc else None
    return logging.LogRecord("webstore.x", logging.WARNING, __file__, 1, message, args, exc_info)


def raised(message: str) -> Exception:
    """An exception with a traceback."""
    with pytest.raises(ValueError, match="x") as caught:
        raise ValueError(message)
    return caught.value


@contextmanager
def root_handlers(*handlers: logging.Handler) -> Iterator[logging.Logger]:
    """The root logger with these handlers alone."""
    root, store = logging.getLogger(), logging.getLogger("webstore")
    before, level = root.handlers, store.level
    root.handlers = list(handlers)
    try:
        yield root
    finally:
        root.handlers = before
        store.setLevel(level)


@pytest.mark.parametrize("form", logs.FORMATS)
def test_no_unsafe_character_reaches_the_log_raw(form: logs.Format) -> None:
    assert len(UNSAFE) > 2000
    for character in UNSAFE:
        line = logs.formatter(form).format(record("user=%s", f"a{character}b"))
        assert character not in line
        assert line.isprintable()


def test_a_line_has_the_time_the_level_the_logger_and_the_id_of_the_request() -> None:
    entry = record("link user=%s", "auth0|1")
    entry.created, entry.msecs = 1764186000.25, 250.0
    with request_id.within("abc-1"):
        line = logs.TextFormatter().format(entry)
    assert line == "2025-11-26T19:40:00.250Z WARNING webstore.x request=abc-1 link user=auth0|1"
    assert " request=- link" in logs.TextFormatter().format(entry)


@pytest.mark.parametrize("separator", ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028"])
def test_the_message_of_an_exception_cannot_look_like_a_line_of_its_own(separator: str) -> None:
    forged = "2026-11-26T00:00:00.000Z INFO webstore request=- link user=forged"
    text = logs.TextFormatter().format(record("it failed", exc=raised(f"x{separator}{forged}")))
    first, *traceback = text.splitlines()
    assert first.endswith("it failed")
    assert any(forged in line for line in traceback)
    assert all(line.startswith("| ") for line in traceback)


def test_a_json_line_is_one_object() -> None:
    entry = record("gré %s", "a\nb\ud800", exc=raised("x\ny"))
    with request_id.within("abc-1"):
        line = logs.JsonFormatter().format(entry)
    assert line.isascii()
    found = json.loads(line)
    assert found["message"] == r"gré a\nb\ud800"
    assert found["request"] == "abc-1"
    assert (found["level"], found["logger"]) == ("WARNING", "webstore.x")
    assert found["traceback"][0].startswith("Traceback")
    assert found["traceback"][-2:] == ["ValueError: x", "y"]


def test_it_logs_to_standard_error_once_however_often_it_is_installed() -> None:
    with root_handlers() as root:
        logs.install("text")
        logs.install("json")
        (handler,) = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        assert handler.stream is sys.stderr
        assert isinstance(handler.formatter, logs.JsonFormatter)
        assert logging.getLogger("webstore.routes").isEnabledFor(logging.INFO)
        assert not logging.getLogger("another.library").isEnabledFor(logging.INFO)


def test_a_log_that_the_server_has_set_up_stays_and_gets_printable_messages() -> None:
    stream = io.StringIO()
    theirs = logging.StreamHandler(stream)
    theirs.setFormatter(logging.Formatter("theirs %(message)s"))
    with root_handlers(theirs) as root:
        logs.install("text")
        logs.install("text")
        assert root.handlers == [theirs]
        logging.getLogger("webstore.x").warning("a%sb", "\u2028")
    assert stream.getvalue() == "theirs a\\u2028b\n"
