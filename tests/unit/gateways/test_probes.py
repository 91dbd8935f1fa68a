"""What the doctor reads in answers of vendors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import NO_AUTHORITIES
from tests.unit.offline import offline_settings
from webstore import deadline
from webstore.doctor.facts import Registration, Trouble
from webstore.gateways.probes.asking import Asker, Reply, Together
from webstore.gateways.probes.login import read_login
from webstore.gateways.probes.payments import read_stripe
from webstore.gateways.probes.site import read_site
from webstore.gateways.probes.state import read_folder
from webstore.gateways.probes.tenant import read_tenant
from webstore.gateways.record_files import RecordFiles
from webstore.gateways.state import FileState
from webstore.gateways.wire import Answer, Wire, WireError, WireTimeout

HERE = "http://127.0.0.1:8000"


class Vendor(Wire):
    """Answers by method and path; what it does not know is 404."""

    def __init__(self, answers: Mapping[str, Answer | WireError]) -> None:
        super().__init__("The vendor", tls=NO_AUTHORITIES)
        self.answers, self.asked = answers, list[str]()

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        self.asked.append(f"{method} {url}")
        path = url.partition("?")[0].partition("://")[2].partition("/")[2]
        answer = self.answers.get(f"{method} /{path}", Answer(404, {}, b"{}"))
        if isinstance(answer, WireError):
            raise answer
        return answer


def document(value: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(value).encode())


def reply(answer: Answer | WireError, now: float = 0.0) -> Reply | Trouble:
    return Asker(Vendor({"GET /": answer}), lambda: now).get("https://vendor.example/")


def trouble(answer: Answer) -> Trouble:
    found = reply(answer)
    assert isinstance(found, Reply)
    return found.trouble


def test_auth0s_words_say_what_is_wrong() -> None:
    body = {"error": "access_denied", "error_description": "Service not found: https://x/api/v2/"}
    assert trouble(document(body, 403)) == Trouble(
        "status 403 access_denied (Service not found: https://x/api/v2/)", 403, "access_denied"
    )
    forbidden = {"statusCode": 403, "error": "Forbidden", "errorCode": "insufficient_scope"}
    assert trouble(document(forbidden, 403)).code == "insufficient_scope"


def test_stripes_words_are_left_out_because_they_quote_keys() -> None:
    body = {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided: sk_test_***abc"}}
    assert trouble(document(body, 401)) == Trouble(
        "status 401 invalid_request_error", 401, "invalid_request_error"
    )


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"\xff", b""])
def test_an_answer_of_another_form_is_told_by_its_status(body: bytes) -> None:
    assert trouble(Answer(502, {}, body)) == Trouble("status 502", 502)


def test_no_answer_has_the_systems_own_words() -> None:
    unreachable = WireError("The vendor cannot be reached (ConnectError)")
    unreachable.__cause__ = OSError("Name or service not known")
    found = reply(unreachable)
    assert found == Trouble("The vendor cannot be reached (ConnectError): Name or service not known")
    assert reply(WireTimeout("too late")) == Trouble("too late", late=True)


def test_a_clock_is_compared_with_the_middle_of_a_second() -> None:
    found = reply(document({}, date="Thu, 01 Jan 1970 00:01:40 GMT"), now=110.5)
    assert isinstance(found, Reply)
    assert found.clock_ahead_s == pytest.approx(10.0)
    cached = reply(document({}, date="Thu, 01 Jan 1970 00:01:40 GMT", age="10"), now=110.5)
    assert isinstance(cached, Reply)
    assert cached.clock_ahead_s == pytest.approx(0.0)
    for date in ("", "yesterday", "Thu, 99 Jan 1970 00:01:40 GMT"):
        found = reply(document({}, date=date))
        assert isinstance(found, Reply)
        assert found.clock_ahead_s is None


def test_questions_are_asked_under_the_deadline_of_their_thread() -> None:
    with deadline.within(5.0), Together() as calls:
        asked = [calls.begin(deadline.left) for _ in range(9)]
        assert all(0 < it.result() <= 5.0 for it in asked)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(302, {"location": f"{HERE}/callback?error=login_required"}, b""), Registration.REGISTERED),
        (Answer(302, {"location": f"{HERE}/callbacks?error=x"}, b""), Registration.UNCLEAR),
        (
            Answer(403, {}, b"<p>Callback URL mismatch. The provided redirect_uri</p>"),
            Registration.NOT_REGISTERED,
        ),
        (Answer(403, {}, b"<p>invalid_request: Unknown client: abc</p>"), Registration.UNKNOWN_CLIENT),
        (
            Answer(
                302, {"location": "https://shop.example/error?error_description=Unknown%20client%3A"}, b""
            ),
            Registration.UNKNOWN_CLIENT,
        ),
        (Answer(200, {}, b"<p>Welcome</p>"), Registration.UNCLEAR),
        (Answer(403, {}, b"<p>There could be a misconfiguration in the system</p>"), Registration.REFUSED),
    ],
)
def test_the_provider_tells_whether_the_callback_is_registered(
    tmp_path: Path, answer: Answer, expected: Registration
) -> None:
    provider = "http://127.0.0.1:1"
    discovery = {
        "issuer": f"{provider}/",
        "jwks_uri": f"{provider}/keys",
        "authorization_endpoint": f"{provider}/authorize",
        "token_endpoint": f"{provider}/oauth/token",
    }
    vendor = Vendor({"GET /.well-known/openid-configuration": document(discovery), "GET /authorize": answer})
    assert read_login(Asker(vendor), offline_settings(tmp_path)).callback is expected
    begun = next(it for it in vendor.asked if "/authorize" in it)
    assert "prompt=none" in begun


def test_a_document_without_endpoints_is_no_discovery_document(tmp_path: Path) -> None:
    vendor = Vendor({"GET /.well-known/openid-configuration": document({"issuer": "x"})})
    facts = read_login(Asker(vendor), offline_settings(tmp_path))
    assert facts.discovery == Trouble("the answer is no discovery document", 200)
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("answer", [Answer(200, {}, b"<html>"), document([1]), document({"scope": "x"})])
def test_an_answer_without_a_token_is_no_token_without_scopes(tmp_path: Path, answer: Answer) -> None:
    facts = read_tenant(Asker(Vendor({"POST /oauth/token": answer})), offline_settings(tmp_path))
    assert facts.scopes == Trouble("the answer is no token", 200)


@pytest.mark.parametrize("answer", [Answer(200, {}, b"<html>"), document([1])])
def test_a_page_in_the_place_of_a_list_is_no_empty_list(tmp_path: Path, answer: Answer) -> None:
    account = {"GET /v1/account": document({"id": "acct_1", "object": "account"})}
    vendor = Vendor(account | {f"GET /v1/{it}": answer for it in ("prices", "webhook_endpoints", "events")})
    facts = read_stripe(Asker(vendor), offline_settings(tmp_path), "version")
    expected = Trouble("the answer is not Stripe's", 200)
    assert (facts.for_sale, facts.endpoints, facts.undelivered) == (expected, expected, expected)


def test_a_refused_key_is_asked_nothing_more(tmp_path: Path) -> None:
    vendor = Vendor({"GET /v1/account": document({"error": {}}, 401)})
    facts = read_stripe(Asker(vendor), offline_settings(tmp_path), "version")
    assert isinstance(facts.account, Trouble)
    assert len(vendor.asked) == 1


def test_permissions_are_asked_of_restricted_keys_alone_and_by_requests_without_effect(
    tmp_path: Path,
) -> None:
    account = {"GET /v1/account": document({"id": "acct_1", "object": "account"})}
    secret = Vendor(account)
    assert read_stripe(Asker(secret), offline_settings(tmp_path), "version").permissions == {}
    assert [it for it in secret.asked if not it.startswith("GET ")] == []
    restricted = Vendor(account)
    settings = offline_settings(tmp_path, STRIPE_SECRET_KEY="rk_test_1")
    assert all(read_stripe(Asker(restricted), settings, "version").permissions.values())
    written = [it.partition("/v1/")[2] for it in restricted.asked if it.startswith("POST ")]
    # Each is about an object that does not exist.
    assert sorted(written) == [
        "billing_portal/sessions",
        "checkout/sessions/cs_test_webstoreDoctorNothing/expire",
        "customers/cus_webstoreDoctorNobody",
        "subscriptions/sub_webstoreDoctorNothing",
    ]


def test_a_folder_is_written_read_and_left_empty(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    state = FileState(folder)
    facts = read_folder(folder, state)
    assert (facts.problem, facts.place) == (None, str(folder))
    assert facts.free_bytes is not None
    assert state.get("doctor:look") is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    facts = read_folder(tmp_path / "state", FileState(tmp_path / "state"))
    assert facts.problem is not None
    assert "FileExistsError" in facts.problem


def test_each_part_of_the_state_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "notices").write_text("")
    sound, broken = FileState(tmp_path), RecordFiles(tmp_path / "notices", "notices of changes")
    assert read_folder(tmp_path, sound).problem is None
    for parts in ((sound, broken), (broken, sound)):
        assert "the notices of changes cannot be used" in str(read_folder(tmp_path, *parts).problem)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(301, {"location": "https://shop.example/"}, b""), True),
        (Answer(302, {"location": "http://shop.example/en"}, b""), False),
        (Answer(200, {}, b"<h1>Webstore</h1>"), False),
        (Answer(503, {}, b""), None),
        (WireError("nobody listens"), None),
    ],
)
def test_plain_http_is_asked_of_the_same_host(
    tmp_path: Path, answer: Answer | WireError, *, expected: bool | None
) -> None:
    settings = offline_settings(tmp_path, BASE_URL="https://shop.example")
    report = document({"settings": {}, "state": "1", "forwarded_for": 0, "host": "shop.example"})
    store = Vendor({"GET /doctor": report, "GET /": answer})
    assert read_site(Asker(store), settings).https_redirect is expected
    assert store.asked[-1] == "GET http://shop.example/"
    odd = replace(settings, base_url="https://shop.example:8443")
    assert read_site(Asker(Vendor({"GET /doctor": report})), odd).https_redirect is None
