"""The command `flask events replay`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import Result
from flask import Flask

from tests.unit.offline import offline_store
from tests.unit.webhook_deliveries import COMPLETED, SECRETS, SESSION, Inbox, opened
from webstore.errors import PaymentsRefused, PaymentsUnavailable
from webstore.shop.models import StripeEvent
from webstore.shop.order_events import OrderEvent


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("webhooks"), STRIPE_WEBHOOK_SECRET=SECRETS) as app:
        yield app


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    """A store that missed two purchases, one an hour ago and one two days ago."""
    inbox = opened(app)
    inbox.clock.now = time.time()
    for number, ago_s in ((1, 2 * 24 * 3600), (2, 3600)):
        session = replace(SESSION, id=f"cs_{number}")
        inbox.till.made[session.id] = session
        inbox.office.events.insert(
            0,
            StripeEvent(f"evt_{number}", COMPLETED, False, session.id, None, inbox.clock() - ago_s),  # noqa: FBT003  # as the SDK has it
        )
    return inbox


def replay(inbox: Inbox, *arguments: str) -> Result:
    return inbox.app.test_cli_runner().invoke(args=["events", "replay", *arguments])


def test_what_was_missed_is_handled_and_told(inbox: Inbox) -> None:
    done = replay(inbox, "--since", "3d")
    assert done.exit_code == 0, done.output
    assert inbox.fulfilled == ["cs_1", "cs_2"]
    first, second, summary = done.stdout.splitlines()
    assert first.split()[2:] == ["done", COMPLETED, "cs_1", "evt_1"]
    assert second.split()[2:] == ["done", COMPLETED, "cs_2", "evt_2"]
    assert summary == "2 events: 2 done."
    assert done.stderr == ""


def test_it_does_nothing_twice(inbox: Inbox) -> None:
    replay(inbox, "--since", "3d")
    again = replay(inbox, "--since", "3d")
    assert (again.exit_code, again.stdout) == (0, "2 events: 2 seen.\n")
    assert inbox.fulfilled == ["cs_1", "cs_2"]


@pytest.mark.parametrize("since", ["1d", "120m", "2h", "date", "time", "zone"])
def test_it_goes_back_as_far_as_it_is_told(inbox: Inbox, since: str) -> None:
    two_hours_ago = datetime.fromtimestamp(time.time() - 7200, UTC)
    yesterday = datetime.fromtimestamp(time.time() - 24 * 3600, UTC)
    written = {
        "date": f"{yesterday:%Y-%m-%d}",
        "time": f"{two_hours_ago:%Y-%m-%dT%H:%M}",
        "zone": two_hours_ago.isoformat(),
    }
    assert replay(inbox, "--since", written.get(since, since)).exit_code == 0
    assert inbox.fulfilled == ["cs_2"]


def test_a_dry_run_handles_nothing(inbox: Inbox) -> None:
    inbox.deliver(COMPLETED, {"id": "cs_2", "object": "checkout.session"}, event="evt_2")
    dry = replay(inbox, "--since", "3d", "--dry-run")
    assert (dry.exit_code, inbox.fulfilled) == (0, ["cs_2"])
    assert dry.stdout.splitlines()[-1] == "2 events: 1 missed, 1 seen."


def test_after_a_complete_replay_a_dry_run_finds_nothing_that_was_missed(inbox: Inbox) -> None:
    inbox.till.made["cs_1"] = replace(SESSION, id="cs_1", owner=None)
    assert replay(inbox, "--since", "3d").stdout.splitlines()[-1] == "2 events: 1 done, 1 ignored."
    assert replay(inbox, "--since", "3d", "--dry-run").stdout == "2 events: 2 seen.\n"
    # It is handled again all the same: its metadata may have been corrected.
    inbox.till.made["cs_1"] = replace(SESSION, id="cs_1")
    replay(inbox, "--since", "3d")
    assert inbox.fulfilled == ["cs_2", "cs_1"]


def test_a_hook_that_exits_does_not_end_the_command(inbox: Inbox) -> None:
    def leave(event: OrderEvent) -> None:
        inbox.note(event)
        sys.exit(0)

    inbox.use(fulfil=[leave])
    done = replay(inbox, "--since", "3d")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "2 events: 2 failed.")
    assert inbox.fulfilled == ["cs_1", "cs_2"]


def test_a_program_gets_one_document(inbox: Inbox) -> None:
    done = replay(inbox, "--since", "3d", "--json")
    found = json.loads(done.stdout)
    assert found["counts"] == {"done": 2}
    assert found["events"][0] == {
        "id": "evt_1",
        "type": COMPLETED,
        "object": "cs_1",
        "created": int(inbox.office.events[1].created),
        "outcome": "done",
    }
    assert abs(found["since"] - (time.time() - 3 * 24 * 3600)) < 60


def test_one_that_fails_is_told_and_does_not_stop_the_others(inbox: Inbox) -> None:
    inbox.till.instead = [PaymentsUnavailable("down")]
    done = replay(inbox, "--since", "3d")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "2 events: 1 done, 1 failed."
    assert inbox.fulfilled == ["cs_2"]
    assert replay(inbox, "--since", "3d").exit_code == 0


def test_one_whose_object_is_gone_is_told(inbox: Inbox) -> None:
    del inbox.till.made["cs_1"]
    done = replay(inbox, "--since", "3d")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "2 events: 1 done, 1 dropped."


@pytest.mark.parametrize("trouble", [PaymentsUnavailable("no answer"), PaymentsRefused("the key is wrong")])
def test_without_the_list_there_is_one_line_and_no_traceback(inbox: Inbox, trouble: Exception) -> None:
    inbox.office.instead = [trouble]
    failed = replay(inbox, "--since", "3d")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert failed.stderr == f"Stripe's events cannot be read: {trouble}\n"


@pytest.mark.parametrize(
    "arguments",
    [(), ("--since", "soon"), ("--since", "3"), ("--since", "2999-01-01"), ("--since", "1d", "x")],
)
def test_wrong_options_are_explained(inbox: Inbox, arguments: tuple[str, ...]) -> None:
    refused = replay(inbox, *arguments)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Error" in refused.stderr
    assert inbox.office.calls == []


def test_more_than_30_days_are_cut_and_said(inbox: Inbox) -> None:
    done = replay(inbox, "--since", "60d")
    assert done.exit_code == 0
    assert "30 days" in done.stderr


def test_no_events_are_no_error(inbox: Inbox) -> None:
    inbox.office.events = []
    assert replay(inbox, "--since", "1d").stdout == "0 events.\n"


def test_the_help_has_an_example(inbox: Inbox) -> None:
    shown = replay(inbox, "--help")
    assert shown.exit_code == 0
    assert "\n    flask --app wsgi events replay --since 2d\n" in shown.stdout
