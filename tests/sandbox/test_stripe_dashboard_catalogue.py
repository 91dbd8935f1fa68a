"""The product and event pages of Stripe's dashboard, used over HTTP."""

import re
import time
from html import unescape

import httpx
import pytest
import stripe
from flask import Flask

from tests.sandbox.conftest import RunningStripe
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import LIVE_KEY


@pytest.fixture
def mug(client: stripe.StripeClient) -> stripe.Product:
    return client.v1.products.create(
        {
            "name": "<Mug>",
            "description": "a & b",
            "metadata": {"stock": "3"},
            "images": ["https://a.example/mug.svg"],
            "default_price_data": {"currency": "eur", "unit_amount": 1800},
        }
    )


def _rows(page: httpx.Response, kind: str) -> list[str]:
    return re.findall(rf'<tr data-{kind}-id="([^"]+)"', page.text)


def _older(page: httpx.Response) -> str:
    link = re.search(r'<a href="([^"]+)">Older</a>', page.text)
    assert link is not None
    return unescape(link[1])


def _prices(client: stripe.StripeClient, product: str) -> list[stripe.Price]:
    return client.v1.prices.list({"product": product}).data


# Products


def test_the_pages_lead_to_each_other(http: httpx.Client, mug: stripe.Product) -> None:
    for address in ("/test/customers", "/test/products", "/test/events", f"/test/products/{mug.id}"):
        page = http.get(address).text
        assert all(f'href="/test/{kind}"' in page for kind in ("customers", "products", "events"))
        assert "Sandbox: nothing here is real" in page


def test_products_are_listed_newest_first_searched_and_paged(
    http: httpx.Client, client: stripe.StripeClient
) -> None:
    ids = [client.v1.products.create({"name": f"Bowl {number}"}).id for number in range(30)][::-1]
    first = http.get("/test/products", params={"q": "bowl"})
    assert _rows(first, "product") == ids[:25]
    assert _rows(http.get(_older(first)), "product") == ids[25:]
    assert _rows(http.get("/test/products", params={"q": ids[3]}), "product") == [ids[3]]
    assert "No product matches “spoon”." in http.get("/test/products", params={"q": "spoon"}).text


def test_the_list_shows_prices_stock_and_what_is_archived(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    client.v1.prices.create(
        {"product": mug.id, "currency": "jpy", "unit_amount": 900, "recurring": {"interval": "month"}}
    )
    client.v1.products.update(mug.id, {"active": False})
    page = http.get("/test/products").text
    for text in ("€18.00 (default)", "¥900 / month", "&lt;Mug&gt;", 'data-label="Stock">3<', "Archived"):
        assert text in page
    assert 'src="https://a.example/mug.svg"' in page


def test_a_products_page_shows_all_of_it_escaped(http: httpx.Client, mug: stripe.Product) -> None:
    page = http.get(f"/test/products/{mug.id}")
    assert f'id="product-id">{mug.id}<' in page.text
    assert 'id="product-description">a &amp; b<' in page.text
    assert "<Mug>" not in page.text
    assert _rows(page, "price") == [mug.default_price]
    assert set(re.findall(r'data-event-type="([^"]+)"', page.text)) == {"product.created", "price.created"}
    assert http.get("/test/products/prod_none").status_code == 404
    assert http.get(f"/products/{mug.id}").status_code == 404


def test_a_product_is_renamed_and_archived_as_the_api_does(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    here = f"/test/products/{mug.id}"
    done = http.post(f"{here}/details", data={"name": "Cup", "description": ""})
    assert (done.status_code, done.headers["location"]) == (303, here)
    refused = http.post(f"{here}/details", data={"name": "", "description": ""})
    assert (refused.status_code, "cannot be unset" in refused.text) == (400, True)
    http.post(f"{here}/active", data={"active": "false"})
    product = client.v1.products.retrieve(mug.id)
    assert (product.name, product.description, product.active) == ("Cup", None, False)
    assert "Unarchive product" in http.get(here).text
    http.post(f"{here}/active", data={"active": "true"})
    assert client.v1.products.retrieve(mug.id).active is True
    types = [event.type for event in client.v1.events.list({"type": "product.updated"}).data]
    assert len(types) == 3


def test_metadata_is_set_and_deleted(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    for value, after in (("0", {"stock": "0"}), ("", {})):
        http.post(f"/test/products/{mug.id}/metadata", data={"key": "stock", "value": value})
        assert client.v1.products.retrieve(mug.id).to_dict()["metadata"] == after


@pytest.mark.parametrize(
    ("typed", "currency", "cents"),
    [("20", "eur", 2000), ("19,5", "EUR", 1950), ("0.99", "usd", 99), ("900", "jpy", 900), ("1", "isk", 100)],
)
def test_setting_a_price_makes_a_new_one_the_default(
    http: httpx.Client,
    client: stripe.StripeClient,
    mug: stripe.Product,
    *,
    typed: str,
    currency: str,
    cents: int,
) -> None:
    form = {"amount": typed, "currency": currency, "nickname": "New", "interval": "", "default": "1"}
    assert http.post(f"/test/products/{mug.id}/price", data=form).status_code == 303
    newest, oldest = _prices(client, mug.id)
    assert (newest.unit_amount, newest.currency, newest.nickname) == (cents, currency.lower(), "New")
    assert client.v1.products.retrieve(mug.id).default_price == newest.id
    assert (oldest.unit_amount, oldest.active) == (1800, True)


def test_a_recurring_price_need_not_be_the_default(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    form = {"amount": "5", "currency": "eur", "nickname": "", "interval": "month"}
    http.post(f"/test/products/{mug.id}/price", data=form)
    newest = _prices(client, mug.id)[0]
    assert newest.recurring is not None
    assert newest.recurring.interval == "month"
    assert client.v1.products.retrieve(mug.id).default_price == mug.default_price


@pytest.mark.parametrize("form", [{"amount": "much"}, {"amount": "-1"}, {"amount": "1", "currency": "zzz"}])
def test_a_price_that_makes_no_sense_is_refused_on_the_page(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product, form: dict[str, str]
) -> None:
    form = {"currency": "eur", "interval": "month", "nickname": "Spring", **form}
    answer = http.post(f"/test/products/{mug.id}/price", data=form)
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    assert all(f'value="{typed}"' in answer.text for typed in form.values())
    assert ('value="month" selected' in answer.text, 'value="1" checked' in answer.text) == (True, False)
    assert len(_prices(client, mug.id)) == 1


def test_a_price_is_archived_made_the_default_and_deleted(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    first = str(mug.default_price)
    second = client.v1.prices.create({"product": mug.id, "currency": "eur", "unit_amount": 2000}).id
    here = f"/test/products/{mug.id}/prices"
    assert http.post(f"{here}/{first}/archive").status_code == 400
    assert http.post(f"{here}/{first}/delete").status_code == 400
    http.post(f"{here}/{second}/archive")
    assert client.v1.prices.retrieve(second).active is False
    http.post(f"{here}/{second}/unarchive")
    assert client.v1.prices.retrieve(second).active is True
    http.post(f"{here}/{second}/default")
    assert client.v1.products.retrieve(mug.id).default_price == second
    assert http.post(f"{here}/{first}/delete").status_code == 303
    with pytest.raises(stripe.InvalidRequestError, match="No such price"):
        client.v1.prices.retrieve(first)
    assert [price.id for price in _prices(client, mug.id)] == [second]
    deleted = client.v1.events.list({"type": "price.deleted"}).data[0]
    assert deleted.data.object["id"] == first
    assert http.post(f"{here}/{second}/explode").status_code == 404


# Events


def test_events_are_listed_newest_first_searched_and_paged(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    for number in range(30):
        client.v1.customers.create({"name": str(number)})
    first = http.get("/test/events", params={"q": "customer.*"})
    assert len(_rows(first, "event")) == 25
    assert len(_rows(http.get(_older(first)), "event")) == 5
    about = http.get("/test/events", params={"q": mug.id})
    assert re.findall(r'data-event-type="([^"]+)"', about.text) == ["product.created"]
    assert _rows(http.get("/events"), "event") == []
    assert "Events are recorded, but not sent" in about.text


def test_an_events_page_shows_its_deliveries_and_sends_it_again(
    running: RunningStripe, http: httpx.Client, client: stripe.StripeClient
) -> None:
    running.control.change_settings({"webhook_retries_s": []})
    app, answers = Flask(__name__), [500, 200]
    app.add_url_rule("/hook", "hook", lambda: ("<no>", answers.pop(0)), methods=["POST"])
    with Server(app) as store:
        running.vendor.listen(f"{store.url}/hook", "whsec_of_a_test")
        client.v1.customers.create({"name": "Ada"})
        event = client.v1.events.list().data[0].id
        here = f"/test/events/{event}"
        _until_idle(running)
        page = http.get(here).text
        assert re.findall(r'data-attempt-status="([^"]*)"', page) == ["500"]
        assert "Failed" in page
        assert "&lt;no&gt;" in page
        assert 'data-pending="1"' in page
        resent = http.post(f"{here}/resend")
        assert (resent.status_code, resent.headers["location"]) == (303, here)
        _until_idle(running)
        page = http.get(here).text
        assert re.findall(r'data-attempt-status="([^"]*)"', page) == ["200", "500"]
        assert 'data-pending="0"' in page
        assert ">Delivered<" in page
    assert http.get("/test/events/evt_none").status_code == 404
    assert http.post("/test/events/evt_none/resend").status_code == 404


def test_an_event_of_live_mode_is_on_the_pages_of_live_mode(
    running: RunningStripe, http: httpx.Client
) -> None:
    running.sdk(LIVE_KEY).v1.customers.create({})
    (event,) = _rows(http.get("/events"), "event")
    assert http.get(f"/events/{event}").status_code == 200
    assert http.get(f"/test/events/{event}").status_code == 404


def _until_idle(running: RunningStripe) -> None:
    deadline = time.monotonic() + 10
    while not running.vendor.state.deliveries.idle():
        assert time.monotonic() < deadline, "it is still being sent"
        time.sleep(0.005)
