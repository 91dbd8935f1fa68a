"""Which coding an answer has."""

from __future__ import annotations

import gzip

import brotli
import pytest

from webstore.routes.compression import coding_for, compressed

PAGE = b"<li>One product of many</li>" * 100


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None),
        ("identity", None),
        ("deflate", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("br; q=0, *", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("BR", "br"),
        ("br;q=x", None),
        (";;,,=\x7f", None),
    ],
)
def test_the_coding_is_one_that_the_client_accepts(accepted: str, coding: str | None) -> None:
    assert coding_for(accepted) == coding


def test_a_body_is_what_it_was_after_decoding() -> None:
    for accepted, decode in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        body, coding = compressed(PAGE, accepted)
        assert coding == accepted
        assert len(body) < len(PAGE) / 10
        assert decode(body) == PAGE


def test_two_processes_compress_to_the_same_bytes() -> None:
    # Their ETag is the same, too.
    assert compressed(PAGE, "gzip")[0][4:8] == b"\0\0\0\0"  # the time in gzip's header


@pytest.mark.parametrize(("body", "accepted"), [(PAGE, ""), (b"short", "br, gzip")])
def test_without_need_a_body_stays_as_it_is(body: bytes, accepted: str) -> None:
    assert compressed(body, accepted) == (body, None)
