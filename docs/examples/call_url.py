"""A fulfil hook that sends each order event to a URL, signed, with a limit on the time.

FULFIL=docs.examples.call_url:send  and  ORDERS_URL=https://...  and  ORDERS_SECRET=<32 random characters>

The receiver computes the HMAC-SHA256 of "<X-Timestamp>.<body>" with the same secret, compares it with
X-Signature in constant time, and refuses a timestamp that is older than five minutes. It keeps the IDs that
it has handled: the same event may come again.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
import os
import time
from urllib.parse import urlsplit

from webstore.gateways.wire import Wire
from webstore.shop.order_events import OrderEvent

#: Seconds for the whole exchange, however slowly the receiver answers. Stripe waits for the store so long.
LIMIT_S = 5.0
#: Characters that the secret must have at least.
SECRET_LENGTH = 32

wire = Wire("The receiver of order events", total_s=LIMIT_S)


def send(event: OrderEvent) -> None:
    """POST the event as JSON. Raises an error unless the answer is 2xx; then the store calls it again."""
    url, secret = os.environ["ORDERS_URL"], os.environ["ORDERS_SECRET"]
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        raise ValueError("ORDERS_URL must be https")
    if len(secret) < SECRET_LENGTH:
        raise ValueError(f"ORDERS_SECRET must have {SECRET_LENGTH} characters or more")
    body = json.dumps(dataclasses.asdict(event)).encode()
    now = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": event.id,
        "X-Timestamp": now,
        "X-Signature": signature(secret, now, body),
    }
    answer = wire.send("POST", url, headers.items(), body)
    if not 200 <= answer.status < 300:
        raise RuntimeError(f"the receiver of order events answered {answer.status}")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The HMAC-SHA256 of the time and the body, in hexadecimal digits."""
    return hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()
