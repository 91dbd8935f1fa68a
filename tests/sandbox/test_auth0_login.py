"""`/authorize` and the login pages, used as a browser does."""

import pytest

from tests.sandbox.auth0 import ADA, API, CALLBACK, PASSWORD, Browser, Tenant, query
from webstore.sandbox.auth0.user import Profile

OTHER_CALLBACK = f"{CALLBACK}?from=query"


def test_log_in_sends_a_code_and_the_state_to_the_callback(browser: Browser) -> None:
    answer = browser.log_in().answer

    assert answer.keys() == {"code", "state"}
    assert answer["state"] == "the-state"


def test_a_registered_callback_with_a_query_keeps_it(browser: Browser) -> None:
    answer = browser.log_in(redirect_uri=OTHER_CALLBACK).answer
    assert answer.keys() == {"from", "code", "state"}


def test_the_log_in_page_has_what_a_browser_test_holds_on_to(browser: Browser) -> None:
    page = browser.authorize(login_hint="grace@example.com", ui_locales="fr en")

    assert page.status_code == 200
    assert "Sandbox: nothing here is real" in page.text
    for part in (
        'name="email"',
        'name="password"',
        ">Continue</button>",
        ">Sign up</a>",
        ">Decline</button>",
    ):
        assert part in page.text
    assert "Continue with Sandbox Social" in page.text
    assert 'value="grace@example.com"' in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


def test_the_log_in_page_names_the_demo_accounts_that_can_log_in(browser: Browser) -> None:
    page = browser.authorize().text
    assert f"<code>{PASSWORD}</code>" in page
    assert page.count("@example.com</code>") == 2
    for user in browser.tenant.auth0.state.users.with_email("ada@example.com"):
        browser.tenant.auth0.state.users.delete(user.user_id)
    page = browser.authorize().text
    assert ("ada@example.com" in page, "<code>grace@example.com</code>" in page) == (False, True)


def test_a_login_hint_is_escaped(browser: Browser) -> None:
    assert "<script>" not in browser.authorize(login_hint='"><script>').text


@pytest.mark.parametrize(
    ("email", "password"), [("ada@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("", "")]
)
def test_wrong_credentials_show_the_page_again(browser: Browser, email: str, password: str) -> None:
    page = browser.submit(browser.authorize(), email=email, password=password)

    assert page.status_code == 400
    assert "Wrong email or password" in page.text
    assert f'value="{email}"' in page.text
    assert browser.arrived(browser.submit(page, email="ada@example.com", password=PASSWORD)).answer["code"]


def test_the_email_of_a_database_user_has_no_case(browser: Browser) -> None:
    assert "code" in browser.log_in(email="Ada@Example.COM").answer


def test_sign_up_makes_an_unverified_database_user(tenant: Tenant, browser: Browser) -> None:
    page = browser.authorize(screen_hint="signup")
    assert ">Log in</a>" in page.text
    done = browser.submit(page, email="New.Shopper@Example.com", password=PASSWORD, name="New Shopper")
    profile = tenant.claims(tenant.exchange(browser.arrived(done)).json()["id_token"])

    assert profile["sub"].startswith("auth0|")
    assert len(profile["sub"]) == len("auth0|") + 24
    assert int(profile["sub"].removeprefix("auth0|"), 16)
    assert (profile["email"], profile["email_verified"]) == ("new.shopper@example.com", False)
    assert (profile["name"], profile["nickname"]) == ("New Shopper", "new.shopper")


def test_without_a_name_the_email_is_the_name(tenant: Tenant, browser: Browser) -> None:
    done = browser.submit(browser.authorize(screen_hint="signup"), email="n@example.com", password=PASSWORD)
    claims = tenant.claims(tenant.exchange(browser.arrived(done)).json()["id_token"])
    assert claims["name"] == "n@example.com"


@pytest.mark.parametrize(
    ("email", "password", "problem"),
    [
        ("ADA@example.com", PASSWORD, "The user already exists"),
        ("no-at-sign", PASSWORD, "Email is not valid"),
        ("a b@example.com", PASSWORD, "Email is not valid"),
        ("new@example.com", "Pass1!", "The password is too weak"),
        ("new@example.com", "onlylowercase", "The password is too weak"),
    ],
)
def test_a_sign_up_that_the_policy_refuses(browser: Browser, email: str, password: str, problem: str) -> None:
    page = browser.submit(browser.authorize(screen_hint="signup"), email=email, password=password)
    assert page.status_code == 400
    assert problem in page.text


def test_the_same_social_account_is_the_same_user(tenant: Tenant) -> None:
    users = []
    for email in ("Someone@Gmail.example", "someone@gmail.example"):
        with Browser(tenant) as browser:
            page = browser.authorize(connection="google-oauth2")
            done = browser.submit(page, email=email, name="Some One")
            users.append(tenant.claims(tenant.exchange(browser.arrived(done)).json()["id_token"]))

    assert users[0]["sub"] == users[1]["sub"]
    provider, _, account = users[0]["sub"].partition("|")
    assert provider == "google-oauth2"
    assert account.isdecimal()
    assert len(account) == 21
    assert (users[0]["email"], users[0]["email_verified"]) == ("Someone@Gmail.example", True)


def test_a_social_account_may_have_no_email(tenant: Tenant, browser: Browser) -> None:
    done = browser.submit(browser.authorize(connection="google-oauth2"), name="No Mail")
    claims = tenant.claims(tenant.exchange(browser.arrived(done)).json()["id_token"])

    assert claims["name"] == "No Mail"
    assert not claims.keys() & {"email", "email_verified"}


def test_a_social_account_needs_something(browser: Browser) -> None:
    assert browser.submit(browser.authorize(connection="google-oauth2"), name=" ").status_code == 400


def test_the_database_connection_shows_no_social_button(browser: Browser) -> None:
    page = browser.authorize(connection="Username-Password-Authentication")
    assert 'name="password"' in page.text
    assert "Sandbox Social" not in page.text


@pytest.mark.parametrize("changes", [{}, {"screen_hint": "signup"}, {"connection": "google-oauth2"}])
def test_decline(browser: Browser, changes: dict[str, str]) -> None:
    answer = browser.arrived(browser.submit(browser.authorize(**changes), action="decline")).answer

    assert answer == {
        "error": "access_denied",
        "error_description": "User did not authorize the request",
        "state": "the-state",
    }


def test_a_second_authorization_needs_no_page(tenant: Tenant, browser: Browser) -> None:
    first, second = browser.id_token(), browser.authorize(screen_hint="signup")

    assert "code" in browser.arrived(second).answer
    assert tenant.claims(tenant.exchange(browser.arrived(second)).json()["id_token"])["sid"] == first["sid"]


def test_the_session_cookie_is_not_the_session_id_and_cannot_clash_with_the_stores(browser: Browser) -> None:
    sid = browser.id_token()["sid"]
    cookies = dict(browser.http.cookies)

    name = f"auth0_sandbox_{browser.tenant.server.port}"
    assert cookies.keys() == {name, f"{name}_browser"}
    assert sid not in cookies.values()


def test_prompt_none_is_silent_either_way(browser: Browser) -> None:
    silent = browser.arrived(browser.authorize(prompt="none")).answer
    assert silent == {
        "error": "login_required",
        "error_description": "Login required",
        "state": "the-state",
    }
    without_openid = browser.arrived(browser.authorize(prompt="none", scope="profile")).answer
    assert without_openid["error"] == "login_required"

    browser.log_in()
    assert "code" in browser.arrived(browser.authorize(prompt="none")).answer


def test_prompt_login_asks_again_and_says_when(tenant: Tenant, browser: Browser) -> None:
    first = browser.id_token()
    assert "auth_time" not in first
    tenant.advance(100)
    page = browser.authorize(prompt="login")
    assert 'name="password"' in page.text

    again = browser.id_token(prompt="login")
    assert again["iat"] - again["auth_time"] <= 1
    assert again["sid"] == first["sid"]


def test_another_user_gets_another_session(browser: Browser) -> None:
    first = browser.id_token()
    assert browser.id_token(prompt="login", email="grace@example.com")["sid"] != first["sid"]


def test_max_age_asks_again_when_the_log_in_is_older(tenant: Tenant, browser: Browser) -> None:
    browser.log_in()
    tenant.advance(50)
    assert browser.authorize(max_age="60").next_request is not None
    tenant.advance(20)
    assert browser.authorize(max_age="60").next_request is None
    assert browser.arrived(browser.authorize(max_age="60", prompt="none")).answer["error"] == "login_required"
    claims = browser.id_token(max_age="60")
    assert claims["iat"] - claims["auth_time"] <= 1


def test_a_session_ends_after_three_idle_days(tenant: Tenant, browser: Browser) -> None:
    browser.log_in()
    tenant.advance(3 * 86_400 - 10)
    assert browser.authorize().next_request is not None
    tenant.advance(3 * 86_400 + 10)
    assert browser.authorize().next_request is None


def test_a_session_ends_after_a_week(tenant: Tenant, browser: Browser) -> None:
    browser.log_in()
    for _ in range(3):
        tenant.advance(2 * 86_400)
        assert browser.authorize().next_request is not None
    tenant.advance(86_400 + 10)
    assert browser.authorize().next_request is None


def test_another_connection_than_the_sessions_asks_again(browser: Browser) -> None:
    browser.log_in()
    assert "Sandbox Social" in browser.authorize(connection="google-oauth2").text


def test_an_organization_gets_into_the_id_token(browser: Browser) -> None:
    claims = browser.id_token(organization="org_sandbox000000001", invitation="ticket")
    assert claims["org_id"] == "org_sandbox000000001"


def test_an_organization_has_a_name_if_the_tenant_allows_names(tenant: Tenant, browser: Browser) -> None:
    unknown = browser.arrived(browser.authorize(organization="Acme")).answer
    assert unknown["error_description"] == "authorization request parameter organization must exist"
    tenant.settings(organization_names={"org_sandbox000000001": "acme"})
    claims = browser.id_token(organization="Acme")
    assert (claims["org_id"], claims["org_name"]) == ("org_sandbox000000001", "acme")


def test_an_application_may_be_for_organizations_alone(tenant: Tenant, browser: Browser) -> None:
    tenant.settings(require_organization=True)
    answer = browser.arrived(browser.authorize()).answer
    assert answer["error"] == "invalid_request"
    assert answer["error_description"] == "parameter organization is required for this client"
    assert browser.id_token(organization="org_sandbox000000001")["org_id"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": 'co"de\\é'}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "too-short"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"connection": "unheard-of"}, "invalid_request"),
        ({"organization": "org_unknown"}, "invalid_request"),
        ({"invitation": "ticket"}, "invalid_request"),
        ({"audience": "https://nowhere.example"}, "access_denied"),
    ],
)
def test_other_errors_go_back_to_the_application(
    browser: Browser, changes: dict[str, str | None], error: str
) -> None:
    answer = browser.arrived(browser.authorize(**changes)).answer

    assert answer["error"] == error
    assert answer["error_description"]
    assert answer["state"] == "the-state"
    assert "code" not in answer


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"client_id": None}, "Missing required parameter: client_id"),
        ({"client_id": "<b>nobody"}, "Unknown client: &lt;b&gt;nobody"),
        ({"redirect_uri": "http://evil.example/callback"}, "Callback URL mismatch"),
        ({"redirect_uri": f"{CALLBACK}/"}, "Callback URL mismatch"),
        ({"redirect_uri": f'{CALLBACK}?x="\\é'}, "Callback URL mismatch"),
        ({"redirect_uri": None}, "Callback URL mismatch"),
    ],
)
def test_an_unknown_client_or_callback_is_never_redirected_to(
    browser: Browser, changes: dict[str, str | None], text: str
) -> None:
    page = browser.authorize(**changes)

    assert page.status_code == 400
    assert page.next_request is None
    assert text in page.text


def test_a_parameter_given_twice_is_an_error_page(browser: Browser) -> None:
    known = f"client_id={browser.tenant.config.client_id}&redirect_uri={CALLBACK}"
    page = browser.http.get(f"/authorize?{known}&response_type=code&state=a&state=b")
    assert page.status_code == 400
    assert "Multiple" in page.text


def test_other_response_modes_are_said_not_to_be_there(browser: Browser) -> None:
    assert browser.authorize(response_mode="form_post").status_code == 501


def test_the_setting_require_pkce(tenant: Tenant, browser: Browser) -> None:
    none: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
    assert browser.authorize(**none).status_code == 200
    tenant.settings(require_pkce=True)
    assert browser.arrived(browser.authorize(**none)).answer["error"] == "invalid_request"


def test_the_setting_callback_iss(tenant: Tenant, browser: Browser) -> None:
    tenant.settings(callback_iss=True)
    failed = browser.arrived(browser.authorize(prompt="none")).answer

    assert failed["iss"] == browser.log_in().answer["iss"] == f"{tenant.url}/"
    metadata = tenant.http.get("/.well-known/openid-configuration").json()
    assert metadata["authorization_response_iss_parameter_supported"] is True


def test_a_page_works_only_in_the_browser_that_began_it(tenant: Tenant, browser: Browser) -> None:
    page = browser.authorize()
    with Browser(tenant) as another:
        another.authorize()
        stolen = another.submit(page, email="ada@example.com", password=PASSWORD)
    assert stolen.status_code == 400
    assert "This page has expired" in stolen.text


def test_a_page_that_was_used_or_is_an_hour_old_has_expired(tenant: Tenant, browser: Browser) -> None:
    used = browser.authorize()
    browser.submit(used, email="ada@example.com", password=PASSWORD)
    assert "expired" in browser.submit(used, email="ada@example.com", password=PASSWORD).text

    old = browser.authorize(prompt="login")
    tenant.advance(3601)
    assert "expired" in browser.submit(old, email="ada@example.com", password=PASSWORD).text


def test_a_blocked_user_is_told_so_at_the_callback(tenant: Tenant, browser: Browser) -> None:
    tenant.management("PATCH", f"/users/{ADA}", json={"blocked": True}).raise_for_status()
    answer = browser.log_in().answer
    assert (answer["error"], answer["error_description"]) == ("unauthorized", "user is blocked")


def test_a_block_ends_the_users_sessions_for_good(tenant: Tenant, browser: Browser) -> None:
    browser.log_in()
    for blocked in (True, False):
        tenant.management("PATCH", f"/users/{ADA}", json={"blocked": blocked}).raise_for_status()
        assert browser.arrived(browser.authorize(prompt="none")).answer["error"] == "login_required"
        assert 'name="password"' in browser.authorize().text
    assert "code" in browser.log_in().answer


def test_a_new_password_ends_the_users_sessions(tenant: Tenant, browser: Browser) -> None:
    browser.log_in()
    tenant.management("PATCH", f"/users/{ADA}", json={"password": "Another-2"}).raise_for_status()
    assert browser.arrived(browser.authorize(prompt="none")).answer["error"] == "login_required"


def test_a_deleted_user_has_to_log_in_and_cannot(tenant: Tenant, browser: Browser) -> None:
    login = browser.log_in()
    tenant.management("DELETE", f"/users/{ADA}").raise_for_status()

    assert tenant.exchange(login).status_code == 403
    page = browser.authorize()
    assert "Wrong email or password" in browser.submit(page, email="ada@example.com", password=PASSWORD).text


def test_log_ins_are_counted(tenant: Tenant, browser: Browser) -> None:
    assert "last_login" not in profile(tenant)
    browser.log_in()
    browser.log_in()
    after = profile(tenant)
    assert after["logins_count"] == 2
    assert after["last_ip"] == "127.0.0.1"
    assert after["last_login"] == after["updated_at"]


def test_passwords_are_not_kept(tenant: Tenant, browser: Browser) -> None:
    browser.submit(browser.authorize(screen_hint="signup"), email="n@example.com", password="Very-Secret-9")
    user = tenant.auth0.state.users.in_database("n@example.com")
    assert user is not None
    assert "Very-Secret-9" not in repr(user)


def test_api_audience_is_remembered_through_the_log_in_page(tenant: Tenant, browser: Browser) -> None:
    token = browser.tokens(audience=API, scope="openid read:orders")["access_token"]
    assert API in tenant.claims(token)["aud"]


def test_the_page_address_carries_only_the_state(browser: Browser) -> None:
    page = browser.authorize(login_hint="grace@example.com")
    assert query(str(page.url)).keys() == {"state"}


def profile(tenant: Tenant) -> Profile:
    found: Profile = tenant.management("GET", f"/users/{ADA}").json()
    return found
