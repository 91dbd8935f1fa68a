"""All commands. Importing this imports every package that only the commands need."""

from __future__ import annotations

from .customers import customers
from .doctor import doctor
from .events import events
from .setup import setup

COMMANDS = (customers, doctor, events, setup)
