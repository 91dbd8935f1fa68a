"""What a browser asks for when it comes again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from tests.browser.conftest import Person
from tests.support import Shop

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def test_a_second_visit_asks_for_the_page_alone(desktop: Person, shop: Shop) -> None:
    shop.sandbox.open_shop()
    asked: list[str] = []
    for app in (shop.app, shop.sandbox.stripe.app):
        note_paths(app, asked)
    look_at_home(desktop)
    assert len([path for path in asked if path.startswith("/static/catalogue/")]) > 1
    assert len([path for path in asked if path.startswith("/static/css/")]) == 1
    for _ in range(3):  # on a busy machine, a picture may miss the first visit
        desktop.page.goto("about:blank")
        asked.clear()
        look_at_home(desktop)
        if asked == ["/"]:
            return
    raise AssertionError(asked)


def look_at_home(person: Person) -> None:
    """Open the home page and wait until all of it is there."""
    person.open("/")
    person.page.wait_for_load_state("networkidle")
    assert person.page.locator("main img").first.evaluate("picture => picture.naturalWidth") == 400


def note_paths(app: Flask, paths: list[str]) -> None:
    """Write down the paths that browsers ask this server for, from now on."""
    inner = app.wsgi_app

    def noting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith("/v1/"):  # the store asks for these
            paths.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    app.wsgi_app = noting  # type: ignore[method-assign]  # as documented
