"""The customer pages of Stripe's dashboard, used over HTTP."""

import re
from html import unescape

import httpx
import pytest
import stripe

from tests.sandbox.conftest import OTHER_ACCOUNT, OTHER_KEY, RunningStripe
from webstore.sandbox.stripe import LIVE_KEY


def _rows(page: httpx.Response) -> list[str]:
    return re.findall(r'<tr data-customer-id="([^"]+)"', page.text)


def _text(page: httpx.Response, id: str) -> str:
    match = re.search(rf'id="{id}">([^<]*)<', page.text)
    assert match is not None
    return unescape(match[1])


def _metadata(page: httpx.Response) -> dict[str, str]:
    pairs = re.findall(
        r'data-metadata-key="([^"]*)">.*?<code data-metadata-value>([^<]*)</code>', page.text, re.DOTALL
    )
    return {unescape(key): unescape(value) for key, value in pairs}


def test_the_front_page_leads_to_the_test_customers(http: httpx.Client) -> None:
    page = http.get("/")
    assert (page.status_code, page.headers["location"]) == (302, "/test/customers")


def test_every_page_says_that_nothing_is_real(http: httpx.Client, client: stripe.StripeClient) -> None:
    id = client.v1.customers.create({}).id
    for address in ("/test/customers", f"/test/customers/{id}", "/customers"):
        assert "Sandbox: nothing here is real" in http.get(address).text
    assert http.get("/static/sandbox.css").headers["content-type"].startswith("text/css")


def test_the_list_is_newest_first_and_pages(http: httpx.Client, client: stripe.StripeClient) -> None:
    ids = [client.v1.customers.create({"name": f"No {number}"}).id for number in range(30)][::-1]
    first = http.get("/test/customers")
    assert _rows(first) == ids[:25]
    older = re.search(r'<a href="([^"]+)">Older</a>', first.text)
    assert older is not None
    second = http.get(unescape(older[1]))
    assert _rows(second) == ids[25:]
    assert ">Older</a>" not in second.text


@pytest.mark.parametrize("wanted", ["Ada@Example.com", "auth0|ada", "lovelace", "made by"])
def test_a_search_finds_by_email_user_id_and_text(
    http: httpx.Client, client: stripe.StripeClient, wanted: str
) -> None:
    client.v1.customers.create({"email": "grace@example.com"})
    ada = client.v1.customers.create(
        {
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "description": "Made by a test",
            "metadata": {"auth0_user_id": "auth0|ada"},
        }
    ).id
    assert _rows(http.get("/test/customers", params={"q": wanted})) == [ada]
    assert _rows(http.get("/test/customers", params={"q": ada})) == [ada]


def test_a_search_finds_seeded_customers_and_says_when_there_are_none(
    running: RunningStripe, http: httpx.Client
) -> None:
    running.control.seed({"customers": 1_000_000})
    for wanted in ("auth0|seed00000005", "seed00000005@example.com", "cus_seed00000005"):
        assert _rows(http.get("/test/customers", params={"q": wanted})) == ["cus_seed00000005"]
    assert "No customer matches “nobody”." in http.get("/test/customers", params={"q": "nobody"}).text


def test_a_customers_page_shows_all_of_it_escaped(http: httpx.Client, client: stripe.StripeClient) -> None:
    metadata = {"auth0_user_id": "auth0|1", "<b>": '"&'}
    customer = client.v1.customers.create(
        {"email": "ada@example.com", "name": "<Ada>", "description": "a & b", "metadata": metadata}
    )
    page = http.get(f"/test/customers/{customer.id}")
    assert f'data-customer-id="{customer.id}"' in page.text
    assert _text(page, "customer-id") == customer.id
    assert _text(page, "customer-email") == "ada@example.com"
    assert _text(page, "customer-name") == "<Ada>"
    assert _text(page, "customer-description") == "a & b"
    assert _metadata(page) == metadata
    assert re.findall(r'data-event-type="([^"]+)"', page.text) == ["customer.created"]


def test_an_email_is_changed_as_the_api_does(http: httpx.Client, client: stripe.StripeClient) -> None:
    id = client.v1.customers.create({"email": "ada@example.com"}).id
    done = http.post(f"/test/customers/{id}/email", data={"email": "new@example.com"})
    assert (done.status_code, done.headers["location"]) == (303, f"/test/customers/{id}")
    assert _text(http.get(f"/test/customers/{id}"), "customer-email") == "new@example.com"
    assert client.v1.customers.retrieve(id).email == "new@example.com"
    refused = http.post(f"/test/customers/{id}/email", data={"email": "nonsense"})
    assert (refused.status_code, "Invalid email address: nonsense" in refused.text) == (400, True)
    assert 'name="email" value="nonsense"' in refused.text
    assert [event.type for event in client.v1.events.list().data] == ["customer.updated", "customer.created"]


def test_a_customer_is_deleted_and_its_page_says_so(http: httpx.Client, client: stripe.StripeClient) -> None:
    id = client.v1.customers.create({"email": "ada@example.com"}).id
    assert http.post(f"/test/customers/{id}/delete").status_code == 303
    page = http.get(f"/test/customers/{id}")
    assert 'data-deleted="yes"' in page.text
    assert "Delete customer" not in page.text
    assert client.v1.customers.retrieve(id).deleted is True
    assert _rows(http.get("/test/customers")) == []
    assert http.post(f"/test/customers/{id}/delete").status_code == 400


def test_live_mode_and_other_accounts_have_their_own_pages(
    running: RunningStripe, http: httpx.Client
) -> None:
    live = running.sdk(LIVE_KEY).v1.customers.create({}).id
    other = running.sdk(OTHER_KEY).v1.customers.create({}).id
    assert _rows(http.get("/customers")) == [live]
    assert _rows(http.get(f"/{OTHER_ACCOUNT}/test/customers")) == [other]
    assert _rows(http.get("/test/customers")) == []
    assert http.get(f"/{OTHER_ACCOUNT}/test/customers/{other}").status_code == 200
    for address in (f"/test/customers/{live}", f"/customers/{other}", "/acct_none/test/customers"):
        assert http.get(address).status_code == 404
