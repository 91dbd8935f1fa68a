"""Reads users' profiles, which foreign identity providers fill in: any field may be of an unexpected type.

An optional field of another type counts as absent. The Management API's answers and ID tokens are read alike.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
#: Maximum characters of a provider session's ID that is kept as it is. The session's cookie holds it.
_MAX_SID = 300
#: Maximum number of characters of a user ID (`sub`), https://openid.net/specs/openid-connect-core-1_0.html#IDToken
_MAX_USER_ID = 255
#: Control characters, lone surrogates, and the separators of lines and paragraphs.
_UNUSABLE = ("Cc", "Cs", "Zl", "Zp")


def text_of(profile: Mapping[str, Any], name: str) -> str | None:
    """A field as text; None if it is missing, empty or of another type.

    JSON may contain half of a surrogate pair, which no encoding can write: it is replaced.
    Source: RFC 8259, section 8.2
    """
    value = profile.get(name)
    return without_surrogates(value) if isinstance(value, str) and value else None


def session_id_of(claims: Mapping[str, Any]) -> str | None:
    """The provider's session ID (claim `sid`) of an ID token or a logout token; None if there is none.

    An ID that is too long, or has characters that the specification does not allow, becomes its digest, so
    that the two tokens still name the same session.
    Source: https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken
    """
    sid = text_of(claims, "sid")
    if sid is None or (len(sid) <= _MAX_SID and sid.isascii() and sid.isprintable()):
        return sid
    return hashlib.sha256(sid.encode()).hexdigest()


def is_true(profile: Mapping[str, Any], name: str) -> bool:
    """Whether a field is JSON's `true`, and not a text or a number that looks like it."""
    return profile.get(name) is True


def time_of(profile: Mapping[str, Any], name: str) -> float:
    """A time of ISO 8601 in Unix seconds; 0 if it is missing or malformed, so that it counts as long ago."""
    value = profile.get(name)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        at = found.replace(tzinfo=found.tzinfo or UTC).timestamp() if found else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, at)


def without_surrogates(value: str) -> str:
    """The text with lone surrogates replaced."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return "".join(_REPLACEMENT if "\ud800" <= c <= "\udfff" else c for c in value)
    return value


def user_id_of(claims: Mapping[str, Any]) -> str | None:
    """The claim `sub`, exactly as it is; None if it is missing, of another type, too long or unusable.

    Directories of enterprises and imported users have IDs in any script, with its spaces (U+3000) and joiners
    (U+200C). Only characters that break lines or cannot be encoded are refused.
    """
    value = claims.get("sub")
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_USER_ID:
        return None
    return None if any(unicodedata.category(c) in _UNUSABLE for c in value) else value


def printable(value: object, limit: int = 300) -> str:
    """A foreign text on one line, for the log and for a page; at most `limit` characters.

    Control characters, separators, lone surrogates and marks that turn the writing direction become spaces.
    """
    text = value if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else " " for c in text[:limit]).strip()
