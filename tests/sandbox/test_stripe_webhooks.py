"""Webhook endpoints and deliveries: https://docs.stripe.com/webhooks"""

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import stripe
from flask import Flask

from tests.sandbox.conftest import RESTRICTED_KEY, RunningStripe
from tests.sandbox.receivers import Receiver, until
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import LIVE_KEY
from webstore.sandbox.vendors import Sandbox

SECRET = "whsec_of_a_test"
# Only in the JSON of a new or deleted endpoint. `OBJECT_NAME` is the SDK's.
_ABSENT = {"OBJECT_NAME", "deleted", "secret"}


@pytest.fixture
def listening(running: RunningStripe, receiver: Receiver) -> Iterator[RunningStripe]:
    """A Stripe that sends all events to the receiver."""
    running.vendor.listen(receiver.url, SECRET)
    yield running
    running.vendor.stop()


def _newest(client: stripe.StripeClient) -> stripe.Event:
    return client.v1.events.list({"limit": 1}).data[0]


# Endpoints: https://docs.stripe.com/api/webhook_endpoints


def test_an_endpoint_shows_its_secret_once(client: stripe.StripeClient) -> None:
    made = client.v1.webhook_endpoints.create(
        {
            "url": "https://shop.example.com/webhooks",
            "enabled_events": ["customer.deleted", "price.updated"],
            "description": "The shop",
            "metadata": {"a": "b"},
        }
    )
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    endpoint = client.v1.webhook_endpoints.retrieve(made.id)
    assert set(endpoint.to_dict()) == set(stripe.WebhookEndpoint.__annotations__) - _ABSENT
    assert {**endpoint.to_dict(), "secret": made.secret} == made.to_dict()
    assert (endpoint.url, endpoint.status, endpoint.description) == (
        "https://shop.example.com/webhooks",
        "enabled",
        "The shop",
    )
    assert endpoint.enabled_events == ["customer.deleted", "price.updated"]
    assert [one.to_dict() for one in client.v1.webhook_endpoints.list().data] == [endpoint.to_dict()]


def test_an_endpoint_is_changed_and_deleted(client: stripe.StripeClient) -> None:
    id = client.v1.webhook_endpoints.create({"url": "https://a.example", "enabled_events": ["*"]}).id
    changed = client.v1.webhook_endpoints.update(
        id, {"url": "https://b.example/x", "enabled_events": ["charge.refunded"], "disabled": True}
    )
    assert (changed.url, changed.enabled_events, changed.status) == (
        "https://b.example/x",
        ["charge.refunded"],
        "disabled",
    )
    assert client.v1.webhook_endpoints.update(id, {"disabled": False}).status == "enabled"
    assert client.v1.webhook_endpoints.delete(id).deleted is True
    with pytest.raises(stripe.InvalidRequestError, match="No such webhook endpoint"):
        client.v1.webhook_endpoints.retrieve(id)
    assert client.v1.webhook_endpoints.list().data == []


@pytest.mark.parametrize(
    ("form", "status", "param"),
    [
        ({"url": "https://a.example"}, 400, "enabled_events"),
        ({"enabled_events[]": "*"}, 400, "url"),
        ({"url": "a.example", "enabled_events[]": "*"}, 400, "url"),
        ({"url": "https://a.example", "enabled_events[]": "product.*"}, 400, "enabled_events[0]"),
        ({"url": "https://a.example", "enabled_events": ""}, 400, "enabled_events"),
        ({"url": "https://a.example", "enabled_events[]": "*", "secret": "whsec_mine"}, 400, "secret"),
        ({"url": "https://a.example", "enabled_events[]": "customer.made"}, 400, "enabled_events[0]"),
        ({"url": "https://a.example", "enabled_events[]": "*", "connect": "yes"}, 400, "connect"),
        ({"url": "https://a.example", "enabled_events[]": "*", "disabled": "true"}, 400, "disabled"),
        (
            {"url": "https://a.example", "enabled_events[]": "*", "api_version": "2020-08-28"},
            400,
            "api_version",
        ),
    ],
)
def test_an_endpoint_of_the_wrong_form_is_refused(
    http: httpx.Client, form: dict[str, str], status: int, param: str
) -> None:
    answer = http.post("/v1/webhook_endpoints", data=form)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


def test_there_are_at_most_16_endpoints(client: stripe.StripeClient) -> None:
    ids = [
        client.v1.webhook_endpoints.create({"url": f"https://{n}.example", "enabled_events": ["*"]}).id
        for n in range(16)
    ]
    with pytest.raises(stripe.InvalidRequestError, match="maximum of 16 test webhook endpoints"):
        client.v1.webhook_endpoints.create({"url": "https://a.example", "enabled_events": ["*"]})
    client.v1.webhook_endpoints.delete(ids[0])
    client.v1.webhook_endpoints.create({"url": "https://a.example", "enabled_events": ["*"]})


def test_a_restricted_key_needs_the_permission_for_webhooks(running: RunningStripe) -> None:
    running.control.change_settings({"denied_permissions": ["webhook_read"]})
    assert running.http(RESTRICTED_KEY).get("/v1/webhook_endpoints").status_code == 403


# Deliveries


@pytest.mark.usefixtures("listening")
def test_an_event_arrives_signed_as_stripe_does(client: stripe.StripeClient, receiver: Receiver) -> None:
    client.v1.customers.create({"name": "Ädä"})
    receiver.wait_for(1)
    ((body, headers),) = receiver.got
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["User-Agent"] == "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)
    recorded = _newest(client).to_dict()
    assert event.to_dict() == {**recorded, "pending_webhooks": 1}
    assert recorded["pending_webhooks"] == 0
    for wrong in (body + b" ", body.replace(b"customer.created", b"customer.deleted")):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(wrong, headers["Stripe-Signature"], SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_other")


def test_the_time_in_a_signature_is_real_whatever_the_sandboxs_clock_says(
    listening: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    listening.control.clock.advance(86_400)
    client.v1.customers.create({})
    receiver.wait_for(1)
    moment = int(receiver.got[0][1]["Stripe-Signature"].partition(",")[0].removeprefix("t="))
    assert abs(moment - time.time()) < 5


def test_events_go_to_the_endpoints_that_want_them_in_the_same_mode(
    running: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    made = client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["customer.deleted"]})
    running.sdk(LIVE_KEY).v1.customers.delete(running.sdk(LIVE_KEY).v1.customers.create({}).id)
    id = client.v1.customers.create({"name": "Ada"}).id
    client.v1.customers.delete(id)
    receiver.wait_for(1)
    body, headers = receiver.got[0]
    assert json.loads(body)["type"] == "customer.deleted"
    stripe.Webhook.construct_event(body, headers["Stripe-Signature"], made.secret)
    client.v1.webhook_endpoints.update(made.id, {"disabled": True})
    client.v1.customers.delete(client.v1.customers.create({}).id)
    receiver.wait_for(1)


@pytest.mark.parametrize("status", [400, 404, 500, 302])
def test_what_is_not_2xx_is_tried_again_until_it_is(
    listening: RunningStripe, client: stripe.StripeClient, receiver: Receiver, status: int
) -> None:
    listening.control.change_settings({"webhook_retries_s": [0.05, 0.05, 0.05]})
    receiver.answers = [status, status]
    client.v1.customers.create({"name": "Ada"})
    receiver.wait_for(3)
    assert len({body for body, _ in receiver.got}) == 1
    assert _newest(client).pending_webhooks == 0
    # A redirect is not followed.
    assert {headers["Host"] for _, headers in receiver.got} == {receiver.url.split("/")[2]}


def test_retries_follow_the_sandboxs_clock_and_end(
    listening: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    listening.control.change_settings({"webhook_retries_s": [3600.0, 7200.0]})
    receiver.answers = [500] * 9
    client.v1.customers.create({"name": "Ada"})
    receiver.wait_for(1)
    listening.control.clock.advance(3601)
    receiver.wait_for(2)
    listening.control.clock.advance(3601)
    receiver.wait_for(2)
    listening.control.clock.advance(3601)
    receiver.wait_for(3)
    listening.control.clock.advance(1_000_000)
    receiver.wait_for(3)
    event = _newest(client)
    assert event.pending_webhooks == 1
    assert [one.id for one in client.v1.events.list({"delivery_success": False}).data] == [event.id]
    assert client.v1.events.list({"delivery_success": True}).data == []


@pytest.mark.usefixtures("listening")
def test_the_first_retry_comes_within_seconds_of_real_time(
    client: stripe.StripeClient, receiver: Receiver
) -> None:
    receiver.answers = [503]
    began = time.monotonic()
    client.v1.customers.create({"name": "Ada"})
    until(lambda: len(receiver.got) == 2)
    assert 0.5 < time.monotonic() - began < 8


def test_a_store_that_hangs_has_failed_and_holds_up_nobody(
    listening: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    listening.control.change_settings({"webhook_timeout_s": 1.0, "webhook_retries_s": [0.0]})
    receiver.gate.clear()
    client.v1.customers.create({"name": "Ada"})
    until(lambda: len(receiver.got) == 1)
    client.v1.customers.list()
    assert len(receiver.got) == 1  # the first attempt goes on
    until(lambda: len(receiver.got) == 2)
    receiver.gate.set()
    until(lambda: _newest(client).pending_webhooks == 0)


def test_a_store_that_is_not_there_gets_it_later(running: RunningStripe, client: stripe.StripeClient) -> None:
    running.control.change_settings({"webhook_retries_s": [0.1] * 50})
    app, receiver = Flask(__name__), Receiver()
    receiver.gate.set()
    app.add_url_rule("/webhooks/stripe", "take", receiver.take, methods=["POST"])
    server = Server(app)
    running.vendor.listen(f"{server.url}/webhooks/stripe", SECRET)
    client.v1.customers.create({"name": "Ada"})
    time.sleep(0.3)
    with server:
        receiver.wait_for(1)
    running.vendor.stop()


def test_nothing_is_sent_to_other_machines(running: RunningStripe, client: stripe.StripeClient) -> None:
    running.control.change_settings({"webhook_retries_s": []})
    client.v1.webhook_endpoints.create({"url": "http://192.0.2.1/webhooks", "enabled_events": ["*"]})
    client.v1.customers.create({})
    deliveries = running.vendor.state.deliveries
    until(deliveries.idle)
    event = running.vendor.state.world("acct_1Sandbox00000001", livemode=False).events.at(0)
    (attempt,) = event.deliveries[0].attempts
    assert (attempt.status, attempt.problem) == (
        None,
        "The sandbox sends nothing to other machines, and speaks plain http only.",
    )


# Order, copies, delay and redelivery


@pytest.mark.usefixtures("listening")
def test_events_arrive_in_order(client: stripe.StripeClient, receiver: Receiver) -> None:
    for number in range(10):
        client.v1.customers.create({"name": str(number)})
    receiver.wait_for(10)
    assert receiver.names() == [str(number) for number in range(10)]


def test_events_are_withheld_and_arrive_in_another_order(
    listening: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    listening.control.change_settings({"webhooks": "withheld"})
    for name in "abcd":
        client.v1.customers.create({"name": name})
    receiver.wait_for(0)
    assert _newest(client).pending_webhooks == 1
    listening.control.change_settings({"webhooks": "on", "webhook_order": "reversed"})
    receiver.wait_for(4)
    assert receiver.names() == ["d", "c", "b", "a"]
    listening.control.change_settings({"webhooks": "withheld", "webhook_order": "shuffled"})
    names = [str(number) for number in range(20)]
    for name in names:
        client.v1.customers.create({"name": name})
    listening.control.change_settings({"webhooks": "on"})
    receiver.wait_for(24)
    assert sorted(receiver.names()[4:]) == sorted(names)
    assert receiver.names()[4:] != names


def test_events_arrive_more_than_once(
    listening: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    listening.control.change_settings({"webhook_copies": 3, "webhook_retries_s": [0.0]})
    receiver.answers = [200, 500]
    client.v1.customers.create({"name": "Ada"})
    receiver.wait_for(4)
    assert len({body for body, _ in receiver.got}) == 1


def test_events_are_delayed(
    listening: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    listening.control.change_settings({"webhook_delay_s": 100.0})
    client.v1.customers.create({"name": "Ada"})
    receiver.wait_for(0)
    listening.control.clock.advance(101)
    receiver.wait_for(1)


def test_an_event_is_sent_again_on_demand(
    listening: RunningStripe, client: stripe.StripeClient, http: httpx.Client, receiver: Receiver
) -> None:
    client.v1.customers.create({"name": "Ada"})
    receiver.wait_for(1)
    event = _newest(client).id
    answer = http.post(f"/_sandbox/stripe/events/{event}/redeliver")
    assert (answer.status_code, answer.json()) == (202, {"deliveries": 1})
    receiver.wait_for(2)
    assert json.loads(receiver.got[1][0])["id"] == event
    assert listening.vendor.redeliver(event) == 1
    receiver.wait_for(3)
    unknown = http.post("/_sandbox/stripe/events/evt_none/redeliver")
    assert (unknown.status_code, unknown.json()) == (404, {"error": "there is no event evt_none"})


def test_an_event_from_before_the_endpoint_can_be_sent_to_it(
    running: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    client.v1.customers.create({"name": "Ada"})
    event = _newest(client)
    assert (event.pending_webhooks, running.vendor.redeliver(event.id)) == (0, 0)
    running.vendor.listen(receiver.url, SECRET, "customer.created")
    assert running.vendor.redeliver(event.id) == 1
    receiver.wait_for(1)


# Reset, threads and start


def test_a_reset_forgets_what_is_to_be_sent_and_listens_again(
    listening: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    listening.control.change_settings({"webhooks": "withheld"})
    client.v1.customers.create({"name": "before"})
    listening.control.reset()
    client.v1.customers.create({"name": "after"})
    receiver.wait_for(1)
    assert receiver.names() == ["after"]
    assert [endpoint.url for endpoint in client.v1.webhook_endpoints.list().data] == [receiver.url]


def test_threads_are_there_only_while_there_is_something_to_send(
    listening: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    def senders() -> int:
        return sum(thread.name.startswith("deliveries-") for thread in threading.enumerate())

    assert senders() == 0
    receiver.gate.clear()
    client.v1.customers.create({})
    client.v1.customers.create({})
    until(lambda: len(receiver.got) == 1)
    assert senders() == 1
    began = time.monotonic()
    listening.vendor.stop()
    assert senders() == 0
    assert time.monotonic() - began < 5
    receiver.gate.set()
    client.v1.customers.create({})
    receiver.wait_for(1)
    listening.vendor.start()
    client.v1.customers.create({})
    receiver.wait_for(2)
    until(lambda: senders() == 0)


def test_a_sandbox_sends_to_its_first_store_when_asked_to(receiver: Receiver) -> None:
    store = receiver.url.removesuffix("/webhooks/stripe")
    with Sandbox(store) as sandbox:
        environment = sandbox.environment()
        address = f"{environment['STRIPE_API_BASE']}/v1/customers"
        key = (environment["STRIPE_SECRET_KEY"], "")
        httpx.post(address, auth=key, trust_env=False).raise_for_status()
        receiver.wait_for(0)
        sandbox.send_webhooks()
        httpx.post(address, auth=key, trust_env=False).raise_for_status()
        receiver.wait_for(1)
    body, headers = receiver.got[0]
    secret = environment["STRIPE_WEBHOOK_SECRET"]
    stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret)
