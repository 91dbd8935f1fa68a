"""After a login the shopper goes to a path of this store, never to another site and never in circles."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webstore.routes.return_path import safe_return_path

STORE = "https://shop.example"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/account",
        "/account?tab=orders&page=2",
        "/account/link#customer",
        "/products/42?next=https://evil.example/",
        "/products/caf%C3%A9",
        "/products/café",
        "/products/a:b@c",
        "/login-help",
        "/logouts",
        "/account/login",
        "/a%2F%2Fevil.example",
        "/" + "a" * 999,
    ],
)
def test_a_path_of_the_store_is_where_it_goes(path: str) -> None:
    assert safe_return_path(path) == path


@pytest.mark.parametrize("query", ["a" * 1000, "é" * 200, '"' * 400, "\U0001f380" * 90])
def test_a_path_that_is_too_long_with_its_query_goes_without_it(query: str) -> None:
    assert safe_return_path(f"/account?{query}") == "/account"


@pytest.mark.parametrize(
    "path", [None, "", " ", "account", "?tab=orders", "#top", "../account", "/" + "a" * 1000]
)
def test_another_text_or_too_long_a_path_leads_to_the_home_page(path: str | None) -> None:
    assert safe_return_path(path) == "/"


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "//evil.example/account",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\\/evil.example",
        "/account\\..\\..",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
        "/\x00/evil.example",
        "/\x7f/evil.example",
        "/.//evil.example",
        "/..//evil.example",
        "/account//evil.example",
        "https://evil.example",
        "https:evil.example",
        "HTTPS://evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "data:text/html,hello",
        "//[evil",
        "//user@evil.example",
    ],
)
def test_another_site_leads_to_the_home_page(path: str) -> None:
    assert safe_return_path(path) == "/"


@pytest.mark.parametrize(
    "path", ["/account\r\nSet-Cookie: a=b", "/account\nLocation: https://evil.example", "/a b"]
)
def test_nothing_gets_into_a_header(path: str) -> None:
    assert safe_return_path(path) == "/"


@pytest.mark.parametrize("page", ["login", "callback", "logout"])
@pytest.mark.parametrize("rest", ["", "/", "/more", "?next=/account", "#top", "/?a=b"])
def test_the_login_itself_is_never_gone_back_to(page: str, rest: str) -> None:
    assert safe_return_path(f"/{page}{rest}") == "/"


@pytest.mark.parametrize(
    "path",
    [
        "/./login",
        "/account/../logout",
        "/%6cogin",
        "/account/%2e%2e/logout",
        "/account/.%2E/logout",
        "/%2e/login",
    ],
)
def test_the_login_in_disguise_is_never_gone_back_to(path: str) -> None:
    """A browser resolves dots, percent-encoded ones too, and the server decodes what it is asked for."""
    assert safe_return_path(path) == "/"


@given(st.text(alphabet="/\\.:@?#%\t\r\n ahtps[]\x00é", max_size=12))
@example("/\t/evil.example")
def test_whatever_comes_in_stays_in_the_store(path: str) -> None:
    went = safe_return_path(path)
    # What a browser makes of it: https://url.spec.whatwg.org/#concept-basic-url-parser
    seen = "".join(c for c in went if c not in "\t\r\n").strip().replace("\\", "/")
    assert seen == went
    assert urlsplit(urljoin(f"{STORE}/callback", seen)).netloc == urlsplit(STORE).netloc
    assert went.startswith("/")
    assert not went.startswith("//")
