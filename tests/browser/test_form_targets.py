"""Forms whose way leads over other origins, in Chromium: none of them may end in nothing."""

from __future__ import annotations

from urllib.parse import urlencode

from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.browser.test_checkout import heading
from tests.goods import sell
from tests.login.steps import DISCOVERY

ADA = "ada@example.com"


def test_paying_after_the_session_ended_leads_over_a_social_login_back_to_the_purchase(
    desktop: Person,
) -> None:
    pot = sell(desktop.shop, "Teapot", 2900)
    desktop.come_logged_in(ADA)
    desktop.open(f"/checkout?price={pot.price}")
    desktop.page.context.clear_cookies()
    desktop.shop.sandbox.auth0.control.change_settings({"only_social": True})
    desktop.click("Continue to payment")
    heading(desktop, "Please log in")
    desktop.page.get_by_role("main").get_by_role("link", name="Log in").click()
    heading(desktop, "Sandbox Social")
    port = desktop.shop.sandbox.auth0_server.port
    assert desktop.page.url.startswith(f"http://localhost:{port}/u/social?")
    desktop.page.get_by_label("Name").fill("Eve Example")
    desktop.click("Continue")
    heading(desktop, "Checkout")
    assert desktop.path() == f"/checkout?price={pot.price}&quantity=1"
    expect(desktop.page.get_by_role("main")).to_contain_text("Teapot")
    desktop.click("Continue to payment")
    assert desktop.page.url.startswith(desktop.shop.environment["STRIPE_HOSTED_PAGES"])
    desktop.forgive("403")


def test_logging_out_leads_over_origins_that_the_store_does_not_know(desktop: Person) -> None:
    desktop.come_logged_in(ADA)
    shop = desktop.shop
    query = {"client_id": shop.environment["AUTH0_CLIENT_ID"], "post_logout_redirect_uri": f"{shop.url}/"}
    hop = f"http://localhost:{shop.sandbox.auth0_server.port}/oidc/logout?{urlencode(query)}"
    shop.sandbox.auth0.control.add_fault(
        action="status", path="/oidc/logout", status=302, headers={"Location": hop}
    )
    reached: list[str] = []
    desktop.page.on("request", lambda request: reached.append(request.url))
    desktop.log_out()
    assert hop in reached
    expect(desktop.page.get_by_role("link", name="Log in", exact=True)).to_be_visible()


def test_logging_out_leads_to_an_end_session_endpoint_at_another_origin(desktop: Person) -> None:
    shop = desktop.shop
    issuer = shop.environment["AUTH0_ISSUER"]
    other = f"http://localhost:{shop.sandbox.auth0_server.port}/"
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}authorize",
        "end_session_endpoint": f"{other}oidc/logout",
        "token_endpoint": f"{issuer}oauth/token",
        "jwks_uri": f"{issuer}.well-known/jwks.json",
    }
    shop.sandbox.auth0.control.add_fault(
        action="status", path=DISCOVERY, status=200, body=document, times=None
    )
    desktop.come_logged_in(ADA)
    desktop.page.wait_for_load_state("networkidle")  # nothing is refused while the store restarts
    # The page's policy does not have the origin: this process has not read the metadata yet.
    shop.restart()
    desktop.open("/account")
    reached: list[str] = []
    desktop.page.on("request", lambda request: reached.append(request.url.partition("?")[0]))
    desktop.log_out()
    desktop.page.wait_for_load_state("networkidle")
    assert f"{other}oidc/logout" in reached
