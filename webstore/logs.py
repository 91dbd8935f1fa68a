"""The form of the log: one line for each record, with the ID of its request, as text or as JSON.

No text of a client or a vendor reaches the log raw: `printable` escapes control characters, line separators
and invisible characters, so that nobody can add a line or hide one.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Literal

from . import request_id

Format = Literal["text", "json"]
FORMATS: tuple[Format, ...] = ("text", "json")


def printable(text: str) -> str:
    r"""The text with all characters escaped that are not printable, such as `\n`, `\x1b` and `\u2028`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class TextFormatter(logging.Formatter):
    """Formats a record as a line. A traceback follows in lines that begin with `|`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines, without a line break at the end."""
        first = (
            f"{_time_of(record)} {record.levelname} {record.name} "
            f"request={request_id.current() or '-'} {record.getMessage()}"
        )
        return "\n".join((printable(first), *(f"| {line}" for line in _traceback(self, record))))


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The object: time, level, logger, request (null outside of a request), message, and a traceback."""
        found: dict[str, object] = {
            "time": _time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "request": request_id.current(),
            "message": printable(record.getMessage()),
        }
        if traceback := _traceback(self, record):
            found["traceback"] = traceback
        return json.dumps(found)


class _Printable(logging.Filter):
    """Makes the message of each record printable, for handlers with a formatter that is not the store's."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = printable(record.getMessage()), None
        return True


_PRINTABLE = _Printable()


def formatter(form: Format) -> logging.Formatter:
    """The formatter for this form."""
    return JsonFormatter() if form == "json" else TextFormatter()


def install(form: Format) -> None:
    """Log to standard error in this form: the store from INFO on, its libraries from WARNING on.

    If the server has set up logging already, its handlers and levels stay. Their messages are made printable.
    """
    root = logging.getLogger()
    own = [handler for handler in root.handlers if _is_own(handler)]
    others = [handler for handler in root.handlers if not _is_own(handler)]
    for handler in others:
        handler.addFilter(_PRINTABLE)
    if others:
        return
    if not own:
        own = [logging.StreamHandler()]
        root.addHandler(own[0])
    own[0].setFormatter(formatter(form))
    logging.getLogger("webstore").setLevel(logging.INFO)


def _is_own(handler: logging.Handler) -> bool:
    return isinstance(handler.formatter, TextFormatter | JsonFormatter)


def _time_of(record: logging.LogRecord) -> str:
    """When the record was made: UTC, with milliseconds, in the form of RFC 3339."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def _traceback(form: logging.Formatter, record: logging.LogRecord) -> list[str]:
    """The lines of the record's traceback, printable. An exception's message may have line breaks."""
    text = form.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
    if record.stack_info:
        text = f"{text}\n{record.stack_info}" if text else record.stack_info
    return [printable(line) for line in text.split("\n")] if text else []
