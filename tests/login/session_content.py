"""The content of the session's cookie, read and changed with the store's own key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from tests.support import Browser, Shop


def serializer(app: Flask) -> URLSafeTimedSerializer:
    """What signs and reads the session's cookie of this store."""
    interface = app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    found = interface.get_signing_serializer(app)
    assert found is not None
    return found


def session_of(shop: Shop, browser: Browser) -> dict[str, Any]:
    """The content of the browser's session cookie."""
    content = serializer(shop.app).loads(browser.client.cookies[browser.cookie()])
    assert isinstance(content, dict)
    return content


def put_session(shop: Shop, browser: Browser, content: Mapping[str, Any]) -> None:
    """Replace the browser's session cookie by one with this content, signed by the store's key."""
    browser.client.cookies.delete(browser.cookie())
    browser.client.cookies.set(browser.cookie(), str(serializer(shop.app).dumps(content)), domain="127.0.0.1")


def change_login(shop: Shop, browser: Browser, **changes: object) -> None:
    """Change what the session says about the login."""
    content = session_of(shop, browser)
    put_session(shop, browser, {**content, "login": {**content["login"], **changes}})
