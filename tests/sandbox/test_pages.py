"""What a person in front of a browser sees on the pages of both vendors."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from webstore.sandbox.auth0 import create_auth0
from webstore.sandbox.pages import lead_to
from webstore.sandbox.stripe import create_stripe

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
STORE = "http://127.0.0.1:8000"
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Outside(HTMLParser):
    """Collects the text of a page that is in no landmark."""

    def __init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self._open.append("a.skip" if tag == "a" and ("class", "skip") in attrs else tag)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and "body" in self._open and not {"header", "main", "a.skip"} & set(self._open):
            self.found.append(data.strip())


@pytest.fixture(params=["auth0", "stripe"])
def client(request: pytest.FixtureRequest) -> FlaskClient:
    app = create_auth0().app if request.param == "auth0" else create_stripe().app
    lead_to(app, STORE)
    return app.test_client()


@pytest.mark.parametrize("path", ["/", "/_sandbox/", "/nowhere"])
def test_every_page_says_that_nothing_is_real_leads_to_the_store_and_has_landmarks(
    client: FlaskClient, path: str
) -> None:
    page = client.get(path, headers=HTML, follow_redirects=True).text
    assert "Sandbox: nothing here is real" in page
    assert f'href="{STORE}"' in page
    assert len(re.findall(r"<h1\b", page)) == 1
    outside = Outside()
    outside.feed(page)
    assert outside.found == []


def test_an_address_without_a_page_has_one_for_a_browser_alone(client: FlaskClient) -> None:
    for headers, words in ((HTML, "The sandbox has no page at"), ({"Accept": "*/*"}, "Not Found")):
        answer = client.get("/nowhere/<b>", headers=headers)
        assert (answer.status_code, words in answer.text, "<b>" in answer.text) == (404, True, False)


def test_the_controls_are_a_page_for_a_browser_and_json_for_a_program(client: FlaskClient) -> None:
    page = client.get("/_sandbox/", headers=HTML, base_url="http://127.0.0.1:9001").text
    assert "curl -X POST http://127.0.0.1:9001/_sandbox/reset" in page
    assert "search_lag_s" in page
    for accepted in ("*/*", "application/json"):
        listed = client.get("/_sandbox/", headers={"Accept": accepted}).get_json()
        assert all(endpoint in page.replace("&#34;", '"') for endpoint in listed["endpoints"])


@pytest.mark.parametrize("command", ["faults", "clock"])
def test_the_examples_are_accepted(client: FlaskClient, command: str) -> None:
    page = client.get("/_sandbox/", headers=HTML).text.replace("&#34;", '"').replace("&#39;", "'")
    bodies = re.findall(rf"_sandbox/{command} -d '(.*?)'", page)
    assert bodies
    for body in bodies:
        assert client.post(f"/_sandbox/{command}", data=body).status_code in (200, 201)
