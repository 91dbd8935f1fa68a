"""The login's cookie: its content, its lifetime, and the keys that sign it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from tests.login.session_content import change_login, put_session, serializer, session_of
from tests.login.steps import is_logged_in
from tests.support import (
    ADA,
    NO_AUTHORITIES,
    PASSWORD,
    Browser,
    Shop,
    link_status,
    shown_customer,
)
from webstore import create_app
from webstore.sandbox.vendors import Sandbox
from webstore.settings import Settings

HOUR, DAY = 3600, 24 * 3600
NEW_KEY = "a new key that is long enough for the store"


# Its content


def test_the_session_holds_who_logged_in_and_nothing_else(shared: Shop, shopper: Browser) -> None:
    content = session_of(shared, shopper)
    assert content.keys() == {"_permanent", "csrf", "login"}
    login = content["login"]
    assert login.keys() == {
        *("iss", "sub", "name", "email", "picture", "sid", "cus"),
        *("id", "epoch", "at", "seen", "world", "since", "auth"),
    }
    assert len(login["id"]) >= 16
    assert login["iss"] == shared.environment["AUTH0_ISSUER"]
    assert login["sub"] == ADA
    assert login["name"] == "Ada Example"
    assert login["email"] == "ada@example.com"
    assert login["cus"] == shown_customer(shopper.open("/"))
    assert abs(login["at"] - time.time()) < 60


def test_no_cookie_holds_a_token(shared: Shop, shopper: Browser) -> None:
    shopper.client.get("/login", follow_redirects=False)
    own = {c.name: c.value or "" for c in shopper.client.cookies.jar if c.name.startswith("webstore")}
    assert len(own) == 2
    userinfo = f"{shared.environment['AUTH0_ISSUER']}userinfo"
    transactions = URLSafeTimedSerializer(shared.app.secret_key or "", salt="webstore-login-transaction")
    for name, value in own.items():
        content = (serializer(shared.app) if name == shared.cookie() else transactions).loads(value)
        for text in texts(content):
            assert not text.startswith("eyJ")
            if text.isprintable():
                headers = {"Authorization": f"Bearer {text}"}
                assert shared.http.get(userinfo, headers=headers).status_code == 401


def texts(content: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from texts(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from texts(value)


def test_a_long_name_in_any_script_leaves_the_cookie_far_below_four_kilobytes(shop: Shop) -> None:
    dice = random.Random(1)  # noqa: S311 (texts that do not compress, not secrets)
    name = "".join(chr(dice.randrange(0x4E00, 0x9FFF)) for _ in range(300))
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    email = "".join(dice.choice(letters) for _ in range(60)) + "@" + "x." * 90 + "example"
    picture = "https://pictures.example/" + "".join(dice.choice(letters) for _ in range(270))
    browser = shop.browser()
    browser.sign_up(email)
    user_id = session_of(shop, browser)["login"]["sub"]
    shop.management("PATCH", user_id, {"name": name, "picture": picture}).raise_for_status()
    page = browser.log_in()
    login = session_of(shop, browser)["login"]
    assert (login["name"], login["picture"]) == (name, picture)
    assert name in page.text
    cookie = browser.client.cookies[browser.cookie()]
    assert len(f"{browser.cookie()}=") + len(cookie) < 2_500


def test_a_long_name_of_pictures_leaves_the_cookie_below_three_kilobytes(shop: Shop) -> None:
    dice = random.Random(1)  # noqa: S311 (texts that do not compress, not secrets)
    name = "".join(chr(dice.randrange(0x1F300, 0x1FAFF)) for _ in range(300))
    shop.management("PATCH", ADA, {"name": name}).raise_for_status()
    browser = shop.browser()
    browser.log_in()
    kept = session_of(shop, browser)["login"]["name"]
    assert kept == name[: len(kept)]
    assert len(kept) == 225
    assert len(f"{browser.cookie()}=") + len(browser.client.cookies[browser.cookie()]) < 3_000


def test_longer_names_are_cut_and_longer_pictures_left_out(shop: Shop) -> None:
    shop.management("PATCH", ADA, {"name": "n" * 300, "picture": f"https://p.example/{'x' * 400}"})
    browser = shop.browser()
    page = browser.log_in()
    assert link_status(page) == "linked"
    assert session_of(shop, browser)["login"]["picture"] is None
    assert "p.example" not in page.text


# Its flags


def test_the_cookie_is_http_only_lax_and_lives_seven_days(shared: Shop) -> None:
    page = shared.browser().log_in()
    (cookie,) = [
        cookie
        for step in page.history
        for cookie in step.headers.get_list("Set-Cookie")
        if cookie.startswith(f"{shared.cookie()}=")
    ]
    attributes = cookie.split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes  # http, on this machine alone
    assert not any(attribute.startswith("Domain") for attribute in attributes)
    (expires,) = [a.removeprefix("Expires=") for a in attributes if a.startswith("Expires=")]
    assert abs(parsedate_to_datetime(expires).timestamp() - time.time() - 7 * DAY) < 5 * 60


def test_over_https_every_cookie_is_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    origin = "https://shop.example"
    with Sandbox(origin) as sandbox:
        own = {"APP_SECRET_KEY": NEW_KEY, "STATE_DIR": str(tmp_path / "state")}
        app = create_app(Settings.from_env({**sandbox.environment(), **own}))
        client = app.test_client()
        begun = client.get("/login?next=/account", base_url=origin)
        assert_bound(begun.headers.getlist("Set-Cookie"), "__Host-webstore-login-")
        callback = log_in_at_provider(begun.headers["Location"])
        assert callback.startswith(f"{origin}/callback?")
        parts = urlsplit(callback)
        done = client.get(f"{parts.path}?{parts.query}", base_url=origin)
        assert done.headers["Location"] == "/account"
        assert_bound(done.headers.getlist("Set-Cookie"), "__Host-webstore")
        page = client.get("/account", base_url=origin)
        assert b"ada@example.com" in page.data
        out = client.post(
            "/logout", base_url=origin, data={"csrf_token": csrf_token(page.text)}, headers={"Origin": origin}
        )
        assert_bound(out.headers.getlist("Set-Cookie"), "__Host-webstore")
        app.extensions["webstore"].close()


def assert_bound(cookies: list[str], prefix: str) -> None:
    """What a browser demands of `__Host-` cookies, also of the ones that delete them."""
    assert cookies
    for cookie in cookies:
        name, *attributes = cookie.split("; ")
        assert name.startswith(prefix)
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
        assert not any(attribute.startswith("Domain") for attribute in attributes)


def log_in_at_provider(url: str) -> str:
    """Log in where the store sent the browser; gives the address to go on to."""
    with httpx.Client(verify=NO_AUTHORITIES) as client:
        page = client.get(url, follow_redirects=True)
        form = {**page.url.params, "email": "ada@example.com", "password": PASSWORD}
        return client.post(page.url.join(page.url.path), data=form).headers["Location"]


def csrf_token(page: str) -> str:
    """The token in the page's log-out form."""
    return page.partition('name="csrf_token" value="')[2].partition('"')[0]


def test_strangers_get_no_cookie(shared: Shop) -> None:
    browser = shared.browser()
    for path in ("/", "/nowhere", "/account", "/logout", "/healthz", "/callback"):
        assert "Set-Cookie" not in browser.client.get(path, follow_redirects=False).headers


def test_pages_of_a_shopper_set_no_cookie_each_time(shopper: Browser) -> None:
    for path in ("/", "/account", "/account/link"):
        assert "Set-Cookie" not in shopper.open(path).headers


# How long it counts


def test_a_session_ends_after_a_day_without_use(shared: Shop, shopper: Browser) -> None:
    now = int(time.time())
    change_login(shared, shopper, at=now - 2 * DAY, seen=now - 23 * HOUR)
    assert is_logged_in(shopper)
    change_login(shared, shopper, at=now - 2 * DAY, seen=now - 25 * HOUR)
    assert not is_logged_in(shopper)
    assert shopper.cookie() not in shopper.client.cookies


def test_a_session_ends_after_seven_days_however_much_it_is_used(shared: Shop, shopper: Browser) -> None:
    now = int(time.time())
    change_login(shared, shopper, at=now - 7 * DAY + HOUR, seen=now)
    assert is_logged_in(shopper)
    change_login(shared, shopper, at=now - 7 * DAY - HOUR, seen=now)
    assert not is_logged_in(shopper)
    assert shopper.cookie() not in shopper.client.cookies


def test_use_keeps_a_session_alive_without_making_it_younger(shared: Shop, shopper: Browser) -> None:
    now = int(time.time())
    change_login(shared, shopper, at=now - 3 * DAY, seen=now - 20 * HOUR)
    assert is_logged_in(shopper)
    login = session_of(shared, shopper)["login"]
    assert login["seen"] >= now
    assert login["at"] == now - 3 * DAY


def test_the_answer_to_a_form_leaves_the_room_in_its_header_to_the_cart(
    shared: Shop, shopper: Browser
) -> None:
    change_login(shared, shopper, seen=int(time.time()) - HOUR)
    answer = shopper.client.post("/cart/add", data={"price": "price_unknown"}, follow_redirects=False)
    assert not [
        cookie
        for cookie in answer.headers.get_list("Set-Cookie")
        if cookie.startswith(f"{shopper.cookie()}=")
    ]
    assert [name for name in shopper.open("/").headers if name == "set-cookie"]


def test_an_expired_session_sends_to_the_login_and_back(shared: Shop, shopper: Browser) -> None:
    change_login(shared, shopper, seen=int(time.time()) - 25 * HOUR)
    page = shopper.open("/account/link")
    assert page.url.path == "/account/link"
    assert [step.url.path for step in page.history][:2] == ["/account/link", "/login"]


# Whose it is


def test_a_session_of_another_issuer_is_refused(shared: Shop, shopper: Browser) -> None:
    change_login(shared, shopper, iss="https://another.example/")
    assert not is_logged_in(shopper)


@pytest.mark.parametrize(
    "content", [{"sub": ADA}, {"iss": 1}, {"at": "x", "seen": None}, "text", ["list"], 7]
)
def test_a_session_of_another_version_of_the_store_is_refused(
    shared: Shop, shopper: Browser, content: object
) -> None:
    put_session(shared, shopper, {"_permanent": True, "csrf": "x", "login": content})
    page = shopper.open("/")
    assert page.status_code == 200
    assert link_status(page) is None


def test_a_session_that_was_tampered_with_is_refused(shopper: Browser) -> None:
    value = shopper.client.cookies[shopper.cookie()]
    shopper.client.cookies.delete(shopper.cookie())
    shopper.client.cookies.set(shopper.cookie(), value[:-3] + "AAA", domain="127.0.0.1")
    page = shopper.open("/")
    assert page.status_code == 200
    assert link_status(page) is None


def test_a_login_makes_a_new_session(shared: Shop, shopper: Browser) -> None:
    put_session(shared, shopper, {**session_of(shared, shopper), "planted": "by somebody else"})
    before = session_of(shared, shopper)
    shopper.log_in()
    after = session_of(shared, shopper)
    assert "planted" not in after
    assert after["csrf"] != before["csrf"]


# Its keys


def store_with_keys(shop: Shop, key: str, *older: str) -> Flask:
    """The same store after a change of its keys; what its workers share is kept."""
    environment = {
        **shop.environment,
        "APP_SECRET_KEY": key,
        "APP_SECRET_KEY_FALLBACKS": ",".join(older),
    }
    return create_app(Settings.from_env(environment))


def get(app: Flask, shop: Shop, browser: Browser, path: str) -> tuple[int, str, list[str]]:
    """Ask another store with the browser's cookies: status, page or address, and the cookies it sets."""
    header = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.client.cookies.jar)
    answer = app.test_client(use_cookies=False).get(path, base_url=shop.url, headers={"Cookie": header})
    return (
        answer.status_code,
        answer.headers.get("Location") or answer.text,
        answer.headers.getlist("Set-Cookie"),
    )


def test_a_new_key_logs_nobody_out_while_the_old_one_is_a_fallback(shared: Shop, shopper: Browser) -> None:
    old = shared.environment["APP_SECRET_KEY"]
    rotated = store_with_keys(shared, NEW_KEY, "x" * 40, old)
    status, text, _ = get(rotated, shared, shopper, "/account")
    assert (status, "ada@example.com" in text) == (200, True)
    dropped = store_with_keys(shared, NEW_KEY, "x" * 40)
    status, location, _ = get(dropped, shared, shopper, "/account")
    assert (status, urlsplit(location).path) == (302, "/login")
    for app in (rotated, dropped):
        app.extensions["webstore"].close()


def test_a_login_under_way_survives_a_new_key_and_its_session_is_signed_with_it(
    shared: Shop,
) -> None:
    browser = shared.browser()
    page = browser.open(f"/login?{urlencode({'next': '/account'})}")
    browser.client.follow_redirects = False
    callback = urlsplit(browser.submit(page, email="ada@example.com", password=PASSWORD).headers["Location"])
    rotated = store_with_keys(shared, NEW_KEY, shared.environment["APP_SECRET_KEY"])
    status, location, cookies = get(rotated, shared, browser, f"{callback.path}?{callback.query}")
    assert (status, location) == (302, "/account")
    (session,) = [cookie for cookie in cookies if cookie.startswith(f"{browser.cookie()}=")]
    value = session.partition(";")[0].removeprefix(f"{browser.cookie()}=")
    only_new = store_with_keys(shared, NEW_KEY)
    assert serializer(only_new).loads(value)["login"]["sub"] == ADA
    for app in (rotated, only_new):
        app.extensions["webstore"].close()


def test_a_new_login_is_signed_with_the_new_key(shared: Shop) -> None:
    old = shared.environment["APP_SECRET_KEY"]
    rotated = store_with_keys(shared, NEW_KEY, old)
    (cookie,) = get(rotated, shared, shared.browser(), "/login")[2]
    value = cookie.partition(";")[0].partition("=")[2]
    assert URLSafeTimedSerializer(NEW_KEY, salt="webstore-login-transaction").loads(value)
    rotated.extensions["webstore"].close()
