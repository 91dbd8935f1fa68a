"""Products: https://docs.stripe.com/api/products"""

import re

import httpx
import pytest
import stripe
from stripe.params import ProductCreateParams

from tests.sandbox.catalogue import add_price, refusal
from tests.sandbox.conftest import RunningStripe

# Not in a product's JSON: `deleted` is only in that of a deleted object, `OBJECT_NAME` is the SDK's.
_NOT_IN_A_PRODUCT = {"OBJECT_NAME", "deleted"}


def test_a_product_has_every_field_of_a_real_one(mug: stripe.Product) -> None:
    assert set(mug.to_dict()) == set(stripe.Product.__annotations__) - _NOT_IN_A_PRODUCT
    assert re.fullmatch(r"prod_[A-Za-z0-9]{14}", mug.id)
    assert (mug.object, mug.type, mug.active, mug.livemode) == ("product", "service", True, False)
    assert (mug.shippable, mug.default_price, mug.images, mug.updated) == (None, None, [], mug.created)


def test_what_a_product_is_sent_comes_back(client: stripe.StripeClient) -> None:
    sent: ProductCreateParams = {
        "active": False,
        "description": "Stoneware, 300 ml ✓",
        "id": "harbour-mug",
        "images": ["https://example.com/mug.png", "http://127.0.0.1:8002/static/mug.svg"],
        "marketing_features": [{"name": "Dishwasher safe"}],
        "metadata": {"stock": "0"},
        "name": "Harbour mug",
        "package_dimensions": {"height": 4.5, "length": 4, "weight": 12.25, "width": 4},
        "shippable": True,
        "statement_descriptor": "MUGS AND TEA",
        "tax_code": "txcd_99999999",
        "type": "good",
        "unit_label": "mug",
        "url": "https://example.com/mug",
    }
    made = client.v1.products.create(sent)
    assert made.id == "harbour-mug"
    product = client.v1.products.retrieve("harbour-mug").to_dict()
    assert {name: product[name] for name in sent} == dict(sent)


def test_a_product_can_be_made_with_its_default_price(client: stripe.StripeClient) -> None:
    product = client.v1.products.create(
        {
            "name": "Tea",
            "default_price_data": {"currency": "EUR", "unit_amount": 950, "recurring": {"interval": "month"}},
            "expand": ["default_price"],
        }
    )
    price = product.default_price
    assert isinstance(price, stripe.Price)
    assert (price.product, price.unit_amount, price.currency) == (product.id, 950, "eur")
    assert price.recurring is not None
    assert price.recurring.interval == "month"
    assert client.v1.products.retrieve(product.id).default_price == price.id


def test_an_id_is_taken_once(client: stripe.StripeClient) -> None:
    client.v1.products.create({"id": "mug", "name": "Mug"})
    with pytest.raises(stripe.InvalidRequestError, match="Product already exists") as refused:
        client.v1.products.create({"id": "mug", "name": "Another"})
    assert (refused.value.http_status, refused.value.code) == (400, "resource_already_exists")


def test_an_update_of_a_product_changes_only_what_it_names(
    running: RunningStripe, client: stripe.StripeClient
) -> None:
    product = client.v1.products.create(
        {
            "name": "Mug",
            "description": "Blue",
            "metadata": {"a": "1", "b": "2"},
            "images": ["https://a.example/1"],
        }
    )
    running.control.clock.advance(60)
    updated = client.v1.products.update(product.id, {"name": "Cup", "metadata": {"b": "", "c": "3"}})
    assert (updated.name, updated.description, updated.images) == ("Cup", "Blue", ["https://a.example/1"])
    assert updated.to_dict()["metadata"] == {"a": "1", "c": "3"}
    assert updated.updated - product.updated in (60, 61)
    emptied = client.v1.products.update(product.id, {"description": "", "images": "", "metadata": ""})
    assert (emptied.description, emptied.images, emptied.to_dict()["metadata"]) == (None, [], {})
    assert client.v1.products.retrieve(product.id).to_dict() == emptied.to_dict()


def test_a_default_price_is_one_of_the_products_own(client: stripe.StripeClient, mug: stripe.Product) -> None:
    own = add_price(client, mug.id).id
    assert client.v1.products.update(mug.id, {"default_price": own}).default_price == own
    other = add_price(client, client.v1.products.create({"name": "Bowl"}).id).id
    for wrong, message in ((other, "does not belong"), ("price_none", "No such price: 'price_none'")):
        with pytest.raises(stripe.InvalidRequestError, match=message) as refused:
            client.v1.products.update(mug.id, {"default_price": wrong})
        assert (refused.value.http_status, refused.value.param) == (400, "default_price")
    assert client.v1.products.update(mug.id, {"default_price": ""}).default_price is None


def test_a_product_without_prices_is_deleted_for_good(
    client: stripe.StripeClient, mug: stripe.Product
) -> None:
    stub = {"id": mug.id, "object": "product", "deleted": True}
    assert client.v1.products.delete(mug.id).to_dict() == stub
    with pytest.raises(stripe.InvalidRequestError, match=f"No such product: '{mug.id}'") as missing:
        client.v1.products.retrieve(mug.id)
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert client.v1.products.list().data == []


def test_a_product_with_prices_is_not_deleted(client: stripe.StripeClient, mug: stripe.Product) -> None:
    price = add_price(client, mug.id)
    client.v1.prices.update(price.id, {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="one or more user-created prices"):
        client.v1.products.delete(mug.id)
    assert client.v1.products.retrieve(mug.id).id == mug.id


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"description": "no name"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 5001}, "name"),
        ({"name": "Mug", "active": "yes"}, "active"),
        ({"name": "Mug", "images[]": "not an address"}, "images[0]"),
        ({"name": "Mug", **{f"images[{n}]": "https://a.example/x" for n in range(9)}}, "images"),
        ({"name": "Mug", "url": "example.com"}, "url"),
        ({"name": "Mug", "tax_code": "txcd_x"}, "tax_code"),
        ({"name": "Mug", "type": "thing"}, "type"),
        ({"name": "Mug", "unit_label": "thirteen char"}, "unit_label"),
        ({"name": "Mug", "statement_descriptor": "<mugs>"}, "statement_descriptor"),
        ({"name": "Mug", "package_dimensions[height]": "1"}, "package_dimensions[length]"),
        ({"name": "Mug", "price": "18"}, "price"),
        ({"name": "Mug", "default_price_data[unit_amount]": "1"}, "default_price_data[currency]"),
        ({"name": "Mug", "default_price_data[currency]": "eur"}, "default_price_data"),
        ({"name": "Mug", "expand[]": "prices"}, "expand"),
    ],
)
def test_a_product_of_the_wrong_form_is_refused(http: httpx.Client, form: dict[str, str], param: str) -> None:
    status, named, _ = refusal(http, "products", **form)
    assert (status, named) == (400, param)
    assert http.get("/v1/products").json()["data"] == []
