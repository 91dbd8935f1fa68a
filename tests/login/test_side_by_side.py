"""The side-by-side page: both records, fresh, and what while a vendor is away."""

from __future__ import annotations

import base64
import html
from urllib.parse import unquote

import pytest

from tests.login.account_pages import GRACE_EMAIL, content, link_to, rows
from tests.support import ADA, GRACE, Browser, Shop, link_status, running_shop, shown_customer


def test_both_records_are_shown_field_by_field(shop: Shop, ada: Browser) -> None:
    page = ada.open("/account/link")
    (customer,) = shop.customers()
    pin = f"{shop.stripe('GET', '/account')['id']} test"
    tenant = shop.environment["AUTH0_DOMAIN"]
    assert page.status_code == 200
    assert "The two records belong together." in content(page)
    assert shown_customer(page) == customer["id"]
    assert link_status(page) == "linked"
    found = rows(page)
    assert found.keys() == {
        "Customer ID",
        "User ID",
        "E-mail",
        "Name",
        "Tenant",
        "Account and mode",
        "Description",
    }
    for label, value in {
        "Customer ID": customer["id"],
        "User ID": ADA,
        "E-mail": "ada@example.com",
        "Name": "Ada Example",
        "Tenant": tenant,
        "Account and mode": pin,
    }.items():
        row = found[label]
        assert (row.match, row.verdict) == ("yes", "Same")
        assert row.auth0.endswith(f" {value}")
        assert row.stripe.endswith(f" {value}")
    assert found["Customer ID"].auth0.startswith("Auth0 app_metadata.stripe_customer_id")
    assert found["User ID"].stripe.startswith("Stripe metadata.auth0_user_id")
    assert found["Description"].match == "none"
    assert ADA in found["Description"].stripe


def test_the_page_reads_both_records_fresh(shop: Shop, ada: Browser) -> None:
    customer_id = shown_customer(ada.open("/account"))
    shop.forget_requests()
    ada.open("/account/link")
    assert shop.management_requests() == [f"GET /api/v2/users/{ADA.replace('|', '%7C')}"]
    # The list and the search count the customers that name the user.
    assert shop.stripe_requests() == [
        f"GET /v1/customers/{customer_id}",
        "GET /v1/customers",
        "GET /v1/customers/search",
    ]


@pytest.mark.parametrize("side", ["Auth0", "Stripe"])
def test_an_email_that_differs_is_marked(shop: Shop, ada: Browser, side: str) -> None:
    customer_id = shown_customer(ada.open("/account"))
    if side == "Auth0":
        shop.management("PATCH", ADA, {"email": "new@example.com"}).raise_for_status()
    else:
        shop.stripe("POST", f"/customers/{customer_id}", email="new@example.com")
    page = ada.open("/account/link")
    found = rows(page)
    assert found["E-mail"].match == "no"
    assert found["E-mail"].verdict == "Different"
    assert found["E-mail"].auth0.endswith("new@example.com") == (side == "Auth0")
    assert found["E-mail"].stripe.endswith("new@example.com") == (side == "Stripe")
    assert [label for label, row in found.items() if row.match == "no"] == ["E-mail"]
    assert "E-mail: Auth0 and Stripe differ." in content(page)
    assert "not every field is the same" in content(page)
    assert shown_customer(page) == customer_id


def test_a_link_made_by_hand_names_no_tenant_and_no_account(shop: Shop) -> None:
    made = shop.stripe("POST", "/customers", **{"email": "ada@example.com", "metadata[auth0_user_id]": ADA})
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": made["id"]}}).raise_for_status()
    browser = shop.browser()
    # The account page would pin the link in passing.
    assert shown_customer(browser.log_in(path="/")) == made["id"]
    page = browser.open("/account/link")
    found = rows(page)
    assert shown_customer(page) == made["id"]
    assert {found[label].match for label in ("Tenant", "Account and mode", "Description")} == {"none"}
    assert found["User ID"].match == "yes"


def test_nothing_to_compare_while_the_link_is_pending(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    browser = shop.browser()
    browser.log_in()
    page = browser.open("/account/link")
    assert page.status_code == 200
    assert "There is no customer for this user yet." in content(page)
    assert link_status(page) == "pending"
    assert shown_customer(page) is None
    found = rows(page)
    assert {row.match for row in found.values()} == {"none"}
    assert found["E-mail"].auth0.endswith("ada@example.com")
    assert found["E-mail"].stripe.endswith("No customer yet")
    assert "Open in the Stripe dashboard" not in page.text


def test_a_deleted_customer_is_said_to_be_deleted(shop: Shop, ada: Browser) -> None:
    customer_id = shown_customer(ada.open("/account"))
    shop.stripe("DELETE", f"/customers/{customer_id}")
    page = ada.open("/account/link")
    assert page.status_code == 200
    assert "was deleted in Stripe" in content(page)
    assert link_status(page) == "pending"
    assert shown_customer(page) is None
    assert rows(page)["Customer ID"].auth0.endswith(customer_id or "?")
    assert "Open in the Stripe dashboard" not in page.text
    # The next page heals it, although the account page verified the link less than a minute ago.
    assert shown_customer(ada.open("/account")) not in (None, customer_id)


def test_a_customer_that_stripe_does_not_know(shop: Shop, ada: Browser) -> None:
    link = {"stripe_customer_id": "cus_unknown"}
    shop.management("PATCH", ADA, {"app_metadata": link}).raise_for_status()
    page = ada.open("/account/link")
    assert "Stripe does not know the recorded customer." in content(page)
    assert shown_customer(page) is None


def test_a_recorded_id_that_is_not_an_id(shop: Shop, ada: Browser) -> None:
    customer_id = shown_customer(ada.open("/account"))
    link = {"stripe_customer_id": "../v1/balance?<b>"}
    shop.management("PATCH", ADA, {"app_metadata": link}).raise_for_status()
    shop.forget_requests()
    page = ada.open("/account/link")
    assert "is not a Stripe customer ID" in content(page)
    assert shown_customer(page) is None
    # It is never part of an address: only the customers that name the user are looked for.
    assert shop.stripe_requests() == [
        "GET /v1/customers",
        "GET /v1/customers/search",
        f"GET /v1/customers/{customer_id}",
    ]


def test_somebody_elses_customer_is_never_shown(shop: Shop, ada: Browser) -> None:
    other = shop.browser()
    other.log_in(GRACE_EMAIL)
    hers = shop.app_metadata(GRACE)["stripe_customer_id"]
    shop.stripe(
        "POST", f"/customers/{hers}", name="Grace's Secret Name", description="her secret description"
    )
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": hers}}).raise_for_status()
    page = ada.open("/account/link")
    assert page.status_code == 200
    assert "does not name this user" in content(page)
    assert link_status(page) == "pending"
    assert shown_customer(page) is None
    for secret in (GRACE_EMAIL, "Secret Name", "secret description", GRACE):
        assert secret not in html.unescape(page.text)
    assert {row.match for row in rows(page).values()} == {"none"}
    assert "Open in the Stripe dashboard" not in page.text
    assert shown_customer(ada.open("/")) is None


def test_a_customer_of_another_tenant_is_never_shown(shop: Shop, ada: Browser) -> None:
    customer_id = shown_customer(ada.open("/account"))
    changes = {"email": "secret@example.com", "metadata[auth0_tenant]": "other.eu.auth0.com"}
    shop.stripe("POST", f"/customers/{customer_id}", **changes)
    page = ada.open("/account/link")
    assert shown_customer(page) is None
    assert "secret@example.com" not in page.text


def test_both_vendors_down(shop: Shop, ada: Browser) -> None:
    customer_id = shown_customer(ada.open("/account"))
    shop.sandbox.stripe_server.stop()
    shop.sandbox.auth0_server.stop()
    page = ada.open("/account/link")
    assert page.status_code == 200
    assert "The two records could not both be read." in content(page)
    assert "Auth0 cannot be reached just now." in content(page)
    assert "From your last visit; not checked right now." in content(page)
    assert shown_customer(page) == customer_id
    assert rows(page) == {}


def test_stripe_down(shop: Shop, ada: Browser) -> None:
    shop.sandbox.stripe_server.stop()
    page = ada.open("/account/link")
    assert page.status_code == 200
    assert "Stripe cannot be reached just now." in content(page)
    found = rows(page)
    assert found["E-mail"].auth0.endswith("ada@example.com")
    assert found["E-mail"].stripe.endswith("Not read")
    assert {row.match for row in found.values()} == {"none"}
    shop.sandbox.stripe_server.start()
    assert link_status(ada.open("/account/link")) == "linked"


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_an_error_of_the_management_api_proves_nothing(shop: Shop, ada: Browser, status: int) -> None:
    shop.sandbox.auth0.control.add_fault(
        action="status", path="/api/v2/.*", status=status, body={"statusCode": status}, times=None
    )
    page = ada.open("/account/link")
    assert page.status_code == 200
    refused = status in (401, 403)
    assert ("Auth0 refuses the store's request." in content(page)) is refused
    assert ("Auth0 cannot be reached just now." in content(page)) is not refused
    shop.sandbox.auth0.control.clear_faults()
    assert link_status(ada.open("/account/link")) == "linked"


# A user who is gone


def test_a_user_deleted_in_auth0_is_logged_out_by_the_side_by_side_page(shop: Shop, ada: Browser) -> None:
    before = shop.customers()
    shop.management("DELETE", ADA).raise_for_status()
    page = ada.open("/account/link")
    assert page.url.path == "/"
    assert link_status(page) is None
    assert "ada@example.com" not in page.text
    assert ada.open("/account").url.path == "/u/login"
    assert shop.customers() == before


# The dashboards


def test_the_link_to_the_stripe_dashboard_shows_the_customer(ada: Browser) -> None:
    page = ada.open("/account/link")
    there = ada.open(link_to(page, "Open in the Stripe dashboard"))
    assert there.status_code == 200
    assert f'<code id="customer-id">{shown_customer(page)}</code>' in there.text
    assert "/test/customers/" in there.url.path


def test_the_link_to_the_auth0_dashboard_shows_the_user(ada: Browser) -> None:
    page = ada.open("/account/link")
    there = ada.open(link_to(page, "Open in the Auth0 dashboard"))
    assert there.status_code == 200
    assert f'<code id="user-id">{ADA}</code>' in there.text
    assert f'"stripe_customer_id": "{shown_customer(page)}"' in html.unescape(there.text)


def test_the_auth0_dashboard_knows_users_by_the_base64_of_their_encoded_id(shared: Shop) -> None:
    browser = shared.browser()
    browser.log_in()
    address = link_to(browser.open("/account/link"), "Open in the Auth0 dashboard")
    dashboard, _, encoded = address.rpartition("/")
    assert dashboard == f"{shared.environment['AUTH0_DASHBOARD_URL']}/users"
    assert base64.b64decode(f"{unquote(encoded)}==").decode() == ADA.replace("|", "%7C")


def test_an_operator_can_switch_the_links_off(tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("no-links") / "state"
    with running_shop(state, STRIPE_DASHBOARD_URL="", AUTH0_DASHBOARD_URL="", DASHBOARD_LINKS="0") as shop:
        browser = shop.browser()
        browser.log_in()
        page = browser.open("/account/link")
        assert link_status(page) == "linked"
        assert "dashboard" not in content(page)
