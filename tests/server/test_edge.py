"""Requests of other sites, error pages and forged Host headers, at any address."""

from __future__ import annotations

import html
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.login.steps import csrf_token, is_logged_in, post_logout
from tests.server.answers import send
from tests.support import CATALOGUE_READ, Browser, Shop, held, until

EVIL = "https://evil.example"

# Requests of other sites

FOREIGN = {
    "another origin": {"Origin": EVIL},
    "an origin that is hidden": {"Origin": "null"},
    "the origin with another port": {"Origin": "http://127.0.0.1:1"},
    "the origin with another scheme": {"Origin": "https://127.0.0.1"},
    "no origin at all": {"Origin": ""},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
    "an unknown relation": {"Sec-Fetch-Site": "other"},
    "cross-site with our origin": {"Sec-Fetch-Site": "cross-site", "Origin": "ours"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_form_of_another_site_is_refused(shared: Shop, shopper: Browser, headers: dict[str, str]) -> None:
    sent = {name: value.replace("ours", shared.url) for name, value in headers.items()}
    answer = post_logout(shopper, csrf_token(shopper), **sent)
    assert answer.status_code == 403
    assert "This request came from another site." in answer.text
    assert is_logged_in(shopper)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/account", "/nowhere", "/callback"])
def test_no_address_takes_a_form_of_another_site(stranger: Browser, method: str, path: str) -> None:
    assert send(stranger, method, path, Origin=EVIL).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "ours"}, {}],
    ids=["same-origin", "typed by the person", "our origin", "no header"],
)
def test_our_own_form_is_taken(shared: Shop, shopper: Browser, headers: dict[str, str]) -> None:
    sent = {name: value.replace("ours", shared.url) for name, value in headers.items()}
    assert post_logout(shopper, csrf_token(shopper), **sent).status_code == 302
    assert not is_logged_in(shopper)


def test_links_from_other_sites_work(shopper: Browser) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": EVIL, "Referer": EVIL}
    assert send(shopper, "GET", "/account", **headers).status_code == 200


# Error pages


def test_an_unknown_address_is_a_page(stranger: Browser) -> None:
    page = stranger.open("/nowhere/<b>?x=<script>")
    assert page.status_code == 404
    assert "Page not found" in page.text
    assert '<a class="button" href="/">Back to the store</a>' in page.text
    assert "<script>" not in page.text
    assert "nowhere" not in page.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/account", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/callback", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/login", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/logout", {"GET", "HEAD", "OPTIONS", "POST"}),
    ],
)
def test_a_wrong_method_is_a_page_and_names_the_right_ones(
    stranger: Browser, method: str, path: str, allowed: set[str]
) -> None:
    page = send(stranger, method, path)
    assert page.status_code == 405
    assert "This page can't be opened this way" in html.unescape(page.text)
    # https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6
    assert set(page.headers["Allow"].split(", ")) == allowed


def test_a_form_that_is_too_large_is_a_page(shopper: Browser) -> None:
    page = post_logout(shopper, "x" * 70_000)
    assert page.status_code == 413
    assert "That was too much at once" in page.text
    assert is_logged_in(shopper)


def test_a_form_with_a_large_file_is_a_page(shopper: Browser) -> None:
    page = shopper.client.post("/logout", files={"csrf_token": b"x" * 70_000})
    assert page.status_code == 413
    assert is_logged_in(shopper)


def test_error_pages_know_who_is_logged_in(shopper: Browser) -> None:
    page = shopper.open("/nowhere")
    assert page.status_code == 404
    assert 'action="/logout"' in page.text


def test_the_process_says_that_it_lives_without_asking_anybody(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    shop.sandbox.auth0_server.stop()
    answer = shop.browser().open("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_the_process_is_ready_although_no_vendor_answers(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    shop.sandbox.auth0_server.stop()
    browser = shop.browser()
    until(lambda: browser.open("/readyz").status_code == 200)
    assert browser.open("/readyz").text == "ok\n"


def test_the_process_is_not_ready_while_it_reads_its_first_catalogue(shop: Shop) -> None:
    browser = shop.browser()
    with held(shop.sandbox.stripe.control, *CATALOGUE_READ.split()) as has_come:
        answers = [browser.open("/readyz") for _ in range(2)]
        until(has_come)
        assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "1")] * 2
    until(lambda: browser.open("/readyz").status_code == 200)


# The Host header


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/account",
        "/login",
        "/callback",
        "/logout",
        "/nowhere",
        "//account",
        "/account//link",
        "//",
        "/healthz/",
    ],
)
@pytest.mark.parametrize("logged_in", [False, True], ids=["stranger", "shopper"])
def test_the_host_header_is_in_no_redirect_and_no_link(
    shared: Shop, stranger: Browser, shopper: Browser, path: str, *, logged_in: bool
) -> None:
    browser = shopper if logged_in else stranger
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.client.cookies.jar)
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    # Spelled out, because a client would read two slashes at the beginning as a host.
    answer = shared.http.get(shared.url + path, headers={**headers, "Cookie": cookies})
    assert answer.status_code < 500
    assert "evil.example" not in answer.text
    assert "evil.example" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "..", "a..b", "\x80", "[", "a b", ":::", " "])
def test_a_host_header_that_is_not_a_host_name_causes_no_error(shared: Shop, host: str) -> None:
    for path in ("/", "/nowhere", "/login", "/account/"):
        client = shared.app.test_client()
        answer = client.get(path, base_url=shared.url, headers={"Host": host})
        assert answer.status_code in (200, 302, 404)


def test_log_out_with_another_host_header_comes_back_to_the_store(shared: Shop, shopper: Browser) -> None:
    answer = post_logout(shopper, csrf_token(shopper), Host="evil.example")
    query = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert query["post_logout_redirect_uri"] == f"{shared.url}/"
