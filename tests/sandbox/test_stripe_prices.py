"""Prices: https://docs.stripe.com/api/prices"""

import re
from decimal import Decimal

import httpx
import pytest
import stripe
from stripe.params import PriceCreateParams

from tests.sandbox.catalogue import add_price, ids_of, refusal

# `currency_options` and `tiers` only come when expanded; the others as of a product.
_NOT_IN_A_PRICE = {"OBJECT_NAME", "currency_options", "deleted", "tiers"}


def test_a_price_has_every_field_of_a_real_one(client: stripe.StripeClient, mug: stripe.Product) -> None:
    price = add_price(client, mug.id)
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
    status, named, said = refusal(http, "prices", **form)
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
    status, _, message = refusal(http, "prices", product="mug", currency="eur", unit_amount="1", **form)
    assert (status, "The sandbox does not implement" in message) == (501, True)


def test_searching_products_and_prices_is_501(http: httpx.Client) -> None:
    for kind in ("products", "prices"):
        assert http.get(f"/v1/{kind}/search", params={"query": "active:'true'"}).status_code == 501


def test_the_amount_of_a_price_never_changes(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    price = add_price(client, mug.id)
    for name in ("unit_amount", "currency", "product", "recurring[interval]"):
        status, _, message = refusal(http, f"prices/{price.id}", **{name: "1"})
        assert (status, message) == (400, f"Received unknown parameter: {name.partition('[')[0]}")
    renamed = client.v1.prices.update(price.id, {"nickname": "Small", "metadata": {"a": "1"}})
    assert (renamed.nickname, renamed.unit_amount) == ("Small", 1800)
    assert client.v1.prices.retrieve(price.id).to_dict() == renamed.to_dict()


def test_a_price_is_archived_never_deleted(
    http: httpx.Client, client: stripe.StripeClient, mug: stripe.Product
) -> None:
    price = add_price(client, mug.id).id
    assert http.delete(f"/v1/prices/{price}").status_code == 404
    assert client.v1.prices.update(price, {"active": False}).active is False
    assert client.v1.prices.update(price, {"active": True}).active is True


def test_the_default_price_cannot_be_archived(client: stripe.StripeClient, mug: stripe.Product) -> None:
    price = add_price(client, mug.id).id
    client.v1.products.update(mug.id, {"default_price": price})
    with pytest.raises(stripe.InvalidRequestError, match="it is the default price of its product"):
        client.v1.prices.update(price, {"active": False})
    assert client.v1.prices.update(price, {"nickname": "Still on sale"}).active is True
    client.v1.products.update(mug.id, {"default_price": ""})
    assert client.v1.prices.update(price, {"active": False}).active is False


def test_a_tax_behavior_is_set_once(client: stripe.StripeClient, mug: stripe.Product) -> None:
    price = add_price(client, mug.id).id
    assert client.v1.prices.update(price, {"tax_behavior": "exclusive"}).tax_behavior == "exclusive"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be changed once it is exclusive"):
        client.v1.prices.update(price, {"tax_behavior": "inclusive"})


def test_a_lookup_key_is_held_by_one_price_and_can_be_taken_over(
    client: stripe.StripeClient, mug: stripe.Product
) -> None:
    old = add_price(client, mug.id, lookup_key="standard").id
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key") as refused:
        add_price(client, mug.id, lookup_key="standard")
    assert refused.value.param == "lookup_key"
    new = add_price(client, mug.id, 2000, lookup_key="standard", transfer_lookup_key=True).id
    assert client.v1.prices.retrieve(old).lookup_key is None
    assert ids_of(client.v1.prices.list({"lookup_keys": ["standard", "other"]})) == [new]
