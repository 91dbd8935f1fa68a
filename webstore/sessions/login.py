"""The end of a login: the post-login hooks run once the provider has said who the user is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from webstore.linking import Linker, ensure_customer

from .models import Identity, PostLogin

log = logging.getLogger(__name__)

#: A post-login hook. It may raise; the login goes on all the same.
Hook = Callable[[PostLogin], None]


def complete_login(identity: Identity, hooks: Iterable[Hook]) -> PostLogin:
    """Run the hooks in order. A hook that fails is logged and does not stop the login."""
    event = PostLogin(identity)
    for hook in hooks:
        try:
            hook(event)
        except Exception:
            log.exception("a post-login hook failed for user=%s", identity.user_id)
    return event


def link_at_login(linker: Linker, event: PostLogin) -> None:
    """The hook that links the user to a Stripe customer; it leaves the outcome in `event.link`.

    Never raises, never waits past the linker's budget.
    """
    event.link = ensure_customer(linker, event.identity.user_id, event.identity.claimed)
