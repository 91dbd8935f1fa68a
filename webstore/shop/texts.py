"""The shop's own texts, from Markdown files: terms, privacy, returns, contact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

#: Name of the file and of the page, and the page's title.
TITLES = {
    "terms": "Terms of sale",
    "privacy": "Privacy",
    "returns": "Returns and refunds",
    "contact": "Contact",
}
#: A gap that the shop has to fill in, e.g. `[REPLACE: the company's name]`.
_GAP = re.compile(r"\[REPLACE: ([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class ShopText:
    """A text, ready for a page."""

    title: str
    #: Safe HTML: tags in the file are escaped.
    html: str
    #: The gaps that are left, in the file's words; a shop must not open with one.
    gaps: tuple[str, ...]


def read_texts(folder: Path) -> Mapping[str, ShopText]:
    """The texts of `TITLES` by name. Raises OSError or UnicodeDecodeError for an unusable file."""
    markdown = MarkdownIt("js-default", {"linkify": False})
    texts = {}
    for name, title in TITLES.items():
        source = (folder / f"{name}.md").read_text(encoding="utf-8")
        html = _GAP.sub(r'<mark class="gap">[\1]</mark>', str(markdown.render(source)))
        texts[name] = ShopText(title, html, tuple(_GAP.findall(source)))
    return texts
