"""What the audit takes as the cause of a customer too many, and what not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos import audit

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
