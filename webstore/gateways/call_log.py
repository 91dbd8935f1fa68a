"""Notes each call to another service: a line in the log, with the service's own ID, and figures."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from webstore import metrics

log = logging.getLogger(__name__)

#: The headers in which Stripe (https://docs.stripe.com/api/request_ids), Auth0 and other providers answer
#: the ID of a call; in lower case.
_VENDOR_IDS = ("request-id", "x-auth0-requestid", "x-correlation-id", "x-request-id")
#: Characters of such an ID that are logged.
_MAX_ID = 100


def note_call(
    service: str,
    method: str,
    path: str,
    seconds: float,
    *,
    status: int | None,
    headers: Mapping[str, str],
) -> None:
    """Log and count a call, without its query string, which may have tokens and e-mail addresses.

    `status`, `headers`: those of the answer; None and empty without one.
    """
    found = {name.lower(): value for name, value in headers.items()}
    vendor_id = next((found[name] for name in _VENDOR_IDS if name in found), "-")
    log.info(
        "call to %s: %s %s status=%s ms=%.0f vendor_request=%s",
        *(service, method, path, status or "none", seconds * 1000, vendor_id[:_MAX_ID]),
    )
    metrics.observe_call(service, method, status, seconds)
