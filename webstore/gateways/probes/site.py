"""Asks the store at BASE_URL for its reports, several times and each time over a new connection."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from webstore.doctor import self_report
from webstore.doctor.facts import SiteFacts, StoreReport, Trouble
from webstore.settings import Settings

from .asking import Asker, Reply

#: How often it is asked: behind a load balancer, each answer may come from another machine.
_TIMES = 6


def read_site(ask: Asker, settings: Settings) -> SiteFacts:
    """What the store at BASE_URL says, and what its host does with plain http.

    `ask`: over a wire that may speak plain http.
    """
    own, reports = self_report.digests(settings), []
    for _ in range(_TIMES):
        proof = {self_report.HEADER: self_report.proof(settings.app_secret_key)}
        answer = ask.get(f"{settings.base_url}{self_report.PATH}", None, {**proof, "Connection": "close"})
        if isinstance(answer, Trouble):
            return SiteFacts(answer)
        if answer.status != 200 or not isinstance(answer.document.get("settings"), dict):
            # Every answer of the store has this header.
            return SiteFacts(answer.trouble, something_else="x-request-id" not in answer.headers)
        reports.append(_report(answer, own))
    return SiteFacts(tuple(reports), https_redirect=_https_redirect(ask, settings.base_url))


def _https_redirect(ask: Asker, base_url: str) -> bool | None:
    """Whether the host redirects plain http. Only the usual ports belong to each other."""
    address = urlsplit(base_url)
    if address.scheme != "https" or address.port is not None:
        return None
    answer = ask.get(f"http://{address.netloc}/")
    if isinstance(answer, Trouble) or answer.status >= 500:
        return None
    return 300 <= answer.status < 400 and answer.headers.get("location", "").startswith("https://")


def _report(answer: Reply, own: Mapping[str, str]) -> StoreReport:
    found = answer.document
    theirs, state, hops = found.get("settings"), found.get("state"), found.get("forwarded_for")
    known = theirs if isinstance(theirs, dict) else {}
    return StoreReport(
        # Another release may have other settings.
        other_settings=tuple(name for name in own if name in known and known[name] != own[name]),
        state_id=state if isinstance(state, str) else None,
        forwarded_for=hops if isinstance(hops, int) else 0,
        host=str(found.get("host", "")),
    )
