"""The demo catalogue and its pictures."""

from xml.etree import ElementTree

import httpx
import stripe

from tests.sandbox.conftest import RunningStripe
from webstore.sandbox.stripe import demo

_SVG = "{http://www.w3.org/2000/svg}"


def test_there_is_nothing_until_it_is_asked_for(client: stripe.StripeClient) -> None:
    assert client.v1.products.list().data == []


def test_a_dozen_products_are_on_sale(running: RunningStripe, client: stripe.StripeClient) -> None:
    demo.load(running.vendor.state, running.url)
    products = client.v1.products.list({"limit": 100, "expand": ["data.default_price"]}).data
    assert [product.id for product in products] == [item.id for item in demo.ITEMS]
    assert len(products) == 12
    for product in products:
        default = product.default_price
        assert isinstance(default, stripe.Price)
        assert (default.product, default.currency, default.active) == (product.id, "eur", True)
        assert product.description
        assert product.shippable is True
    prices = client.v1.prices.list({"limit": 100, "active": True}).data
    several = {price.product for price in prices if [one.product for one in prices].count(price.product) > 1}
    assert several == {"harbour-mug", "earl-grey", "tea-of-the-month"}
    recurring = [price.recurring.interval for price in prices if price.recurring is not None]
    assert sorted(recurring) == ["month", "year"]
    out_of_stock = [product.id for product in products if product.to_dict()["metadata"].get("stock") == "0"]
    assert out_of_stock == ["copper-kettle"]
    assert len(client.v1.events.list({"limit": 100, "type": "*.created"}).data) == 12 + len(prices)


def test_each_has_pictures_that_draw_their_own_background(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    demo.load(running.vendor.state, running.url)
    products = client.v1.products.list({"limit": 100}).data
    for product in products:
        assert product.images[0] == f"{running.url}/static/catalogue/{product.id}.svg"
    addresses = [address for product in products for address in product.images]
    assert len(set(addresses)) == 14
    for address in addresses:
        picture = http.get(address)
        assert picture.headers["content-type"].startswith("image/svg+xml")
        drawing = ElementTree.fromstring(picture.text)  # noqa: S314 (our own file)
        assert (drawing.tag, drawing.get("viewBox")) == (f"{_SVG}svg", "0 0 400 400")
        assert drawing.get("aria-label")
        background = drawing.find(f"{_SVG}rect")
        assert background is not None
        assert (background.get("width"), background.get("height")) == ("400", "400")
        # The picture loads nothing from other URLs and has no scripts.
        assert "href" not in picture.text
        assert "<script" not in picture.text


def test_prices_keep_their_ids_and_are_there_again_after_a_reset(
    running: RunningStripe, client: stripe.StripeClient
) -> None:
    demo.open_shop(running.vendor.state, running.url)
    before = {price.id for price in client.v1.prices.list({"limit": 100}).data}
    running.control.reset()
    assert {price.id for price in client.v1.prices.list({"limit": 100}).data} == before
    assert len(before) == 15
