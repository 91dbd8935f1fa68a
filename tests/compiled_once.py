"""What Flask applications compile, compiled once a process: their URL rules and their templates.

More than a thousand tests make a store with its two vendors, whose code is the same each time. Werkzeug
compiles their 240 URL rules when they are made, and Jinja each template when a page first needs it: that took
longer than all else together.
"""

from __future__ import annotations

from types import CodeType
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

#: What `Rule.compile` computes. None of it depends on which rule with the same text it belongs to.
_COMPILED = ("arguments", "_parts", "_trace", "_converters", "_build", "_build_unknown")


class _RuleCompiledOnce(Rule):
    """A rule that has what the first rule with the same text was compiled to."""

    _known: dict[object, dict[str, Any]] = {}  # noqa: RUF012 (one for the process)

    def compile(self) -> None:
        key = (self.rule, self.host, self.subdomain, self.merge_slashes, repr(self.defaults))
        if key not in self._known:
            super().compile()
            self._known[key] = {name: vars(self)[name] for name in _COMPILED}
        vars(self).update(self._known[key])


class _TemplatesCompiledOnce(BytecodeCache):
    """Keeps the code of each version of each template file."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._known[bucket.key, bucket.checksum] = bucket.code


def compile_once() -> None:
    """Have every Flask application that is made from now on do so."""
    Flask.url_rule_class = _RuleCompiledOnce
    Flask.jinja_options = {"bytecode_cache": _TemplatesCompiledOnce()}
