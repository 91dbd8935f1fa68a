"""Problem documents: errors for programs, RFC 9457."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, request

#: Paths whose answers are for programs, errors included.
_FOR_PROGRAMS = ("/api/", "/webhooks/")


def wants_problem() -> bool:
    """Whether an error of this request is read by a program rather than by a shopper."""
    return f"{request.path}/".startswith(_FOR_PROGRAMS)


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, reference: str | None = None
) -> Response:
    """Build an `application/problem+json` response. `reference`: the reference number in the log."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if reference is not None:
        content["reference"] = reference
    return Response(
        json.dumps(content), status, headers=dict(headers or {}), content_type="application/problem+json"
    )
