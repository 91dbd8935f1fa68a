"""Thin events, and how long events are kept: https://docs.stripe.com/event-destinations"""

import json
import re

import httpx
import pytest
import stripe

from tests.sandbox.checkout import pay, price, session
from tests.sandbox.conftest import RunningStripe
from tests.sandbox.receivers import Receiver

SECRET = "whsec_of_a_test"
DAY_S = 86_400


def test_a_thin_event_names_its_object(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, receiver: Receiver
) -> None:
    running.vendor.listen(receiver.url, SECRET, "v1.checkout.session.completed", thin=True)
    made = session(client, price(client))
    pay(http, made)
    receiver.wait_for(1)
    ((body, headers),) = receiver.got
    sent = json.loads(body)
    assert (sent["object"], sent["type"], sent["context"]) == (
        "v2.core.event",
        "v1.checkout.session.completed",
        None,
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", sent["created"])
    assert (sent["livemode"], "data" in sent) == (False, False)
    assert sent["related_object"] == {
        "id": made.id,
        "type": "checkout.session",
        "url": f"/v1/checkout/sessions/{made.id}",
    }
    notified = client.parse_event_notification(body, headers["Stripe-Signature"], SECRET)
    assert notified.id == sent["id"]
    with pytest.raises(stripe.SignatureVerificationError):
        client.parse_event_notification(body, headers["Stripe-Signature"], "whsec_of_another")
    fetched = client.v2.core.events.retrieve(sent["id"])
    (snapshot,) = client.v1.events.list({"type": "checkout.session.completed"}).data
    assert (fetched.snapshot_event, fetched.type) == (snapshot.id, sent["type"])
    assert snapshot.id != sent["id"]
    assert snapshot.pending_webhooks == 0
    running.vendor.stop()


def test_a_thin_endpoint_over_http(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, receiver: Receiver
) -> None:
    made = http.post(
        "/_sandbox/stripe/endpoints",
        json={"url": receiver.url, "secret": SECRET, "events": ["v1.customer.created"], "thin": True},
    )
    assert made.status_code == 200
    assert client.v1.webhook_endpoints.list().data == []
    id = made.json()["object"]["id"]
    with pytest.raises(stripe.InvalidRequestError, match="No such webhook endpoint"):
        client.v1.webhook_endpoints.retrieve(id)
    customer = client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    receiver.wait_for(1)
    sent = json.loads(receiver.got[0][0])
    assert sent["related_object"]["url"] == f"/v1/customers/{customer.id}"
    assert sent["reason"]["request"]["idempotency_key"] == "k"
    # The SDK's path to the object is one that the API answers.
    assert http.get(sent["related_object"]["url"]).json()["id"] == customer.id
    (event,) = client.v1.events.list().data
    assert running.vendor.redeliver(event.id) == 1
    receiver.wait_for(2)
    assert json.loads(receiver.got[1][0])["id"] == sent["id"]
    running.vendor.stop()


def test_events_are_kept_for_thirty_days(running: RunningStripe, client: stripe.StripeClient) -> None:
    client.v1.customers.create({})
    (first,) = client.v1.events.list().data
    running.control.clock.advance(30 * DAY_S - 60)
    client.v1.customers.create({})
    assert len(client.v1.events.list().data) == 2
    assert client.v1.events.retrieve(first.id).id == first.id
    running.control.clock.advance(120)
    assert [event.id == first.id for event in client.v1.events.list().data] == [False]
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        client.v1.events.retrieve(first.id)
    with pytest.raises(stripe.StripeError):
        client.v2.core.events.retrieve(f"evt_test_{first.id.removeprefix('evt_')}")


def test_events_that_were_not_delivered(
    running: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    running.vendor.listen(receiver.url, SECRET, "customer.created")
    receiver.answers = [500]
    running.control.change_settings({"webhook_retries_s": []})
    for _ in range(2):
        client.v1.customers.create({})
    receiver.wait_for(2)
    newer, older = client.v1.events.list({"types": ["customer.created", "customer.updated"]}).data
    assert [one.id for one in client.v1.events.list({"delivery_success": False}).data] == [older.id]
    assert [one.id for one in client.v1.events.list({"delivery_success": True}).data] == [newer.id]
    since = client.v1.events.list({"created": {"gte": older.created}, "delivery_success": False}).data
    assert [one.id for one in since] == [older.id]
    running.vendor.stop()
