"""The token in the forms of a session: another website's page cannot know it."""

from __future__ import annotations

import hmac

from flask import request, session

from .errors import OwnTitle


def csrf_token() -> str:
    """The CSRF token of this session's forms; empty if nobody is logged in."""
    return str(session.get("csrf", "")) if session.get("login") else ""


def csrf_matches(sent: str) -> bool:
    """Whether a form has this session's CSRF token."""
    expected = csrf_token()
    return bool(expected) and hmac.compare_digest(expected.encode(), sent.encode())


def require_csrf_token() -> None:
    """Answer 400 to a form without this session's CSRF token."""
    if not csrf_matches(request.form.get("csrf_token", "")):
        message = "This page has expired. Please go back, reload it and try again."
        raise OwnTitle(400, "Please reload the page", message)
