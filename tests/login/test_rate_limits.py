"""How often one address may ask for the login, and which address that is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support import put_file_at
from webstore import create_app
from webstore.routes import limits
from webstore.sandbox.vendors import DEFAULT_STORE_URL, Sandbox
from webstore.settings import Settings

MOST = 3
LIMITED = (("GET", "/login"), ("GET", "/callback"), ("POST", "/backchannel-logout"))


@pytest.fixture(autouse=True)
def _within_one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counters' clock stands still: on a busy machine a window could end in the middle of a test."""
    monkeypatch.setattr(limits, "time", SimpleNamespace(time=lambda: 1_800_000_003.0))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@contextmanager
def store(sandbox: Sandbox, state: Path, **environment: str) -> Iterator[Flask]:
    """A store that takes three requests of one address."""
    given = {"LOGIN_RATE_PER_10S": str(MOST), "STATE_DIR": str(state), **environment}
    app = create_app(Settings.from_env({**sandbox.environment(), **given}))
    yield app
    app.extensions["webstore"].close()


@pytest.fixture
def app(sandbox: Sandbox, tmp_path: Path) -> Iterator[Flask]:
    with store(sandbox, tmp_path / "state") as app:
        yield app


def ask(
    app: Flask, address: str, forwarded: str | None = None, *, method: str = "GET", path: str = "/login"
) -> TestResponse:
    """One request from this address, with the X-Forwarded-For that it sends."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return app.test_client().open(
        path,
        method=method,
        headers=headers,
        base_url=DEFAULT_STORE_URL,
        environ_overrides={"REMOTE_ADDR": address},
    )


def is_limited(app: Flask, address: str, forwarded: str | None = None) -> bool:
    """Whether the address has asked too often; this one counts as well."""
    return ask(app, address, forwarded).status_code == 429


def use_up(app: Flask, address: str, forwarded: str | None = None) -> None:
    """Ask as often as one address may."""
    for _ in range(MOST):
        assert not is_limited(app, address, forwarded)


@pytest.mark.parametrize(("method", "path"), LIMITED)
def test_too_many_requests_are_a_page_that_says_when_to_come_back(app: Flask, method: str, path: str) -> None:
    answers = [ask(app, "192.0.2.1", method=method, path=path) for _ in range(3 * MOST)]
    assert answers[0].status_code != 429
    refused = answers[-1]
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    assert "Too many requests" in refused.text
    assert "wait a minute" in refused.text
    assert refused.headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in refused.headers


def test_other_pages_have_no_limit(app: Flask) -> None:
    use_up(app, "192.0.2.1")
    for path in ("/", "/logout", "/healthz"):
        assert [ask(app, "192.0.2.1", path=path).status_code for _ in range(2 * MOST)] == [200] * 2 * MOST


def test_one_address_does_not_use_up_anothers_requests(app: Flask) -> None:
    use_up(app, "192.0.2.1")
    assert not is_limited(app, "192.0.2.2")


def test_the_addresses_of_one_ipv6_network_count_together(app: Flask) -> None:
    use_up(app, "2001:db8:1:2::1")
    assert is_limited(app, "2001:db8:1:2:ffff:ffff:ffff:ffff")
    assert not is_limited(app, "2001:db8:1:3::1")


def test_ipv4_addresses_written_as_ipv6_count_by_themselves(app: Flask) -> None:
    use_up(app, "::ffff:192.0.2.1")
    assert not is_limited(app, "::ffff:192.0.2.2")


def test_two_workers_count_together(sandbox: Sandbox, tmp_path: Path) -> None:
    with store(sandbox, tmp_path / "state") as one, store(sandbox, tmp_path / "state") as two:
        use_up(one, "192.0.2.1")
        assert is_limited(two, "192.0.2.1")


def test_without_counters_each_process_counts_and_has_its_share_of_the_limit(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with store(sandbox, tmp_path / "state", WEB_CONCURRENCY="3") as app:
        put_file_at(tmp_path / "state")
        assert [is_limited(app, "192.0.2.1") for _ in range(5)] == [False, True, True, True, True]
        assert not is_limited(app, "192.0.2.2")


# Behind a proxy


def test_x_forwarded_for_is_not_believed_by_default(app: Flask) -> None:
    use_up(app, "192.0.2.1", "198.51.100.1")
    assert is_limited(app, "192.0.2.1", "198.51.100.2")
    assert not is_limited(app, "192.0.2.2", "198.51.100.1")


def test_behind_one_proxy_the_last_address_counts_and_what_the_client_wrote_does_not(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with store(sandbox, tmp_path / "state", TRUSTED_PROXY_HOPS="1") as app:
        use_up(app, "192.0.2.1", "198.51.100.1")
        assert not is_limited(app, "192.0.2.1", "198.51.100.2")
        assert is_limited(app, "192.0.2.1", "203.0.113.9, 198.51.100.1")


def test_behind_two_proxies_the_last_but_one_counts(sandbox: Sandbox, tmp_path: Path) -> None:
    with store(sandbox, tmp_path / "state", TRUSTED_PROXY_HOPS="2") as app:
        use_up(app, "192.0.2.1", "198.51.100.1, 192.0.2.7")
        assert not is_limited(app, "192.0.2.1", "198.51.100.2, 192.0.2.7")
        assert is_limited(app, "192.0.2.1", "203.0.113.9, 198.51.100.1, 192.0.2.8")


def test_an_address_that_is_none_is_counted_too(sandbox: Sandbox, tmp_path: Path) -> None:
    with store(sandbox, tmp_path / "state", TRUSTED_PROXY_HOPS="1") as app:
        use_up(app, "192.0.2.1", "<script>")
        assert is_limited(app, "192.0.2.1", "another text")


@pytest.mark.parametrize(
    ("one", "the_same", "another"),
    [
        ("198.51.100.1:50000", "198.51.100.1:50001", "198.51.100.2:50000"),
        ("198.51.100.1:50000", "198.51.100.1", "198.51.100.2"),
        ("[2001:db8:1:2::1]:50000", "[2001:db8:1:2::7]:443", "[2001:db8:1:3::1]:50000"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::1", "[2001:db8:1:3::1]"),
        ("[::ffff:198.51.100.1]:50000", "198.51.100.1", "[::ffff:198.51.100.2]:50000"),
    ],
)
def test_the_port_that_a_proxy_adds_is_no_part_of_the_address(
    sandbox: Sandbox, tmp_path: Path, one: str, the_same: str, another: str
) -> None:
    with store(sandbox, tmp_path / "state", TRUSTED_PROXY_HOPS="1") as app:
        use_up(app, "192.0.2.1", one)
        assert is_limited(app, "192.0.2.1", the_same)
        assert not is_limited(app, "192.0.2.1", another)


# The log

HINTS = {
    "no proxy is trusted": (
        *("0", "198.51.100.1"),
        "192.0.2.1 to /login: a proxy has sent it, so set TRUSTED_PROXY_HOPS, or all shoppers share this "
        "limit",
    ),
    "too many are": (
        *("2", "198.51.100.1"),
        "192.0.2.1 to /login: X-Forwarded-For has 1 addresses, fewer than TRUSTED_PROXY_HOPS=2",
    ),
    "perhaps too few": (
        *("1", "203.0.113.9, 198.51.100.1"),
        "198.51.100.1 to /login: if this is the address of a proxy, correct TRUSTED_PROXY_HOPS=1",
    ),
    "perhaps none": (
        *("0", None),
        "192.0.2.1 to /login: if this is the address of a proxy, correct TRUSTED_PROXY_HOPS=0",
    ),
}


@pytest.mark.parametrize("case", HINTS.values(), ids=HINTS)
def test_a_refusal_is_logged_once_with_the_address_and_a_hint_at_the_setting(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, case: tuple[str, str | None, str]
) -> None:
    hops, forwarded, hint = case
    with store(sandbox, tmp_path / "state", TRUSTED_PROXY_HOPS=hops) as app:
        use_up(app, "192.0.2.1", forwarded)
        assert [is_limited(app, "192.0.2.1", forwarded) for _ in range(3)] == [True] * 3
    (line,) = [it.getMessage() for it in caplog.records if "too many requests" in it.getMessage()]
    assert line == f"too many requests of address={hint}"
