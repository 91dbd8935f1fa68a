"""The tenant's applications, as client objects for Authlib's server."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_plus

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin

from webstore.sandbox.auth0.config import Auth0Config


@dataclass(frozen=True, kw_only=True)
class Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """An application: its credentials, grant types and registered URLs."""

    client_id: str
    client_secret: str
    grant_types: tuple[str, ...]
    callback_urls: tuple[str, ...] = ()
    logout_urls: tuple[str, ...] = ()
    backchannel_logout_url: str | None = None

    def get_client_id(self) -> str:
        """The client ID."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None, because each request must name its redirect URI."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """The scope as requested. The grant reduces it later, because it also depends on the audience."""
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether exactly this redirect URI is registered."""
        return redirect_uri in self.callback_urls

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether the client secret is right. Compares in constant time."""
        return secrets.compare_digest(self.client_secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Whether the method is supported: https://auth0.com/docs/get-started/applications/credentials ."""
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        """Whether the response type is `code`, the only one that the sandbox supports."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether the application may use this grant."""
        return grant_type in self.grant_types


def authenticated(find: Callable[[str], Client | None], request: OAuth2Request) -> Client | None:
    """The application whose ID and secret the header Authorization has, or None.

    Both are form-encoded before they are joined: RFC 6749, section 2.3.1. Authlib's own reading also takes a
    `+` that was not encoded.
    """
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(credentials, validate=True).decode("ascii")
    except ValueError:
        return None
    client_id, secret = (unquote_plus(part) for part in pair.partition(":")[::2])
    client = find(client_id)
    return client if client is not None and client.check_client_secret(secret) else None


def applications(config: Auth0Config) -> dict[str, Client]:
    """The applications by client ID: the store's and the Management API's, which may be the same."""
    if config.client_id == config.mgmt_client_id:
        both = ("authorization_code", "client_credentials")
        clients = [_store(config, both)]
    else:
        management = Client(
            client_id=config.mgmt_client_id,
            client_secret=config.mgmt_client_secret,
            grant_types=("client_credentials",),
        )
        clients = [_store(config, ("authorization_code",)), management]
    return {client.client_id: client for client in clients}


def _store(config: Auth0Config, grant_types: tuple[str, ...]) -> Client:
    return Client(
        client_id=config.client_id,
        client_secret=config.client_secret,
        grant_types=grant_types,
        callback_urls=config.callback_urls,
        logout_urls=config.logout_urls,
        backchannel_logout_url=config.backchannel_logout_url,
    )
