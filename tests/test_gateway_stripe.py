"""The payment service on the sandbox's Stripe: what is sent, and what each of its answers becomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest

from webstore.errors import (
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchCustomer,
    PaymentsError,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
    SearchUnavailable,
    StateUnavailable,
)
from webstore.gateways.state import FileState
from webstore.gateways.stripe.customers import MAX_PAGES, StripePayments
from webstore.gateways.wire import Wire
from webstore.linking.models import Account, Customer, CustomerDraft
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY, TEST_KEY, Stripe, StripeConfig, create_stripe
from webstore.state import State

RESTRICTED_KEY = "rk_test_restricted_key_of_the_first_account"
OTHER_KEY = "sk_test_key_of_another_account"
OTHER_ACCOUNT = "acct_1Sandbox00000002"
KEYS = {
    TEST_KEY: (ACCOUNT, False),
    LIVE_KEY: (ACCOUNT, True),
    RESTRICTED_KEY: (ACCOUNT, False),
    OTHER_KEY: (OTHER_ACCOUNT, False),
}
ADA = "auth0|000000000000000000000001"
METADATA = {"auth0_user_id": ADA, "auth0_tenant": "shop.eu.auth0.com", "link_generation": "0"}
DRAFT = CustomerDraft("ada@example.com", "Ada Example", "of the web store", METADATA)
ANY_CUSTOMER = "/v1/customers/[^/]+"

Act = Callable[[StripePayments], object]
EVERY_CALL = [
    pytest.param(lambda payments: payments.account(), id="account"),
    pytest.param(lambda payments: payments.get_customer("cus_1"), id="get"),
    pytest.param(lambda payments: payments.create_customer(DRAFT, "key"), id="create"),
    pytest.param(lambda payments: payments.update_customer("cus_1", DRAFT, "key"), id="update"),
    pytest.param(lambda payments: payments.list_by_email("ada@example.com"), id="by email"),
    pytest.param(lambda payments: payments.list_created_since(0), id="since"),
    pytest.param(lambda payments: payments.search_by_owner(ADA), id="search"),
]


@dataclass
class Shopfront:
    """The sandbox's Stripe, and gateways to it as several workers have them."""

    stripe: Stripe
    server: Server
    state: State
    held: ExitStack

    def payments(
        self, key: str = TEST_KEY, *, state: State | None = None, total_s: float = 20
    ) -> StripePayments:
        """A gateway as one worker has it."""
        wire = Wire("Stripe", connect_s=total_s, total_s=total_s)
        self.held.callback(wire.close)
        return StripePayments(
            wire, state or self.state, api_key=key, api_base=self.server.url, account_key=f"account of {key}"
        )

    def asked(self) -> list[str]:
        """Method and path of what was asked since the last time, in order."""
        asked = [f"{seen.method} {seen.path}" for seen in self.stripe.control.requests()]
        self.stripe.control.clear_requests()
        return asked

    def queries(self) -> list[dict[str, list[str]]]:
        """The query parameters of what was asked, in order."""
        return [parse_qs(seen.query) for seen in self.stripe.control.requests()]

    def fault(self, **spec: object) -> None:
        self.stripe.control.add_fault(**spec)

    def settings(self, **changes: object) -> None:
        self.stripe.control.change_settings(changes)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Stripe, Server]]:
    stripe = create_stripe(StripeConfig(keys=KEYS))
    with Server(stripe.app) as server:
        yield stripe, server


@pytest.fixture
def shopfront(running: tuple[Stripe, Server], tmp_path: Path) -> Iterator[Shopfront]:
    stripe, server = running
    server.start()
    stripe.control.reset()
    with ExitStack() as held:
        yield Shopfront(stripe, server, FileState(tmp_path / "state"), held)
    stripe.control.clear_faults()


@pytest.fixture
def payments(shopfront: Shopfront) -> StripePayments:
    return shopfront.payments()


def named(user_id: str, email: str | None = None) -> CustomerDraft:
    """A draft that names a user."""
    return CustomerDraft(email, None, None, {"auth0_user_id": user_id})


# Customers


def test_a_customer_is_created_with_everything_in_the_draft(payments: StripePayments) -> None:
    before = int(time.time())
    made = payments.create_customer(
        CustomerDraft(
            "ada@example.com",
            "Käthe 日本 & Söhne",
            "50% + [x]=y",
            {**METADATA, "replaces": "cus_0", "link_generation": "3", "other": "kept"},
        ),
        "key",
    )
    assert not made.replayed
    assert made.customer == payments.get_customer(made.customer.id)
    assert before <= made.customer.created <= time.time()
    assert made.customer == Customer(
        id=made.customer.id,
        email="ada@example.com",
        name="Käthe 日本 & Söhne",
        description="50% + [x]=y",
        created=made.customer.created,
        owner=ADA,
        tenant="shop.eu.auth0.com",
        replaces="cus_0",
        generation=3,
    )


def test_what_a_draft_leaves_out_is_not_sent(payments: StripePayments) -> None:
    made = payments.create_customer(CustomerDraft(None, None, None, {}), "key").customer
    assert made == Customer(id=made.id, created=made.created)
    bare = CustomerDraft(None, None, None, {"auth0_user_id": ADA})
    full = payments.create_customer(DRAFT, "another key").customer
    changed = payments.update_customer(full.id, bare, None)
    assert (changed.email, changed.name, changed.description) == (full.email, full.name, full.description)
    assert changed.tenant == full.tenant


def test_an_update_changes_what_the_draft_gives(payments: StripePayments) -> None:
    made = payments.create_customer(named("somebody"), "key").customer
    changed = payments.update_customer(made.id, CustomerDraft("new@example.com", "New", None, METADATA), None)
    assert (changed.email, changed.name, changed.owner) == ("new@example.com", "New", ADA)
    assert payments.get_customer(made.id) == changed


def test_a_deleted_customer_keeps_nothing_but_its_id(shopfront: Shopfront, payments: StripePayments) -> None:
    made = payments.create_customer(DRAFT, "key").customer
    delete(shopfront, made.id)
    assert payments.get_customer(made.id) == Customer(made.id, deleted=True)
    with pytest.raises(NoSuchCustomer) as missing:
        payments.update_customer(made.id, DRAFT, None)
    assert not missing.value.other_mode


@pytest.mark.parametrize(
    ("text", "generation"),
    [("0", 0), ("7", 7), ("99999", 99999), ("100000", 0), ("-1", 0), ("x", 0), ("٣", 0), ("²", 0), ("", 0)],
)
def test_a_generation_that_is_no_small_number_counts_as_none(
    payments: StripePayments, text: str, generation: int
) -> None:
    draft = CustomerDraft(None, None, None, {"link_generation": text} if text else {})
    assert payments.create_customer(draft, "key").customer.generation == generation


# Idempotency keys


def test_the_same_create_again_is_replayed(payments: StripePayments) -> None:
    first, second = payments.create_customer(DRAFT, "key"), payments.create_customer(DRAFT, "key")
    assert (first.replayed, second.replayed) == (False, True)
    assert first.customer == second.customer


def test_a_key_with_other_parameters_is_reused(payments: StripePayments) -> None:
    made = payments.create_customer(DRAFT, "key").customer
    with pytest.raises(KeyReused):
        payments.create_customer(named(ADA), "key")
    with pytest.raises(KeyReused):
        payments.update_customer(made.id, DRAFT, "key")


def test_a_key_whose_first_request_still_runs_is_in_flight(shopfront: Shopfront) -> None:
    shopfront.settings(execution_s=1.0)
    workers = [shopfront.payments() for _ in range(2)]

    def create(worker: StripePayments) -> object:
        try:
            return worker.create_customer(DRAFT, "key")
        except KeyInFlight as exc:
            return exc

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(create, workers))
    assert sum(isinstance(result, KeyInFlight) for result in results) == 1
    assert len(shopfront.asked()) == 2, "the SDK asked again"


@pytest.mark.parametrize("type_", ["invalid_request_error", "idempotency_error"])
def test_a_conflict_is_in_flight_whatever_its_type(shopfront: Shopfront, type_: str) -> None:
    body = {"error": {"type": type_, "code": "idempotency_key_in_use", "message": "in progress"}}
    shopfront.fault(action="status", path="/v1/customers", status=409, body=body)
    with pytest.raises(KeyInFlight):
        shopfront.payments().create_customer(DRAFT, "key")


def test_an_update_without_a_key_of_ours_is_never_in_the_way_of_another(payments: StripePayments) -> None:
    made = payments.create_customer(DRAFT, "key").customer
    for name in ("One", "Two"):
        payments.update_customer(made.id, CustomerDraft(None, name, None, {}), None)
    assert payments.get_customer(made.id).name == "Two"


def test_a_failure_is_stored_under_the_key_and_replayed_as_such(
    shopfront: Shopfront, payments: StripePayments
) -> None:
    shopfront.stripe.fail(method="POST", path="/v1/customers", effect="none")
    for replayed in (False, True, True):
        with pytest.raises(PaymentsFailed, match="Stripe answered 500") as failed:
            payments.create_customer(DRAFT, "key")
        assert failed.value.replayed is replayed
    assert not payments.create_customer(DRAFT, "another key").replayed
    assert len(shopfront.asked()) == 4, "the SDK asked again"


def test_a_failure_may_have_had_its_effect(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.stripe.fail(method="POST", path="/v1/customers", effect="now")
    with pytest.raises(PaymentsFailed):
        payments.create_customer(DRAFT, "key")
    (made,) = payments.list_by_email("ada@example.com")
    assert made.owner == ADA


# Refusals


@pytest.mark.parametrize("email", ["not an address", "ada@", "@example.com"])
def test_an_address_that_stripe_does_not_take_is_refused(payments: StripePayments, email: str) -> None:
    with pytest.raises(EmailRefused):
        payments.create_customer(named(ADA, email), "key")
    made = payments.create_customer(named(ADA), "key")
    assert not made.replayed, "nothing is stored under the key of a request that was not executed"
    with pytest.raises(EmailRefused):
        payments.update_customer(made.customer.id, named(ADA, email), None)


def test_other_parameters_that_stripe_does_not_take_are_refused(payments: StripePayments) -> None:
    with pytest.raises(PaymentsRefused, match="Stripe answered 400"):
        payments.create_customer(CustomerDraft(None, None, None, {"x" * 100: "too long"}), "key")


def test_an_unknown_customer_is_missing(payments: StripePayments) -> None:
    with pytest.raises(NoSuchCustomer) as missing:
        payments.get_customer("cus_1")
    assert not missing.value.other_mode
    with pytest.raises(NoSuchCustomer):
        payments.update_customer("cus_1", DRAFT, None)


@pytest.mark.parametrize(
    "customer_id", ["cus_1/sources", "../account", "cus_ü", "cus_1?expand[]=x", "cus_1#"]
)
def test_an_id_with_anything_in_it_is_a_customers_and_no_other_address(
    shopfront: Shopfront, payments: StripePayments, customer_id: str
) -> None:
    with pytest.raises(NoSuchCustomer):
        payments.get_customer(customer_id)
    (asked,) = shopfront.asked()
    assert unquote(asked) == f"GET /v1/customers/{customer_id}"


@pytest.mark.parametrize(("makes", "asks"), [(TEST_KEY, LIVE_KEY), (LIVE_KEY, TEST_KEY)])
def test_a_customer_of_the_other_mode_is_missing_and_said_to_be_there(
    shopfront: Shopfront, makes: str, asks: str
) -> None:
    made = shopfront.payments(makes).create_customer(DRAFT, "key").customer
    with pytest.raises(NoSuchCustomer) as missing:
        shopfront.payments(asks).get_customer(made.id)
    assert missing.value.other_mode


def test_a_customer_of_another_account_is_missing_like_any_other(shopfront: Shopfront) -> None:
    made = shopfront.payments(OTHER_KEY).create_customer(DRAFT, "key").customer
    with pytest.raises(NoSuchCustomer) as missing:
        shopfront.payments().get_customer(made.id)
    assert not missing.value.other_mode


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_wrong_key_is_the_set_ups_fault_and_never_told(shopfront: Shopfront, act: Act) -> None:
    with pytest.raises(PaymentsRefused, match="Stripe answered 401") as refused:
        act(shopfront.payments("sk_test_a_wrong_key_hush"))
    assert not isinstance(refused.value, SearchUnavailable)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("act", EVERY_CALL[1:])
def test_a_restricted_key_without_the_permission_is_the_set_ups_fault(shopfront: Shopfront, act: Act) -> None:
    shopfront.settings(denied_permissions=["customer_read", "customer_write"])
    with pytest.raises(PaymentsRefused, match="Stripe answered 403"):
        act(shopfront.payments(RESTRICTED_KEY))


# No use


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_rate_limit_is_unavailable_at_once(shopfront: Shopfront, act: Act) -> None:
    error = {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "slow down"}}
    headers = {"Retry-After": "3600", "Stripe-Should-Retry": "true"}
    shopfront.fault(action="status", status=429, times=None, body=error, headers=headers)
    started = time.monotonic()
    with pytest.raises(PaymentsUnavailable, match="429") as unavailable:
        act(shopfront.payments())
    assert time.monotonic() - started < 5
    assert not isinstance(unavailable.value, PaymentsFailed)
    assert len(shopfront.asked()) == 1, "the SDK asked again"


def test_stripes_own_rate_limit_is_unavailable(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.settings(rate_limit_per_s=1)
    payments.account()
    with pytest.raises(PaymentsUnavailable, match="429"):
        payments.get_customer("cus_1")


SERVER_ERRORS = [
    pytest.param(500, {"error": {"type": "api_error", "message": "An unknown error occurred"}}, id="500"),
    pytest.param(502, "<h1>Bad gateway</h1>", id="502"),
    pytest.param(503, "", id="503"),
    pytest.param(504, ["no object"], id="504"),
]


@pytest.mark.parametrize("act", EVERY_CALL)
@pytest.mark.parametrize(("status", "body"), SERVER_ERRORS)
def test_an_error_of_stripes_own_leaves_the_effect_unknown(
    shopfront: Shopfront, act: Act, status: int, body: object
) -> None:
    shopfront.fault(action="status", status=status, times=None, body=body)
    with pytest.raises(PaymentsFailed) as failed:
        act(shopfront.payments())
    assert not failed.value.replayed
    assert len(shopfront.asked()) == 1, "the SDK asked again"


@pytest.mark.parametrize("act", EVERY_CALL)
@pytest.mark.parametrize("action", ["truncate", "reset", "hang"])
def test_an_answer_that_does_not_arrive_proves_nothing(shopfront: Shopfront, act: Act, action: str) -> None:
    shopfront.fault(action=action, times=None, seconds=0.0)
    with pytest.raises(PaymentsUnavailable, match="Stripe cannot be reached") as unavailable:
        act(shopfront.payments())
    assert not isinstance(unavailable.value, PaymentsFailed)
    assert len(shopfront.asked()) == 1, "the SDK asked again"


NO_DETAILS = dict.fromkeys(("email", "name", "description"))
GARBAGE: list[object] = [
    "",
    "<h1>Welcome to our Wi-Fi</h1>",
    "null",
    "42",
    '"text"',
    [],
    ["cus_1"],
    {},
    {"object": "customer"},
    {"object": "customer", "id": "cus_1"},
    {"object": "customer", "id": None, "created": 1, "metadata": {}, **NO_DETAILS},
    {"object": "customer", "id": 42, "created": 1, "metadata": {}, **NO_DETAILS},
    {"object": "customer", "id": "cus_1", "created": "once", "metadata": {}, **NO_DETAILS},
    {"object": "customer", "id": "cus_1", "created": 1, "metadata": "none", **NO_DETAILS},
    {"object": "customer", "id": "cus_1", "created": 1, "metadata": {"link_generation": 5}, **NO_DETAILS},
    {"object": "list", "has_more": False},
    {"object": "list", "has_more": False, "data": None},
    {"object": "list", "has_more": False, "data": ["cus_1"]},
    {"object": "list", "has_more": False, "data": [{"object": "customer"}]},
    {"object": "account", "id": None},
    {"object": "account", "id": 42},
    {"error": "an error with 200"},
]


@pytest.mark.parametrize("act", EVERY_CALL)
def test_an_answer_that_makes_no_sense_proves_nothing(
    shopfront: Shopfront, payments: StripePayments, act: Act
) -> None:
    believed = []
    for body in GARBAGE:
        shopfront.stripe.control.clear_faults()
        shopfront.fault(action="status", status=200, times=None, body=body)
        try:
            believed.append((body, act(payments)))
        except PaymentsUnavailable:
            continue
        except Exception as exc:  # noqa: BLE001 (what must not come out of a gateway)
            believed.append((body, exc))
    assert believed == []


@pytest.mark.parametrize("more", [{}, {"has_more": None}, {"has_more": "no"}])
@pytest.mark.parametrize("act", EVERY_CALL[4:6])
def test_a_list_that_does_not_say_whether_it_is_whole_proves_nothing(
    shopfront: Shopfront, payments: StripePayments, act: Act, more: dict[str, object]
) -> None:
    shopfront.fault(action="status", status=200, body={"object": "list", "data": [], **more})
    with pytest.raises(PaymentsUnavailable):
        act(payments)


def test_bytes_that_are_no_text_prove_nothing(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.fault(action="status", status=200, body="ok", headers={"Content-Encoding": "gzip"})
    with pytest.raises(PaymentsUnavailable):
        payments.get_customer("cus_1")


@pytest.mark.parametrize(
    "body", ["", "<h1>Forbidden by the proxy</h1>", {"message": "no"}, {"error": "no"}, []]
)
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 418, 429])
def test_a_refusal_that_makes_no_sense_is_one_of_the_tree(
    shopfront: Shopfront, payments: StripePayments, status: int, body: object
) -> None:
    """Above all it is not a missing customer: that would be a proof of absence."""
    shopfront.fault(action="status", status=status, body=body)
    with pytest.raises(PaymentsError) as failed:
        payments.get_customer("cus_1")
    assert not isinstance(failed.value, NoSuchCustomer | EmailRefused | KeyReused)


def test_an_address_that_stripe_does_not_have_is_no_missing_customer(shopfront: Shopfront) -> None:
    error = {"type": "invalid_request_error", "message": "Unrecognized request URL"}
    shopfront.fault(action="status", status=404, body={"error": error})
    with pytest.raises(PaymentsRefused, match="Stripe answered 404"):
        shopfront.payments().get_customer("cus_1")


def test_a_redirect_proves_nothing(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.fault(action="status", status=302, headers={"Location": "/v1/account"})
    with pytest.raises(PaymentsUnavailable):
        payments.get_customer("cus_1")
    assert len(shopfront.asked()) == 1


def test_a_stripe_that_hangs_is_unavailable_in_time(shopfront: Shopfront) -> None:
    shopfront.fault(action="hang", times=None)
    started = time.monotonic()
    with pytest.raises(PaymentsUnavailable, match="did not answer in time"):
        shopfront.payments(total_s=0.3).create_customer(DRAFT, "key")
    assert time.monotonic() - started < 5


def test_a_create_that_was_not_answered_in_time_is_replayed_by_the_next(shopfront: Shopfront) -> None:
    shopfront.fault(action="reset", path="/v1/customers", when="after")
    payments = shopfront.payments()
    with pytest.raises(PaymentsUnavailable):
        payments.create_customer(DRAFT, "key")
    assert payments.create_customer(DRAFT, "key").replayed


def test_a_stripe_that_is_down_is_unavailable(shopfront: Shopfront, payments: StripePayments) -> None:
    payments.account()
    shopfront.server.stop()
    with pytest.raises(PaymentsUnavailable, match="Stripe cannot be reached"):
        payments.get_customer("cus_1")
    assert payments.account().id == ACCOUNT


def test_a_message_names_the_request_for_stripes_support_and_nothing_of_it(
    payments: StripePayments,
) -> None:
    with pytest.raises(EmailRefused) as refused:
        payments.create_customer(named("auth0|hush", "hush@"), "hush key")
    assert "req_" in str(refused.value)
    assert "hush" not in str(refused.value)


# Listing


def test_a_listing_by_email_finds_exactly_this_address(payments: StripePayments) -> None:
    for number, email in enumerate(
        ("ada+1@example.com", "ada@example.com", "ADA@example.com", "ada@example.com")
    ):
        payments.create_customer(named(f"user {number}", email), f"key {number}")
    found = payments.list_by_email("ada@example.com")
    assert sorted(customer.owner or "" for customer in found) == ["user 1", "user 3"]
    assert [customer.owner for customer in payments.list_by_email("ada+1@example.com")] == ["user 0"]
    assert payments.list_by_email("nobody@example.com") == ()


def test_a_listing_is_read_beyond_its_first_hundred(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.stripe.control.seed({"customers": 250})
    page = payments.list_created_since(0)
    assert (len({customer.id for customer in page.customers}), page.complete) == (250, True)
    assert [query.get("starting_after") is None for query in shopfront.queries()] == [True, False, False]
    assert shopfront.asked() == ["GET /v1/customers"] * 3


def test_a_listing_of_whole_pages_ends_with_the_last(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.stripe.control.seed({"customers": 200})
    page = payments.list_created_since(0)
    assert (len(page.customers), page.complete) == (200, True)
    assert len(shopfront.asked()) == 2


def test_a_listing_that_is_too_long_says_that_it_is_not_complete(
    shopfront: Shopfront, payments: StripePayments
) -> None:
    shopfront.stripe.control.seed({"customers": 100 * MAX_PAGES + 1})
    page = payments.list_created_since(0)
    assert (len(page.customers), page.complete) == (100 * MAX_PAGES, False)
    assert len(shopfront.asked()) == MAX_PAGES


def test_a_listing_begins_at_the_moment_asked_for(shopfront: Shopfront, payments: StripePayments) -> None:
    payments.create_customer(named("older"), "key 1")
    shopfront.stripe.control.clock.advance(1000)
    newer = payments.create_customer(named("newer"), "key 2").customer
    for since in (newer.created, newer.created + 0.9, newer.created - 500):
        assert [customer.owner for customer in payments.list_created_since(since).customers] == ["newer"]
    assert len(payments.list_created_since(newer.created - 1001).customers) == 2


def test_a_listing_that_breaks_off_is_no_listing(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.stripe.control.seed({"customers": 150})
    shopfront.fault(action="reset", path="/v1/customers", skip=1)
    with pytest.raises(PaymentsUnavailable):
        payments.list_created_since(0)


# Search


@pytest.mark.parametrize(
    "user_id",
    [
        ADA,
        "auth0|it's",
        'auth0|"quoted"',
        "auth0|back\\slash",
        'auth0|both\\"',
        "auth0|ends with \\",
        "auth0|käthe-日本語-🦜",
        "samlp|corp|a/b c",
        'auth0|x" OR metadata["auth0_user_id"]:"somebody',
        "auth0|x' OR name~'Eve",
        "null",
    ],
)
def test_a_search_finds_the_customers_that_name_a_user_and_no_others(
    shopfront: Shopfront, payments: StripePayments, user_id: str
) -> None:
    shopfront.settings(search_lag_s=0.0)
    payments.create_customer(named("somebody"), "key 1")
    payments.create_customer(CustomerDraft(None, "Eve", None, {}), "key 2")
    assert payments.search_by_owner(user_id) == ()
    mine = payments.create_customer(named(user_id), "key 3").customer
    assert payments.search_by_owner(user_id) == (mine,)


def test_a_search_lags_behind(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.settings(search_lag_s=60.0)
    payments.create_customer(DRAFT, "key")
    assert payments.search_by_owner(ADA) == ()
    shopfront.stripe.control.clock.advance(61)
    assert [customer.owner for customer in payments.search_by_owner(ADA)] == [ADA]


def test_an_account_without_search_says_so(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.settings(search="unavailable")
    with pytest.raises(SearchUnavailable):
        payments.search_by_owner(ADA)


def test_a_key_that_may_not_search_has_no_search(shopfront: Shopfront) -> None:
    shopfront.settings(denied_permissions=["customer_read"])
    with pytest.raises(SearchUnavailable):
        shopfront.payments(RESTRICTED_KEY).search_by_owner(ADA)


@pytest.mark.parametrize("status", [429, 500])
def test_a_search_that_fails_is_no_missing_search(shopfront: Shopfront, status: int) -> None:
    shopfront.fault(action="status", path="/v1/customers/search", status=status)
    with pytest.raises(PaymentsUnavailable):
        shopfront.payments().search_by_owner(ADA)


# The account


@pytest.mark.parametrize(
    ("key", "account"),
    [
        (TEST_KEY, Account(ACCOUNT, livemode=False)),
        (LIVE_KEY, Account(ACCOUNT, livemode=True)),
        (RESTRICTED_KEY, Account(ACCOUNT, livemode=False)),
        (OTHER_KEY, Account(OTHER_ACCOUNT, livemode=False)),
    ],
)
def test_the_account_and_mode_are_the_keys(shopfront: Shopfront, key: str, account: Account) -> None:
    assert shopfront.payments(key).account() == account


def test_the_account_is_read_once_for_all_workers(shopfront: Shopfront) -> None:
    for worker in (shopfront.payments(), shopfront.payments()):
        for _ in range(2):
            assert worker.account().pin == f"{ACCOUNT} test"
    assert shopfront.asked() == ["GET /v1/account"]
    assert shopfront.payments(LIVE_KEY).account().pin == f"{ACCOUNT} live"


def test_without_the_state_a_worker_reads_the_account_once(shopfront: Shopfront, tmp_path: Path) -> None:
    (tmp_path / "in the way").touch()
    state = FileState(tmp_path / "in the way")
    with pytest.raises(StateUnavailable):
        state.get("anything")
    worker = shopfront.payments(state=state)
    assert [worker.account().id for _ in range(2)] == [ACCOUNT] * 2
    assert shopfront.asked() == ["GET /v1/account"]


def test_a_restricted_key_that_may_not_read_its_account_has_no_pin(shopfront: Shopfront) -> None:
    shopfront.settings(denied_permissions=["account_read"])
    worker = shopfront.payments(RESTRICTED_KEY)
    for _ in range(2):
        assert worker.account() == Account(None, livemode=False)
        assert worker.account().pin is None
    assert shopfront.asked() == ["GET /v1/account"]


def test_an_account_that_could_not_be_read_is_asked_for_again(shopfront: Shopfront) -> None:
    worker = shopfront.payments()
    shopfront.fault(action="status", path="/v1/account", status=500)
    with pytest.raises(PaymentsFailed):
        worker.account()
    assert worker.account().id == ACCOUNT


def delete(shopfront: Shopfront, customer_id: str) -> None:
    """Delete a customer as somebody at the dashboard would."""
    world = shopfront.stripe.state.world(ACCOUNT, livemode=False)
    with shopfront.stripe.state.lock:
        kept = world.customers.get(customer_id)
        assert kept is not None
        world.customers.change(replace(kept, deleted=True), shopfront.stripe.state.clock.now())
