"""Pages of other websites cannot use the sandbox."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from flask import Flask

from tests.support import NO_AUTHORITIES
from webstore.sandbox.clock import Clock
from webstore.sandbox.control import Control
from webstore.sandbox.server import Server

CONTROLS = [
    ("POST", "/_sandbox/reset"),
    ("POST", "/_sandbox/clock"),
    ("PATCH", "/_sandbox/settings"),
    ("POST", "/_sandbox/faults"),
    ("DELETE", "/_sandbox/requests"),
    ("GET", "/_sandbox/requests"),
]
FOREIGN = {
    "another origin": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "a hidden origin": {"Origin": "null"},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "cross-site and an origin": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "an unknown relation": {"Sec-Fetch-Site": "other"},
}
REBOUND = [
    "evil.example",
    "evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "10.0.0.1",
    "[",
]


@dataclass
class Switches:
    """No setting."""


@pytest.fixture(scope="module")
def vendor() -> Iterator[httpx.Client]:
    """A vendor with nothing but an API, a dashboard and the controls."""
    app, control = Flask(__name__), Control(Clock())
    app.add_url_rule("/api", "api", lambda: "done", methods=["GET", "POST"])
    app.add_url_rule("/dashboard/users", "page", lambda: "done", methods=["GET", "POST"])
    control.install(app, reset=lambda: None, seed=lambda spec: spec, settings=Switches())
    with (
        Server(app) as server,
        httpx.Client(base_url=server.url, verify=NO_AUTHORITIES, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize(("method", "path"), CONTROLS)
def test_the_controls_refuse_pages_of_other_sites(
    vendor: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = vendor.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert "from its own pages and from programs only" in answer.text


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_the_dashboards_take_no_form_of_another_site(vendor: httpx.Client, headers: dict[str, str]) -> None:
    assert vendor.post("/dashboard/users", headers=headers).status_code == 403
    assert vendor.get("/dashboard/users", headers=headers).status_code == 200


@pytest.mark.parametrize("host", REBOUND)
@pytest.mark.parametrize("path", ["/_sandbox/", "/dashboard/users"])
def test_a_name_of_another_site_that_leads_to_this_machine_is_refused(
    vendor: httpx.Client, path: str, host: str
) -> None:
    assert vendor.get(path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "own"},
        {"Host": "localhost"},
        {"Host": "store.localhost:8001"},
        {"Host": "[::1]:8001"},
    ],
    ids=["a program", "typed", "its own page", "its own origin", "localhost", "under localhost", "IPv6"],
)
def test_people_and_programs_on_this_machine_use_everything(
    vendor: httpx.Client, headers: dict[str, str]
) -> None:
    own = str(vendor.base_url).rstrip("/")
    sent = {name: value.replace("own", own) for name, value in headers.items()}
    assert vendor.post("/_sandbox/reset", headers=sent).status_code == 204
    assert vendor.post("/dashboard/users", headers=sent).status_code == 200
    assert vendor.post("/api", headers=sent).status_code == 200


def test_the_api_takes_calls_of_browsers(vendor: httpx.Client) -> None:
    headers = {"Origin": "https://app.example", "Host": "stripe"}
    assert vendor.post("/api", headers=headers).status_code == 200
