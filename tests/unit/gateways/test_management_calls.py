"""Calls of the set-up to the Management API: pages, waits, and errors with what to do about them."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from webstore.errors import DirectoryRefused, DirectoryUnavailable
from webstore.gateways.auth0_command import CommandWay
from webstore.gateways.management_calls import (
    ManagementCalls,
    NotThere,
    Reply,
    TokenWay,
)
from webstore.gateways.wire import Answer, Wire, WireError

DATE = {"date": "Thu, 26 Nov 2026 12:00:00 GMT"}
NOON = 1795694400


@dataclass
class Api(Wire):
    """The Management API: answers in turn, and takes down what it was asked."""

    answers: list[Answer | Exception]
    asked: list[tuple[str, str, dict[str, str], bytes | None]] = field(default_factory=list)

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        self.asked.append((method, url, dict(headers), body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(status: int, document: object = None, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, json.dumps(document).encode())


def calls(*answers: Answer | Exception) -> tuple[ManagementCalls, Api, list[float]]:
    api, waited = Api(list(answers)), list[float]()
    way = TokenWay(api, "https://shop.example", "the token", "Add {scope} on the page.")
    return ManagementCalls(way, waited.append), api, waited


def test_a_call_carries_the_token_and_its_json() -> None:
    made, api, _ = calls(answer(200, {"ok": 1}), answer(201, {}), Answer(204, {}, b""))
    assert made.send("GET", "clients/a%2Fb", {"fields": "a,b"}) == {"ok": 1}
    made.send("POST", "clients", body={"name": "é"})
    assert made.send("POST", "actions/actions/1/deploy") is None
    sent = [(method, url, body) for method, url, _, body in api.asked]
    assert sent == [
        ("GET", "https://shop.example/api/v2/clients/a%2Fb?fields=a%2Cb", None),
        ("POST", "https://shop.example/api/v2/clients", b'{"name": "\\u00e9"}'),
        ("POST", "https://shop.example/api/v2/actions/actions/1/deploy", b""),
    ]
    assert {headers["Authorization"] for _, _, headers, _ in api.asked} == {"Bearer the token"}


@pytest.mark.parametrize(
    ("headers", "waits_s"),
    [
        ({**DATE, "x-ratelimit-reset": str(NOON + 3)}, 4.0),
        ({**DATE, "x-ratelimit-reset": str(NOON - 30)}, 1.0),
        ({**DATE, "x-ratelimit-reset": str(NOON + 3600)}, 60.0),
        ({**DATE, "x-ratelimit-reset": str(NOON + 30), "retry-after": "2"}, 3.0),
        ({"x-ratelimit-reset": "soon"}, 3.0),
        ({"retry-after": "nan"}, 3.0),
        ({}, 3.0),
    ],
    ids=["by the API's clock", "over", "bounded", "told", "malformed", "no number", "untold"],
)
def test_a_429_is_waited_for(headers: dict[str, str], waits_s: float) -> None:
    made, _, waited = calls(answer(429, {}, headers), answer(200, {"ok": 1}))
    assert made.send("GET", "clients") == {"ok": 1}
    assert waited == [waits_s]


def test_429_for_ever_is_an_outage() -> None:
    made, _, waited = calls(*[answer(429, {})] * 6)
    with pytest.raises(DirectoryUnavailable, match="429"):
        made.send("GET", "clients")
    assert len(waited) == 6


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (
            answer(
                403,
                {
                    "errorCode": "insufficient_scope",
                    "message": "Insufficient scope, expected any of: create:clients",
                },
            ),
            DirectoryRefused,
            r"403 to GET /api/v2/clients: Insufficient.*Add create:clients on the page\.",
        ),
        (answer(400, {"message": "Payload \x1b[31m validation"}), DirectoryRefused, "400 .*: Payload  "),
        (answer(409, {"errorCode": "conflict"}), DirectoryRefused, "409 .*: conflict$"),
        (answer(404, {"message": "The client does not exist"}), NotThere, "404"),
        (answer(401, {"message": "Expired token"}), DirectoryRefused, "refuses the token"),
        (answer(503), DirectoryUnavailable, "503"),
        (answer(302), DirectoryUnavailable, "302"),
        (WireError("the Auth0 tenant cannot be reached"), DirectoryUnavailable, "cannot be reached"),
    ],
    ids=["scope", "message", "code", "not there", "token", "outage", "redirect", "no answer"],
)
def test_an_error_says_what_to_do(given: Answer | Exception, error: type[Exception], words: str) -> None:
    made, _, _ = calls(given)
    with pytest.raises(error, match=words):
        made.send("GET", "clients")


def test_a_list_is_read_to_its_total_whatever_the_size_of_its_pages() -> None:
    pages = [{"clients": [{"n": n}, {"n": n + 1}], "total": 5} for n in (0, 2)]
    made, api, _ = calls(*(answer(200, page) for page in (*pages, {"clients": [{"n": 4}], "total": 5})))
    assert [it["n"] for it in made.every("clients", "clients")] == [0, 1, 2, 3, 4]
    assert len(api.asked) == 3


def test_a_list_without_a_total_ends_with_an_empty_page() -> None:
    made, _, _ = calls(answer(200, {"clients": [{"n": 1}]}), answer(200, {"clients": []}))
    assert made.every("clients", "clients") == [{"n": 1}]


@pytest.mark.parametrize("document", [None, [], {"clients": None}], ids=str)
def test_a_malformed_list_is_an_outage(document: object) -> None:
    made, _, _ = calls(answer(200, document))
    with pytest.raises(DirectoryUnavailable, match="malformed"):
        made.every("clients", "clients")


# The auth0 command


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A stand-in for the command that does what the test writes into it."""
    path = tmp_path / "auth0"
    path.touch()
    path.chmod(stat.S_IRWXU)
    return path


def run(command: Path, script: str, method: str = "GET", body: object = None) -> Reply:
    command.write_text(f"#!/bin/sh\n{script}\n")
    return CommandWay(str(command), "shop.eu.auth0.com").send(method, "clients", {"page": "0"}, body)


def test_the_command_is_told_the_tenant_and_gets_the_data_where_nobody_sees_it(command: Path) -> None:
    script = 'printf \'{"arguments": "%s", "data": %s}\' "$*" "$(cat)"'
    done = run(command, script, "POST", {"secrets": "s"})
    arguments = "api post clients?page=0 --tenant shop.eu.auth0.com --no-input --no-color"
    assert done == Reply(200, {"arguments": arguments, "data": {"secrets": "s"}})


REFUSED = {"statusCode": 403, "error": "Forbidden", "message": "m", "errorCode": "insufficient_scope"}


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("true", 200),
        (f"echo '{json.dumps(REFUSED)}'", 403),
        (f"echo 'API request failed: {json.dumps(REFUSED)}' >&2; exit 1", 403),
        ("echo 'request failed because access token lacks scope: read:clients.' >&2; exit 1", 403),
    ],
    ids=["empty", "as a success", "as a failure", "in words"],
)
def test_an_answer_of_the_command_has_its_status(command: Path, script: str, status: int) -> None:
    assert run(command, script).status == status


def test_a_right_that_the_command_lacks_is_named_with_the_way_to_get_it(command: Path) -> None:
    command.write_text("#!/bin/sh\necho 'access token lacks scope: read:client_grants.' >&2; exit 1\n")
    made = ManagementCalls(CommandWay(str(command), "shop.eu.auth0.com"), pause=lambda _: None)
    with pytest.raises(DirectoryRefused, match=r"auth0 login --scopes read:client_grants"):
        made.send("GET", "client-grants")


def test_a_command_that_is_not_logged_in_says_so(command: Path) -> None:
    with pytest.raises(DirectoryRefused, match="the auth0 command failed: not logged in"):
        run(command, "echo 'not  logged\nin' >&2; exit 1")


def test_a_command_that_cannot_be_started_is_an_outage(tmp_path: Path) -> None:
    with pytest.raises(DirectoryUnavailable, match="gave no answer"):
        CommandWay(str(tmp_path / "none"), "d").send("GET", "clients", {}, None)
