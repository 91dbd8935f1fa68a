"""Searching customers: https://docs.stripe.com/search"""

import httpx
import pytest
import stripe
from stripe.params import CustomerCreateParams

from tests.sandbox.conftest import RunningStripe


@pytest.fixture
def people(running: RunningStripe, client: stripe.StripeClient) -> dict[str, str]:
    """The IDs of a few customers by name. They are older than the lag of the search index."""
    given: list[CustomerCreateParams] = [
        {"name": "Ada Lovelace", "email": "ada@example.com", "metadata": {"auth0_user_id": "auth0|1"}},
        {"name": "Grace Hopper", "email": "grace@example.com", "phone": "+1555"},
        {"name": "Quote\"d \\ O'Brien", "metadata": {"auth0_user_id": "auth0|q\"'\\ | ü", "odd key'": "x"}},
    ]
    created = [client.v1.customers.create(params).id for params in given]
    running.control.clock.advance(60)
    return dict(zip(("ada", "grace", "quoted"), created, strict=True))


def _found(client: stripe.StripeClient, people: dict[str, str], query: str) -> set[str]:
    names = {id: name for name, id in people.items()}
    return {names[hit.id] for hit in client.v1.customers.search({"query": query}).data}


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ('email:"ada@example.com"', {"ada"}),
        ("email:'ADA@example.com'", {"ada"}),
        ('email:"ada@example"', set()),
        ('email~"example"', {"ada", "grace"}),
        ('name~"LOVE"', {"ada"}),
        ('phone:"+1555"', {"grace"}),
        ('metadata["auth0_user_id"]:"auth0|1"', {"ada"}),
        ("metadata['auth0_user_id']:'auth0|1'", {"ada"}),
        ("metadata['auth0_user_id']:'auth0|2'", set()),
        ("metadata['no_such_key']:'auth0|1'", set()),
        ('-email:"ada@example.com"', {"grace", "quoted"}),
        ('email:"ada@example.com" name:"Ada Lovelace"', {"ada"}),
        ('email:"ada@example.com" AND name:"Grace Hopper"', set()),
        ('email:"ada@example.com" or name:"Grace Hopper"', {"ada", "grace"}),
        ("created>1600000000", {"ada", "grace", "quoted"}),
        ("created<1600000000", set()),
        ("created>=1600000000 AND -phone:null", {"grace"}),
        ("email:null", {"quoted"}),
        ("-metadata['auth0_user_id']:null", {"ada", "quoted"}),
        ("metadata['auth0_user_id']:NULL", {"grace"}),
    ],
)
def test_a_query_finds(
    client: stripe.StripeClient, people: dict[str, str], query: str, hits: set[str]
) -> None:
    assert _found(client, people, query) == hits


def test_quotes_and_backslashes_are_escaped_with_a_backslash(
    client: stripe.StripeClient, people: dict[str, str]
) -> None:
    assert _found(client, people, r"""metadata["auth0_user_id"]:"auth0|q\"'\\ | ü" """) == {"quoted"}
    assert _found(client, people, r"""metadata['auth0_user_id']:'auth0|q"\'\\ | ü'""") == {"quoted"}
    assert _found(client, people, r"""metadata['odd key\'']:'x'""") == {"quoted"}
    assert _found(client, people, r"""name:"Quote\"d \\ O'Brien" """) == {"quoted"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("ada", "unable to parse"),
        ("", "unable to parse"),
        ("email:ada@example.com", "unable to parse"),
        ('email:"ada@example.com', "unable to parse"),
        ('email:"a"b"', "unable to parse"),
        ('email:"a" AND', "unable to parse"),
        ('email>"a"', "unable to parse"),
        ('(email:"a")', "unable to parse"),
        ('email:"a" AND name:"b" OR phone:"c"', "AND and OR"),
        ('description:"a"', "Field `description` is an unsupported search field for resource `customers`"),
        ('metadata:"a"', "Field `metadata` is an unsupported"),
        ('email~"ab"', "at least 3 characters"),
        ('metadata["a"]~"abc"', "does not support the substring"),
        ('created:"soon"', "takes a number"),
        (" ".join(['email:"a"'] * 11), "up to 10 clauses"),
    ],
)
def test_a_malformed_query_is_400(client: stripe.StripeClient, query: str, message: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=message) as refused:
        client.v1.customers.search({"query": query})
    assert (refused.value.http_status, refused.value.param) == (400, "query")


def test_results_come_in_pages(running: RunningStripe, client: stripe.StripeClient) -> None:
    ids = [client.v1.customers.create({"name": "Ada"}).id for _ in range(5)][::-1]
    running.control.clock.advance(60)
    first = client.v1.customers.search({"query": 'name:"ada"', "limit": 2})
    assert (first.to_dict()["object"], first.to_dict()["url"]) == ("search_result", "/v1/customers/search")
    assert ([hit.id for hit in first.data], first.has_more) == (ids[:2], True)
    assert first.next_page is not None
    second = client.v1.customers.search({"query": 'name:"ada"', "limit": 3, "page": first.next_page})
    assert ([hit.id for hit in second.data], second.has_more) == (ids[2:], False)
    assert second.to_dict()["next_page"] is None
    everyone = client.v1.customers.search({"query": 'name:"ada"', "limit": 2}).auto_paging_iter()
    assert [hit.id for hit in everyone] == ids
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.search({"query": 'name:"ada"', "page": "nonsense"})
    assert refused.value.param == "page"


# Freshness: https://docs.stripe.com/search#data-freshness


def _hits(client: stripe.StripeClient, query: str) -> list[dict[str, object]]:
    return [hit.to_dict() for hit in client.v1.customers.search({"query": query}).data]


def test_a_new_customer_is_found_after_the_lag(running: RunningStripe, client: stripe.StripeClient) -> None:
    running.control.change_settings({"search_lag_s": 60})
    customer = client.v1.customers.create({"metadata": {"auth0_user_id": "auth0|1"}})
    query = "metadata['auth0_user_id']:'auth0|1'"
    assert _hits(client, query) == []
    running.control.clock.advance(58)
    assert _hits(client, query) == []
    running.control.clock.advance(2)
    assert _hits(client, query) == [customer.to_dict()]


def test_a_change_is_found_after_the_lag_but_shown_at_once(
    running: RunningStripe, client: stripe.StripeClient
) -> None:
    running.control.change_settings({"search_lag_s": 60})
    customer = client.v1.customers.create({"email": "old@example.com"})
    running.control.clock.advance(60)
    client.v1.customers.update(customer.id, {"email": "new@example.com"})
    assert [hit["email"] for hit in _hits(client, 'email:"old@example.com"')] == ["new@example.com"]
    assert _hits(client, 'email:"new@example.com"') == []
    running.control.change_settings({"search_shows": "indexed"})
    assert [hit["email"] for hit in _hits(client, 'email:"old@example.com"')] == ["old@example.com"]
    running.control.clock.advance(60)
    assert [hit["email"] for hit in _hits(client, 'email:"new@example.com"')] == ["new@example.com"]
    assert _hits(client, 'email:"old@example.com"') == []


def test_a_deleted_customer_goes_on_being_found_until_the_lag_is_over(
    running: RunningStripe, client: stripe.StripeClient
) -> None:
    running.control.change_settings({"search_lag_s": 60})
    customer = client.v1.customers.create({"email": "ada@example.com"})
    running.control.clock.advance(60)
    client.v1.customers.delete(customer.id)
    query = 'email:"ada@example.com"'
    assert _hits(client, query) == [{"id": customer.id, "object": "customer", "deleted": True}]
    running.control.change_settings({"search_shows": "indexed"})
    assert _hits(client, query) == [customer.to_dict()]
    running.control.clock.advance(60)
    assert _hits(client, query) == []


def test_the_lag_is_a_second_unless_set(running: RunningStripe) -> None:
    assert running.control.settings()["search_lag_s"] == 1.0


def test_some_accounts_have_no_search(running: RunningStripe, client: stripe.StripeClient) -> None:
    running.control.change_settings({"search": "unavailable"})
    with pytest.raises(
        stripe.InvalidRequestError, match="Search feature unavailable for merchant"
    ) as refused:
        client.v1.customers.search({"query": 'email:"ada@example.com"'})
    assert refused.value.http_status == 400
    assert client.v1.customers.list().data == []


def test_seeded_customers_are_found(running: RunningStripe, client: stripe.StripeClient) -> None:
    running.control.seed({"customers": 1_000_000, "tenant": "t.example.com"})
    client.v1.customers.delete("cus_seed00000007")
    running.control.clock.advance(60)
    (hit,) = _hits(client, "metadata['auth0_user_id']:'auth0|seed00999999'")
    assert hit["id"] == "cus_seed00999999"
    assert _hits(client, "metadata['auth0_user_id']:'auth0|seed01000000'") == []
    assert _hits(client, 'email:"seed00000007@example.com"') == []
    page = client.v1.customers.search({"query": "metadata['auth0_tenant']:'t.example.com'", "limit": 100})
    assert (len(page.data), page.has_more) == (100, True)


def test_an_unknown_parameter_is_refused_here_too(http: httpx.Client) -> None:
    answer = http.get("/v1/customers/search", params={"query": 'email:"a"', "starting_after": "cus_1"})
    assert answer.json()["error"]["code"] == "parameter_unknown"
