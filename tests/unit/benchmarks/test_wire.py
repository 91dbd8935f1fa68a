"""Which files a browser loads for a page, and which it keeps."""

from __future__ import annotations

import pytest

from tests.benchmarks.ratios.raw import Answer
from tests.benchmarks.ratios.wire import Resource, is_kept, resources


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ('<link rel="stylesheet" href="/a.css">', [Resource("/a.css", blocking=True)]),
        ('<link rel="preload" href="/a.woff2" as="font">', [Resource("/a.woff2", blocking=False)]),
        ('<link rel="icon" href="/logo.svg">', []),
        ('<link rel="canonical" href="/">', []),
        ('<script defer src="/a.js"></script>', [Resource("/a.js", blocking=False)]),
        ('<script src="/a.js?b=1&amp;c=2"></script>', [Resource("/a.js?b=1&c=2", blocking=True)]),
        ('<script type="module" src="/a.js"></script>', [Resource("/a.js", blocking=False)]),
        ("<script>inline()</script>", []),
    ],
)
def test_a_tag_loads_a_file(tag: str, expected: list[Resource]) -> None:
    assert resources(f"<head>{tag}</head>") == expected


def test_a_file_that_is_preloaded_and_used_is_loaded_once() -> None:
    markup = '<link rel="preload" href="/a.css" as="style"><link rel="stylesheet" href="/a.css">'
    assert resources(markup) == [Resource("/a.css", blocking=True)]


@pytest.mark.parametrize(
    ("control", "kept"),
    [
        ("public, max-age=31536000, immutable", True),
        ("max-age=0", False),
        ("public, max-age=0, s-maxage=60", False),
        ("no-cache", False),
        ("no-store, max-age=60", False),
        ("", False),
    ],
)
def test_a_browser_keeps_what_has_a_lifetime_of_its_own(control: str, kept: bool) -> None:
    header = f"Cache-Control: {control}\r\n" if control else ""
    assert is_kept(Answer(f"HTTP/1.1 200 OK\r\n{header}\r\n".encode())) is kept
