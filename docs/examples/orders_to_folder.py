"""A fulfil hook that writes each order event to a folder, as a file of JSON that another program picks up.

FULFIL=docs.examples.orders_to_folder:save  and  ORDERS_FOLDER=/srv/orders

The umask of the store decides who may read the files. With 027, for instance, the folder's group may.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from pathlib import Path

from webstore.shop.order_events import OrderEvent


def save(event: OrderEvent) -> None:
    """Write the event to the file `<id>.json`. A second call with the same event changes nothing.

    Raises `OSError`, after which the store calls the hook again.
    """
    folder = Path(os.environ["ORDERS_FOLDER"])
    target = folder / f"{event.id}.json"
    if not target.exists():
        _write(folder / f".{secrets.token_hex(16)}.tmp", target, event)
    # Also if the file was there: the call before may have ended just before this.
    _sync_folder(folder)


def _write(draft: Path, target: Path, event: OrderEvent) -> None:
    """Write the draft and give it its name. Nothing is left of a draft that fails."""
    try:
        with draft.open("x", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(event), file, indent=2)
            file.flush()
            # On the disk before it gets its name: a file with the name is complete, even after a power cut.
            os.fsync(file.fileno())
        draft.rename(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Let the folder's new name survive a power cut: the store takes the event as told from now on."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
