"""After the provider has said who it is: run the post-login hooks."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from .models import Identity, PostLogin
from .ports import Hook

log = logging.getLogger(__name__)


def complete_login(identity: Identity, hooks: Iterable[Hook]) -> PostLogin:
    """Run the hooks in order; a hook that fails is logged and never stands in the way of the login."""
    event = PostLogin(identity)
    for hook in hooks:
        try:
            hook(event)
        except Exception:
            log.exception("a post-login hook failed for user=%s", identity.user_id)
    return event
