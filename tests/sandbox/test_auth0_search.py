"""Listing and searching users, and seeding many of them."""

import time

import pytest

from tests.sandbox.auth0 import ADA, GRACE, Browser, Tenant, sdk_of


def seed(tenant: Tenant, **spec: object) -> None:
    tenant.http.post("/_sandbox/seed", json=spec).raise_for_status()


def search(tenant: Tenant, q: str, **parameters: object) -> list[str]:
    """The IDs of the users that a query finds."""
    answer = tenant.management("GET", "/users", params={"q": q, **parameters})
    assert answer.status_code == 200, answer.text
    return [user["user_id"] for user in answer.json()]


@pytest.fixture
def people(tenant: Tenant) -> Tenant:
    """A tenant with Ada (who has a customer and metadata), Grace, and a social user without e-mail."""
    metadata = {
        "stripe_customer_id": "cus_1",
        "quote": 'say "hi" \\ bye',
        "nested": {"n": 13, "list": ["Paris", "Rome"]},
        "flag": True,
        "empty": {},
    }
    tenant.management("PATCH", f"/users/{ADA}", json={"app_metadata": metadata}).raise_for_status()
    with Browser(tenant) as browser:
        browser.submit(browser.authorize(connection="google-oauth2"), name="No Mail")
    return tenant


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        (f'user_id:"{ADA}"', "A"),
        (f"user_id:{ADA}", "A"),
        ('user_id:"auth0|nobody"', ""),
        (f'user_id:"{ADA}" OR user_id:"{GRACE}"', "AG"),
        ('email:"ADA@example.com"', "A"),
        ('email.raw:"ada@example.com"', "A"),
        ('email.raw:"ADA@example.com"', ""),
        ("email:grace*", "G"),
        ("email:*ample.com", "AG"),
        ('email.domain:"example.com"', "AG"),
        ('name:"ada example"', "A"),
        ('app_metadata.stripe_customer_id:"cus_1"', "A"),
        ('app_metadata.stripe_customer_id:"CUS_1"', ""),
        (r'app_metadata.quote:"say \"hi\" \\ bye"', "A"),
        ("app_metadata.nested.n:13", "A"),
        ('app_metadata.nested.list:"Rome"', "A"),
        ("app_metadata.flag:true", "A"),
        ("_exists_:app_metadata.stripe_customer_id", "A"),
        ("_exists_:app_metadata.empty", ""),
        ("NOT _exists_:app_metadata.stripe_customer_id", "GS"),
        ("-_exists_:app_metadata.stripe_customer_id", "GS"),
        ("NOT _exists_:email", "S"),
        ("email_verified:true AND NOT _exists_:app_metadata", "G"),
        ('(email:"ada@example.com" OR name:"No Mail") AND NOT _exists_:email', "S"),
        ('email:"ada@example.com" AND user_id:"' + GRACE + '"', ""),
        ('identities.connection:"google-oauth2"', "S"),
        ("logins_count:[1 TO *]", "S"),
        ("logins_count:{1 TO *]", ""),
        ("NOT _exists_:logins_count OR logins_count:0", "AG"),
        ("created_at:[2020-01-01 TO *]", "AGS"),
        ("created_at:[* TO 2020-01-01]", ""),
        ("nosuchfield:x", ""),
    ],
)
def test_the_query_syntax(people: Tenant, q: str, expected: str) -> None:
    letters = {ADA: "A", GRACE: "G"}
    assert "".join(sorted(letters.get(found, "S") for found in search(people, q))) == expected


@pytest.mark.parametrize(
    ("q", "status"),
    [
        ('email:"open', 400),
        ("email:", 400),
        ("(email:x", 400),
        ("email:x AND", 400),
        ("NOT", 400),
        ("email:*ab", 400),
        ("user_metadata.a:b*", 400),
        ("logins_count:[a TO b]", 400),
        ("ada", 501),
        ("email:a name:b", 501),
        ("name:(a OR b)", 501),
        ("name:[a TO b]", 501),
    ],
)
def test_queries_that_are_wrong_or_beyond_the_sandbox(tenant: Tenant, q: str, status: int) -> None:
    answer = tenant.management("GET", "/users", params={"q": q})
    assert answer.status_code == status
    assert answer.json()["statusCode"] == status


def test_pages_with_totals_through_the_sdk(tenant: Tenant) -> None:
    seed(tenant, users=120)
    with sdk_of(tenant) as sdk:
        ids = [user.user_id for user in sdk.users.list(per_page=50)]

    assert len(ids) == len(set(ids)) == 122
    answer = tenant.management("GET", "/users", params={"page": 2, "per_page": 50, "include_totals": "true"})
    page = answer.json()
    assert page.keys() == {"start", "limit", "length", "total", "users"}
    assert (page["start"], page["limit"], page["length"], page["total"]) == (100, 50, 22, 122)
    assert isinstance(tenant.management("GET", "/users", params={"per_page": 5}).json(), list)


@pytest.mark.parametrize(
    "parameters",
    [{"per_page": 101}, {"page": -1}, {"page": "x"}, {"include_totals": "maybe"}, {"sort": "created_at"}],
)
def test_parameters_that_the_list_refuses(tenant: Tenant, parameters: dict[str, object]) -> None:
    answer = tenant.management("GET", "/users", params={k: str(v) for k, v in parameters.items()})
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "invalid_query_string"


def test_sort(tenant: Tenant) -> None:
    assert search(tenant, "email:*example.com", sort="email:-1") == [GRACE, ADA]
    assert search(tenant, "email:*example.com", sort="email:1") == [ADA, GRACE]


def test_a_thousand_results_are_the_ceiling(tenant: Tenant) -> None:
    seed(tenant, users=1500)
    last = tenant.management("GET", "/users", params={"page": 9, "per_page": 100, "include_totals": "true"})
    assert (last.json()["length"], last.json()["total"]) == (100, 1502)
    beyond = tenant.management("GET", "/users", params={"page": 10, "per_page": 100})
    assert beyond.status_code == 400
    assert "first 1000 records" in beyond.json()["message"]


def test_the_search_lags_but_reading_does_not(tenant: Tenant) -> None:
    seed(tenant, users=3)
    tenant.settings(search_lag_s=30)
    linked = 'app_metadata.stripe_customer_id:"cus_1"'
    patched = tenant.management(
        "PATCH", f"/users/{ADA}", json={"app_metadata": {"stripe_customer_id": "cus_1"}, "email": "b@x.org"}
    )
    assert patched.status_code == 200
    tenant.management("DELETE", f"/users/{GRACE}").raise_for_status()
    tenant.management("DELETE", "/users/auth0|seed00000001").raise_for_status()
    with Browser(tenant) as browser:
        browser.submit(browser.authorize(screen_hint="signup"), email="new@x.org", password="Password1!")

    assert search(tenant, linked) == []
    assert search(tenant, 'email:"b@x.org"') == []
    assert search(tenant, 'email:"ada@example.com"') == [ADA]
    assert search(tenant, f'user_id:"{GRACE}"') == [GRACE]
    assert search(tenant, 'email:"new@x.org"') == []
    assert len(search(tenant, "")) == 5
    totals = tenant.management("GET", "/users", params={"include_totals": "true"}).json()
    assert totals["total"] == 5
    assert tenant.management("GET", f"/users/{ADA}").json()["app_metadata"] == {"stripe_customer_id": "cus_1"}
    assert tenant.management("GET", "/users-by-email", params={"email": "b@x.org"}).json()

    tenant.advance(31)
    assert search(tenant, linked) == [ADA]
    assert search(tenant, 'email:"b@x.org"') == [ADA]
    assert search(tenant, f'user_id:"{GRACE}"') == []
    assert len(search(tenant, 'email:"new@x.org"')) == 1
    assert len(search(tenant, "")) == 4


def test_the_seed_numbers_its_users_and_links_the_first(tenant: Tenant) -> None:
    answer = tenant.http.post(
        "/_sandbox/seed", json={"users": 10, "linked": 4, "stripe_account": "acct_1 test"}
    )
    assert answer.json() == {"users": 10, "linked": 4}

    linked = tenant.management("GET", "/users/auth0|seed00000003").json()
    assert linked["email"] == "seed00000003@example.com"
    assert linked["app_metadata"] == {
        "stripe_customer_id": "cus_seed00000003",
        "stripe_account": "acct_1 test",
    }
    assert "app_metadata" not in tenant.management("GET", "/users/auth0|seed00000004").json()
    assert tenant.management("GET", "/users/auth0|seed00000010").status_code == 404
    assert tenant.management("GET", "/users/auth0|seed3").status_code == 404
    assert len(search(tenant, "_exists_:app_metadata.stripe_customer_id")) == 4
    assert search(tenant, 'email:"SEED00000009@example.com"') == ["auth0|seed00000009"]
    with Browser(tenant) as browser:
        assert browser.id_token(email="seed00000007@example.com")["sub"] == "auth0|seed00000007"


def test_seeded_users_change_and_go_like_others(tenant: Tenant) -> None:
    seed(tenant, users=3, linked=3)
    one = "auth0|seed00000001"
    tenant.management("PATCH", f"/users/{one}", json={"email": "moved@example.com"}).raise_for_status()
    tenant.management("DELETE", "/users/auth0|seed00000002").raise_for_status()

    assert tenant.management("GET", f"/users/{one}").json()["email"] == "moved@example.com"
    by_email = tenant.management("GET", "/users-by-email", params={"email": "seed00000001@example.com"})
    assert by_email.json() == []
    assert sorted(search(tenant, "")) == [ADA, GRACE, "auth0|seed00000000", one]
    seed(tenant, users=2)
    assert len(search(tenant, "")) == 4
    assert tenant.management("GET", f"/users/{one}").json()["email"] == "seed00000001@example.com"


def test_a_million_users_are_there_at_once(tenant: Tenant) -> None:
    started = time.monotonic()
    seed(tenant, users=1_000_000, linked=999_999)
    found = tenant.management("GET", "/users", params={"include_totals": "true", "per_page": 100}).json()
    one = search(tenant, 'user_id:"auth0|seed00999999"')
    mail = search(tenant, 'email:"seed00500000@example.com"')

    assert time.monotonic() - started < 5
    assert found["total"] == 1_000_002
    assert one == ["auth0|seed00999999"]
    assert mail == ["auth0|seed00500000"]


def test_a_query_that_takes_too_long_is_503(tenant: Tenant) -> None:
    seed(tenant, users=1_000_000)
    tenant.settings(search_timeout_s=0.05)
    answer = tenant.management("GET", "/users", params={"q": "NOT _exists_:name"})
    assert answer.status_code == 503
    assert "exceeded the timeout" in answer.json()["message"]


@pytest.mark.parametrize(
    "spec", [{"customers": 1}, {"users": -1}, {"users": "x"}, {"users": True}, {"users": 1, "linked": 2}]
)
def test_a_seed_that_makes_no_sense(tenant: Tenant, spec: dict[str, object]) -> None:
    assert tenant.http.post("/_sandbox/seed", json=spec).status_code == 400
