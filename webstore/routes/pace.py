"""How often one shopper may ask for what costs calls to the vendors: a fixed window in the shared state."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort, request

from webstore.errors import StateUnavailable

from . import services
from .limits import WINDOW_S
from .shopper import current_shopper

P = ParamSpec("P")
T = TypeVar("T")

#: What a hand cannot do within a window, and a program can.
MOST = 60
_TOO_OFTEN = (
    "You have asked for this very often within a few seconds, so it was not done this time. Nothing is lost: "
    "wait a moment, then try again."
)


def paced(view: Callable[P, T]) -> Callable[P, T]:
    """Answer 429 with Retry-After when the shopper asks this view too often; strangers are not counted."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        shopper = current_shopper()
        if shopper is not None:
            _refuse_flood(shopper.user_id)
        return view(*args, **kwargs)

    return wrapped


def _refuse_flood(user_id: str) -> None:
    now = time.time()
    window = int(now // WINDOW_S)
    whom = hashlib.sha256(user_id.encode()).hexdigest()
    try:
        seen = services().state.count(f"pace:{request.endpoint}:{whom}:{window}", 2 * WINDOW_S)
    except StateUnavailable:
        return
    if seen > MOST:
        abort(429, _TOO_OFTEN, retry_after=math.ceil((window + 1) * WINDOW_S - now))
