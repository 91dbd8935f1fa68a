"""An operator's commands as steps of the protocol, for the state machine."""

from __future__ import annotations

from webstore.errors import WebstoreError
from webstore.linking import unlink
from webstore.linking.models import LinkOutcome, LinkStatus
from webstore.linking.protocol import Policy, Steps


def unlinking(user_id: str, policy: Policy) -> Steps[LinkOutcome]:
    """The command `customers unlink`, answered with yes. It may end anywhere; nobody has a customer by it."""
    try:
        shown = yield from unlink.plan(user_id, policy)
        yield from unlink.carry_out(shown, policy)
    except WebstoreError as exc:
        return LinkOutcome(LinkStatus.PENDING, None, str(exc))
    return LinkOutcome(LinkStatus.PENDING, None, "unlinked")
