"""A population: linked users and customers in large numbers, seeded at two vendors that share nothing."""

import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.auth0 import NO_AUTHORITIES
from webstore.sandbox.population import KINDS, Population
from webstore.sandbox.seed import SeedError, main, seed_both
from webstore.sandbox.stripe import ACCOUNT, TEST_KEY
from webstore.sandbox.vendors import Sandbox

SIZE, FAULTS = 3000, 52


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def truth(sandbox: Sandbox) -> dict[str, Any]:
    return seed_both(
        sandbox.auth0_server.url, sandbox.stripe_server.url, size=SIZE, faults=FAULTS, subscribed=3, random=5
    )


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60, verify=NO_AUTHORITIES, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def users(sandbox: Sandbox, truth: dict[str, Any], http: httpx.Client) -> dict[str, Any]:
    """All users by ID, from an export."""
    assert truth
    root = sandbox.auth0_server.url
    token = http.post(f"{root}/_sandbox/auth0/token", json={}).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    names = ("user_id", "email", "name", "created_at", "app_metadata", "identities")
    spec = {"format": "json", "fields": [{"name": name} for name in names]}
    job = http.post(f"{root}/api/v2/jobs/users-exports", json=spec, headers=bearer).json()
    deadline = time.monotonic() + 60
    while (found := http.get(f"{root}/api/v2/jobs/{job['id']}", headers=bearer).json())[
        "status"
    ] == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    lines = gzip.decompress(http.get(found["location"]).content).decode().splitlines()
    return {user["user_id"]: user for user in map(json.loads, lines)}


@pytest.fixture(scope="module")
def customers(sandbox: Sandbox, truth: dict[str, Any], http: httpx.Client) -> dict[str, Any]:
    """All living customers by ID, page by page."""
    assert truth
    return {customer["id"]: customer for customer in listed(http, sandbox, "customers")}


def listed(http: httpx.Client, sandbox: Sandbox, kind: str, **given: object) -> Iterator[dict[str, Any]]:
    after: dict[str, str] = {}
    while True:
        answer = http.get(
            f"{sandbox.stripe_server.url}/v1/{kind}",
            params={"limit": 100, **given, **after},  # type: ignore[dict-item]  # texts and numbers
            auth=(TEST_KEY, ""),
        )
        answer.raise_for_status()
        page = answer.json()
        yield from page["data"]
        if not page["has_more"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}


def names_of(customer: dict[str, Any]) -> str | None:
    owner: str | None = customer["metadata"].get("auth0_user_id")
    return owner


def test_both_vendors_hold_it_and_agree_on_the_faults(
    truth: dict[str, Any], users: dict[str, Any], customers: dict[str, Any]
) -> None:
    assert Counter(kind for kind, _, _ in truth["faults"]) == dict.fromkeys(KINDS, FAULTS // len(KINDS))
    assert (len(users), len(customers)) == (truth["users"], truth["customers"])
    # 4 of 13 kinds lack a user, 3 lack a customer.
    assert (SIZE - len(users), SIZE - len(customers)) == (4 * 4, 3 * 4)


def test_whoever_has_no_fault_is_linked_on_both_sides(
    sandbox: Sandbox, truth: dict[str, Any], users: dict[str, Any], customers: dict[str, Any]
) -> None:
    touched = {user_id for _, user_id, _ in truth["faults"]}
    sound = 0
    for user_id, user in users.items():
        links = user.get("app_metadata", {})
        customer = customers.get(links.get("stripe_customer_id"))
        if user_id in touched or customer is None or names_of(customer) != user_id:
            continue
        sound += 1
        assert links["stripe_account"] == f"{ACCOUNT} test"
        assert customer["metadata"]["auth0_tenant"] == sandbox.auth0_server.url.removeprefix("http://")
        assert (customer["email"], customer["name"]) == (user.get("email"), user["name"])
        assert user_id in customer["description"]
    # Of a pair that shares a customer, only one is touched; the other is sound.
    assert sound == len(users) - len(touched & set(users))
    assert {user_id.partition("|")[0] for user_id in users} == {"auth0", "google-oauth2"}


def test_each_fault_is_what_its_name_says(
    truth: dict[str, Any], users: dict[str, Any], customers: dict[str, Any]
) -> None:
    recorded = {id: user.get("app_metadata", {}).get("stripe_customer_id") for id, user in users.items()}
    named = Counter(filter(None, map(names_of, customers.values())))
    merged = {
        f"{it['provider']}|{it['user_id']}": user_id
        for user_id, user in users.items()
        for it in user["identities"][1:]
    }
    for kind, user_id, customer_id in truth["faults"]:
        user, customer = users.get(user_id), customers.get(customer_id)
        owner = None if customer is None else names_of(customer)
        what_it_means = {
            "unlinked_user": recorded.get(user_id) is None and user is not None and named[user_id] == 0,
            "customer_not_recorded": owner == user_id and user is not None and recorded[user_id] is None,
            "back_reference_missing": recorded.get(user_id) == customer_id and owner is None,
            "wrong_back_reference": recorded.get(user_id) == customer_id and owner not in (None, user_id),
            "duplicate_customers": named[user_id] == 2 and recorded.get(user_id) == customer_id,
            "dangling_id": recorded.get(user_id) == customer_id and customer is None,
            "shared_customer": recorded.get(user_id) == recorded.get(owner or "") == customer_id,
            "orphan_customer": user is None and owner == user_id,
            "orphan_subscription": user is None and owner == user_id,
            "merged_secondary": owner is not None and merged.get(owner) == user_id,
            "drift": customer is not None
            and user is not None
            and (customer["email"], customer["name"]) != (user.get("email"), user["name"]),
            "unpinned": user is not None and "stripe_account" not in user.get("app_metadata", {}),
            "other_tenant": customer is not None
            and "another" in customer["metadata"].get("auth0_tenant", ""),
        }
        assert what_it_means[kind], (kind, user, customer)


def test_a_dangling_customer_is_deleted_or_was_never_there(
    sandbox: Sandbox, truth: dict[str, Any], http: httpx.Client
) -> None:
    gone = [customer for kind, _, customer in truth["faults"] if kind == "dangling_id"]
    answers = [http.get(f"{sandbox.stripe_server.url}/v1/customers/{id}", auth=(TEST_KEY, "")) for id in gone]
    assert Counter(answer.status_code for answer in answers) == {200: 2, 404: 2}
    assert all(answer.json().get("deleted") for answer in answers if answer.status_code == 200)


def test_a_merged_account_logs_its_primary_in(
    sandbox: Sandbox, truth: dict[str, Any], customers: dict[str, Any]
) -> None:
    users = sandbox.auth0.state.users
    found = [
        (user, names_of(customers[id])) for kind, user, id in truth["faults"] if kind == "merged_secondary"
    ]
    for user_id, secondary in found:
        owner = users.owner(str(secondary))
        assert owner is not None
        assert (owner.user_id, users.get(str(secondary))) == (user_id, None)


def test_ranges_of_creation_time_divide_the_customers(
    sandbox: Sandbox, customers: dict[str, Any], http: httpx.Client
) -> None:
    times = sorted(customer["created"] for customer in customers.values())
    middle = times[len(times) // 2]
    halves = [
        list(listed(http, sandbox, "customers", **{bound: middle}))
        for bound in ("created[lt]", "created[gte]")
    ]
    assert [len(half) for half in halves] == [
        sum(it < middle for it in times),
        sum(it >= middle for it in times),
    ]
    assert {it["id"] for half in halves for it in half} == set(customers)


def test_subscriptions_run_on_some_sound_customers_and_some_orphans(
    sandbox: Sandbox, truth: dict[str, Any], customers: dict[str, Any], http: httpx.Client
) -> None:
    found = {it["customer"]: it["status"] for it in listed(http, sandbox, "subscriptions")}
    orphans = {customer for kind, _, customer in truth["faults"] if kind == "orphan_subscription"}
    assert len(found) == truth["subscriptions"] == 3 + len(orphans)
    assert orphans < set(found) <= set(customers)
    assert set(found.values()) == {"active"}


def test_users_log_in_and_are_found_like_others(
    sandbox: Sandbox, truth: dict[str, Any], customers: dict[str, Any], http: httpx.Client
) -> None:
    (_, user_id, customer_id), *_ = [it for it in truth["faults"] if it[0] == "duplicate_customers"]
    email = customers[customer_id]["email"]
    (user,) = sandbox.auth0.state.users.with_email(email)
    assert user.user_id == user_id
    for query in (f"metadata['auth0_user_id']:'{user_id}'", f"email:'{email.upper()}'"):
        hits = http.get(
            f"{sandbox.stripe_server.url}/v1/customers/search", params={"query": query}, auth=(TEST_KEY, "")
        ).json()["data"]
        assert len(hits) == 2, query
        assert customer_id in {hit["id"] for hit in hits}


def test_the_same_number_makes_the_same_people_and_another_one_others() -> None:
    def people(**given: object) -> list[str]:
        population = Population.parse({"size": 1000, "account": ACCOUNT, "tenant": "t", **given})
        return [population.people.user_id(number) for number in range(1000)]

    assert people() == people()
    assert len({*people(), *people(random=1)}) == 2000


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"size": 20, "faults": 26}, "need 32 people"),
        ({"faults": {"wrong_back_reference": 1}}, "two and more"),
        ({"faults": {"no_such": 1}}, "no fault no_such"),
        ({"size": "many"}, "size must be"),
        ({"planet": 1}, "no planet"),
        ({"account": "acct_unknown"}, "no account"),
    ],
)
def test_a_description_that_makes_no_sense(sandbox: Sandbox, wrong: dict[str, object], why: str) -> None:
    with pytest.raises(SeedError, match=why):
        seed_both(
            sandbox.auth0_server.url, sandbox.stripe_server.url, **{"size": 100, "livemode": True, **wrong}
        )


def test_the_command_prints_the_faults(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    addresses = ["--auth0", sandbox.auth0_server.url, "--stripe", sandbox.stripe_server.url]
    assert main([*addresses, "--users", "50", "--faults", "26", "--live"]) == 0
    assert len(json.loads(capsys.readouterr().out)["faults"]) == 26
    assert main([*addresses, "--users", "50", "--live"]) == 1
    assert "has customers already" in capsys.readouterr().err
