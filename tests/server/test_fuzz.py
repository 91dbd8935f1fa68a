"""Hostile input to every route: no 5xx, no reflected markup, no redirect off-site, no cookie in caches.

A few hundred requests by default. `FUZZ_REQUESTS=100000 pytest tests/server/test_fuzz.py --timeout 0` sends
more. Two answers are 503 by design and left out here: a prefetch of /login, and a callback in which the
provider itself says `server_error` or `temporarily_unavailable`.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_to_bytes, urlencode, urlsplit

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from tests.goods import sell
from tests.support import ADA, Shop, running_shop, until
from webstore import logs
from webstore.sessions.revocation import current_epoch

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "400"))
#: Where a redirect may lead out of the store, and from which paths: to the provider, and to Stripe.
TO_PROVIDER, TO_STRIPE = ("/login", "/logout"), ("/checkout", "/account/portal")
#: A placeholder for the ID of a price that can be bought.
THE_PRICE = "the price"
TRACE = "zqx"
MARKUP = (
    f"<{TRACE}>",
    f'"{TRACE}=',
    f"'{TRACE}=",
    f'"><script>{TRACE}</script>',
    f"</title><{TRACE}>",
    f"{{{{7*7}}}}<{TRACE}>",
    f"javascript:{TRACE}",
)
REFLECTED = re.compile(rf"<{TRACE}|<script>{TRACE}|[\"']{TRACE}=|(?:href|src|action)=\"?javascript:")
ADDRESSES = (
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "/%2e%2e//evil.example",
    "/x\r\nSet-Cookie: evil=1",
    "\t//evil.example",
    "/account",
    "/account/link?a=b",
)
NAMES = (
    *("next", "screen_hint", "login_hint", "ui_locales", "connection", "organization", "invitation"),
    *("prompt", "max_age", "code", "state", "error", "error_description", "iss", "session_state"),
    *("csrf_token", "logout_token", "_method", "x", "access_token", "limit", "starting_after"),
    *("price", "quantity", "product", "q", "sort", "page", "session_id", "after", "seal", "done"),
)
WORDS = (
    "none",
    "login",
    "access_denied",
    "login_required",
    "invalid_request",
    "0",
    "-1",
    "9" * 400,
    "null",
    "",
    "1",
    "1e9",
    "cs_test_x",
    THE_PRICE,
)
PATHS = (
    *("/", "/login", "/callback", "/logout", "/backchannel-logout", "/account", "/account/link"),
    *(
        "/healthz",
        "/readyz",
        "/metrics",
        "/doctor",
        "/static/css/store.css",
        "/static/../wsgi.py",
        "/static/",
    ),
    *("//evil.example/account", "/\\evil.example", "/account/", "/%00", "/%ff", "/login/..", "/.env"),
    *("/api/products", "/api/products/x", "/api/me", "/api/checkout", "/api/openapi.json", "/api/", "/api"),
    *("/cart", "/cart/add", "/cart/change", "/cart/remove", "/checkout", "/checkout/success", "/orders"),
    *("/account/portal", "/account/close", "/products/x", "/sitemap.xml", "/robots.txt", "/terms"),
    "/webhooks/stripe",
    f"/products/<{TRACE}>",
    f"/api/products/<{TRACE}>",
    f"/<{TRACE}>",
    f"/%3C{TRACE}%3E",
)
#: Where a path of any text may lie.
FOLDERS = ("", "/products", "/orders", "/api/products", "/static")
METHODS = ("GET", "GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE")
HEADERS = (
    *("Origin", "Referer", "Sec-Fetch-Site", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"),
    *("Forwarded", "Authorization", "If-None-Match", "If-Modified-Since", "Range", "Accept", "Content-Type"),
    *("Stripe-Signature", "Content-Encoding", "Access-Control-Request-Method"),
    *("X-HTTP-Method-Override", "User-Agent", "Accept-Language", "Sec-Fetch-Mode", "Host"),
    *("Accept-Encoding", "If-Range"),
)
#: What a server lets through in a header: no line breaks.
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=30)
#: Control characters, separators of lines, invisible characters and half characters.
UNSAFE = st.text(st.characters(categories=("Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs")), max_size=10)
HOSTS = (
    *(
        "evil.example",
        "evil.example:80",
        "127.0.0.1:1",
        "localhost",
        "[::1]",
        "[",
        "[::1",
        "]:80",
        "a..b",
        "..",
    ),
    *(
        ":::",
        ":",
        "",
        " ",
        "a b",
        "127.0.0.1:99999",
        "127.0.0.1:port",
        "user@127.0.0.1",
        "127.0.0.1/path",
        "%00",
    ),
    *("x" * 300, "\x80", "127.0.0.1,evil.example", "xn--", "127.0.0.1.", "0", "1" * 40, "127.0.0.1?a=b", "*"),
)
FORWARDED = (
    *("198.51.100.1:50000", "[2001:db8::1]:443", "[", "unknown", "1.2.3.4:", "::ffff:1.2.3.4", ",,"),
    "fe80::1%eth0",
)
#: Headers of proxies whose values have a form of their own, and such values.
OF_PROXIES = {
    "Host": st.sampled_from(HOSTS),
    "X-Forwarded-Host": st.sampled_from(HOSTS),
    "X-Forwarded-For": st.sampled_from(FORWARDED),
    "X-Request-ID": st.sampled_from(("4f2c9e6a-7d1b", "x" * 200, "a b", "-", "%0a")),
}

anything = (
    st.sampled_from((*MARKUP, *ADDRESSES, *WORDS, "\0\n\x1b", "\ud800", "a\udfff\u2028\x85b", "x" * 3000))
    | st.text(max_size=30)
    | UNSAFE
)
fields = st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), anything, max_size=5)
names_in_headers = st.sampled_from(HEADERS)
in_headers = st.one_of(st.sampled_from([text for text in MARKUP + WORDS if text]), LATIN)


@dataclass(frozen=True)
class Attempt:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str] | None
    headers: dict[str, str]
    #: Whose cookies it brings: a stranger's, a shopper's, an old session's, or none that makes sense.
    who: str
    #: The content of the session, if it has one.
    login: dict[str, Any]
    #: The cart's cookie: none, some text, or lines that are signed as the store does it.
    cart: str | list[Any] | None
    #: Whether it finishes a login that this browser has begun, and sends its form's right token.
    knows: bool
    #: Whether it comes without Sec-Fetch-Site and Origin, as from a program.
    bare: bool


#: JSON may have it, and no encoding can write it. The store keeps none; the session is of another release.
HALF_A_CHARACTER = "\ud800"

attempts = st.builds(
    Attempt,
    method=st.sampled_from(METHODS),
    path=st.sampled_from(PATHS)
    | st.sampled_from(PATHS)
    | st.builds("{}/{}".format, st.sampled_from(FOLDERS), anything),
    query=fields,
    form=st.none() | fields,
    headers=st.builds(
        lambda *found: {name: text for part in found for name, text in part.items()},
        st.dictionaries(names_in_headers, in_headers, max_size=3),
        st.fixed_dictionaries({}, optional=OF_PROXIES),
    ),
    who=st.sampled_from(("stranger", "shopper", "unsure", "expired", "nonsense", "another version")),
    login=st.fixed_dictionaries(
        {
            "name": anything,
            "email": st.none() | anything,
            "picture": st.none() | anything.map(lambda text: f"https://{text}"),
        },
        optional={"sid": anything, "cus": anything},
    ),
    cart=st.none()
    | anything
    | st.recursive(
        anything | st.integers() | st.none() | st.just(THE_PRICE), lambda inner: st.lists(inner, max_size=5)
    ).map(lambda inner: [inner])
    | st.just([[THE_PRICE, 2, 1000, "eur", None]]),
    knows=st.booleans(),
    bare=st.booleans(),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("fuzz") / "state", LOGIN_RATE_PER_10S="1000000") as shop:
        shop.app.wsgi_app = OddHost(shop.app.wsgi_app)  # type: ignore[method-assign]  # as documented
        shop.browser().log_in()
        sell(shop, "Mug", 1000)
        until(lambda: shop.http.get(f"{shop.url}/readyz").status_code == 200)
        yield shop


@pytest.fixture(scope="module")
def log() -> Iterator[io.StringIO]:
    """What the store logs."""
    stream, logger = io.StringIO(), logging.getLogger("webstore")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.TextFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def the_price(shop: Shop) -> str:
    """The one that the catalogue knows."""
    return str(shop.app.extensions["webstore"].catalogue.current().products[0].prices[0].id)


def cart_cookie(shop: Shop, cart: str | list[Any]) -> str:
    """A text as it is, cut down to what a client sends; anything else signed as the store does it."""
    if isinstance(cart, str):
        return cart.encode("ascii", "ignore").decode().translate({0: None, 10: None, 13: None, 59: None})
    lines = json.loads(json.dumps(cart).replace(THE_PRICE, the_price(shop)))
    serializer = URLSafeTimedSerializer(
        shop.environment["APP_SECRET_KEY"], salt="webstore-cart", serializer_kwargs={"ensure_ascii": True}
    )
    return str(serializer.dumps([lines, []]))


def signed(app: Flask, content: object) -> str:
    """A session cookie's value, as the store signs it."""
    interface = app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    serializer = interface.get_signing_serializer(app)
    assert serializer is not None
    return str(serializer.dumps(content))


def session_cookie(shop: Shop, attempt: Attempt) -> str:
    """The session that the attempt brings; never one that was revoked before."""
    if attempt.who == "nonsense":
        return next(iter(attempt.query.values()), "x").encode("ascii", "ignore").decode().translate({0: None})
    if attempt.who == "another version":
        return signed(shop.app, {"login": attempt.login, "csrf": "x", "_permanent": True})
    now = time.time()
    epoch = current_epoch(shop.app.extensions["webstore"].revocations)
    login = {
        "iss": shop.environment["AUTH0_ISSUER"],
        "sub": ADA,
        "sid": None,
        "cus": None,
        "id": secrets.token_urlsafe(12),
        "epoch": "of another time" if attempt.who == "unsure" else epoch,
        "at": now - (8 * 86_400 if attempt.who == "expired" else 0),
        "seen": int(now),
        **attempt.login,
    }
    return signed(shop.app, {"login": login, "csrf": "the-token", "_permanent": True})


class OddHost:
    """Sets the Host header of a request. The test client sends valid hosts only."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["HTTP_HOST"] = environ.get("fuzz.host", environ["HTTP_HOST"])
        return self._app(environ, start_response)


def raw_path(path: str) -> str:
    """The path as a server hands it on: its bytes, also those of half a character."""
    return unquote_to_bytes(path.encode("utf-8", "surrogatepass")).decode("latin-1")


def send(shop: Shop, attempt: Attempt) -> TestResponse:
    """Send it as a server that speaks WSGI would."""
    client = shop.app.test_client()
    query, form = (
        fields and {name: the_price(shop) if text == THE_PRICE else text for name, text in fields.items()}
        for fields in (dict(attempt.query), attempt.form)
    )
    query, headers = query or {}, dict(attempt.headers)
    if attempt.knows:
        begun = client.get(
            "/login", query_string=urlencode(attempt.query, errors="surrogatepass"), base_url=shop.url
        )
        location = urlsplit(begun.headers.get("Location", ""))
        query["state"] = parse_qs(location.query).get("state", ["x"])[0]
        form = {**(form or {}), "csrf_token": "the-token"}
    if attempt.who != "stranger":
        client.set_cookie(shop.cookie(), session_cookie(shop, attempt), domain="127.0.0.1")
    if attempt.cart is not None:
        client.set_cookie(shop.cookie("cart"), cart_cookie(shop, attempt.cart), domain="127.0.0.1")
    host = {"fuzz.host": headers.pop("Host")} if "Host" in headers else {}
    if attempt.bare:
        headers = {name: value for name, value in headers.items() if name not in ("Origin", "Sec-Fetch-Site")}
    return client.open(
        "/",
        # As a server gives it; a client would take some of these for hosts or cut them.
        environ_overrides={"PATH_INFO": raw_path(attempt.path), **host},
        buffered=True,
        method=attempt.method,
        query_string=urlencode(query, errors="surrogatepass"),
        data=None if form is None else urlencode(form, errors="surrogatepass"),
        content_type=headers.pop("Content-Type", "application/x-www-form-urlencoded"),
        base_url=shop.url,
        headers=headers,
    )


def assert_harmless(shop: Shop, attempt: Attempt, answer: TestResponse) -> None:
    assert answer.status_code < 500, answer.text
    if answer.mimetype == "text/html":
        assert not REFLECTED.search(answer.text), REFLECTED.search(answer.text)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch(r"[\w.~:=+/-]+", answer.headers["X-Request-ID"])
    if location := answer.headers.get("Location"):
        assert not re.search(r"[\x00-\x20\\]", location), location
        parts = urlsplit(location)
        if parts.scheme or parts.netloc:
            path = f"/{attempt.path.lstrip(chr(47))}"
            out = {
                shop.environment["AUTH0_ISSUER"]: TO_PROVIDER,
                shop.environment["STRIPE_API_BASE"]: TO_STRIPE,
            }
            own = location.startswith(f"{shop.url}/")
            assert own or any(location.startswith(where) and path in paths for where, paths in out.items())
        else:
            assert re.match(r"/(?!/)", location), location
    for cookie in answer.headers.getlist("Set-Cookie"):
        assert cookie.startswith("webstore"), cookie
        assert answer.headers["Cache-Control"] == "private, no-store"


@settings(
    max_examples=REQUESTS,
    deadline=None,
    database=None,
    derandomize="FUZZ_REQUESTS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(attempt=attempts)
@example(
    attempt=Attempt(
        "POST",
        "/logout",
        query={},
        form=None,
        headers={},
        who="shopper",
        login={"name": "Ada", "email": None, "picture": None, "sid": HALF_A_CHARACTER},
        cart=None,
        knows=True,
        bare=False,
    )
)
def test_hostile_input_does_no_harm(shop: Shop, log: io.StringIO, attempt: Attempt) -> None:
    log.seek(0)
    log.truncate()
    assert_harmless(shop, attempt, send(shop, attempt))
    lines = log.getvalue().split("\n")
    assert [line for line in lines if not line.isprintable() or "Traceback" in line] == []
