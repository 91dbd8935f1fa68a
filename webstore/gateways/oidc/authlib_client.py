"""Authlib's OAuth 2.0 client, with the store's wire, its metadata and keys, and its client authentication."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from authlib.integrations.flask_client import FlaskOAuth2App
from authlib.oauth2.auth import ClientAuth
from authlib.oidc.core import CodeIDToken, ImplicitIDToken, UserInfo

from webstore.errors import LoginMisconfigured
from webstore.gateways.wire import Sender

from .provider import Provider
from .provider_answers import ClientRefused
from .signed_tokens import verified
from .token_endpoint import TokenClient

#: The ways to send the client secret, the preferred one first: in a form its encoding is never in doubt.
_METHODS = ("client_secret_post", "client_secret_basic")


class AuthlibClient(FlaskOAuth2App):  # type: ignore[misc]  # Authlib carries no types
    """Authlib's client. It sends through the store's wire, and takes metadata and keys from `Provider`."""

    provider: Provider
    wire: Sender
    #: The store's callback, as registered at the provider.
    redirect_uri: str
    #: The way to send the client secret that the provider accepted last.
    accepted: str | None = None

    def load_server_metadata(self) -> dict[str, Any]:
        """The provider's metadata."""
        return self.provider.metadata()

    def parse_id_token(
        self,
        token: Mapping[str, Any],
        nonce: str,
        claims_options: object = None,
        claims_cls: object = None,
        leeway: int = 120,
    ) -> UserInfo:
        """Verify the ID token's signature (RS256 alone) and its claims. Raises what joserfc raises.

        Authlib's own method parses the provider's keys at each login.
        """
        decoded = verified(token["id_token"], self.provider, strict_header=False)
        kind = CodeIDToken if "access_token" in token else ImplicitIDToken
        expected = {"nonce": nonce, "client_id": self.client_id, "access_token": token.get("access_token")}
        claims = kind(decoded.claims, decoded.header, claims_options, expected)
        claims.validate(leeway=leeway)
        return UserInfo(claims)

    def fetch_access_token(self, redirect_uri: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Exchange the code for tokens. Raises `LoginError` and what Authlib raises.

        An application may be registered for one of the ways that the provider offers, so a refused client
        tries the other one: providers authenticate the client before they look at the code.
        """
        metadata = self.load_server_metadata()
        refusals: list[ClientRefused] = []
        for method in sorted(_offered(metadata), key=lambda method: method != self.accepted):
            try:
                token = self._exchange(metadata, method, parameters)
            except ClientRefused as exc:
                refusals.append(exc)
            else:
                self.accepted = method
                return token
        raise refusals[0]

    def _exchange(self, metadata: dict[str, Any], method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._get_oauth_client(token_endpoint_auth_method=method) as client:
            client.redirect_uri = self.redirect_uri
            token: dict[str, Any] = client.fetch_token(metadata["token_endpoint"], **parameters)
        return token

    def _get_oauth_client(
        self, token_endpoint_auth_method: str | None = None, **_metadata: object
    ) -> TokenClient:
        """Authlib's protocol client for one step of a login."""
        client = TokenClient(
            self.wire,
            client_id=self.client_id,
            client_secret=self.client_secret,
            token_endpoint_auth_method=token_endpoint_auth_method,
            **self.client_kwargs,
        )
        client.register_client_auth_method(("client_secret_basic", _encode_basic))
        return client


def _offered(metadata: dict[str, Any]) -> list[str]:
    """The ways to send the client secret that the provider offers and the store knows.

    Without a list it is `client_secret_basic`: https://openid.net/specs/openid-connect-discovery-1_0.html,
    section 3. Raises `LoginMisconfigured` if there is none.
    """
    listed = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    found = [method for method in _METHODS if isinstance(listed, list) and method in listed]
    if not found:
        raise LoginMisconfigured(
            "the provider takes a client secret neither in the form (client_secret_post) nor in the header "
            "(client_secret_basic), and the store knows no other way"
        )
    return found


def _encode_basic(
    client: ClientAuth, _method: str, uri: str, headers: dict[str, str], body: Any
) -> tuple[str, dict[str, str], Any]:
    """Send ID and secret in the header, each percent-encoded first.

    RFC 6749, section 2.3.1, wants them form-encoded. A space becomes `%20`, which every decoder reads.
    """
    pair = ":".join(quote(text, safe="") for text in (client.client_id, client.client_secret))
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body


def quiet_authlib() -> None:
    """Set Authlib's log level to INFO: at DEBUG it logs code verifiers, which must never be in a log."""
    logging.getLogger("authlib").setLevel(logging.INFO)
