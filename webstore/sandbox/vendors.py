"""The local Auth0 and Stripe together, and the environment variables that point a store at them."""

import hashlib
from typing import Self
from urllib.parse import urlsplit

from webstore.sandbox import pages
from webstore.sandbox.auth0 import Auth0Config, create_auth0
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import TEST_KEY, StripeConfig, create_stripe, demo

#: The identifier of the store's own API in the tenant.
API_AUDIENCE = "https://api.webstore.example/"
API_SCOPES = ("read:me", "create:checkout")
DEFAULT_STORE_URL = "http://127.0.0.1:8000"

# Fixed, so that a store that runs apart from the sandbox can restart without logging anybody out. The hashed
# text warns that it is not for production.
_APP_SECRET_KEY = hashlib.sha256(b"the webstore's sandbox, never for production").hexdigest()
_WEBHOOK_SECRET = "whsec_sandbox_nothing_here_is_real"  # noqa: S105 (public on purpose)


class Sandbox:
    """A local Auth0 and a local Stripe on loopback, for the stores at `store_urls`.

    The constructor binds the ports (0 picks a free one). The servers answer after `start`, or inside
    `with`. Raises OSError when a port is not available.
    """

    def __init__(
        self, *store_urls: str, auth0_port: int = 0, stripe_port: int = 0, stripe: StripeConfig | None = None
    ) -> None:
        self.store_urls = store_urls or (DEFAULT_STORE_URL,)
        self.auth0_server = Server(port=auth0_port)
        try:
            self.stripe_server = Server(port=stripe_port)
        except OSError:
            self.auth0_server.stop()
            raise
        self._auth0_config = auth0_config(self.auth0_server.url, *self.store_urls)
        self.auth0 = create_auth0(self._auth0_config)
        self.stripe = create_stripe(stripe)
        for app in (self.auth0.app, self.stripe.app):
            pages.lead_to(app, self.store_urls[0])
        self.auth0_server.app = self.auth0.app
        self.stripe_server.app = self.stripe.app

    def start(self) -> None:
        """Start both servers and the delivery of webhooks and logout tokens."""
        self.auth0_server.start()
        self.stripe_server.start()
        self.auth0.start()
        self.stripe.start()

    def stop(self) -> None:
        """Stop both servers and the delivery of webhooks and logout tokens."""
        self.stripe.stop()
        self.auth0.stop()
        self.auth0_server.stop()
        self.stripe_server.stop()

    def send_webhooks(self, store_url: str | None = None) -> None:
        """Deliver Stripe's webhooks to a store from now on; without `store_url`, to the first store."""
        self.stripe.listen(f"{store_url or self.store_urls[0]}/webhooks/stripe", _WEBHOOK_SECRET)

    def open_shop(self) -> None:
        """Add the demo catalogue now, and again after each reset."""
        demo.open_shop(self.stripe.state, self.stripe_server.url)

    def environment(self, store_url: str | None = None) -> dict[str, str]:
        """The environment variables for a store; without `store_url`, for the first store."""
        return environment(self._auth0_config, self.stripe_server.url, store_url or self.store_urls[0])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def auth0_config(auth0_url: str, *store_urls: str) -> Auth0Config:
    """The configuration of a tenant at `auth0_url` that has the URLs of the stores registered."""
    return Auth0Config(
        domain=urlsplit(auth0_url).netloc,
        callback_urls=tuple(f"{url}/callback" for url in store_urls),
        logout_urls=tuple(address for url in store_urls for address in (url, f"{url}/")),
        backchannel_logout_url=f"{store_urls[0]}/backchannel-logout",
        audiences={API_AUDIENCE: API_SCOPES},
        # A token without scopes: it is enough to read the catalogue.
        client_grants={API_AUDIENCE: ()},
        claim_namespace=store_urls[0],
    )


def environment(config: Auth0Config, stripe_url: str, store_url: str) -> dict[str, str]:
    """The environment variables that point a store at `store_url` to the local Auth0 and Stripe."""
    return {
        "BASE_URL": store_url,
        "BIND": urlsplit(store_url).netloc,
        "APP_SECRET_KEY": _APP_SECRET_KEY,
        "AUTH0_DOMAIN": config.domain,
        "AUTH0_ISSUER": config.issuer,
        "AUTH0_CLIENT_ID": config.client_id,
        "AUTH0_CLIENT_SECRET": config.client_secret,
        "AUTH0_MGMT_CLIENT_ID": config.mgmt_client_id,
        "AUTH0_MGMT_CLIENT_SECRET": config.mgmt_client_secret,
        "AUTH0_DASHBOARD_URL": f"{config.issuer}dashboard",
        "STRIPE_API_BASE": stripe_url,
        "STRIPE_SECRET_KEY": TEST_KEY,
        "STRIPE_WEBHOOK_SECRET": _WEBHOOK_SECRET,
        "STRIPE_HOSTED_PAGES": stripe_url,
        "AUTH0_AUDIENCE": API_AUDIENCE,
        "STRIPE_DASHBOARD_URL": f"{stripe_url}/test",
    }
