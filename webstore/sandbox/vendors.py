"""Both vendors together, and the environment that points a store at them."""

import hashlib
from typing import Self
from urllib.parse import urlsplit

from webstore.sandbox.auth0 import Auth0Config, create_auth0
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import TEST_KEY, create_stripe, demo

#: The identifier of the store's own API in the tenant.
API_AUDIENCE = "https://api.webstore.example/"
API_SCOPES = ("read:me", "create:checkout")
DEFAULT_STORE_URL = "http://127.0.0.1:8000"

# Fixed, so that a restart logs nobody out, and derived from a sentence that says what it is good for.
_APP_SECRET_KEY = hashlib.sha256(b"the webstore's sandbox, never for production").hexdigest()
_WEBHOOK_SECRET = "whsec_sandbox_nothing_here_is_real"  # noqa: S105 (public on purpose)


class Sandbox:
    """An Auth0 and a Stripe on loopback, for the stores at the given addresses.

    The ports are taken when it is made (0 takes free ones); `start` or `with` begins to answer. Raises
    OSError when a port is not to be had.
    """

    def __init__(self, *store_urls: str, auth0_port: int = 0, stripe_port: int = 0) -> None:
        self.store_urls = store_urls or (DEFAULT_STORE_URL,)
        self.auth0_server = Server(port=auth0_port)
        try:
            self.stripe_server = Server(port=stripe_port)
        except OSError:
            self.auth0_server.stop()
            raise
        self._auth0_config = auth0_config(self.auth0_server.url, *self.store_urls)
        self.auth0 = create_auth0(self._auth0_config)
        self.stripe = create_stripe()
        self.auth0_server.app = self.auth0.app
        self.stripe_server.app = self.stripe.app

    def start(self) -> None:
        """Begin to answer."""
        self.auth0_server.start()
        self.stripe_server.start()
        self.stripe.start()

    def stop(self) -> None:
        """Answer no more."""
        self.stripe.stop()
        self.auth0_server.stop()
        self.stripe_server.stop()

    def send_webhooks(self, store_url: str | None = None) -> None:
        """Send what happens at Stripe to a store from now on; without `store_url` to the first of them."""
        self.stripe.listen(f"{store_url or self.store_urls[0]}/webhooks/stripe", _WEBHOOK_SECRET)

    def open_shop(self) -> None:
        """Put the demonstration's products on sale, again after each reset, too."""
        demo.open_shop(self.stripe.state, self.stripe_server.url)

    def environment(self, store_url: str | None = None) -> dict[str, str]:
        """What a store has to find in its environment; without `store_url` the first of the stores."""
        return environment(self._auth0_config, self.stripe_server.url, store_url or self.store_urls[0])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def auth0_config(auth0_url: str, *store_urls: str) -> Auth0Config:
    """The tenant at `auth0_url`, with the callbacks of the stores at `store_urls` registered."""
    return Auth0Config(
        domain=urlsplit(auth0_url).netloc,
        callback_urls=tuple(f"{url}/callback" for url in store_urls),
        logout_urls=tuple(address for url in store_urls for address in (url, f"{url}/")),
        backchannel_logout_url=f"{store_urls[0]}/backchannel-logout",
        audiences={API_AUDIENCE: API_SCOPES},
        # A program may read the catalogue.
        client_grants={API_AUDIENCE: ()},
        claim_namespace=store_urls[0],
    )


def environment(config: Auth0Config, stripe_url: str, store_url: str) -> dict[str, str]:
    """What a store at `store_url` has to find in its environment to use these two vendors."""
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
