"""Changing documents and recording the events."""

import copy
from collections.abc import Mapping

from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.embedding import capped
from webstore.sandbox.stripe.recording import record
from webstore.sandbox.stripe.routing import Call


def happened(
    call: Call, type_: str, document: Document, previous: Mapping[str, object] | None = None
) -> None:
    """Record an event with the current state of an object."""
    record(call, type_, copy.deepcopy(capped(document)), previous)


def changed(call: Call, type_: str, table: Documents, document: Document, **changes: object) -> None:
    """Change an object and record an event with the old values."""
    previous = copy.deepcopy(capped(table.change(document, **changes)))
    happened(call, type_, document, previous)
