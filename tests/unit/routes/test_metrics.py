"""Who may read the counters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.offline import offline_store

TOKEN = "a-token-for-the-metrics-of-32-characters"
LOCAL, PUBLIC = "http://127.0.0.1:8000", "https://shop.example.com"


@pytest.mark.parametrize(
    "case",
    [
        (LOCAL, "", "", "127.0.0.1", 200),
        (LOCAL, "", "", "192.0.2.1", 404),
        # A proxy on the same machine that adds no header: the request of a stranger looks local.
        (PUBLIC, "", "", "127.0.0.1", 404),
        (PUBLIC, "", TOKEN, "127.0.0.1", 404),
        (PUBLIC, TOKEN, "", "127.0.0.1", 401),
        (PUBLIC, TOKEN, "another", "127.0.0.1", 401),
        (PUBLIC, TOKEN, TOKEN, "192.0.2.1", 200),
        (LOCAL, TOKEN, "", "127.0.0.1", 401),
    ],
)
def test_the_counters_are_for_this_machine_or_for_who_has_the_token(
    tmp_path: Path, case: tuple[str, str, str, str, int]
) -> None:
    base_url, token, sent, address, status = case
    with offline_store(tmp_path, BASE_URL=base_url, METRICS_TOKEN=token) as app:
        answer = app.test_client().get(
            "/metrics",
            base_url=base_url,
            headers={"Authorization": f"Bearer {sent}"} if sent else {},
            environ_overrides={"REMOTE_ADDR": address},
        )
    assert answer.status_code == status
    assert ("webstore_link_outcomes" in answer.text) == (status == 200)
