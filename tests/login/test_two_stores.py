"""Two stores on one host: cookies do not know ports, and those of the one must not undo the other's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.login.steps import begin, is_logged_in, transactions
from tests.support import Shop, running_shop
from webstore.settings import Settings


def test_two_stores_on_one_host_do_not_undo_each_other(shared: Shop, tmp_path: Path) -> None:
    with running_shop(tmp_path / "state") as neighbour:
        here, there = shared.browser(), neighbour.browser()
        there.client.cookies = here.client.cookies.jar  # one browser
        begin(here)
        begin(there)
        assert [len(transactions(browser)) for browser in (here, there)] == [1, 1]
        here.log_in()
        there.log_in("grace@example.com")
        assert is_logged_in(here)
        assert is_logged_in(there)
        there.log_out()
        assert is_logged_in(here)
        assert not is_logged_in(there)
        # The provider of the one has not forgotten the shopper either.
        here.client.cookies.delete(here.cookie())
        assert here.open("/login?next=/account").url.path == "/account"


@pytest.mark.parametrize(
    ("base_url", "names"),
    [
        ("https://shop.example", ["__Host-webstore", "__Host-webstore-cart"]),
        ("https://shop.example:8443", ["__Host-webstore-8443", "__Host-webstore-8443-cart"]),
        ("http://127.0.0.1:8000", ["webstore-8000", "webstore-8000-cart"]),
        ("http://localhost", ["webstore", "webstore-cart"]),
    ],
)
def test_the_names_of_cookies_carry_the_port(shared: Shop, base_url: str, names: list[str]) -> None:
    settings = Settings.from_env({**shared.environment, "BASE_URL": base_url})
    assert [settings.cookie_name(), settings.cookie_name("cart")] == names
