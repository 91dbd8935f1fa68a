"""Static files: their names, how long browsers keep them, and what a request gets."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from flask import Flask, url_for
from werkzeug.test import Client, EnvironBuilder, TestResponse

from tests.unit.offline import offline_store
from webstore.routes.measured import ROUTE
from webstore.routes.static_files import BUNDLE, STYLESHEETS, StaticFiles, read_static_files

STATIC = Path(__file__).parents[3] / "static"
PLAIN = "/static/css/store.css"
FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("state")) as app:
        yield app


@pytest.fixture(scope="module")
def hashed(store: Flask) -> str:
    """The address that pages link."""
    with store.test_request_context():
        return url_for("static", filename="css/store.css")


def ask(store: Flask, address: str, method: str = "GET", **headers: str) -> TestResponse:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client(store).open(address, method=method, headers=sent)


def read_copy(folder: Path, **changed: str) -> StaticFiles:
    """The store's files in another folder, some of them with other content."""
    for source in STATIC.rglob("*.*"):
        copy = folder / source.relative_to(STATIC)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(changed.get(source.stem, source.read_text()).encode())
    return read_static_files(folder)


def test_browsers_keep_a_file_for_ever_under_its_hashed_name(store: Flask, hashed: str) -> None:
    assert re.fullmatch(r"/static/css/store\.[0-9a-f]{12}\.css", hashed)
    answer = ask(store, hashed)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, FOREVER)
    assert answer.data == (STATIC / "css/store.css").read_bytes()
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    files = read_copy(tmp_path, shop="main { margin: 0 }")
    before = read_static_files(STATIC)
    assert files.hashed("css/store.css") == before.hashed("css/store.css")
    for name in ("css/shop.css", BUNDLE):
        assert files.hashed(name) != before.hashed(name)


@pytest.mark.parametrize(
    "address", [PLAIN, "/static/css/store.0123456789ab.css"], ids=["plain", "other release"]
)
def test_under_another_name_browsers_ask_again(store: Flask, address: str) -> None:
    answer = ask(store, address)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
    again = ask(store, address, If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("", None), ("br;q=0", None)]
)
def test_a_file_comes_in_the_coding_that_the_client_accepts(
    store: Flask, hashed: str, accepted: str, coding: str | None
) -> None:
    plain = (STATIC / "css/store.css").read_bytes()
    answer = ask(store, hashed, Accept_Encoding=accepted)
    decode = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    assert decode(answer.data) == plain
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    # Each coding has a tag of its own, so that a cache mixes none up.
    assert answer.headers["ETag"] == ask(store, hashed, "HEAD", Accept_Encoding=accepted).headers["ETag"]
    assert (answer.headers["ETag"] == ask(store, hashed).headers["ETag"]) == (coding is None)


@pytest.mark.parametrize(("asked", "got"), [("0-9", (0, 10)), ("0-0", (0, 1)), ("-5", (-5, None))])
def test_a_range_is_one_of_the_plain_file(store: Flask, asked: str, got: tuple[int, int | None]) -> None:
    answer = ask(store, PLAIN, Range=f"bytes={asked}", Accept_Encoding="br")
    assert answer.status_code == 206
    assert answer.data == (STATIC / "css/store.css").read_bytes()[slice(*got)]
    assert "Content-Encoding" not in answer.headers


def test_a_range_that_the_file_lacks_is_refused(store: Flask) -> None:
    answer = ask(store, PLAIN, Range="bytes=999999-")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{(STATIC / 'css/store.css').stat().st_size}"


@pytest.mark.parametrize(
    ("method", "asked"),
    [("HEAD", "bytes=0-9"), ("HEAD", "bytes=999999-"), ("GET", "lines=1-2"), ("GET", "bytes=0-1,4-5")],
)
def test_a_range_that_nobody_need_answer_is_passed_over(store: Flask, method: str, asked: str) -> None:
    """RFC 9110, section 14.2: Range is for GET only, and a server ignores units that it does not know."""
    answer, whole = (
        ask(store, PLAIN, method, Accept_Encoding="br", **more) for more in ({"Range": asked}, {})
    )
    assert (answer.status_code, answer.data) == (200, whole.data)
    assert answer.headers["Content-Length"] == whole.headers["Content-Length"]
    assert (answer.headers["ETag"], answer.headers["Content-Encoding"]) == (whole.headers["ETag"], "br")


def test_no_file_is_answered_with_a_cookie_or_without_the_security_headers(store: Flask, hashed: str) -> None:
    for headers in ({}, {"Cookie": "session=x"}, {"Range": "bytes=0-1"}, {"Range": "bytes=999999-"}):
        answer = ask(store, hashed, **headers)
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_the_metrics_count_files_under_one_route(store: Flask, hashed: str) -> None:
    for address in (hashed, PLAIN, "/static/css/nothing.css"):
        environ = EnvironBuilder(address).get_environ()
        list(store(environ, lambda *_: lambda _: None))
        assert environ[ROUTE] == "/static/<path:filename>"


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("HEAD", PLAIN, 200),
        ("POST", PLAIN, 405),
        ("GET", "/static/", 404),
        ("GET", "/static/css/", 404),
        ("GET", "/static/css/nothing.css", 404),
        ("GET", "/static/css/nothing.0123456789ab.css", 404),
        ("GET", "/static/../wsgi.py", 404),
        ("GET", "/static/%2e%2e/wsgi.py", 404),
        ("GET", "/static/css/store.css/", 404),
        ("GET", "/static/\xff", 404),
    ],
)
def test_other_requests_get_a_page(store: Flask, method: str, address: str, status: int) -> None:
    answer = ask(store, address, method)
    assert answer.status_code == status
    if method == "HEAD":
        assert answer.data == b""


def test_the_one_stylesheet_has_all_others_in_order() -> None:
    sources = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.css")}
    # The pages of the comparison and of the design are for developers, and link their own.
    others = {"css/compare.css", "development/design.css"}
    assert set(STYLESHEETS) == sources - others, "add the new stylesheet to STYLESHEETS"
    bundle = read_static_files(STATIC).by_name[BUNDLE].bodies[""]
    assert bundle == b"\n".join((STATIC / name).read_bytes() for name in STYLESHEETS)


def test_no_stylesheet_loads_another_file() -> None:
    # Such a file would be asked for again and again: its name in the stylesheet has no hash.
    for name in STYLESHEETS:
        assert not re.search(r"@import|@charset|url\((?!['\"]?data:)", (STATIC / name).read_text()), name


def test_every_template_links_files_that_exist() -> None:
    files = read_static_files(STATIC)
    linked = [
        name
        for path in (STATIC.parent / "templates").rglob("*.html")
        for name in re.findall(r"url_for\('static', filename='([^']+)'\)", path.read_text())
    ]
    assert BUNDLE in linked
    assert set(linked) <= files.by_name.keys()


def test_a_name_without_a_file_is_linked_as_it_is(store: Flask) -> None:
    with store.test_request_context():
        assert url_for("static", filename="img/none.png") == "/static/img/none.png"
