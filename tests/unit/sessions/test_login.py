"""The end of a login: the post-login hooks."""

from __future__ import annotations

import pytest

from webstore.linking import LinkOutcome, LinkStatus
from webstore.sessions.login import complete_login
from webstore.sessions.models import Identity, PostLogin

ADA = Identity("https://shop.eu.auth0.com/", "auth0|ada")


def test_a_hook_that_fails_is_logged_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    outcome = LinkOutcome(LinkStatus.CREATED, "cus_1", "created")

    def failing(_event: PostLogin) -> None:
        raise RuntimeError("a mistake")

    def linking(event: PostLogin) -> None:
        event.link = outcome

    event = complete_login(ADA, (failing, linking))
    assert (event.identity, event.link) == (ADA, outcome)
    assert "a post-login hook failed for user=auth0|ada" in caplog.text
    assert "a mistake" in caplog.text


def test_without_hooks_nothing_is_linked() -> None:
    assert complete_login(ADA, ()).link is None
