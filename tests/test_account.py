"""The account page and the side-by-side page: what they show of whom, and what while a vendor is away."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from urllib.parse import unquote

import httpx
import pytest

from tests.support import ADA, GRACE, PASSWORD, Browser, Shop, link_status, running_shop, shown_customer
from webstore.routes.limits import SHOPPER_LIMIT

GRACE_EMAIL = "grace@example.com"


@dataclass(frozen=True)
class Row:
    """A line of the side-by-side page as a person reads it."""

    match: str
    auth0: str
    stripe: str
    verdict: str


def rows(page: httpx.Response) -> dict[str, Row]:
    """The lines of the side-by-side page by their label."""
    found = {}
    for match, markup in re.findall(r'<tr role="row" data-match="([^"]*)">(.*?)</tr>', page.text, re.DOTALL):
        label, auth0, stripe, verdict = (
            text(cell) for cell in re.findall(r"<(?:th|td)[^>]*>(.*?)</(?:th|td)>", markup, re.DOTALL)
        )
        found[label] = Row(match, auth0, stripe, verdict)
    return found


def text(markup: str) -> str:
    """The words in a piece of markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def content(page: httpx.Response) -> str:
    """The words of the page without header and footer."""
    found = re.search(r"<main.*</main>", page.text, re.DOTALL)
    assert found is not None, page.text
    return text(found[0])


def link_to(page: httpx.Response, words: str) -> str:
    """Where the link with these words leads."""
    (href,) = re.findall(rf'<a [^>]*href="([^"]*)"[^>]*>{words}</a>', page.text)
    return html.unescape(href)


@pytest.fixture
def browser(shop: Shop) -> Browser:
    """A browser that has just logged in as Ada."""
    browser = shop.browser()
    browser.log_in()
    return browser


# The account page


@pytest.mark.parametrize("path", ["/account", "/account/link"])
def test_strangers_are_sent_to_the_login_and_come_back(shared: Shop, path: str) -> None:
    browser = shared.browser()
    page = browser.open(path)
    assert page.url.path == "/u/login"
    page = browser.submit(page, email="ada@example.com", password=PASSWORD)
    assert page.url.path == path
    assert page.status_code == 200


def test_the_account_shows_name_email_picture_and_customer(shop: Shop) -> None:
    picture = "https://pictures.example/ada.png?size=72&x=1"
    shop.management("PATCH", ADA, {"picture": picture}).raise_for_status()
    page = shop.browser().log_in()
    assert "Ada Example" in content(page)
    assert "ada@example.com" in content(page)
    assert html.escape(picture) in page.text
    assert shown_customer(page) == shop.app_metadata(ADA)["stripe_customer_id"]
    assert link_status(page) == "linked"


def test_the_id_stands_alone_in_its_element_once_a_page(shared: Shop) -> None:
    browser = shared.browser()
    browser.log_in()
    for path in ("/", "/account", "/account/link"):
        page = browser.open(path)
        assert page.text.count('id="stripe-customer-id"') == 1
        assert page.text.count("data-link-status") == 1
        assert re.fullmatch(r"cus_[A-Za-z0-9]+", shown_customer(page) or "")


def test_a_name_is_text_and_never_markup(shared: Shop) -> None:
    browser = shared.browser()
    name = """<img src=x onerror=alert(1)>"'&{{7*7}}"""
    page = browser.open("/login?screen_hint=signup&next=/account")
    browser.submit(page, email="markup@example.com", password=PASSWORD, name=name)
    for path in ("/", "/account", "/account/link"):
        page = browser.open(path)
        assert name in content(page)
        assert "<img src=x" not in page.text


def test_somebody_without_an_email_has_an_account(shared: Shop) -> None:
    browser = shared.browser()
    page = browser.open("/login?connection=google-oauth2&next=/account")
    page = browser.submit(page, name="No Address")
    assert page.url.path == "/account"
    assert "No Address" in content(page)
    assert "None given" in content(page)
    assert link_status(page) == "linked"
    assert rows(browser.open("/account/link"))["E-mail"] == Row(
        "yes", "Auth0 email Not set", "Stripe email Not set", "Same"
    )


@pytest.mark.parametrize(
    "picture", ["http://p.example/x.png", "javascript:alert(1)", "data:text/html,x", "//p.example/x"]
)
def test_a_picture_that_is_not_https_is_left_out(shop: Shop, picture: str) -> None:
    shop.management("PATCH", ADA, {"picture": picture})
    page = shop.browser().log_in()
    assert "Ada Example" in content(page)
    assert picture not in page.text


# Pending


def test_a_login_while_stripe_is_down_is_pending_and_the_account_page_tries_again(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    browser = shop.browser()
    for page in (browser.log_in(), browser.open("/"), browser.open("/account")):
        assert page.status_code == 200
        assert link_status(page) == "pending"
        assert shown_customer(page) is None
        assert "cus_" not in page.text
    assert link_to(page, "Try again") == "/account"
    shop.sandbox.stripe_server.start()
    page = browser.open("/account")
    (customer,) = shop.customers()
    assert link_status(page) == "linked"
    assert shown_customer(page) == customer["id"]
    assert shown_customer(browser.open("/")) == customer["id"]
    assert "Try again" not in page.text


def test_a_login_while_the_management_api_is_down_is_pending_too(shop: Shop) -> None:
    shop.sandbox.auth0.control.add_fault(action="status", path="/api/v2/.*", status=503, times=None)
    browser = shop.browser()
    page = browser.log_in()
    assert link_status(page) == "pending"
    assert "ada@example.com" in content(page)
    assert shop.customers() == []
    shop.sandbox.auth0.control.clear_faults()
    assert link_status(browser.open("/account")) == "linked"


def test_a_linked_shopper_costs_the_account_page_no_call(shop: Shop, browser: Browser) -> None:
    shop.forget_requests()
    assert link_status(browser.open("/account")) == "linked"
    assert shop.stripe_requests() + shop.management_requests() == []


def test_a_link_of_another_set_up_is_said_plainly_and_offers_no_retry(shop: Shop) -> None:
    metadata = {"stripe_customer_id": "cus_live", "stripe_account": "acct_1Sandbox00000001 live"}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    page = shop.browser().log_in()
    assert link_status(page) == "pending"
    assert "cus_live" not in page.text
    assert "belongs to another set-up of this store" in content(page)
    assert "Try again" not in page.text
    assert shop.app_metadata(ADA) == metadata


# Side by side


def test_both_records_are_shown_field_by_field(shop: Shop, browser: Browser) -> None:
    page = browser.open("/account/link")
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


def test_the_page_reads_both_records_fresh(shop: Shop, browser: Browser) -> None:
    customer_id = shown_customer(browser.open("/account"))
    shop.forget_requests()
    browser.open("/account/link")
    assert shop.management_requests() == [f"GET /api/v2/users/{ADA.replace('|', '%7C')}"]
    assert shop.stripe_requests() == [f"GET /v1/customers/{customer_id}"]


@pytest.mark.parametrize("side", ["Auth0", "Stripe"])
def test_an_email_that_differs_is_marked(shop: Shop, browser: Browser, side: str) -> None:
    customer_id = shown_customer(browser.open("/account"))
    if side == "Auth0":
        shop.management("PATCH", ADA, {"email": "new@example.com"}).raise_for_status()
    else:
        shop.stripe("POST", f"/customers/{customer_id}", email="new@example.com")
    page = browser.open("/account/link")
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
    assert shown_customer(browser.log_in()) == made["id"]
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


def test_a_deleted_customer_is_said_to_be_deleted(shop: Shop, browser: Browser) -> None:
    customer_id = shown_customer(browser.open("/account"))
    shop.stripe("DELETE", f"/customers/{customer_id}")
    page = browser.open("/account/link")
    assert page.status_code == 200
    assert "was deleted in Stripe" in content(page)
    assert link_status(page) == "pending"
    assert shown_customer(page) is None
    assert rows(page)["Customer ID"].auth0.endswith(customer_id or "?")
    assert "Open in the Stripe dashboard" not in page.text


def test_a_customer_that_stripe_does_not_know(shop: Shop, browser: Browser) -> None:
    link = {"stripe_customer_id": "cus_unknown"}
    shop.management("PATCH", ADA, {"app_metadata": link}).raise_for_status()
    page = browser.open("/account/link")
    assert "Stripe does not know the recorded customer." in content(page)
    assert shown_customer(page) is None


def test_a_recorded_id_that_is_no_id(shop: Shop, browser: Browser) -> None:
    link = {"stripe_customer_id": "../v1/balance?<b>"}
    shop.management("PATCH", ADA, {"app_metadata": link}).raise_for_status()
    shop.forget_requests()
    page = browser.open("/account/link")
    assert "is no Stripe customer ID" in content(page)
    assert shown_customer(page) is None
    assert shop.stripe_requests() == []


def test_somebody_elses_customer_is_never_shown(shop: Shop, browser: Browser) -> None:
    other = shop.browser()
    other.log_in(GRACE_EMAIL)
    hers = shop.app_metadata(GRACE)["stripe_customer_id"]
    shop.stripe(
        "POST", f"/customers/{hers}", name="Grace's Secret Name", description="her secret description"
    )
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": hers}}).raise_for_status()
    page = browser.open("/account/link")
    assert page.status_code == 200
    assert "does not name this user" in content(page)
    assert link_status(page) == "pending"
    assert shown_customer(page) is None
    for secret in (GRACE_EMAIL, "Secret Name", "secret description", GRACE):
        assert secret not in html.unescape(page.text)
    assert {row.match for row in rows(page).values()} == {"none"}
    assert "Open in the Stripe dashboard" not in page.text
    assert shown_customer(browser.open("/")) is None


def test_a_customer_of_another_tenant_is_never_shown(shop: Shop, browser: Browser) -> None:
    customer_id = shown_customer(browser.open("/account"))
    changes = {"email": "secret@example.com", "metadata[auth0_tenant]": "other.eu.auth0.com"}
    shop.stripe("POST", f"/customers/{customer_id}", **changes)
    page = browser.open("/account/link")
    assert shown_customer(page) is None
    assert "secret@example.com" not in page.text


def test_both_vendors_down(shop: Shop, browser: Browser) -> None:
    customer_id = shown_customer(browser.open("/account"))
    shop.sandbox.stripe_server.stop()
    shop.sandbox.auth0_server.stop()
    page = browser.open("/account/link")
    assert page.status_code == 200
    assert "The two records could not both be read." in content(page)
    assert "Auth0 cannot be reached just now." in content(page)
    assert "Remembered from before; not checked just now." in content(page)
    assert shown_customer(page) == customer_id
    assert rows(page) == {}


def test_stripe_down(shop: Shop, browser: Browser) -> None:
    shop.sandbox.stripe_server.stop()
    page = browser.open("/account/link")
    assert page.status_code == 200
    assert "Stripe cannot be reached just now." in content(page)
    found = rows(page)
    assert found["E-mail"].auth0.endswith("ada@example.com")
    assert found["E-mail"].stripe.endswith("Not read")
    assert {row.match for row in found.values()} == {"none"}
    shop.sandbox.stripe_server.start()
    assert link_status(browser.open("/account/link")) == "linked"


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_an_error_of_the_management_api_is_no_proof_of_anything(
    shop: Shop, browser: Browser, status: int
) -> None:
    shop.sandbox.auth0.control.add_fault(
        action="status", path="/api/v2/.*", status=status, body={"statusCode": status}, times=None
    )
    page = browser.open("/account/link")
    assert page.status_code == 200
    assert "Auth0 cannot be reached just now." in content(page)
    shop.sandbox.auth0.control.clear_faults()
    assert link_status(browser.open("/account/link")) == "linked"


# A user who is gone


def test_a_user_deleted_in_auth0_is_logged_out_by_the_side_by_side_page(shop: Shop, browser: Browser) -> None:
    before = shop.customers()
    shop.management("DELETE", ADA).raise_for_status()
    page = browser.open("/account/link")
    assert page.url.path == "/"
    assert link_status(page) is None
    assert "ada@example.com" not in page.text
    assert browser.open("/account").url.path == "/u/login"
    assert shop.customers() == before


def test_a_user_deleted_while_pending_is_logged_out_and_gets_no_customer(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    browser = shop.browser()
    browser.log_in()
    shop.management("DELETE", ADA).raise_for_status()
    shop.sandbox.stripe_server.start()
    page = browser.open("/account")
    assert page.url.path == "/"
    assert link_status(page) is None
    assert shop.customers() == []


# The dashboards


def test_the_link_to_the_stripe_dashboard_shows_the_customer(browser: Browser) -> None:
    page = browser.open("/account/link")
    there = browser.open(link_to(page, "Open in the Stripe dashboard"))
    assert there.status_code == 200
    assert f'<code id="customer-id">{shown_customer(page)}</code>' in there.text
    assert "/test/customers/" in there.url.path


def test_the_link_to_the_auth0_dashboard_shows_the_user(browser: Browser) -> None:
    page = browser.open("/account/link")
    there = browser.open(link_to(page, "Open in the Auth0 dashboard"))
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


# Orders, billing, closing the account


def forms_token(page: httpx.Response) -> str:
    """What the page's forms carry."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def test_the_account_leads_to_the_orders(browser: Browser) -> None:
    page = browser.open(link_to(browser.open("/account"), "Orders"))
    assert (page.url.path, page.status_code) == ("/orders", 200)


def test_billing_leads_to_the_customers_own_pages_at_stripe(shop: Shop, browser: Browser) -> None:
    page = browser.submit(browser.open("/account"), action="/account/portal")
    assert page.status_code == 200
    assert page.history[-1].status_code == 303
    assert str(page.url).startswith(shop.environment["STRIPE_API_BASE"])
    assert f"{shop.url}/account" in page.text


def test_billing_is_of_the_healed_customer(shop: Shop, browser: Browser) -> None:
    page = browser.open("/account")
    old = shown_customer(page)
    shop.stripe("DELETE", f"/customers/{old}")
    assert browser.submit(page, action="/account/portal").status_code == 200
    (customer,) = shop.customers()
    assert customer["id"] != old
    assert shown_customer(browser.open("/account")) == customer["id"]


@pytest.mark.parametrize("path", ["/account/portal", "/account/close"])
def test_billing_and_closing_need_the_session_and_its_token(shop: Shop, browser: Browser, path: str) -> None:
    form = {"confirmation": "close my account"}
    assert browser.client.post(path, data=form).status_code == 400
    assert browser.client.post(path, data={**form, "csrf_token": "x"}).status_code == 400
    token = forms_token(browser.open("/account"))
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert browser.client.post(path, data={**form, "csrf_token": token}, headers=foreign).status_code == 403
    assert shop.browser().client.post(path, data=form).url.path == "/u/login"
    assert shop.management("GET", ADA).status_code == 200


def test_billing_while_stripe_is_down(shop: Shop, browser: Browser) -> None:
    page = browser.open("/account")
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/billing_portal/.*")
    down = browser.submit(page, action="/account/portal")
    assert down.status_code == 503
    assert "does not answer just now" in content(down)
    shop.sandbox.stripe_server.stop()
    assert browser.submit(page, action="/account/portal").status_code == 503
    shop.sandbox.stripe_server.start()
    assert browser.submit(page, action="/account/portal").status_code == 200


def test_billing_with_a_link_of_another_set_up(shop: Shop, browser: Browser) -> None:
    page = browser.open("/account")
    metadata = {"stripe_customer_id": "cus_live", "stripe_account": "acct_1Sandbox00000001 live"}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    refused = browser.submit(page, action="/account/portal")
    assert refused.status_code == 503
    assert "belongs to another set-up of this store" in content(refused)


def test_an_account_is_closed_for_good_and_the_customer_is_kept(shop: Shop, browser: Browser) -> None:
    other_device = shop.browser()
    other_device.log_in()
    customers = shop.customers()
    page = browser.open(link_to(browser.open("/account"), "close your account"))
    for words in ("cannot be undone", "stay with Stripe", "Subscriptions go on"):
        assert words in content(page)
    page = browser.submit(page, action="/account/close", confirmation="  Close  my ACCOUNT ")
    assert page.status_code == 200
    assert "Your account is closed" in content(page)
    assert link_status(page) is None
    assert shop.management("GET", ADA).status_code == 404
    assert shop.customers() == customers
    for device in (browser, other_device):
        assert device.open("/account").url.path.startswith("/u/login")


@pytest.mark.parametrize("typed", ["", "yes", "close", "close my accounts", "CLOSE_MY_ACCOUNT"])
def test_other_words_close_nothing(shop: Shop, browser: Browser, typed: str) -> None:
    page = browser.submit(browser.open("/account/close"), action="/account/close", confirmation=typed)
    assert page.status_code == 400
    assert "Nothing was done." in content(page)
    assert shop.management("GET", ADA).status_code == 200
    assert browser.open("/account").url.path == "/account"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/account/link"),
        ("GET", "/orders"),
        ("GET", "/checkout/success?session_id=x"),
        ("POST", "/account/portal"),
        ("POST", "/account/close"),
    ],
)
def test_a_flood_of_what_costs_calls_is_refused_in_plain_words(
    shop: Shop, browser: Browser, method: str, path: str
) -> None:
    shop.sandbox.stripe_server.stop()
    shop.sandbox.auth0_server.stop()
    answers = [browser.client.request(method, path) for _ in range(2 * SHOPPER_LIMIT + 1)]
    assert answers[0].status_code != 429
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 10
    assert "wait a moment, then try again" in content(refused[0])
    assert browser.open("/account").status_code == 200


def test_an_account_that_may_be_closed_in_a_moment_is_said_to_be_so(shop: Shop, browser: Browser) -> None:
    page = browser.open("/account/close")
    shop.sandbox.auth0.control.add_fault(action="hang", method="DELETE", path="/api/v2/.*", times=None)
    failed = browser.submit(page, action="/account/close", confirmation="close my account")
    assert failed.status_code == 503
    assert "That may still happen" in content(failed)
    assert "as it was" not in content(failed)


@pytest.mark.parametrize("status", [403, 429, 500])
def test_an_account_that_cannot_be_closed_stays_as_it_is(shop: Shop, browser: Browser, status: int) -> None:
    page = browser.open("/account/close")
    shop.sandbox.auth0.control.add_fault(
        action="status", method="DELETE", path="/api/v2/.*", status=status, body={"statusCode": status}
    )
    failed = browser.submit(page, action="/account/close", confirmation="close my account")
    assert failed.status_code == 503
    assert "could not be closed just now" in content(failed)
    assert ("may still happen" in content(failed)) == (status != 403)
    assert link_status(browser.open("/account")) == "linked"
    closed = browser.submit(failed, action="/account/close", confirmation="close my account")
    assert "Your account is closed" in content(closed)
    assert shop.management("GET", ADA).status_code == 404


def test_an_account_that_is_gone_already_is_closed_all_the_same(shop: Shop, browser: Browser) -> None:
    page = browser.open("/account/close")
    shop.management("DELETE", ADA).raise_for_status()
    closed = browser.submit(page, action="/account/close", confirmation="close my account")
    assert "Your account is closed" in content(closed)
