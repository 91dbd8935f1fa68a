"""Keeps other websites away from the sandbox: their pages run in the same browser and can reach 127.0.0.1."""

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def refusal(environ: "WSGIEnvironment", *, is_control: bool, is_page: bool) -> str | None:
    """Why the request is refused, for the person who sent it; None if it is taken.

    Controls take nothing from other sites' pages, and pages for people take no forms from them. A name of
    another site may lead to this machine (DNS rebinding), so a request for either has to name the machine
    itself. Vendors' APIs take calls from anywhere.
    Source: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
    """
    if not is_control and not is_page:
        return None
    host = environ.get("HTTP_HOST", "")
    if host and not _is_this_machine(host):
        return "The sandbox answers requests to this machine's own addresses only, such as 127.0.0.1."
    changes = environ["REQUEST_METHOD"] not in _SAFE_METHODS
    if not is_control and not changes:
        return None
    site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
    if site is not None:
        ours = site in ("same-origin", "none") or (site == "same-site" and not changes)
    else:
        ours = origin is None or origin == f"http://{host}"
    return None if ours else "The sandbox takes this from its own pages and from programs only."


def _is_this_machine(host: str) -> bool:
    """Whether the Host header names this machine, with any port."""
    name, _, port = host.rpartition(":")
    if not name or not port.isdecimal():
        name = host
    name = name.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
