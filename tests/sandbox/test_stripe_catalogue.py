"""Products and prices together: lists, expanded objects, modes, keys, events and seeds."""

import time

import pytest
import stripe
from stripe.params import PriceCreateParams

from tests.sandbox.catalogue import add_price, ids_of
from tests.sandbox.conftest import RESTRICTED_KEY, RunningStripe
from webstore.sandbox.stripe import LIVE_KEY

# Lists: https://docs.stripe.com/api/products/list and https://docs.stripe.com/api/prices/list


def test_products_are_listed_newest_first_and_page_both_ways(client: stripe.StripeClient) -> None:
    ids = [client.v1.products.create({"name": str(number)}).id for number in range(12)][::-1]
    first = client.v1.products.list()
    assert (first.url, first.has_more, ids_of(first)) == ("/v1/products", True, ids[:10])
    rest = client.v1.products.list({"starting_after": ids[9]})
    assert (ids_of(rest), rest.has_more) == (ids[10:], False)
    back = client.v1.products.list({"ending_before": ids[9], "limit": 4})
    assert (ids_of(back), back.has_more) == (ids[5:9], True)
    client.v1.products.delete(ids[9])
    assert ids_of(client.v1.products.list({"starting_after": ids[9]})) == ids[10:]


def test_products_are_filtered(running: RunningStripe, client: stripe.StripeClient) -> None:
    mug = client.v1.products.create({"name": "Mug", "shippable": True, "url": "https://a.example/mug"})
    running.control.clock.advance(100)
    course = client.v1.products.create({"name": "Course", "active": False})
    running.control.clock.advance(100)
    book = client.v1.products.create({"name": "Book", "type": "good"})

    def listed(params: stripe.params.ProductListParams) -> list[str]:
        return ids_of(client.v1.products.list(params))

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
    once = add_price(client, mug.id).id
    archived = add_price(client, mug.id, 1700, active=False).id
    monthly = add_price(client, tea, 1490, recurring={"interval": "month"}).id
    yearly = add_price(client, tea, 14900, recurring={"interval": "year"}).id
    dollars = client.v1.prices.create({"currency": "usd", "unit_amount": 1, "product": tea}).id

    def listed(params: stripe.params.PriceListParams) -> list[str]:
        return ids_of(client.v1.prices.list(params))

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
    price = add_price(client, mug.id)
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
    price = add_price(running.sdk(), mug.id)
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
