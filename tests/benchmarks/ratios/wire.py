"""What a browser loads for a page, pictures left out: how many bytes and requests, and which hold it up.

Source: https://developer.mozilla.org/en-US/docs/Web/Performance/Guides/Critical_rendering_path
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from .raw import Answer

_TAG = re.compile(r"<(link|script)\b([^>]*)>")
_ATTRIBUTE = re.compile(r"([a-z-]+)(?:=\"([^\"]*)\")?")
#: Kinds of `<link>` that a browser loads at once.
_LOADED = ("stylesheet", "preload", "modulepreload", "manifest")


@dataclass(frozen=True)
class Resource:
    """A file that a page needs."""

    address: str
    #: Whether nothing is shown before it has come.
    blocking: bool


def resources(markup: str) -> list[Resource]:
    """The stylesheets and scripts of this page, each once. Icons and pictures are left out."""
    found: dict[str, Resource] = {}
    for tag, text in _TAG.findall(markup):
        given = dict(_ATTRIBUTE.findall(text))
        address = unescape(given.get("href" if tag == "link" else "src", ""))
        if tag == "link":
            wanted, blocking = given.get("rel") in _LOADED, given.get("rel") == "stylesheet"
        else:
            wanted = True
            blocking = not {"defer", "async"} & given.keys() and given.get("type") != "module"
        if wanted and address:
            earlier = found.get(address)
            found[address] = Resource(address, blocking or (earlier is not None and earlier.blocking))
    return list(found.values())


def is_kept(answer: Answer) -> bool:
    """Whether a browser uses the stored answer at its next visit without asking (RFC 9111, section 4.2)."""
    control = answer.header("Cache-Control")
    age = re.search(r"max-age=([0-9]+)", control)
    return "no-store" not in control and "no-cache" not in control and age is not None and int(age[1]) > 0
