"""Customers and their events: https://docs.stripe.com/api/customers and https://docs.stripe.com/api/events"""

import re

import httpx
import pytest
import stripe
from stripe.params import CustomerUpdateParams

from tests.sandbox.conftest import RunningStripe
from webstore.sandbox.stripe import LIVE_KEY

# Only in the JSON of an expanded or deleted customer, or of one that has it. `OBJECT_NAME` is the SDK's.
_ABSENT = {
    "OBJECT_NAME",
    "business_name",
    "cash_balance",
    "deleted",
    "individual_name",
    "invoice_credit_balance",
    "sources",
    "subscriptions",
    "tax",
    "tax_ids",
}


def _missing(client: stripe.StripeClient, id: str) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.customers.update(id, {"name": "Nobody"})
    return missing.value


def _metadata(customer: stripe.Customer) -> dict[str, str]:
    metadata: dict[str, str] = customer.to_dict()["metadata"]
    return metadata


# Create, get, update, delete


def test_a_customer_has_every_field_of_a_real_one(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({})
    assert set(customer.to_dict()) == set(stripe.Customer.__annotations__) - _ABSENT
    assert re.fullmatch(r"cus_[A-Za-z0-9]{14}", customer.id)
    assert (customer.object, customer.livemode, customer.balance) == ("customer", False, 0)
    assert (customer.tax_exempt, customer.next_invoice_sequence) == ("none", 1)


def test_what_is_sent_comes_back(client: stripe.StripeClient) -> None:
    sent: stripe.params.CustomerCreateParams = {
        "address": {"city": "Berlin", "country": "DE", "line1": "Weg 1", "postal_code": "10115"},
        "balance": -250,
        "business_name": "Ada & Co",
        "description": "made by a test: ünïcode & = [x] % + ✓",
        "email": "Ada+1@Example.com",
        "individual_name": "Ada Example",
        "invoice_prefix": "ADA1",
        "invoice_settings": {"footer": "Thanks", "custom_fields": [{"name": "PO", "value": "1"}]},
        "metadata": {"auth0_user_id": "auth0|ö'\"\\[", "0": "zero"},
        "name": "Ada",
        "next_invoice_sequence": 7,
        "phone": "+49301234",
        "preferred_locales": ["de", "en"],
        "shipping": {"name": "Ada", "address": {"line1": "Weg 1"}},
        "tax_exempt": "reverse",
    }
    customer = client.v1.customers.retrieve(client.v1.customers.create(sent).id).to_dict()
    assert customer["address"] == {**sent["address"], "line2": None, "state": None}  # type: ignore[dict-item]  # not ""
    assert customer["shipping"]["address"]["line1"] == "Weg 1"
    assert (customer["shipping"]["name"], customer["shipping"]["phone"]) == ("Ada", None)
    assert customer["invoice_settings"]["custom_fields"] == [{"name": "PO", "value": "1"}]
    assert customer["invoice_settings"]["footer"] == "Thanks"
    same = set(sent) - {"address", "shipping", "invoice_settings"}
    assert {name: customer[name] for name in same} == {name: sent[name] for name in same}  # type: ignore[literal-required]  # its own keys


def test_an_update_changes_only_what_it_names(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"name": "Ada", "email": "ada@example.com", "phone": "1"})
    updated = client.v1.customers.update(customer.id, {"name": "Ada E."})
    assert (updated.name, updated.email, updated.phone) == ("Ada E.", "ada@example.com", "1")
    assert client.v1.customers.retrieve(customer.id).to_dict() == updated.to_dict()


def test_an_empty_string_unsets(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create(
        {"name": "Ada", "email": "ada@example.com", "address": {"city": "Berlin"}, "tax_exempt": "exempt"}
    )
    emptied: CustomerUpdateParams = {"name": "", "email": "", "address": "", "tax_exempt": ""}
    updated = client.v1.customers.update(customer.id, emptied)
    assert (updated.name, updated.email, updated.address, updated.tax_exempt) == (None, None, None, "none")


def test_a_deleted_customer_is_a_stub(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"})
    stub = {"id": customer.id, "object": "customer", "deleted": True}
    assert client.v1.customers.delete(customer.id).to_dict() == stub
    assert client.v1.customers.retrieve(customer.id).to_dict() == stub
    assert client.v1.customers.list().data == []
    assert client.v1.customers.list({"email": "ada@example.com"}).data == []


def test_a_deleted_customer_cannot_be_changed_or_deleted_again(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({})
    client.v1.customers.delete(customer.id)
    error = _missing(client, customer.id)
    assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id")
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.customers.delete(customer.id)


def test_an_id_with_odd_characters_is_just_missing(client: stripe.StripeClient) -> None:
    assert _missing(client, "cus_/../x?y=1#'%").user_message == "No such customer: 'cus_/../x?y=1#'%'"


# Refused parameters


@pytest.mark.parametrize(
    "email",
    [
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada @example.com",
        " ada@example.com",
        "ada@example.com ",
        "ada@exa mple.com",
        "ada@@example.com",
        "a@b@example.com",
        "adä@example.com",
        "ada\uff20example.com",
        ".ada@example.com",
        "ada@-example.com",
        "ada@example..com",
        "a" * 501 + "@example.com",
    ],
)
def test_an_address_that_stripe_refuses_is_email_invalid(client: stripe.StripeClient, email: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.create({"email": email})
    error = refused.value
    assert (error.http_status, error.code, error.param) == (400, "email_invalid", "email")
    assert error.user_message == f"Invalid email address: {email}"
    assert client.v1.customers.list().data == []


@pytest.mark.parametrize(
    "email", ["Ada.E+x_y@mail.example-1.co.uk", "o'neil@example.com", "a" * 500 + "@example.com"]
)
def test_an_address_that_stripe_takes_is_kept_as_it_is(client: stripe.StripeClient, email: str) -> None:
    assert client.v1.customers.create({"email": email}).email == email


@pytest.mark.parametrize(("field", "limit"), [("name", 256), ("description", 350), ("business_name", 150)])
def test_text_has_a_limit(http: httpx.Client, field: str, limit: int) -> None:
    assert http.post("/v1/customers", data={field: "x" * limit}).status_code == 200
    refused = http.post("/v1/customers", data={field: "x" * (limit + 1)})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, field)
    assert f"must be at most {limit} characters" in refused.json()["error"]["message"]


# Metadata: https://docs.stripe.com/api/metadata


def test_metadata_merges_by_key_and_an_empty_value_deletes(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"metadata": {"a": "1", "b": "2", "empty": ""}})
    assert _metadata(customer) == {"a": "1", "b": "2"}
    updated = client.v1.customers.update(customer.id, {"metadata": {"b": "", "c": "3"}})
    assert _metadata(updated) == {"a": "1", "c": "3"}
    assert _metadata(client.v1.customers.update(customer.id, {"metadata": ""})) == {}


def test_metadata_takes_50_keys_of_40_with_values_of_500_characters(client: stripe.StripeClient) -> None:
    full = {f"{number:040d}": "x" * 500 for number in range(50)}
    customer = client.v1.customers.create({"metadata": full})
    assert _metadata(customer) == full
    with pytest.raises(stripe.InvalidRequestError, match="up to 50 keys, but you've set 51"):
        client.v1.customers.update(customer.id, {"metadata": {"one too many": "x"}})
    with pytest.raises(stripe.InvalidRequestError, match="keys can have up to 40 characters"):
        client.v1.customers.create({"metadata": {"k" * 41: "x"}})
    with pytest.raises(stripe.InvalidRequestError, match="values can have up to 500 characters") as refused:
        client.v1.customers.create({"metadata": {"k": "x" * 501}})
    assert refused.value.param == "metadata[k]"


# Lists: https://docs.stripe.com/api/pagination


def _ids(page: stripe.ListObject[stripe.Customer]) -> list[str]:
    return [customer.id for customer in page.data]


def test_a_list_is_newest_first_and_pages_both_ways(client: stripe.StripeClient) -> None:
    ids = [client.v1.customers.create({"name": str(number)}).id for number in range(12)][::-1]
    first = client.v1.customers.list()
    assert (first.url, first.has_more, _ids(first)) == ("/v1/customers", True, ids[:10])
    rest = client.v1.customers.list({"starting_after": ids[9]})
    assert (_ids(rest), rest.has_more) == (ids[10:], False)
    back = client.v1.customers.list({"ending_before": ids[9], "limit": 4})
    assert (_ids(back), back.has_more) == (ids[5:9], True)
    assert [one.id for one in client.v1.customers.list({"limit": 5}).auto_paging_iter()] == ids


def test_a_cursor_may_be_a_deleted_customer(client: stripe.StripeClient) -> None:
    ids = [client.v1.customers.create({}).id for _ in range(3)][::-1]
    client.v1.customers.delete(ids[1])
    assert _ids(client.v1.customers.list({"starting_after": ids[1]})) == [ids[2]]


def test_an_unknown_cursor_is_400_on_its_parameter(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.list({"starting_after": "cus_none"})
    error = refused.value
    assert (error.http_status, error.code, error.param) == (400, "resource_missing", "starting_after")


def test_both_cursors_at_once_are_refused(client: stripe.StripeClient) -> None:
    id = client.v1.customers.create({}).id
    with pytest.raises(stripe.InvalidRequestError, match="pass in only one"):
        client.v1.customers.list({"starting_after": id, "ending_before": id})


@pytest.mark.parametrize("limit", ["0", "101", "ten", "-1", ""])
def test_a_limit_is_from_1_to_100(http: httpx.Client, limit: str) -> None:
    answer = http.get("/v1/customers", params={"limit": limit})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")


def test_the_email_filter_is_exact_and_case_sensitive(client: stripe.StripeClient) -> None:
    lower = client.v1.customers.create({"email": "ada@example.com"}).id
    upper = client.v1.customers.create({"email": "Ada@example.com"}).id
    again = client.v1.customers.create({"email": "ada@example.com"}).id
    assert _ids(client.v1.customers.list({"email": "ada@example.com"})) == [again, lower]
    assert _ids(client.v1.customers.list({"email": "Ada@example.com"})) == [upper]
    assert _ids(client.v1.customers.list({"email": "ada@example"})) == []
    one = client.v1.customers.list({"email": "ada@example.com", "limit": 1})
    assert (_ids(one), one.has_more) == ([again], True)
    client.v1.customers.update(again, {"email": "new@example.com"})
    assert _ids(client.v1.customers.list({"email": "ada@example.com"})) == [lower]


def test_the_created_filter_bounds_an_interval(running: RunningStripe, client: stripe.StripeClient) -> None:
    customers = []
    for _ in range(3):
        customers.append(client.v1.customers.create({}))
        running.control.clock.advance(100)
    oldest, middle, newest = customers
    at = middle.created
    assert _ids(client.v1.customers.list({"created": {"gte": at}})) == [newest.id, middle.id]
    assert _ids(client.v1.customers.list({"created": {"gt": at}})) == [newest.id]
    assert _ids(client.v1.customers.list({"created": {"lte": at}})) == [middle.id, oldest.id]
    assert _ids(client.v1.customers.list({"created": {"lt": at}})) == [oldest.id]
    assert _ids(client.v1.customers.list({"created": at})) == [middle.id]
    assert _ids(client.v1.customers.list({"created": {"gt": at, "lt": at}})) == []


# Expanding: https://docs.stripe.com/api/expanding_objects


def test_expanding_adds_what_is_asked_for(client: stripe.StripeClient) -> None:
    id = client.v1.customers.create({}).id
    customer = client.v1.customers.retrieve(id, {"expand": ["subscriptions", "tax"]})
    assert customer.subscriptions is not None
    assert (customer.subscriptions.data, customer.subscriptions.url) == (
        [],
        f"/v1/customers/{id}/subscriptions",
    )
    assert customer.tax is not None
    assert customer.tax.automatic_tax == "unrecognized_location"
    (listed,) = client.v1.customers.list({"expand": ["data.sources"]}).data
    assert listed.sources is not None
    with pytest.raises(stripe.InvalidRequestError, match=r"cannot be expanded \(orders\)"):
        client.v1.customers.retrieve(id, {"expand": ["orders"]})


# Events


def test_what_happens_to_a_customer_is_recorded(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create(
        {"name": "Ada", "metadata": {"a": "1", "b": "2"}}, {"idempotency_key": "k1"}
    )
    client.v1.customers.update(customer.id, {"name": "Ada"})
    client.v1.customers.update(customer.id, {"name": "Grace", "metadata": {"b": "", "c": "3"}})
    client.v1.customers.delete(customer.id)
    deleted, updated, created = client.v1.events.list().data
    assert [event.type for event in (created, updated, deleted)] == [
        "customer.created",
        "customer.updated",
        "customer.deleted",
    ]
    assert re.fullmatch(r"evt_[A-Za-z0-9]{24}", created.id)
    assert created.data.object.to_dict() == customer.to_dict()
    assert created.request is not None
    assert created.request.idempotency_key == "k1"
    assert updated.data.previous_attributes is not None
    assert updated.data.previous_attributes.to_dict() == {"name": "Ada", "metadata": {"b": "2", "c": None}}
    assert deleted.data.object["name"] == "Grace"
    assert client.v1.events.retrieve(created.id).to_dict() == created.to_dict()
    assert set(created.to_dict()) >= {"api_version", "created", "livemode", "pending_webhooks", "object"}


def test_events_are_filtered_by_type(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({})
    client.v1.customers.delete(customer.id)

    def types(params: stripe.params.EventListParams) -> list[str]:
        return [event.type for event in client.v1.events.list(params).data]

    assert types({"type": "customer.deleted"}) == ["customer.deleted"]
    assert types({"type": "customer.*"}) == ["customer.deleted", "customer.created"]
    assert types({"types": ["customer.created", "invoice.paid"]}) == ["customer.created"]
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        types({"type": "a", "types": ["b"]})


def test_an_event_of_the_other_mode_is_missing(running: RunningStripe) -> None:
    running.sdk(LIVE_KEY).v1.customers.create({})
    (event,) = running.sdk(LIVE_KEY).v1.events.list().data
    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in live mode"):
        running.sdk().v1.events.retrieve(event.id)


# Seeds


def test_seeded_customers_are_like_others(running: RunningStripe, client: stripe.StripeClient) -> None:
    before = client.v1.customers.create({"email": "before@example.com"})
    seeded = running.http().post("/_sandbox/seed", json={"customers": 1000, "tenant": "t.example.com"})
    assert seeded.json() == {"customers": 1000}
    after = client.v1.customers.create({"email": "after@example.com"})
    one = client.v1.customers.retrieve("cus_seed00000042")
    assert one.email == "seed00000042@example.com"
    assert _metadata(one)["auth0_user_id"] == "auth0|seed00000042"
    assert _metadata(one)["auth0_tenant"] == "t.example.com"
    everyone = [customer.id for customer in client.v1.customers.list({"limit": 100}).auto_paging_iter()]
    seeds = [f"cus_seed{number:08d}" for number in reversed(range(1000))]
    assert everyone == [after.id, *seeds, before.id]


def test_a_seeded_customer_can_be_changed_and_deleted(
    running: RunningStripe, client: stripe.StripeClient
) -> None:
    running.control.seed({"customers": 10})
    client.v1.customers.update(
        "cus_seed00000003", {"email": "three@example.com", "metadata": {"auth0_user_id": ""}}
    )
    client.v1.customers.delete("cus_seed00000004")
    assert _ids(client.v1.customers.list({"email": "three@example.com"})) == ["cus_seed00000003"]
    assert _ids(client.v1.customers.list({"email": "seed00000003@example.com"})) == []
    assert len(client.v1.customers.list({"limit": 100}).data) == 9
    assert client.v1.customers.retrieve("cus_seed00000004").deleted is True


def test_a_million_is_there_at_once(running: RunningStripe, client: stripe.StripeClient) -> None:
    running.control.seed({"customers": 1_000_000})
    assert client.v1.customers.retrieve("cus_seed00999999").email == "seed00999999@example.com"
    assert _ids(client.v1.customers.list({"email": "seed00500000@example.com"})) == ["cus_seed00500000"]
    page = client.v1.customers.list({"starting_after": "cus_seed00000002"})
    assert _ids(page) == ["cus_seed00000001", "cus_seed00000000"]
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.customers.retrieve("cus_seed01000000")


def test_seeds_go_into_the_world_they_name(running: RunningStripe) -> None:
    running.control.seed({"customers": 5, "livemode": True, "prefix": "live"})
    assert running.sdk().v1.customers.list().data == []
    assert len(running.sdk(LIVE_KEY).v1.customers.list().data) == 5
    for wrong in (
        {"customers": -1},
        {"customers": "5"},
        {"users": 5},
        {"customers": 1, "account": "acct_none"},
        {"customers": 1, "prefix": "_"},
        {"customers": 5, "livemode": True, "prefix": "live"},
    ):
        assert running.http().post("/_sandbox/seed", json=wrong).status_code == 400


def test_reset_empties_every_world(running: RunningStripe, client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({}, {"idempotency_key": "k"})
    running.http().post("/_sandbox/reset").raise_for_status()
    assert (client.v1.customers.list().data, client.v1.events.list().data) == ([], [])
    assert client.v1.customers.create({}, {"idempotency_key": "k"}).id != customer.id
