"""The pages of Auth0's dashboard, and the reset of the tenant."""

import html
import json
import re

from tests.sandbox.auth0 import ADA, Browser, Tenant


def app_metadata(tenant: Tenant) -> object:
    page = tenant.http.get(f"/dashboard/users/{ADA}").text
    found = re.search(r'<pre id="app-metadata">(.*?)</pre>', page, re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1]))


def test_the_front_page_leads_to_the_users(tenant: Tenant) -> None:
    page = tenant.http.get("/", follow_redirects=True)
    assert page.url.path == "/dashboard/users"
    assert "Sandbox: nothing here is real" in page.text
    assert f'data-user-id="{ADA}"' in page.text


def test_the_list_is_searched_and_paged(tenant: Tenant) -> None:
    tenant.http.post("/_sandbox/seed", json={"users": 1_000_000}).raise_for_status()
    first = tenant.http.get("/dashboard/users").text
    assert first.count("data-user-id") == 25
    assert "1,000,002 in all" in first
    assert "Next" in first
    assert "Previous" in tenant.http.get("/dashboard/users?page=1").text
    assert tenant.http.get("/dashboard/users?q=GRACE").text.count("data-user-id") == 1
    for exact in ("seed00999999@example.com", "auth0|seed00999999"):
        assert "auth0|seed00999999" in tenant.http.get("/dashboard/users", params={"q": exact}).text
    nobody = tenant.http.get("/dashboard/users?q=<nobody>").text
    assert "Nobody found for “&lt;nobody&gt;”." in nobody
    assert "in all" not in nobody


def test_a_users_page_shows_profile_identities_and_app_metadata(tenant: Tenant) -> None:
    assert app_metadata(tenant) == {}
    tenant.management("PATCH", f"/users/{ADA}", json={"app_metadata": {"a": "</pre><b>"}}).raise_for_status()

    assert app_metadata(tenant) == {"a": "</pre><b>"}
    page = tenant.http.get(f"/dashboard/users/{ADA}").text
    assert f'<code id="user-id">{ADA}</code>' in page
    assert "Username-Password-Authentication" in page
    assert "ada@example.com" in page
    assert tenant.http.get("/dashboard/users/auth0|nobody").status_code == 404


def test_a_user_is_found_under_the_address_that_the_real_dashboard_has(tenant: Tenant) -> None:
    # The unpadded base64 of "auth0%7C000000000000000000000001".
    page = tenant.http.get("/dashboard/users/YXV0aDAlN0MwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDE")
    assert page.status_code == 200
    assert "ada@example.com" in page.text
    assert tenant.http.get("/dashboard/users/YXV0aDAlN0M").status_code == 404


def test_the_email_can_be_changed(tenant: Tenant) -> None:
    sent = {"user_id": ADA, "email": "Other@Example.com"}
    assert tenant.http.post("/dashboard/change-email", data=sent).status_code == 302
    assert tenant.management("GET", f"/users/{ADA}").json()["email"] == "other@example.com"
    for email, problem in (("grace@example.com", "already exists"), ("nonsense", "format email")):
        page = tenant.http.post("/dashboard/change-email", data={"user_id": ADA, "email": email})
        assert page.status_code == 400
        assert problem in page.text


def test_app_metadata_is_edited_as_a_whole(tenant: Tenant) -> None:
    for text in ('{"a": 1, "b": 2}', '{"b": 3}'):
        tenant.http.post("/dashboard/edit-app-metadata", data={"user_id": ADA, "app_metadata": text})
    assert app_metadata(tenant) == {"b": 3}
    for text in ("{", "[]", '{"email": 1}'):
        sent = {"user_id": ADA, "app_metadata": text}
        assert tenant.http.post("/dashboard/edit-app-metadata", data=sent).status_code == 400
    assert app_metadata(tenant) == {"b": 3}


def test_a_user_can_be_blocked_and_unblocked(tenant: Tenant) -> None:
    for pressed, label in (("true", "Unblock user"), ("false", "Block user")):
        sent = {"user_id": ADA, "blocked": pressed}
        page = tenant.http.post("/dashboard/block-user", data=sent, follow_redirects=True)
        assert f"<button>{label}</button>" in page.text
        assert tenant.management("GET", f"/users/{ADA}").json()["blocked"] == (pressed == "true")


def test_a_user_can_be_deleted(tenant: Tenant) -> None:
    assert tenant.http.post("/dashboard/delete-user", data={"user_id": ADA}).status_code == 302
    assert tenant.management("GET", f"/users/{ADA}").status_code == 404


def test_another_sites_page_cannot_press_the_buttons(tenant: Tenant) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = tenant.http.post("/dashboard/delete-user", data={"user_id": ADA}, headers=headers)
    assert answer.status_code == 403
    assert tenant.management("GET", f"/users/{ADA}").status_code == 200


def test_the_dashboard_is_not_in_the_request_log_but_the_endpoints_are(tenant: Tenant) -> None:
    tenant.http.get("/dashboard/users")
    tenant.http.get("/.well-known/jwks.json")
    logged = tenant.http.get("/_sandbox/requests").json()["requests"]
    assert [entry["path"] for entry in logged] == ["/.well-known/jwks.json"]


def test_reset_brings_everything_back(tenant: Tenant) -> None:
    first = tenant.http.get("/.well-known/jwks.json").json()
    tenant.http.post("/_sandbox/seed", json={"users": 5})
    tenant.http.post("/_sandbox/auth0/rotate")
    tenant.settings(claim_action=True, search_lag_s=5, organizations=[])
    tenant.advance(1000)
    with Browser(tenant) as browser:
        page = browser.authorize()
        login = browser.log_in()
        tenant.management("DELETE", f"/users/{ADA}")
        tenant.http.post("/_sandbox/reset").raise_for_status()

        assert browser.authorize().next_request is None
        assert browser.submit(page, email="ada@example.com", password="Password1!").status_code == 400
        assert tenant.exchange(login).status_code == 403
    assert tenant.http.get("/.well-known/jwks.json").json() == first
    assert tenant.http.get("/_sandbox/settings").json()["claim_action"] is False
    assert len(tenant.management("GET", "/users").json()) == 2
    assert tenant.management("GET", f"/users/{ADA}").status_code == 200


def test_unknown_settings_are_refused(tenant: Tenant) -> None:
    assert tenant.http.patch("/_sandbox/settings", json={"nonsense": 1}).status_code == 400
