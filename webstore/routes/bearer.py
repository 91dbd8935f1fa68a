"""Authenticates callers of the JSON API by the access token in the header Authorization (RFC 6750)."""

from __future__ import annotations

import hashlib
import logging
import re
from typing import NoReturn

from flask import abort, request

from webstore.errors import TokenRejected
from webstore.sessions.models import Caller

from . import services
from .limits import client_address, refuse_flood
from .problems import problem

log = logging.getLogger(__name__)

_REALM = 'Bearer realm="webstore"'
#: The syntax of an access token, RFC 6750, section 2.1.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def authorized(scope: str | None = None) -> Caller:
    """Give the caller if the access token is valid and has this scope; otherwise end the request.

    The status is then 401, 400 or 403 with WWW-Authenticate (RFC 6750, section 3.1), or 429.
    """
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        refuse_flood("api", client_address())
        # A challenge names no error if the request has no access token: RFC 6750, section 3.1.
        refuse(401, "Send an access token in the header Authorization: Bearer.")
    token = credentials.strip(" ")
    if not _TOKEN.fullmatch(token) or "access_token" in request.args:
        refuse_flood("api", client_address())
        refuse(400, "Send one access token, in the header Authorization alone", error="invalid_request")
    try:
        caller = _read(token)
    except TokenRejected as exc:
        refuse_flood("api", client_address())
        log.info("access token refused: %s", exc.in_log)
        refuse(401, str(exc), error="invalid_token")
    refuse_flood("api", hashlib.sha256(caller.subject.encode("utf-8", "surrogatepass")).hexdigest()[:32])
    if scope is not None and scope not in caller.scopes:
        refuse(403, f"the token lacks the scope {scope}", error="insufficient_scope", scope=scope)
    return caller


def refuse(status: int, description: str, **attributes: str) -> NoReturn:
    """End the request with a WWW-Authenticate challenge, which has the description if `error` is given."""
    if "error" in attributes:
        attributes["error_description"] = description
    challenge = ", ".join((_REALM, *(f'{name}="{value}"' for name, value in attributes.items())))
    abort(problem(status, description, {"WWW-Authenticate": challenge}))


def _read(token: str) -> Caller:
    """Validate the token. Raises `TokenRejected`, also if the store has no API, and `LoginError`."""
    tokens = services().access_tokens
    if tokens is None:
        raise TokenRejected("this store has no API")
    return tokens.read(token)
