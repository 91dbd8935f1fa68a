"""What the audit takes as the cause of a customer too many, and what not."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos import audit
from tests.chaos.dice import dice
from tests.chaos.office import Office
from tests.chaos.people import People
from tests.chaos.store import Store, free_address
from tests.chaos.storm import Storm
from tests.chaos.weather import Weather
from tests.chaos.worlds import World
from tests.support import DAY_S
from webstore.sandbox.stripe import ACCOUNT, TEST_KEY
from webstore.sandbox.vendors import Sandbox

SETTLE_S = 600.0


def customer(id: str, generation: int, created: int) -> dict[str, Any]:
    metadata = {"auth0_user_id": "auth0|eve", "link_generation": str(generation)}
    return {"id": id, "created": created, "metadata": metadata}


@pytest.mark.parametrize(
    ("orphan", "used", "failed_at", "cause"),
    [
        pytest.param(
            (0, 900), (1, 700), {"orphan": 0.0}, audit.LATE, id="appeared when the next one was made"
        ),
        pytest.param((0, 900), (1, 300), {"orphan": 0.0}, audit.UNEXPLAINED, id="next one made too soon"),
        pytest.param(
            (1, 1300),
            (0, 900),
            {"used": 0.0, "orphan": 610.0},
            audit.LATE,
            id="next one failed and came later",
        ),
        pytest.param(
            (1, 1300),
            (0, 900),
            {"used": 0.0, "orphan": 300.0},
            audit.UNEXPLAINED,
            id="next one begun too soon, whenever it appeared",
        ),
        pytest.param((1, 900), (0, 900), {"orphan": 0.0}, audit.UNEXPLAINED, id="the first never failed"),
        pytest.param((0, 900), (0, 950), {"orphan": 0.0}, audit.UNEXPLAINED, id="two of one generation"),
        pytest.param((0, 900), (1, 950), {}, audit.UNEXPLAINED, id="nothing failed"),
    ],
)
def test_only_a_generation_begun_after_settling_explains_a_second_customer(
    orphan: tuple[int, int], used: tuple[int, int], failed_at: dict[str, float], cause: str
) -> None:
    found = audit.cause_of(customer("orphan", *orphan), customer("used", *used), {}, failed_at, SETTLE_S)
    assert found == cause


def test_a_deletion_on_the_dashboard_explains_a_second_customer() -> None:
    deleted = {"cus_dead": "auth0|eve"}
    orphan, used = customer("orphan", 0, 1), customer("used", 0, 2)
    assert audit.cause_of(orphan, used, deleted, {}, SETTLE_S) == audit.AROUND_A_DELETION
    assert audit.cause_of(orphan, None, {"cus_dead": "auth0|ada"}, {}, SETTLE_S) == audit.UNEXPLAINED


def storm_at(sandbox: Sandbox, folder: Path) -> Storm:
    """A storm over one store, which does not run."""
    environment = sandbox.environment()
    office = Office({**environment, "STRIPE_SECRET_KEY": TEST_KEY})
    store = Store(environment, folder, workers=1)
    worlds = [World("test", ACCOUNT, livemode=False, settings={}, store=store, office=office)]
    people = People(sandbox, worlds, dice(1, "people"))
    weather = Weather(sandbox, worlds, people, dice(1, "weather"))
    return Storm(1, 1, 0, sandbox, worlds, people, weather)


def test_what_stripe_forgets_within_months_is_kept_for_the_audit(tmp_path: Path) -> None:
    """The storm lasts longer than Stripe keeps events, and much longer than it keeps a key."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(f"http://{free_address()}"))
        http = stack.enter_context(httpx.Client(trust_env=False))
        storm = storm_at(sandbox, tmp_path)
        (world,) = storm.worlds
        stack.callback(world.office.close)
        customers = f"{sandbox.stripe_server.url}/v1/customers"
        headers = {"Authorization": f"Bearer {TEST_KEY}", "Idempotency-Key": "k"}
        sandbox.stripe.fail(path="/v1/customers", effect="later", delay_s=90)
        began = sandbox.stripe.control.clock.now()
        assert http.post(customers, data=metadata("auth0|eve"), headers=headers).status_code == 500
        ended = sandbox.stripe.control.clock.now()
        storm.pass_time(2 * DAY_S)
        made = next(world.office.customers())["id"]
        headers["Idempotency-Key"] = "another"
        http.post(f"{customers}/{made}", data=metadata("auth0|ada"), headers=headers).raise_for_status()
        for _ in range(2):
            storm.pass_time(20 * DAY_S)
        failed = storm.failed[world.name]
        nothing: dict[str, Any] = {"merged": (), "shown": {}, "shown_before": {}, "deleted": {}}
        found = audit.audit(world, [], failed=failed, least_s=SETTLE_S, **nothing)
        assert found.foreign == [f"{made} of auth0|eve was given to auth0|ada"]
        assert began <= failed[world.office.made_by()[made]] <= ended


def metadata(user_id: str) -> dict[str, str]:
    return {"metadata[auth0_user_id]": user_id}
