"""Products and prices: https://docs.stripe.com/api/products and https://docs.stripe.com/api/prices"""

import re
import time
from decimal import Decimal
from typing import Any

import httpx
import pytest
import stripe
from stripe.params import PriceCreateParams, ProductCreateParams

from tests.sandbox.conftest import RESTRICTED_KEY, RunningStripe
from webstore.sandbox.stripe import LIVE_KEY

# Not in a product's JSON: `deleted` is only in that of a deleted object, `OBJECT_NAME` is the SDK's.
_NOT_IN_A_PRODUCT = {"OBJECT_NAME", "deleted"}
_NOT_IN_A_PRICE = {"OBJECT_NAME", "currency_options", "deleted", "tiers"}


@pytest.fixture
def mug(client: stripe.StripeClient) -> stripe.Product:
    return client.v1.products.create({"name": "Mug"})


def _price(client: stripe.StripeClient, product: str, cents: int = 1800, **more: Any) -> stripe.Price:
    # Any: a test may send any further parameters of a price.
    sent: PriceCreateParams = {"currency": "eur", "unit_amount": cents, "product": product, **more}  # type: ignore[typeddict-item]  # as above
    return client.v1.prices.create(sent)


def _ids(page: Any) -> list[str]:  # Any: a list of any objects with an ID
    return [row.id for row in page.data]


def _refusal(http: httpx.Client, path: str, **form: str) -> tuple[int, str, str]:
    answer = http.post(f"/v1/{path}", data=form)
    error = answer.json()["error"]
    return answer.status_code, error.get("param"), error["message"]


# Products: create, get, update, delete


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
    own = _price(client, mug.id).id
    assert client.v1.products.update(mug.id, {"default_price": own}).default_price == own
    other = _price(client, client.v1.products.create({"name": "Bowl"}).id).id
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
    price = _price(client, mug.id)
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
    status, named, _ = _refusal(http, "products", **form)
    assert (status, named) == (400, param)
    assert http.get("/v1/products").json()["data"] == []


# Prices


def test_a_price_has_every_field_of_a_real_one(client: stripe.StripeClient, mug: stripe.Product) -> None:
    price = _price(client, mug.id)
    assert set(price.to_dict()) == set(stripe.Price.__annotations__) - _NOT_IN_A_PRICE
    assert re.fullmatch(r"price_[A-Za-z0-9]{24}", price.id)
    assert (price.object, price.type, price.billing_scheme) == ("price", "one_time", "per_unit")
    assert (price.unit_amount, price.unit_amount_decimal) == (1800, Decimal(1800))
    assert (price.product, price.active, price.recurring, price.tax_behavior) == (
        mug.id,
        True,
        None,
        "unspecified",
    )


def test_what_a_price_is_sent_comes_back(client: stripe.StripeClient, mug: stripe.Product) -> None:
    sent: PriceCreateParams = {
        "active": False,
        "billing_scheme": "per_unit",
        "currency": "jpy",
        "lookup_key": "mug-small",
        "metadata": {"size": "small"},
        "nickname": "Small",
        "product": mug.id,
        "recurring": {
            "interval": "month",
            "interval_count": 3,
            "trial_period_days": 14,
            "usage_type": "licensed",
        },
        "tax_behavior": "inclusive",
        "unit_amount": 0,
    }
    price = client.v1.prices.retrieve(client.v1.prices.create(sent).id).to_dict()
    assert price["type"] == "recurring"
    assert set(price["recurring"]) == set(stripe.Price.Recurring.__annotations__)
    assert price["recurring"] == {**sent["recurring"], "meter": None}
    assert {name: price[name] for name in sent if name != "recurring"} == {
        name: value for name, value in sent.items() if name != "recurring"
    }


def test_an_amount_may_have_decimals(client: stripe.StripeClient, mug: stripe.Product) -> None:
    for typed, whole in ((Decimal("0.5"), None), (Decimal("1250.00"), 1250)):
        price = client.v1.prices.create({"currency": "eur", "product": mug.id, "unit_amount_decimal": typed})
        assert (price.unit_amount, price.unit_amount_decimal) == (whole, typed)


def test_the_customer_may_choose_the_amount(client: stripe.StripeClient, mug: stripe.Product) -> None:
    price = client.v1.prices.create(
        {"currency": "eur", "product": mug.id, "custom_unit_amount": {"enabled": True, "minimum": 500}}
    )
    assert price.custom_unit_amount is not None
    assert price.custom_unit_amount.to_dict() == {"maximum": None, "minimum": 500, "preset": None}
    assert (price.unit_amount, price.unit_amount_decimal) == (None, None)


def test_a_price_can_be_made_with_its_product(client: stripe.StripeClient) -> None:
    price = client.v1.prices.create(
        {
            "currency": "eur",
            "unit_amount": 1,
            "product_data": {"name": "Sticker", "id": "sticker", "metadata": {"a": "b"}},
            "expand": ["product"],
        }
    )
    assert isinstance(price.product, stripe.Product)
    assert (price.product.id, price.product.name, price.product.default_price) == ("sticker", "Sticker", None)


@pytest.mark.parametrize(
    ("form", "param", "message"),
    [
        ({"product": "mug", "unit_amount": "1"}, "currency", "Missing required param: currency"),
        ({"product": "mug", "unit_amount": "1", "currency": "zzz"}, "currency", "Invalid currency: zzz"),
        ({"product": "mug", "currency": "eur"}, None, "Prices require an `unit_amount`"),
        ({"currency": "eur", "unit_amount": "1"}, "product", "Missing required param: product"),
        ({"product": "none", "currency": "eur", "unit_amount": "1"}, "product", "No such product: 'none'"),
        ({"product": "mug", "currency": "eur", "unit_amount": "-1"}, "unit_amount", "greater than or equal"),
        ({"product": "mug", "currency": "eur", "unit_amount": "1.5"}, "unit_amount", "Invalid integer: 1.5"),
        (
            {"product": "mug", "currency": "eur", "unit_amount_decimal": "0.1234567890123"},
            "unit_amount_decimal",
            "at most 12 decimal places",
        ),
        (
            {"product": "mug", "currency": "eur", "unit_amount": "1", "unit_amount_decimal": "1"},
            "unit_amount",
            "only specify one of these parameters: unit_amount, unit_amount_decimal",
        ),
        (
            {"product": "mug", "product_data[name]": "x", "currency": "eur", "unit_amount": "1"},
            "product",
            "only specify one of these parameters: product, product_data",
        ),
        (
            {"product": "mug", "currency": "eur", "unit_amount": "1", "recurring[interval]": "century"},
            "recurring[interval]",
            "must be one of day",
        ),
        (
            {
                "product": "mug",
                "currency": "eur",
                "unit_amount": "1",
                "recurring[interval]": "year",
                "recurring[interval_count]": "4",
            },
            "recurring[interval_count]",
            "at most 3",
        ),
        (
            {
                "product": "mug",
                "currency": "eur",
                "custom_unit_amount[enabled]": "true",
                "recurring[interval]": "month",
            },
            "custom_unit_amount",
            "cannot be recurring",
        ),
        (
            {"product": "mug", "currency": "eur", "custom_unit_amount[enabled]": "false"},
            "custom_unit_amount[enabled]",
            "must be true",
        ),
        (
            {"product": "mug", "currency": "eur", "unit_amount": "1", "lookup_key": "x" * 201},
            "lookup_key",
            "at most 200 characters",
        ),
    ],
)
def test_a_price_of_the_wrong_form_is_refused(
    http: httpx.Client, form: dict[str, str], param: str | None, message: str
) -> None:
    http.post("/v1/products", data={"id": "mug", "name": "Mug"}).raise_for_status()
    status, named, said = _refusal(http, "prices", **form)
    assert (status, named) == (400, param)
    assert message in said
    assert http.get("/v1/prices").json()["data"] == []


@pytest.mark.parametrize(
    "form",
    [
        {"billing_scheme": "tiered"},
        {"tiers_mode": "volume"},
        {"transform_quantity[divide_by]": "2"},
        {"currency_options[usd][unit_amount]": "1"},
        {"recurring[interval]": "month", "recurring[usage_type]": "metered"},
    ],
)
def test_kinds_of_prices_that_the_sandbox_does_not_have_are_501(
    http: httpx.Client, form: dict[str, str]
) -> None:
    http.post("/v1/products", data={"id": "mug", "name": "Mug"}).raise_for_status()
    status, _, message = _refusal(http, "prices", product="mug", currency="eur", unit_amount="1", **form)
    assert (status, "The sandbox does not implement" in message) == (501, True)


def test_searching_products_and_prices_is_501(http: httpx.Client) -> None:
    for kind in ("products", "prices"):
        assert http.get(f"/v1/{kind}/search", params={"query": "active:'true'"}).status_code == 501


def test_the_amount_of_a_price_never_changes(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    price = _price(client, mug.id)
    for name in ("unit_amount", "currency", "product", "recurring[interval]"):
        status, _, message = _refusal(http, f"prices/{price.id}", **{name: "1"})
        assert (status, message) == (400, f"Received unknown parameter: {name.partition('[')[0]}")
    renamed = client.v1.prices.update(price.id, {"nickname": "Small", "metadata": {"a": "1"}})
    assert (renamed.nickname, renamed.unit_amount) == ("Small", 1800)
    assert client.v1.prices.retrieve(price.id).to_dict() == renamed.to_dict()


def test_a_price_is_archived_never_deleted(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    price = _price(client, mug.id).id
    assert http.delete(f"/v1/prices/{price}").status_code == 404
    assert client.v1.prices.update(price, {"active": False}).active is False
    assert client.v1.prices.update(price, {"active": True}).active is True


def test_the_default_price_cannot_be_archived(client: stripe.StripeClient, mug: stripe.Product) -> None:
    price = _price(client, mug.id).id
    client.v1.products.update(mug.id, {"default_price": price})
    with pytest.raises(stripe.InvalidRequestError, match="it is the default price of its product"):
        client.v1.prices.update(price, {"active": False})
    assert client.v1.prices.update(price, {"nickname": "Still on sale"}).active is True
    client.v1.products.update(mug.id, {"default_price": ""})
    assert client.v1.prices.update(price, {"active": False}).active is False


def test_a_tax_behavior_is_set_once(client: stripe.StripeClient, mug: stripe.Product) -> None:
    price = _price(client, mug.id).id
    assert client.v1.prices.update(price, {"tax_behavior": "exclusive"}).tax_behavior == "exclusive"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be changed once it is exclusive"):
        client.v1.prices.update(price, {"tax_behavior": "inclusive"})


def test_a_lookup_key_is_held_by_one_price_and_can_be_taken_over(
    client: stripe.StripeClient, mug: stripe.Product
) -> None:
    old = _price(client, mug.id, lookup_key="standard").id
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key") as refused:
        _price(client, mug.id, lookup_key="standard")
    assert refused.value.param == "lookup_key"
    new = _price(client, mug.id, 2000, lookup_key="standard", transfer_lookup_key=True).id
    assert client.v1.prices.retrieve(old).lookup_key is None
    assert _ids(client.v1.prices.list({"lookup_keys": ["standard", "other"]})) == [new]


# Lists: https://docs.stripe.com/api/products/list and https://docs.stripe.com/api/prices/list


def test_products_are_listed_newest_first_and_page_both_ways(client: stripe.StripeClient) -> None:
    ids = [client.v1.products.create({"name": str(number)}).id for number in range(12)][::-1]
    first = client.v1.products.list()
    assert (first.url, first.has_more, _ids(first)) == ("/v1/products", True, ids[:10])
    rest = client.v1.products.list({"starting_after": ids[9]})
    assert (_ids(rest), rest.has_more) == (ids[10:], False)
    back = client.v1.products.list({"ending_before": ids[9], "limit": 4})
    assert (_ids(back), back.has_more) == (ids[5:9], True)
    client.v1.products.delete(ids[9])
    assert _ids(client.v1.products.list({"starting_after": ids[9]})) == ids[10:]


def test_products_are_filtered(running: RunningStripe, client: stripe.StripeClient) -> None:
    mug = client.v1.products.create({"name": "Mug", "shippable": True, "url": "https://a.example/mug"})
    running.control.clock.advance(100)
    course = client.v1.products.create({"name": "Course", "active": False})
    running.control.clock.advance(100)
    book = client.v1.products.create({"name": "Book", "type": "good"})

    def listed(params: stripe.params.ProductListParams) -> list[str]:
        return _ids(client.v1.products.list(params))

    assert listed({}) == [book.id, course.id, mug.id]
    assert listed({"active": True}) == [book.id, mug.id]
    assert listed({"active": False}) == [course.id]
    assert listed({"ids": [mug.id, book.id, "prod_none"]}) == [book.id, mug.id]
    assert listed({"shippable": True}) == [mug.id]
    assert listed({"type": "good"}) == [book.id]
    assert listed({"url": "https://a.example/mug"}) == [mug.id]
    assert listed({"created": {"gt": mug.created}}) == [book.id, course.id]
    assert listed({"created": {"lte": course.created}, "active": True}) == [mug.id]
    with pytest.raises(stripe.InvalidRequestError, match="cannot use `ids` with"):
        listed({"ids": [mug.id], "starting_after": book.id})


def test_prices_are_filtered(client: stripe.StripeClient, mug: stripe.Product) -> None:
    tea = client.v1.products.create({"name": "Tea"}).id
    once = _price(client, mug.id).id
    archived = _price(client, mug.id, 1700, active=False).id
    monthly = _price(client, tea, 1490, recurring={"interval": "month"}).id
    yearly = _price(client, tea, 14900, recurring={"interval": "year"}).id
    dollars = client.v1.prices.create({"currency": "usd", "unit_amount": 1, "product": tea}).id

    def listed(params: stripe.params.PriceListParams) -> list[str]:
        return _ids(client.v1.prices.list(params))

    assert listed({}) == [dollars, yearly, monthly, archived, once]
    assert listed({"active": True}) == [dollars, yearly, monthly, once]
    assert listed({"active": False}) == [archived]
    assert listed({"product": tea}) == [dollars, yearly, monthly]
    assert listed({"product": tea, "limit": 1, "starting_after": yearly}) == [monthly]
    assert listed({"product": "prod_none"}) == []
    assert listed({"currency": "usd"}) == [dollars]
    assert listed({"type": "recurring"}) == [yearly, monthly]
    assert listed({"type": "one_time", "active": True}) == [dollars, once]
    assert listed({"recurring": {"interval": "year"}}) == [yearly]
    assert listed({"recurring": {"usage_type": "licensed"}}) == [yearly, monthly]


# Expanding: https://docs.stripe.com/api/expanding_objects


def test_ids_are_expanded_to_objects(client: stripe.StripeClient, mug: stripe.Product) -> None:
    price = _price(client, mug.id)
    product = client.v1.products.update(mug.id, {"default_price": price.id})
    (listed,) = client.v1.prices.list({"expand": ["data.product"]}).data
    assert listed.to_dict() == {**price.to_dict(), "product": product.to_dict()}
    (deep,) = client.v1.prices.list({"expand": ["data.product.default_price", "data.product"]}).data
    assert deep.to_dict()["product"]["default_price"] == price.to_dict()
    (shown,) = client.v1.products.list({"expand": ["data.default_price"]}).data
    assert shown.to_dict() == {**product.to_dict(), "default_price": price.to_dict()}
    options = client.v1.prices.retrieve(price.id, {"expand": ["currency_options"]}).to_dict()
    assert options["currency_options"]["eur"]["unit_amount"] == 1800
    for wrong in ("default_price", "product", "data.products"):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            client.v1.prices.list({"expand": [wrong]})


def test_nothing_is_expanded_where_there_is_nothing(client: stripe.StripeClient, mug: stripe.Product) -> None:
    assert client.v1.products.retrieve(mug.id, {"expand": ["default_price"]}).default_price is None


# Modes, API keys, idempotency keys


def test_test_and_live_mode_sell_different_things(running: RunningStripe, mug: stripe.Product) -> None:
    price = _price(running.sdk(), mug.id)
    live = running.sdk(LIVE_KEY)
    assert (live.v1.products.list().data, live.v1.prices.list().data) == ([], [])
    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in test mode"):
        live.v1.products.retrieve(mug.id)
    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in test mode"):
        live.v1.prices.retrieve(price.id)
    assert live.v1.products.create({"id": mug.id, "name": "Live mug"}).livemode is True


@pytest.mark.parametrize("kind", ["product", "price"])
def test_a_restricted_key_reads_and_writes_what_it_may(running: RunningStripe, kind: str) -> None:
    restricted = running.http(RESTRICTED_KEY)
    running.control.change_settings({"denied_permissions": [f"{kind}_write"]})
    assert restricted.get(f"/v1/{kind}s").status_code == 200
    assert restricted.post(f"/v1/{kind}s", data={"name": "x"}).status_code == 403
    running.control.change_settings({"denied_permissions": [f"{kind}_read"]})
    assert restricted.get(f"/v1/{kind}s").status_code == 403


def test_the_same_key_makes_one_product_and_one_price(client: stripe.StripeClient) -> None:
    made = [client.v1.products.create({"name": "Mug"}, {"idempotency_key": "k"}).id for _ in range(2)]
    sent: PriceCreateParams = {"currency": "eur", "unit_amount": 1, "product": made[0]}
    prices = [client.v1.prices.create(sent, {"idempotency_key": "p"}).id for _ in range(2)]
    assert (len(set(made)), len(set(prices)), len(client.v1.prices.list().data)) == (1, 1, 1)


# Events


def test_what_happens_to_products_and_prices_is_recorded(client: stripe.StripeClient) -> None:
    product = client.v1.products.create(
        {"name": "Mug", "default_price_data": {"currency": "eur", "unit_amount": 1800}}
    )
    price = str(product.default_price)
    client.v1.products.update(product.id, {"name": "Mug"})
    client.v1.products.update(product.id, {"name": "Cup", "metadata": {"stock": "1"}})
    client.v1.products.update(product.id, {"default_price": ""})
    client.v1.prices.update(price, {"active": False})
    bowl = client.v1.products.create({"name": "Bowl"})
    client.v1.products.delete(bowl.id)
    events = client.v1.events.list().data[::-1]
    assert [event.type for event in events] == [
        "product.created",
        "price.created",
        "product.updated",
        "product.updated",
        "price.updated",
        "product.created",
        "product.deleted",
    ]
    assert events[0].data.object.to_dict() == product.to_dict()
    assert events[1].data.object["id"] == price
    changed = [events[place].data.previous_attributes for place in (2, 3, 4)]
    # `updated` has also changed if a second has passed.
    assert [
        {name: value for name, value in previous.to_dict().items() if name != "updated"}
        for previous in changed
        if previous is not None
    ] == [
        {"name": "Mug", "metadata": {"stock": None}},
        {"default_price": price},
        {"active": True},
    ]
    assert events[6].data.object["name"] == "Bowl"


# Seeds


def test_a_big_catalogue_is_there_at_once(running: RunningStripe, client: stripe.StripeClient) -> None:
    began = time.monotonic()
    seeded = running.http().post("/_sandbox/seed", json={"products": 1000, "prices_each": 3})
    assert seeded.json() == {"customers": 0, "products": 1000, "prices": 3000}
    assert time.monotonic() - began < 2
    page = client.v1.prices.list({"limit": 100, "active": True, "expand": ["data.product"]})
    prices = list(page.auto_paging_iter())
    assert (len(prices), len({price.id for price in prices})) == (3000, 3000)
    products = [price.product for price in prices if isinstance(price.product, stripe.Product)]
    assert {product.id for product in products} == {f"prod_seed{number:08d}" for number in range(1000)}
    assert client.v1.products.retrieve("prod_seed00000007").default_price == "price_seed0000000700"
    assert client.v1.products.update("prod_seed00000007", {"active": False}).active is False
    assert len(running.control.requests()) == 32
    assert client.v1.events.list().data[1:] == []


def test_a_catalogue_is_seeded_into_the_world_it_names(running: RunningStripe) -> None:
    running.control.seed({"products": 2, "livemode": True, "prefix": "live", "customers": 3})
    live = running.sdk(LIVE_KEY)
    assert (len(live.v1.products.list().data), len(live.v1.customers.list().data)) == (2, 3)
    assert running.sdk().v1.products.list().data == []
    for wrong in (
        {"products": -1},
        {"products": 1, "prices_each": 21},
        {"products": True},
        {"products": 1, "livemode": True, "prefix": "live"},
    ):
        assert running.http().post("/_sandbox/seed", json=wrong).status_code == 400
