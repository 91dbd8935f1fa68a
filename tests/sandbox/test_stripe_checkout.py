"""Checkout Sessions before they are paid: https://docs.stripe.com/api/checkout/sessions"""

import re

import httpx
import pytest
import stripe

from tests.sandbox.checkout import (
    CANCEL_URL,
    SUCCESS_URL,
    again,
    events,
    monthly,
    page_of,
    params,
    pay,
    price,
    refused,
    session,
)
from tests.sandbox.conftest import RunningStripe
from webstore.sandbox.stripe import LIVE_KEY

# Create


def test_a_session_has_every_field_of_a_real_one(client: stripe.StripeClient) -> None:
    made = session(client, price(client))
    seldom = {"OBJECT_NAME", "excluded_payment_method_types", "line_items", "name_collection"}
    seldom |= {"presentment_details", "redirect_on_completion", "return_url"}
    assert set(made.to_dict()) == set(stripe.checkout.Session.__annotations__) - seldom
    assert re.fullmatch(r"cs_test_[A-Za-z0-9]{58}", made.id)
    assert (made.object, made.status, made.payment_status, made.mode) == (
        "checkout.session",
        "open",
        "unpaid",
        "payment",
    )
    assert (made.amount_subtotal, made.amount_total, made.currency) == (1800, 1800, "eur")
    assert (made.payment_intent, made.subscription, made.customer) == (None, None, None)
    assert made.expires_at == made.created + 86_400


def test_what_is_sent_comes_back(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    sent = {
        "allow_promotion_codes": True,
        "client_reference_id": "auth0|1",
        "customer": customer,
        "locale": "de",
        "metadata": {"auth0_user_id": "auth0|1"},
        "submit_type": "pay",
        "phone_number_collection": {"enabled": True},
        "shipping_address_collection": {"allowed_countries": ["DE", "AT"]},
    }
    made = again(client, session(client, price(client), **sent)).to_dict()
    assert {name: made[name] for name in sent} == sent
    assert (made["success_url"], made["cancel_url"]) == (SUCCESS_URL, CANCEL_URL)
    assert made["customer_details"]["email"] == "ada@example.com"
    assert made["consent_collection"] is None


def test_the_lines_come_when_they_are_expanded(client: stripe.StripeClient) -> None:
    mug, tea = price(client, 1800), price(client, 950)
    made = client.v1.checkout.sessions.create(
        params(line_items=[{"price": mug, "quantity": 2}, {"price": tea, "quantity": 3}])
    )
    lines = again(client, made, "line_items.data.price.product").line_items
    assert lines is not None
    assert [(line.quantity, line.amount_total) for line in lines.data] == [(2, 3600), (3, 2850)]
    one = lines.data[0]
    assert set(one.to_dict()) == set(stripe.LineItem.__annotations__) - {"OBJECT_NAME", "discounts", "taxes"}
    assert one.price is not None
    assert (one.price.id, one.description) == (mug, "Mug")
    assert isinstance(one.price.product, stripe.Product)
    assert made.amount_total == 6450


def test_the_lines_have_pages_of_their_own(client: stripe.StripeClient) -> None:
    made = session(client, *(price(client, 100 + number) for number in range(12)))
    first = client.v1.checkout.sessions.line_items.list(made.id)
    assert [line.amount_total for line in first.data] == [100 + number for number in range(10)]
    rest = client.v1.checkout.sessions.line_items.list(made.id, {"starting_after": first.data[-1].id})
    assert ([line.amount_total for line in rest.data], rest.has_more) == ([110, 111], False)
    expanded = again(client, made, "line_items").line_items
    assert expanded is not None
    assert (len(expanded.data), expanded.has_more) == (10, True)


def test_a_price_can_be_made_up_for_one_session(client: stripe.StripeClient) -> None:
    data = {"currency": "usd", "unit_amount": 2500, "product_data": {"name": "Gift"}}
    made = session(client, line_items=[{"price_data": data, "quantity": 1}])
    assert (made.amount_total, made.currency) == (2500, "usd")
    assert client.v1.prices.list().data == []
    assert events(client, "product", "price") == ["product.created", "price.created"]


def test_nothing_is_made_up_for_a_session_that_is_refused(client: stripe.StripeClient) -> None:
    data = {"currency": "usd", "unit_amount": 1, "product_data": {"name": "Gift"}}
    assert refused(client, line_items=[{"price_data": data, "quantity": 1}])[1] == "amount_too_small"
    assert events(client) == []


def test_a_session_may_have_shipping(client: stripe.StripeClient) -> None:
    rate = client.v1.shipping_rates.create(
        {"display_name": "Post", "type": "fixed_amount", "fixed_amount": {"amount": 490, "currency": "eur"}}
    )
    assert set(rate.to_dict()) == set(stripe.ShippingRate.__annotations__) - {"OBJECT_NAME"}
    made = session(client, price(client), shipping_options=[{"shipping_rate": rate.id}])
    assert made.amount_total == 2290
    cost = again(client, made, "shipping_cost.shipping_rate").shipping_cost
    assert cost is not None
    assert isinstance(cost.shipping_rate, stripe.ShippingRate)
    assert (cost.amount_total, cost.shipping_rate.display_name) == (490, "Post")


def test_the_bounds_of_the_expiry(running: RunningStripe, client: stripe.StripeClient) -> None:
    one, now = price(client), int(running.control.clock.now())
    assert session(client, one, expires_at=now + 1860).expires_at == now + 1860
    assert refused(client, one, expires_at=now + 1700) == (400, None, "expires_at")
    assert refused(client, one, expires_at=now + 86_500) == (400, None, "expires_at")


# Refused parameters


def test_what_has_to_be_there(client: stripe.StripeClient) -> None:
    for missing in ("mode", "success_url", "line_items"):
        given = params(price(client))
        del given[missing]
        with pytest.raises(stripe.InvalidRequestError) as error:
            client.v1.checkout.sessions.create(given)
        assert (error.value.code, error.value.param) == ("parameter_missing", missing)


def test_prices_that_there_are_not(running: RunningStripe, client: stripe.StripeClient) -> None:
    name = "line_items[0][price]"
    assert refused(client, "price_none") == (400, "resource_missing", name)
    live = price(running.sdk(LIVE_KEY))
    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in live mode"):
        session(client, live)
    inactive = price(client)
    client.v1.prices.update(inactive, {"active": False})
    assert refused(client, inactive) == (400, None, name)
    archived = client.v1.prices.retrieve(price(client))
    client.v1.products.update(str(archived.product), {"active": False})
    with pytest.raises(stripe.InvalidRequestError) as not_sold:
        session(client, archived.id)
    assert (not_sold.value.user_message, not_sold.value.param) == (
        f"Price `{archived.id}` is not available to be purchased because its product is not active.",
        name,
    )


@pytest.mark.parametrize("quantity", [0, -1, 1_000_000, 10**9])
def test_quantities_that_make_no_sense(client: stripe.StripeClient, quantity: int) -> None:
    lines = [{"price": price(client), "quantity": quantity}]
    assert refused(client, line_items=lines) == (
        400,
        "parameter_invalid_integer",
        "line_items[0][quantity]",
    )


def test_a_quantity_is_needed_and_a_number(client: stripe.StripeClient) -> None:
    one = price(client)
    assert refused(client, line_items=[{"price": one}])[1] == "parameter_missing"
    assert refused(client, line_items=[{"price": one, "quantity": "two"}])[1] == "parameter_invalid_integer"


def test_modes_and_prices_that_do_not_go_together(client: stripe.StripeClient) -> None:
    once, each_month = price(client), monthly(client)
    with pytest.raises(stripe.InvalidRequestError, match="passed a recurring price"):
        session(client, once, each_month)
    with pytest.raises(stripe.InvalidRequestError, match="at least one recurring price"):
        session(client, once, mode="subscription")
    assert session(client, once, each_month, mode="subscription").amount_total == 3000
    each_year = price(client, 9900, recurring={"interval": "year"})
    with pytest.raises(stripe.InvalidRequestError, match="different billing intervals"):
        session(client, each_month, each_year, mode="subscription")
    assert refused(client, once, price(client, 1800, "usd")) == (400, None, "line_items")


def test_parameters_of_the_other_mode(client: stripe.StripeClient) -> None:
    each_month = monthly(client)
    for name, value in (
        ("payment_intent_data", {"description": "x"}),
        ("invoice_creation", {"enabled": True}),
        ("submit_type", "pay"),
        ("customer_creation", "always"),
    ):
        assert refused(client, each_month, mode="subscription", **{name: value}) == (400, None, name)
    assert refused(client, price(client), subscription_data={"description": "x"})[2] == "subscription_data"


def test_totals_out_of_bounds(client: stripe.StripeClient) -> None:
    assert refused(client, price(client, 49)) == (400, "amount_too_small", None)
    assert session(client, price(client, 50)).amount_total == 50
    assert refused(client, price(client, 40, "jpy"))[1] == "amount_too_small"
    huge = price(client, 99_999_999)
    assert session(client, huge).amount_total == 99_999_999
    assert refused(client, line_items=[{"price": huge, "quantity": 2}]) == (400, "amount_too_large", None)


def test_more_than_a_hundred_lines(client: stripe.StripeClient) -> None:
    one = price(client)
    assert session(client, *[one] * 100).amount_total == 180_000
    assert refused(client, *[one] * 101) == (400, None, "line_items")


def test_a_customer_must_be_there(running: RunningStripe, client: stripe.StripeClient) -> None:
    one, gone = price(client), client.v1.customers.create({}).id
    client.v1.customers.delete(gone)
    for id in ("cus_none", gone):
        assert refused(client, one, customer=id) == (400, "resource_missing", "customer")
    live = running.sdk(LIVE_KEY).v1.customers.create({}).id
    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in live mode"):
        session(client, one, customer=live)
    assert refused(client, one, customer=gone, customer_email="a@example.com")[2] == "customer"
    assert refused(client, one, customer_update={"address": "auto"})[2] == "customer_update"


def test_automatic_tax_needs_to_know_where_the_customer_is(client: stripe.StripeClient) -> None:
    one, customer = price(client), client.v1.customers.create({}).id
    taxed = {"customer": customer, "automatic_tax": {"enabled": True}}
    assert refused(client, one, **taxed) == (400, "customer_tax_location_invalid", None)
    made = session(client, one, **taxed, customer_update={"address": "auto"})
    assert (made.automatic_tax.enabled, made.automatic_tax.status) == (True, "requires_location_inputs")
    client.v1.customers.update(customer, {"address": {"country": "DE"}})
    assert session(client, one, **taxed).automatic_tax.enabled


@pytest.mark.parametrize("address", ["", "store.test/ok", "javascript:alert(1)", "https://"])
def test_urls_that_are_not_valid(client: stripe.StripeClient, address: str) -> None:
    status, _, name = refused(client, price(client), success_url=address)
    assert (status, name) == (400, "success_url")
    assert refused(client, price(client), cancel_url=address)[2] == "cancel_url"


def test_live_mode_goes_back_by_https_only(running: RunningStripe) -> None:
    live = running.sdk(LIVE_KEY)
    assert refused(live, price(live)) == (400, "url_invalid", "success_url")
    addresses = {"success_url": "https://store.test/ok", "cancel_url": "https://store.test/cart"}
    assert session(live, price(live), **addresses).id.startswith("cs_live_")


@pytest.mark.parametrize(
    "given",
    [
        {"ui_mode": "elements"},
        {"discounts": [{"coupon": "x"}]},
        {"line_items": [{"price": "x", "quantity": 1, "tax_rates": ["txr_1"]}]},
        {"payment_method_types": ["klarna"]},
    ],
)
def test_unsupported_parameters_are_501(client: stripe.StripeClient, given: dict[str, object]) -> None:
    assert refused(client, price(client), **given)[0] == 501


def test_unknown_parameters_are_refused(client: stripe.StripeClient) -> None:
    assert refused(client, price(client), colour="red") == (400, "parameter_unknown", "colour")


# Lists, expiry


def test_a_list_can_be_narrowed_down(client: stripe.StripeClient, http: httpx.Client) -> None:
    one, customer = price(client), client.v1.customers.create({"email": "ada@example.com"}).id
    other = session(client, one)
    first, second = (session(client, one, customer=customer) for _ in range(2))
    pay(http, second)
    intent = again(client, second).payment_intent

    def found(**filters: object) -> list[str]:
        return [each.id for each in client.v1.checkout.sessions.list(filters).data]  # type: ignore[arg-type]  # a test's own

    assert found() == [second.id, first.id, other.id]
    assert found(customer=customer) == [second.id, first.id]
    assert found(customer=customer, status="open") == [first.id]
    assert found(payment_intent=intent) == [second.id]
    assert found(customer_details={"email": "ada@example.com"}) == [second.id, first.id]
    assert found(limit=1, starting_after=second.id) == [first.id]
    assert found(created={"lt": other.created}) == []
    listed = client.v1.checkout.sessions.list({"customer": customer, "expand": ["data.line_items"]})
    assert [len(each.line_items.data) for each in listed.data if each.line_items] == [1, 1]
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        found(customer="cus_none")


def test_a_deleted_customers_sessions_are_still_listed(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({}).id
    made = session(client, price(client), customer=customer)
    client.v1.customers.delete(customer)
    assert [one.id for one in client.v1.checkout.sessions.list({"customer": customer}).data] == [made.id]


def test_a_session_can_be_expired_while_it_is_open(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client))
    over = client.v1.checkout.sessions.expire(made.id)
    assert (over.status, over.url, over.payment_status) == ("expired", None, "unpaid")
    assert events(client, "checkout") == ["checkout.session.expired"]
    with pytest.raises(stripe.InvalidRequestError, match="has a status of `expired`"):
        client.v1.checkout.sessions.expire(made.id)
    page = http.get(page_of(made))
    assert (page.status_code, "expired" in page.text, CANCEL_URL in page.text) == (410, True, True)
    assert pay(http, made).status_code == 410
    assert client.v1.payment_intents.list().data == []


def test_a_session_expires_by_the_clock(running: RunningStripe, client: stripe.StripeClient) -> None:
    made = session(client, price(client))
    running.control.clock.advance(86_399 - 60)
    assert again(client, made).status == "open"
    running.control.clock.advance(61)
    # It has expired before any request.
    (world,) = (one for one in running.vendor.state.worlds() if one.payments.sessions)
    assert world.payments.sessions.at(0)["status"] == "expired"
    assert again(client, made).status == "expired"
    (event,) = client.v1.events.list({"type": "checkout.session.expired"}).data
    assert event.created == made.expires_at


def test_a_session_that_there_is_not(running: RunningStripe, client: stripe.StripeClient) -> None:
    made = session(client, price(client))
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.checkout.sessions.retrieve("cs_test_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in test mode"):
        running.sdk(LIVE_KEY).v1.checkout.sessions.retrieve(made.id)


@pytest.mark.parametrize(
    "path", ["customer.email", "line_items.price", "nothing", "line_items.data.amount_total"]
)
def test_what_cannot_be_expanded(client: stripe.StripeClient, path: str) -> None:
    made = session(client, price(client))
    with pytest.raises(stripe.InvalidRequestError, match="This property cannot be expanded"):
        again(client, made, path)


def test_the_metadata_can_be_changed(client: stripe.StripeClient) -> None:
    made = session(client, price(client), metadata={"a": "1", "b": "2"})
    changed = client.v1.checkout.sessions.update(made.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.to_dict()["metadata"] == {"b": "2", "c": "3"}
