"""The headers of a login's answers and requests fit into what nginx reads by default, whatever their values.

4,096 bytes of an answer's header: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffer_size
8 KiB of a request's field: https://nginx.org/en/docs/http/ngx_http_core_module.html#large_client_header_buffers
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
import pytest

from tests.conformance.provider import Liar, a_lying_shop
from tests.login.steps import is_logged_in, transactions
from tests.support import Browser, Shop, link_status
from webstore.gateways.oidc.login_client import FORWARDED

BUFFER, FIELD = 4096, 8192
#: Bytes by which headers may be longer elsewhere: HSTS, `__Host-` names, more origins, long domains.
SPARE = 300
DICE = random.Random(1)  # noqa: S311 (texts that do not compress, not secrets)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
Lying = tuple[Liar, Shop]


def text(length: int, first: int = 0, last: int = 0) -> str:
    """A text that does not compress, of letters or of the characters between two code points."""
    return "".join(chr(DICE.randrange(first, last)) if last else DICE.choice(LETTERS) for _ in range(length))


PATHS = {
    "short": "/account",
    "letters": "/account?" + text(991),
    "another script": "/account?" + text(110, 0x4E00, 0x9FFF),
    "pictures": "/account?" + text(82, 0x1F300, 0x1F5FF),
    "quotes": "/account?" + '"' * 330,
}
CLAIMS = {
    "letters": {"name": text(300), "email": text(60) + "@" + text(240), "sid": text(255)},
    "another script": {
        "name": text(300, 0x4E00, 0x9FFF),
        "email": text(300, 0x4E00, 0x9FFF),
        "sid": text(64),
        "picture": "https://pictures.example/" + text(270),
    },
    "pictures": {"name": text(300, 0x1F300, 0x1F5FF), "email": text(300, 0x1F300, 0x1F5FF), "sid": text(64)},
    "a long user ID": {"name": text(300), "email": text(200), "sub": text(255, 0x4E00, 0x9FFF)},
}


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lying]:
    with a_lying_shop(tmp_path_factory.mktemp("long")) as lying:
        yield lying


@pytest.fixture
def liar(lying: Lying) -> Liar:
    lying[0].tell_the_truth()
    return lying[0]


@pytest.fixture
def browser(lying: Lying) -> Browser:
    return lying[1].browser()


def size(answer: httpx.Response) -> int:
    """The bytes of the answer's header, with what gunicorn adds to those of the test's own server."""
    lines = [
        f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}",
        "Server: gunicorn",
        "Connection: keep-alive",
    ]
    if "Date" not in answer.headers:
        lines.append("Date: Thu, 26 Nov 2026 20:00:00 GMT")
    return sum(len(line) + 2 for line in lines) + sum(len(k) + len(v) + 4 for k, v in answer.headers.raw) + 2


def step(browser: Browser, url: str) -> httpx.Response:
    """Open an address without following its redirect; the header of the store's answer fits."""
    answer = browser.client.get(url, follow_redirects=False)
    assert size(answer) + SPARE <= BUFFER, answer.headers
    return answer


def cookie_field(browser: Browser) -> int:
    """The bytes of the field Cookie that this browser sends."""
    return len("Cookie: ") + sum(len(c.name) + len(c.value or "") + 2 for c in browser.client.cookies.jar)


def begin(browser: Browser, path: str, **asked: str) -> str:
    """Begin a login, and go to the provider; gives the address of the callback, not opened yet."""
    to_provider = step(browser, f"/login?{urlencode({'next': path, **asked})}").headers["Location"]
    return browser.client.get(to_provider, follow_redirects=False).headers["Location"]


def log_out(browser: Browser, page: httpx.Response) -> httpx.Response:
    """Send the page's log-out form, without following the redirect."""
    (token,) = set(re.findall(r'name="csrf_token" value="([^"]+)"', page.text))
    return browser.client.post("/logout", data={"csrf_token": token}, follow_redirects=False)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
def test_the_longest_values_fit_into_the_headers_of_login_callback_and_logout(
    liar: Liar, browser: Browser, claims: dict[str, str], path: str
) -> None:
    liar.claims = dict(claims)
    done = step(browser, begin(browser, path))
    assert done.headers["Location"] == quote(path, safe="/?=")
    page = browser.open("/")
    assert link_status(page) == ("linked" if "sub" not in claims else "pending")
    out = log_out(browser, page)
    assert size(out) + SPARE <= BUFFER
    assert out.headers["Location"].startswith(f"{liar.url}/end?")
    assert not is_logged_in(browser)


@pytest.mark.usefixtures("liar")
def test_logins_begun_in_several_tabs_fit_and_the_newest_can_be_finished(browser: Browser) -> None:
    browser.client.cookies.set("webstore-cart", "c" * 2900, domain="127.0.0.1")
    begun = []
    for number in range(8):
        path = f"/account?tab={number}{text(980)}"
        begun.append((path, begin(browser, path)))
        assert cookie_field(browser) <= FIELD
    assert 2 <= len(transactions(browser)) < 5
    for path, callback in begun[-2:]:
        assert step(browser, callback).headers["Location"] == path
        assert cookie_field(browser) <= FIELD


@pytest.mark.usefixtures("liar")
def test_five_tabs_with_ordinary_paths_are_all_finished(browser: Browser) -> None:
    begun = [(path, begin(browser, path)) for path in (f"/account?tab={n}{text(200)}" for n in range(5))]
    for path, callback in begun:
        assert step(browser, callback).headers["Location"] == path


ASKED = {
    "screen_hint": "signup",
    "login_hint": f"{text(64)}@{text(180)}.example",
    "ui_locales": "fr-CA fr en",
    "connection": "Username-Password-Authentication",
    "organization": "org_" + text(16),
}


@pytest.mark.usefixtures("liar")
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_the_longest_parameters_fit_together_with_the_return_path(browser: Browser, path: str) -> None:
    answer = step(browser, f"/login?{urlencode({'next': path, **ASKED})}")
    asked = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert {name: asked[name] for name in ASKED} == ASKED


@pytest.mark.usefixtures("liar")
@pytest.mark.parametrize("name", FORWARDED)
def test_a_parameter_that_is_too_long_is_refused_rather_than_cut(browser: Browser, name: str) -> None:
    answer = step(browser, f"/login?{urlencode({name: '7' * 600})}")
    assert answer.status_code == 400
    assert "This login link has a part that is too long." in answer.text
    assert transactions(browser) == {}


def test_a_return_path_that_is_too_long_loses_its_query(liar: Liar, browser: Browser) -> None:
    done = step(browser, begin(browser, f"/account/link?{text(2000)}"))
    assert done.headers["Location"] == "/account/link"
    assert liar.times("/token") == 1


def test_a_short_return_path_leaves_room_for_the_whole_name(lying: Lying, browser: Browser) -> None:
    liar, _ = lying
    liar.tell_the_truth()
    liar.claims = {"name": text(300, 0x4E00, 0x9FFF), "email": "ada@example.com"}
    page = browser.open("/login?next=/account")
    assert liar.claims["name"] in page.text


def test_name_and_email_give_way_and_the_sid_stays(liar: Liar, browser: Browser) -> None:
    liar.claims = dict(CLAIMS["another script"])
    step(browser, begin(browser, PATHS["letters"]))
    page = browser.open("/account")
    assert liar.claims["name"] not in page.text
    assert liar.claims["name"][:20] in page.text
    assert liar.claims["email"][:20] in page.text
    out = log_out(browser, page)
    assert dict(parse_qsl(urlsplit(out.headers["Location"]).query))["logout_hint"] == liar.claims["sid"]
