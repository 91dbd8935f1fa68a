"""The account pages as a person reads them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import httpx

GRACE_EMAIL = "grace@example.com"


@dataclass(frozen=True)
class Row:
    """A line of the side-by-side page as a person reads it."""

    match: str
    auth0: str
    stripe: str
    verdict: str


def rows(page: httpx.Response) -> dict[str, Row]:
    """The lines of the side-by-side page by their label."""
    found = {}
    for match, markup in re.findall(r'<tr data-match="([^"]*)">(.*?)</tr>', page.text, re.DOTALL):
        label, auth0, stripe, verdict = (
            text(cell) for cell in re.findall(r"<(?:th|td)[^>]*>(.*?)</(?:th|td)>", markup, re.DOTALL)
        )
        found[label] = Row(match, auth0, stripe, verdict)
    return found


def text(markup: str) -> str:
    """The words in a piece of markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def content(page: httpx.Response) -> str:
    """The words of the page without header and footer."""
    found = re.search(r"<main.*</main>", page.text, re.DOTALL)
    assert found is not None, page.text
    return text(found[0])


def link_to(page: httpx.Response, words: str) -> str:
    """Where the link with these words leads."""
    (href,) = re.findall(rf'<a [^>]*href="([^"]*)"[^>]*>{words}</a>', page.text)
    return html.unescape(href)
