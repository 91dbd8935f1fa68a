"""Which hosts are this machine itself: only these may be reached over plain http."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str | None) -> bool:
    """Whether the host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False
