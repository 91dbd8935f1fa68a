"""Visits under another host name than BASE_URL's: redirected once, and never in a circle."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conformance.provider import content
from tests.login.steps import transactions
from tests.nginx_server import running_nginx
from tests.ports import free_port
from tests.support import NO_AUTHORITIES, Browser, Shop, link_status, running_shop
from webstore import create_app
from webstore.settings import Settings

#: What browsers send with a page that somebody opens.
HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
PUBLIC = "https://shop.example"


def visit(shop: Shop, path: str, host: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Ask the store with this Host header, without following a redirect."""
    return shop.http.request(
        method, shop.url + path, headers={"Host": host, "Accept": HTML, **headers}, follow_redirects=False
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "host", ["localhost", "www.shop.example", "127.0.0.1.", "my-shop.platform.example:443"]
)
@pytest.mark.parametrize("path", ["/", "/login", "/login?next=/account%3Fa=b%26c", "/cart", "/?q=t%C3%A9+x"])
def test_a_visit_under_another_name_is_redirected_before_anything_begins(
    shared: Shop, method: str, host: str, path: str
) -> None:
    answer = visit(shared, path, host, method)
    mark = f"{'&' if '?' in path else '?'}host_checked=1"
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{shared.url}{path}{mark}")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in answer.headers


def test_the_shopper_ends_at_the_same_path_and_query(shared: Shop) -> None:
    browser = a_browser(shared, shared.url.replace("127.0.0.1", "localhost"))
    page = browser.open("/?q=tea&sort=name")
    assert (page.status_code, str(page.url)) == (200, f"{shared.url}/?q=tea&sort=name")


def test_raw_bytes_of_a_query_are_encoded_once(shared: Shop) -> None:
    """Some clients do not encode them; the servers in front of the store may pass them on."""
    raw = "q=th\u00e9".encode().decode("latin-1")
    answer = shared.app.test_client().get(
        "/", base_url="http://localhost", environ_overrides={"QUERY_STRING": raw}
    )
    assert answer.headers["Location"] == f"{shared.url}/?q=th%C3%A9&host_checked=1"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "", "ours"])
def test_the_stores_own_name_is_not_redirected_whatever_the_port(shared: Shop, host: str) -> None:
    answer = visit(shared, "/", host.replace("ours", urlsplit(shared.url).netloc))
    assert answer.status_code == 200


def test_a_proxy_that_keeps_the_name_in_x_forwarded_host_is_believed(shared: Shop) -> None:
    answer = visit(shared, "/", "internal", **{"X-Forwarded-Host": "127.0.0.1, internal"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/metrics", "/doctor", "/static/css/store.css", "/api/openapi.json", "/nowhere"],
)
def test_what_programs_ask_for_is_answered_under_every_name(shared: Shop, path: str) -> None:
    here = visit(shared, path, "127.0.0.1")
    assert visit(shared, path, "10.0.0.7:8000").status_code == here.status_code != 302


@pytest.mark.parametrize("path", ["/webhooks/stripe", "/backchannel-logout"])
def test_deliveries_are_taken_under_every_name(shared: Shop, path: str) -> None:
    assert visit(shared, path, "10.0.0.7:8000", "POST").status_code == 400
    assert "other address" not in visit(shared, path, "10.0.0.7:8000", "POST").text


def test_a_load_balancer_that_asks_for_a_page_at_this_machines_address_gets_it(shared: Shop) -> None:
    app = create_app(Settings.from_env({**shared.environment, "BASE_URL": PUBLIC}))
    client = app.test_client()
    answers = {
        (host, accept): client.get("/", headers={"Host": host, "Accept": accept}).status_code
        for host in ("10.0.0.7:8000", "localhost:8000", "www.shop.example")
        for accept in ("*/*", HTML)
    }
    assert answers == {
        ("10.0.0.7:8000", "*/*"): 200,
        ("10.0.0.7:8000", HTML): 302,
        ("localhost:8000", "*/*"): 200,
        ("localhost:8000", HTML): 302,
        ("www.shop.example", "*/*"): 302,
        ("www.shop.example", HTML): 302,
    }
    app.extensions["webstore"].close()


# Forms


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://localhost:8000"}, {"Referer": "http://localhost:8000/products/x"}],
    ids=["Origin", "Referer"],
)
def test_a_form_under_another_name_is_refused_with_a_link_to_the_store(
    shared: Shop, headers: dict[str, str]
) -> None:
    form = {"price": "price_x", "quantity": "1"}
    answer = shared.http.post(
        f"{shared.url}/cart/add",
        data=form,
        headers={"Host": "localhost:8000", "Sec-Fetch-Site": "same-origin", **headers},
    )
    path = "/products/x" if "Referer" in headers else "/"
    assert answer.status_code == 421
    assert "Nothing has changed." in content(answer)
    assert f'<a class="button" href="{shared.url}{path}">Open the store</a>' in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_form_behind_a_proxy_that_replaces_the_host_is_taken_or_refused_by_its_origin(shared: Shop) -> None:
    def put_in(origin: str) -> int:
        headers = {"Host": "store", "Sec-Fetch-Site": "same-origin", "Origin": origin}
        return shared.http.post(f"{shared.url}/cart/remove", headers=headers).status_code

    assert put_in(shared.url) == 303
    assert put_in("http://www.shop.example") == 421


# Proxies


def test_two_proxies_of_which_one_replaces_the_host_end_in_no_circle(shared: Shop) -> None:
    browser, path, statuses = shared.browser(), "/cart", []
    for host in ("store", "127.0.0.1") * 5:
        answer = browser.client.get(path, headers={"Host": host, "Accept": HTML}, follow_redirects=False)
        path = answer.headers.get("Location", path)
        statuses.append(answer.status_code)
    assert statuses == [302, 302, *[200] * 8]


@pytest.fixture
def port() -> int:
    """The port of the proxy, at which shoppers reach the store."""
    return free_port()


@pytest.fixture
def behind(tmp_path: Path, port: int) -> Iterator[Shop]:
    """A store whose BASE_URL is the address of a proxy in front of it."""
    address = f"http://127.0.0.1:{port}"
    with running_shop(tmp_path / "state", address, BASE_URL=address) as shop:
        yield shop


def a_browser(shop: Shop, address: str) -> Browser:
    """A browser at this address, which accepts pages as browsers do."""
    browser = shop.browser(address)
    browser.client.headers["Accept"] = HTML
    return browser


def test_a_login_begun_under_another_name_at_nginx_comes_back_logged_in(
    tmp_path: Path, port: int, behind: Shop
) -> None:
    store = urlsplit(behind.url).netloc
    with running_nginx(tmp_path / "nginx", port, store, directives="proxy_set_header Host $host;"):
        browser = a_browser(behind, f"http://localhost:{port}")
        page = browser.open("/login?next=/account")
        assert page.url.path == "/u/login"
        assert len(transactions(a_browser_at(browser, port))) == 1
        page = browser.submit(page, email="ada@example.com", password="Password1!")
        assert (str(page.url), page.status_code) == (f"http://127.0.0.1:{port}/account", 200)
        assert link_status(page) == "linked"


def a_browser_at(browser: Browser, port: int) -> Browser:
    """The same browser, now at the store's own address."""
    browser.client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
    return browser


def test_nginx_that_replaces_the_host_serves_the_page_after_one_redirect_and_the_log_says_so(
    tmp_path: Path, port: int, behind: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with running_nginx(tmp_path / "nginx", port, urlsplit(behind.url).netloc):
        browser = a_browser(behind, f"http://127.0.0.1:{port}")
        first, second = browser.open("/"), browser.open("/cart")
        assert [len(page.history) for page in (first, second)] == [1, 0]
        assert first.status_code == second.status_code == 200
        page = browser.log_in()
        assert (page.url.path, link_status(page)) == ("/account", "linked")
        warnings = [
            record.getMessage()
            for record in caplog.records
            if record.name.startswith("webstore") and record.levelno == logging.WARNING
        ]
        assert len([line for line in warnings if "proxy_set_header Host $host" in line]) == 1
        assert "'store'" in "".join(warnings)
        # A client without cookies gets the page, too.
        with httpx.Client(verify=NO_AUTHORITIES, trust_env=False) as client:
            for path in ("/", "/cart"):
                client.cookies.clear()
                there = client.get(f"http://127.0.0.1:{port}{path}", follow_redirects=True)
                assert (there.status_code, len(there.history)) == (200, 1)


def test_forged_host_headers_fill_neither_log_nor_memory(
    shared: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        visit(shared, "/?host_checked=1", f"evil{number}.example")
    lines = [record.getMessage() for record in caplog.records if "proxy_set_header" in record.getMessage()]
    assert len(lines) <= 5
