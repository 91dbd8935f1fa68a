"""A fulfil hook that writes each order event to a folder, as a file of JSON that another program picks up.

FULFIL=docs.examples.orders_to_folder:save  and  ORDERS_FOLDER=/srv/orders
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path

from webstore.shop.order_events import OrderEvent


def save(event: OrderEvent) -> None:
    """Write the event to the file `<id>.json`. A second call with the same event changes nothing.

    Raises `OSError`, after which the store calls the hook again.
    """
    folder = Path(os.environ["ORDERS_FOLDER"])
    target = folder / f"{event.id}.json"
    if target.exists():
        return
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".", suffix=".tmp", delete=False) as file:
        json.dump(dataclasses.asdict(event), file, indent=2)
        file.flush()
        # On the disk before it gets its name: a file with the name is complete, even after a power cut.
        os.fsync(file.fileno())
    Path(file.name).rename(target)
