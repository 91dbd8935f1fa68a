"""URL rules of Flask applications, compiled once a process.

For each rule, Werkzeug compiles two functions that build the rule's URL. The tests make the same three
applications, with 240 rules, in more than a thousand tests, and spent a third of that time there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

_Builder = Callable[..., tuple[str, str]]
_builders: dict[object, _Builder] = {}


class _CompiledOnce(Rule):
    """A rule whose builders are those of the first rule with the same text and defaults.

    A builder gets the rule that it builds for as its first argument, and keeps nothing of the rule it was
    compiled for. Without this method in Werkzeug, each rule would be compiled again.
    """

    def _compile_builder(self, append_unknown: bool = True) -> _Builder:
        key = (self.rule, tuple(self._trace), repr(self.defaults), append_unknown)
        if key not in _builders:
            _builders[key] = super()._compile_builder(append_unknown)
        return _builders[key]


def compile_rules_once() -> None:
    """Have every Flask application that is made from now on do so."""
    compiled: Any = _CompiledOnce
    Flask.url_rule_class = compiled
