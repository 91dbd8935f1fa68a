"""Leaving: closing an account, and logging out."""

from __future__ import annotations

from collections.abc import Iterator

from tests.login.session_content import change_login
from tests.login.subscribers import subscribe

from .visit import Visit

_WORDS = "close my account"


def closing(visit: Visit) -> Iterator[str]:
    """The page that closes an account, refused and done."""
    shop, page = visit.shop, visit.page
    ada = visit.log_in()
    change_login(shop, ada, auth=1)
    visit.be(ada)
    visit.open("/account/close?again=1")
    yield "close login needed"
    ada = visit.log_in()
    visit.open("/account/close")
    yield "close"
    page.get_by_label("To confirm").fill("yes")
    visit.press("Close my account")
    yield "close wrong words"
    visit.fail("/v1/customers/.*", 503, "GET")
    page.get_by_label("To confirm").fill(_WORDS)
    visit.press("Close my account")
    yield "close outage"
    visit.mend()
    kept = [subscribe(shop, name, 900) for name in ("Tea box", "Coffee box")]
    visit.fail(f"/v1/subscriptions/{kept[1]}", 403, "DELETE")
    visit.open("/account/close")
    page.get_by_label("To confirm").fill(_WORDS)
    visit.press("Close my account")
    yield "close not ended"
    visit.mend()
    visit.open("/account/close")
    page.get_by_label("To confirm").fill(_WORDS)
    visit.press("Close my account")
    yield "closed"


def logout(visit: Visit) -> Iterator[str]:
    """The pages of a logout."""
    visit.open("/logout")
    yield "logged out"
    visit.log_in()
    visit.open("/account")
    visit.page.route("**/oidc/logout**", lambda route: route.abort("aborted"))
    visit.page.route("**/v2/logout**", lambda route: route.abort("aborted"))
    visit.page.locator(".menu summary").click()
    visit.page.get_by_role("button", name="Log out").click()
    visit.page.get_by_role("heading", name="Logging you out").wait_for()
    yield "logging out"
    visit.page.unroute_all()
    visit.open("/")
    visit.log_in()
    visit.open("/account")
    visit.shop.block_state()
    visit.page.locator(".menu summary").click()
    visit.press("Log out")
    yield "logged out here alone"
