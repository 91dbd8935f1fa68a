"""Idempotency keys, and ordered failures: https://docs.stripe.com/api/idempotent_requests"""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe

from tests.sandbox.conftest import OTHER_KEY, RunningStripe
from webstore.sandbox.stripe import LIVE_KEY

DAY_S = 86_400


def _create(http: httpx.Client, key: str, **data: str) -> httpx.Response:
    return http.post("/v1/customers", data=data or {"name": "Ada"}, headers={"Idempotency-Key": key})


def _count(http: httpx.Client) -> int:
    return len(http.get("/v1/customers", params={"limit": "100"}).json()["data"])


def test_the_same_key_replays_the_first_answer(http: httpx.Client) -> None:
    first, second = _create(http, "k"), _create(http, "k")
    assert (first.status_code, second.status_code, first.content) == (200, 200, second.content)
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["original-request"] == first.headers["request-id"]
    assert second.headers["request-id"] != first.headers["request-id"]
    assert (first.headers["idempotency-key"], second.headers["idempotency-key"]) == ("k", "k")
    assert _count(http) == 1


def test_a_replay_shows_the_object_as_it_was(http: httpx.Client) -> None:
    id = _create(http, "k").json()["id"]
    http.delete(f"/v1/customers/{id}")
    replayed = _create(http, "k").json()
    assert (replayed["id"], "deleted" in replayed) == (id, False)


def test_no_key_means_a_new_customer_each_time(http: httpx.Client) -> None:
    for _ in range(2):
        http.post("/v1/customers", data={"name": "Ada"})
    assert _count(http) == 2


def test_a_key_lives_for_a_day(running: RunningStripe, http: httpx.Client) -> None:
    first = _create(http, "k").json()["id"]
    running.control.clock.advance(DAY_S - 60)
    assert _create(http, "k").json()["id"] == first
    running.control.clock.advance(61)
    again = _create(http, "k", name="Grace")
    assert again.status_code == 200
    assert again.json()["id"] != first
    running.control.change_settings({"idempotency_ttl_s": 10})
    running.control.clock.advance(11)
    assert "idempotent-replayed" not in _create(http, "k").headers


def test_other_parameters_under_the_same_key_are_an_idempotency_error(running: RunningStripe) -> None:
    client = running.sdk()
    client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError) as reused:
        client.v1.customers.create({"name": "Grace"}, {"idempotency_key": "k"})
    assert reused.value.http_status == 400
    assert reused.value.user_message == (
        "Keys for idempotent requests can only be used with the same parameters they were first used with."
        " Try using a key other than 'k' if you meant to execute a different request."
    )
    assert len(client.v1.customers.list().data) == 1


def test_the_order_of_parameters_does_not_matter(http: httpx.Client) -> None:
    _create(http, "k", name="Ada", phone="1")
    assert _create(http, "k", phone="1", name="Ada").headers["idempotent-replayed"] == "true"


def test_another_address_under_the_same_key_is_an_idempotency_error(running: RunningStripe) -> None:
    client = running.sdk()
    id = client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k"}).id
    with pytest.raises(stripe.IdempotencyError, match=f"'/v1/customers' vs '/v1/customers/{id}'"):
        client.v1.customers.update(id, {"name": "Ada"}, {"idempotency_key": "k"})


def test_keys_belong_to_an_account_and_a_mode(running: RunningStripe) -> None:
    clients = [running.sdk(), running.sdk(LIVE_KEY), running.sdk(OTHER_KEY)]
    ids = {one.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k"}).id for one in clients}
    assert len(ids) == 3


def test_a_key_has_at_most_255_characters(http: httpx.Client) -> None:
    assert _create(http, "k" * 255).status_code == 200
    refused = _create(http, "k" * 256)
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "idempotency_error")


def test_get_and_delete_ignore_keys(http: httpx.Client) -> None:
    id = _create(http, "other").json()["id"]
    headers = {"Idempotency-Key": "k"}
    assert http.get(f"/v1/customers/{id}", headers=headers).json()["id"] == id
    assert http.delete(f"/v1/customers/{id}", headers=headers).json()["deleted"] is True
    assert http.delete(f"/v1/customers/{id}", headers=headers).status_code == 404
    assert "idempotent-replayed" not in _create(http, "k").headers


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "ada"},
        {"foo": "1"},
        {"metadata[k]": "x" * 501},
        {f"metadata[{number}]": "x" for number in range(51)},
    ],
)
def test_refused_parameters_are_not_kept(http: httpx.Client, wrong: dict[str, str]) -> None:
    assert _create(http, "k", **wrong).status_code == 400
    repeated = _create(http, "k", **wrong)
    assert (repeated.status_code, "idempotent-replayed" in repeated.headers) == (400, False)
    assert _create(http, "k", name="Ada").status_code == 200


def test_what_stops_a_request_before_it_executes_is_not_kept(
    running: RunningStripe, http: httpx.Client
) -> None:
    wrong = httpx.post(
        f"{running.url}/v1/customers",
        data={"name": "Ada"},
        headers={"Idempotency-Key": "k", "Authorization": "Bearer sk_test_wrong"},
        trust_env=False,
    )
    assert wrong.status_code == 401
    running.control.change_settings({"rate_limit_per_s": 1})
    http.get("/v1/customers")
    assert _create(http, "k").status_code == 429
    running.control.change_settings({"rate_limit_per_s": 0})
    assert "idempotent-replayed" not in _create(http, "k").headers


def test_an_error_of_the_endpoint_is_kept(http: httpx.Client) -> None:
    first = http.post("/v1/customers/cus_none", data={"name": "A"}, headers={"Idempotency-Key": "k"})
    second = http.post("/v1/customers/cus_none", data={"name": "A"}, headers={"Idempotency-Key": "k"})
    assert (first.status_code, second.status_code, first.content) == (404, 404, second.content)
    assert second.headers["idempotent-replayed"] == "true"


def test_a_key_in_use_is_409(running: RunningStripe) -> None:
    running.control.change_settings({"execution_s": 0.5})
    clients = [running.http() for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(_create, clients, ["k"] * len(clients)))
    running.control.change_settings({"execution_s": 0.0})
    done = [answer for answer in answers if answer.status_code == 200]
    conflicts = [answer.json()["error"] for answer in answers if answer.status_code == 409]
    assert (len(done), len(conflicts)) == (1, 7)
    assert {error["code"] for error in conflicts} == {"idempotency_key_in_use"}
    assert "another in-progress request using this Idempotent Key" in conflicts[0]["message"]
    replay = _create(running.http(), "k")
    assert (replay.content, replay.headers["idempotent-replayed"]) == (done[0].content, "true")
    assert _count(running.http()) == 1


def test_many_at_once_execute_once(running: RunningStripe) -> None:
    clients = [running.http() for _ in range(8)]
    for key in ("k1", "k2", "k3", "k4", "k5"):
        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(_create, clients, [key] * len(clients)))
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1
    assert _count(running.http()) == 5


# Ordered failures


def _fail(http: httpx.Client, **order: object) -> None:
    http.post("/_sandbox/stripe/failures", json=order).raise_for_status()


def test_a_failure_is_500_and_replayed_for_a_day(running: RunningStripe, http: httpx.Client) -> None:
    _fail(http, method="POST", path="/v1/customers", times=1, effect="none")
    first, second = _create(http, "k"), _create(http, "k")
    assert (first.status_code, first.json()["error"]["type"]) == (500, "api_error")
    assert (second.status_code, second.content) == (500, first.content)
    assert second.headers["idempotent-replayed"] == "true"
    assert _count(http) == 0
    assert _create(http, "another").status_code == 200
    running.control.clock.advance(DAY_S)
    assert _create(http, "k").status_code == 200


def test_a_failure_may_have_had_its_effect(http: httpx.Client) -> None:
    _fail(http, effect="now")
    assert _create(http, "k").status_code == 500
    assert _count(http) == 1
    assert [event["type"] for event in http.get("/v1/events").json()["data"]] == ["customer.created"]


def test_the_effect_of_a_failure_may_appear_later(running: RunningStripe, http: httpx.Client) -> None:
    _fail(http, effect="later", delay_s=300)
    began = running.control.clock.now()
    assert _create(http, "k").status_code == 500
    running.control.clock.advance(290)
    assert _count(http) == 0
    running.control.clock.advance(110)
    (customer,) = http.get("/v1/customers").json()["data"]
    assert customer["created"] == pytest.approx(began + 300, abs=5)
    assert _create(http, "k").status_code == 500


def test_an_effect_that_has_become_impossible_does_not_appear(
    running: RunningStripe, http: httpx.Client
) -> None:
    id = _create(http, "create").json()["id"]
    _fail(http, path=f"/v1/customers/{id}", effect="later", delay_s=10)
    assert http.post(f"/v1/customers/{id}", data={"name": "Grace"}).status_code == 500
    http.delete(f"/v1/customers/{id}")
    running.control.clock.advance(10)
    assert http.get(f"/v1/customers/{id}").json()["deleted"] is True


def test_failures_match_and_are_used_up(running: RunningStripe, http: httpx.Client) -> None:
    _fail(http, path="/v1/customers/.*", times=None)
    _fail(http, path="/v1/customers", times=2)
    assert [http.post("/v1/customers").status_code for _ in range(3)] == [500, 500, 200]
    assert http.get("/v1/customers/cus_1").status_code == 404
    assert [http.post("/v1/customers/cus_1").status_code for _ in range(2)] == [500, 500]
    http.delete("/_sandbox/stripe/failures")
    assert http.post("/v1/customers/cus_1").status_code == 404
    _fail(http, method=None, times=None)
    assert http.get("/v1/customers").status_code == 500
    running.control.reset()
    assert http.get("/v1/customers").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"effect": "maybe"}, {"times": 0}, {"delay_s": -1}, {"delay_s": "1"}, {"path": "("}, {"typo": 1}],
)
def test_a_failure_that_makes_no_sense_is_refused(http: httpx.Client, wrong: dict[str, object]) -> None:
    answer = http.post("/_sandbox/stripe/failures", json=wrong)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


# Transport faults and idempotency keys


def test_a_cut_after_the_effect_is_repaired_by_the_key(running: RunningStripe, http: httpx.Client) -> None:
    running.control.add_fault(action="reset", when="after", method="POST")
    with pytest.raises(httpx.ReadError):
        _create(http, "k")
    assert _count(http) == 1
    assert _create(http, "k").headers["idempotent-replayed"] == "true"


def test_a_cut_before_the_effect_leaves_the_key_free(running: RunningStripe, http: httpx.Client) -> None:
    running.control.add_fault(action="reset", when="before", method="POST")
    with pytest.raises(httpx.ReadError):
        _create(http, "k")
    assert _count(http) == 0
    assert "idempotent-replayed" not in _create(http, "k").headers


def test_a_status_of_the_transport_is_not_kept(running: RunningStripe, http: httpx.Client) -> None:
    running.control.add_fault(action="status", status=500, method="POST")
    assert _create(http, "k").status_code == 500
    assert _create(http, "k").status_code == 200
