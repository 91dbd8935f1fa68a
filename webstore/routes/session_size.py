"""Keeps the session cookie short enough for an answer's header; `header_room.py` has the limits."""

from __future__ import annotations

import json
from typing import Any

from flask import current_app, g, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.wrappers import Response

from . import header_room

#: Maximum characters and bytes of a text in the cookie, which must stay far below a browser's 4,096 bytes.
#: A character beyond the basic plane takes twelve bytes of the cookie's JSON.
MAX_TEXT, _MAX_BYTES = 300, 900
#: Characters that are left of a name or an e-mail address, however long the other texts are.
_SHORTEST = 20
#: Characters of a signed cookie beside its data in base64, and some to spare: the time and the signature.
_SIGNATURE = 60


def fitted(login: dict[str, Any], room: int) -> dict[str, Any]:
    """The login without the picture, and then with shorter texts, if the cookie's value is too long."""
    # A customer ID that is not known yet may be added later.
    known = {**session, "login": {**login, "cus": login["cus"] or "cus_" + "x" * 16}}
    if len(json.dumps(known)) * 4 // 3 + _SIGNATURE <= room:
        return login
    serializer = SecureCookieSessionInterface().get_signing_serializer(current_app)
    if serializer is None:
        raise RuntimeError("the store has no key")
    while len(serializer.dumps(known)) > room:
        shown = {name: login[name] for name in ("name", "email") if login[name]}
        if login["picture"] is not None:
            login = {**login, "picture": None}
        elif shown and len(max(shown.values(), key=len)) > _SHORTEST:
            longest = max(shown, key=lambda name: len(shown[name]))
            login = {**login, longest: shown[longest][: max(_SHORTEST, len(shown[longest]) * 3 // 4)]}
        else:
            break
        known["login"] = {**login, "cus": known["login"]["cus"]}
    return login


def shortened(text: str) -> str:
    """The beginning of the text, up to the limits for a text in the cookie."""
    return text[:MAX_TEXT].encode(errors="ignore")[:_MAX_BYTES].decode(errors="ignore")


def wait_for_room(response: Response) -> Response:
    """Leave a refreshed session to a later answer if its cookie does not fit beside the cart and the address.

    The browser's present cookie stays valid: only the time of last use and the customer ID, which is for
    display, are renewed later. A login and a logout never wait.
    """
    if session.modified and g.get("session_can_wait"):
        serializer = SecureCookieSessionInterface().get_signing_serializer(current_app)
        if serializer is not None and len(serializer.dumps(dict(session))) > header_room.left(response):
            session.modified = False
    return response
