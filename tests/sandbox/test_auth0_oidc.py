"""Signing keys, tokens, `/userinfo` and the token endpoint, used as an application does."""

import base64
import json
import logging
import threading
import time
from typing import Any

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import BadSignatureError, InvalidKeyIdError

from tests.sandbox.auth0 import ADA, API, CALLBACK, PASSWORD, Browser, Login, Tenant, running_tenant


def test_discovery_names_the_issuer_with_a_slash_and_the_endpoints(tenant: Tenant) -> None:
    metadata = tenant.http.get("/.well-known/openid-configuration").json()

    assert metadata["issuer"] == f"{tenant.url}/"
    assert metadata["authorization_endpoint"] == f"{tenant.url}/authorize"
    assert metadata["token_endpoint"] == f"{tenant.url}/oauth/token"
    assert metadata["userinfo_endpoint"] == f"{tenant.url}/userinfo"
    assert metadata["jwks_uri"] == f"{tenant.url}/.well-known/jwks.json"
    assert metadata["end_session_endpoint"] == f"{tenant.url}/oidc/logout"
    assert metadata["backchannel_logout_supported"] is True
    assert "authorization_response_iss_parameter_supported" not in metadata


def test_the_key_set_has_the_current_key_and_the_next(tenant: Tenant) -> None:
    keys = tenant.http.get("/.well-known/jwks.json").json()["keys"]

    assert len(keys) == 2
    for key in keys:
        assert key.keys() == {"kty", "use", "n", "e", "kid", "alg"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")


def test_after_a_rotation_the_old_key_stays_published_until_it_is_revoked(
    tenant: Tenant, browser: Browser
) -> None:
    first = kids(tenant)
    token = browser.tokens()["id_token"]

    tenant.http.post("/_sandbox/auth0/rotate").raise_for_status()
    second = kids(tenant)
    assert second[:2] == first
    assert len(second) == 3
    assert tenant.claims(token)["sub"] == ADA
    assert header(browser.tokens()["id_token"])["kid"] == second[1]

    tenant.http.post("/_sandbox/auth0/revoke").raise_for_status()
    assert kids(tenant) == second[1:]
    with pytest.raises(InvalidKeyIdError):
        tenant.claims(token)


def test_a_second_rotation_withdraws_the_oldest_key(tenant: Tenant) -> None:
    first = kids(tenant)
    for _ in range(2):
        tenant.http.post("/_sandbox/auth0/rotate").raise_for_status()

    assert first[0] not in kids(tenant)
    assert kids(tenant)[0] == first[1]


def test_a_forged_token_does_not_verify(tenant: Tenant, browser: Browser) -> None:
    head, _, signature = browser.tokens()["id_token"].split(".")
    with Browser(tenant) as another:
        other = another.tokens(email="grace@example.com")["id_token"].split(".")[1]

    with pytest.raises(BadSignatureError):
        tenant.claims(f"{head}.{other}.{signature}")


def test_authlibs_own_client_goes_through_the_flow(tenant: Tenant, browser: Browser) -> None:
    with OAuth2Session(
        tenant.config.client_id,
        tenant.config.client_secret,
        scope="openid profile email",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    ) as client:
        url, _ = client.create_authorization_url(
            f"{tenant.url}/authorize", code_verifier=browser.verifier, nonce="n"
        )
        page = browser.follow(browser.http.get(url))
        callback = browser.submit(page, email="ada@example.com", password=PASSWORD).headers["Location"]
        token = client.fetch_token(
            f"{tenant.url}/oauth/token", authorization_response=callback, code_verifier=browser.verifier
        )
        profile = client.get(f"{tenant.url}/userinfo").json()

    assert tenant.claims(token["id_token"])["nonce"] == "n"
    assert profile["email"] == "ada@example.com"


def test_an_id_token_has_the_claims_of_its_scopes(browser: Browser, tenant: Tenant) -> None:
    before = int(time.time())
    tokens = browser.tokens()
    claims = tenant.claims(tokens["id_token"])

    assert tokens.keys() == {"access_token", "id_token", "scope", "expires_in", "token_type"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 86_400)
    assert tokens["scope"] == "openid profile email"
    assert header(tokens["id_token"]) == {"alg": "RS256", "typ": "JWT", "kid": kids(tenant)[0]}
    assert claims.keys() == {
        *("iss", "aud", "sub", "iat", "exp", "sid", "nonce"),
        *("name", "nickname", "picture", "updated_at", "email", "email_verified"),
    }
    assert claims["iss"] == f"{tenant.url}/"
    assert claims["aud"] == tenant.config.client_id
    assert claims["sub"] == ADA
    assert claims["exp"] - claims["iat"] == 36_000
    assert before <= claims["iat"] <= time.time()
    assert claims["nonce"] == "the-nonce"
    assert (claims["email"], claims["email_verified"]) == ("ada@example.com", True)
    assert claims["updated_at"].endswith("Z")


def test_without_profile_and_email_scopes_there_is_only_the_subject(browser: Browser) -> None:
    assert browser.id_token(scope="openid", nonce=None).keys() == {"iss", "aud", "sub", "iat", "exp", "sid"}


def test_without_openid_there_is_no_id_token(browser: Browser) -> None:
    assert "id_token" not in browser.tokens(scope="profile")


def test_a_scope_that_does_not_exist_is_not_granted(browser: Browser) -> None:
    assert browser.tokens(scope="openid read:orders offline_access")["scope"] == "openid"


def test_without_an_audience_the_access_token_is_opaque(browser: Browser) -> None:
    assert "." not in browser.tokens()["access_token"]


def test_an_access_token_for_an_api_is_a_jwt(browser: Browser, tenant: Tenant) -> None:
    tokens = browser.tokens(audience=API, scope="openid read:orders write:orders")
    claims = tenant.claims(tokens["access_token"])

    assert tokens["scope"] == "openid read:orders"
    assert claims["aud"] == [API, f"{tenant.url}/userinfo"]
    assert claims["azp"] == tenant.config.client_id
    assert claims["sub"] == ADA
    assert claims["scope"] == "openid read:orders"
    assert claims["exp"] - claims["iat"] == 86_400
    assert userinfo(tenant, tokens["access_token"]).json() == {"sub": ADA}


def test_userinfo_answers_by_scope_and_refuses_other_tokens(browser: Browser, tenant: Tenant) -> None:
    tokens = browser.tokens(scope="openid email")

    assert userinfo(tenant, tokens["access_token"]).json() == {
        "sub": ADA,
        "email": "ada@example.com",
        "email_verified": True,
    }
    for token in ("nonsense", tokens["id_token"], tenant.management_token()):
        assert userinfo(tenant, token).status_code == 401
    assert "invalid_token" in tenant.http.get("/userinfo").headers["WWW-Authenticate"]
    tenant.advance(86_401)
    assert userinfo(tenant, tokens["access_token"]).status_code == 401


def test_the_simulated_action_adds_the_claim_only_where_there_is_a_customer(
    tenant: Tenant, browser: Browser
) -> None:
    claim = "https://store.example/stripe_customer_id"
    tenant.settings(claim_action=True)
    assert claim not in browser.id_token()

    changed = tenant.management(
        "PATCH", f"/users/{ADA}", json={"app_metadata": {"stripe_customer_id": "cus_1"}}
    )
    assert changed.status_code == 200
    tokens = browser.tokens(audience=API)
    assert tenant.claims(tokens["id_token"])[claim] == "cus_1"
    assert tenant.claims(tokens["access_token"])[claim] == "cus_1"
    assert userinfo(tenant, tokens["access_token"]).json()[claim] == "cus_1"

    tenant.settings(claim_action=False)
    assert claim not in browser.id_token()


def test_a_code_is_good_for_one_use(tenant: Tenant, browser: Browser) -> None:
    login = browser.log_in()
    assert tenant.exchange(login).status_code == 200
    refused(tenant.exchange(login), 403, "invalid_grant", "Invalid authorization code")


def test_of_many_exchanges_of_one_code_at_once_one_succeeds(tenant: Tenant, browser: Browser) -> None:
    login = browser.log_in()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(tenant.exchange(login).status_code)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200] + [403] * 7


def test_a_code_lives_ten_minutes_on_the_sandboxs_clock(tenant: Tenant, browser: Browser) -> None:
    fresh = browser.log_in()
    tenant.advance(595)
    assert tenant.exchange(fresh).status_code == 200

    late = browser.log_in()
    tenant.advance(601)
    refused(tenant.exchange(late), 403, "invalid_grant", "Invalid authorization code")


@pytest.mark.parametrize("verifier", ["", "v" * 43, "short"])
def test_the_verifier_is_enforced_once_a_challenge_was_given(
    tenant: Tenant, browser: Browser, verifier: str
) -> None:
    answer = tenant.exchange(browser.log_in(), code_verifier=verifier)
    refused(answer, 403, "invalid_grant", "Failed to verify code verifier")


def test_without_a_challenge_no_verifier_is_needed(tenant: Tenant, browser: Browser) -> None:
    login = browser.log_in(code_challenge=None, code_challenge_method=None)
    assert tenant.exchange(login, code_verifier="").status_code == 200


@pytest.mark.parametrize("changes", [{"redirect_uri": f"{CALLBACK}?from=query"}, {"code": "another"}])
def test_a_code_is_bound_to_its_redirect_uri(
    tenant: Tenant, browser: Browser, changes: dict[str, str]
) -> None:
    answer = tenant.exchange(browser.log_in(), **changes)
    refused(answer, 403, "invalid_grant", "Invalid authorization code")


@pytest.mark.parametrize(
    "changes", [{"client_secret": "wrong"}, {"client_id": "nobody"}, {"client_secret": ""}]
)
def test_wrong_credentials_are_unauthorized(tenant: Tenant, changes: dict[str, str]) -> None:
    refused(tenant.exchange(Login({"code": "x"}), **changes), 401, "access_denied", "Unauthorized")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (("%s", "plus%%2Bpercent%%2Band%%25+end"), 200),
        (("%s", "plus%%2Bpercent%%2Band%%25%%20end"), 200),
        (("%s", "plus+percent%%2Band%% end"), 401),
        (("%s", ""), 401),
        (("nobody", "plus%%2Bpercent%%2Band%%25+end"), 401),
    ],
    ids=["form-encoded", "with %20", "as it is", "no secret", "another client"],
)
def test_basic_credentials_are_form_encoded_first(tenant: Tenant, sent: tuple[str, str], status: int) -> None:
    config = tenant.config
    tenant.auth0.state.clients.change(
        config.mgmt_client_id, lambda client: {**client, "client_secret": "plus+percent+and% end"}
    )
    client_id, secret = (
        (part % config.mgmt_client_id if "%s" in part else part.replace("%%", "%")) for part in sent
    )
    credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    answer = tenant.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", "audience": config.management_audience},
        headers={"Authorization": f"Basic {credentials}"},
    )
    assert answer.status_code == status


def test_a_grant_that_the_application_may_not_use_is_refused(tenant: Tenant) -> None:
    answer = tenant.exchange(Login({}), grant_type="client_credentials")
    refused(answer, 403, "unauthorized_client", "Grant type 'client_credentials' not allowed for the client.")
    answer = tenant.exchange(Login({}), grant_type="pässword")
    refused(answer, 403, "unsupported_grant_type", "Unsupported grant type: pässword")
    answer = tenant.exchange(Login({}), grant_type="")
    refused(answer, 400, "invalid_request", "Missing required parameter: grant_type")


def test_a_management_token_is_available_by_form_and_json_by_post_and_basic(tenant: Tenant) -> None:
    config = tenant.config
    public = {"grant_type": "client_credentials", "audience": config.management_audience}
    secret = {"client_id": config.mgmt_client_id, "client_secret": config.mgmt_client_secret}
    basic = httpx.BasicAuth(config.mgmt_client_id, config.mgmt_client_secret)
    answers = [
        tenant.http.post("/oauth/token", data=public | secret),
        tenant.http.post("/oauth/token", json=public | secret),
        tenant.http.post("/oauth/token", data=public, auth=basic),
        tenant.http.post("/oauth/token", json=public, auth=basic),
    ]

    for answer in answers:
        body = answer.json()
        assert answer.status_code == 200
        assert (body["expires_in"], body["token_type"]) == (86_400, "Bearer")
        assert body["scope"].split() == tenant.auth0.state.settings.management_scopes
        claims = tenant.claims(body["access_token"])
        assert claims["aud"] == config.management_audience
        assert claims["sub"] == f"{config.mgmt_client_id}@clients"
        assert claims["gty"] == "client-credentials"
        assert claims["exp"] - claims["iat"] == 86_400
        assert claims["scope"] == body["scope"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audience": ""}, "No audience parameter was provided, and no default audience has been configured"),
        ({"audience": "https://nowhere.example"}, "Service not found: https://nowhere.example"),
        (
            {"audience": API},
            f'Client is not authorized to access "{API}". You need to create a "client-grant"',
        ),
        ({"scope": "read:users read:clients"}, "Client has not been granted scopes: read:clients"),
    ],
)
def test_what_was_not_granted_to_the_application_is_denied(
    tenant: Tenant, changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        tenant.management_token(**changes)
    refused(caught.value.response, 403, "access_denied", reason)


def test_an_application_gets_tokens_for_an_api_that_it_was_granted() -> None:
    with running_tenant(client_grants={API: ("read:orders",)}) as tenant:
        claims = tenant.claims(tenant.management_token(audience=API))
        assert (claims["aud"], claims["scope"]) == (API, "read:orders")
        assert claims["sub"].endswith("@clients")
        with pytest.raises(httpx.HTTPStatusError) as caught:
            tenant.management_token(audience=API, scope="read:users")
        refused(
            caught.value.response,
            403,
            "access_denied",
            "Client has not been granted scopes: read:users",
        )


def test_fewer_scopes_can_be_asked_for(tenant: Tenant) -> None:
    assert tenant.claims(tenant.management_token(scope="read:users"))["scope"] == "read:users"


def test_moving_the_clock_on_does_not_date_tokens_into_the_future(tenant: Tenant, browser: Browser) -> None:
    browser.log_in()
    tenant.advance(3600)
    claims = browser.id_token(max_age="7200")

    assert claims["iat"] <= time.time()
    assert 3595 <= claims["iat"] - claims["auth_time"] <= 3605


def test_the_tenants_clock_can_be_wrong(tenant: Tenant, browser: Browser) -> None:
    tenant.settings(token_skew_s=120)
    assert 115 <= browser.id_token()["iat"] - time.time() <= 125


def test_no_code_token_or_secret_gets_into_the_logs(
    tenant: Tenant, browser: Browser, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    login = browser.log_in()
    tokens: dict[str, Any] = tenant.exchange(login).json()
    management = tenant.management_token()
    # The test's own HTTP client logs the URLs of its requests.
    records = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    log = "\n".join(record.getMessage() for record in records) + "".join(capfd.readouterr())

    for secret in (login.answer["code"], tokens["access_token"], tokens["id_token"], management, PASSWORD):
        assert secret not in log
    assert tenant.config.client_secret not in log


def header(token: str) -> dict[str, Any]:
    part = token.split(".", maxsplit=1)[0]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


def kids(tenant: Tenant) -> list[str]:
    return [key["kid"] for key in tenant.http.get("/.well-known/jwks.json").json()["keys"]]


def userinfo(tenant: Tenant, token: str) -> httpx.Response:
    return tenant.http.get("/userinfo", headers={"Authorization": f"Bearer {token}"})


def refused(answer: httpx.Response, status: int, error: str, description: str) -> None:
    assert answer.status_code == status
    assert answer.json() == {"error": error, "error_description": description}
