"""Authlib's OAuth 2.0 client, with the store's wire, its metadata and keys, and its client authentication."""

from __future__ import annotations

import base64
import logging
from typing import Any
from urllib.parse import quote

import requests
from authlib.integrations.flask_client import FlaskOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.auth import ClientAuth

from webstore.errors import LoginMisconfigured
from webstore.gateways.http_clients import RequestsAdapter
from webstore.gateways.wire import Sender

from .provider import Provider
from .provider_answers import ClientRefused, check_token_answer

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
        """The provider's metadata, with RS256 as the only accepted algorithm of ID tokens."""
        return {**self.provider.metadata(), "id_token_signing_alg_values_supported": ["RS256"]}

    def fetch_jwk_set(self, force: bool = False) -> dict[str, Any]:
        """The provider's signing keys, as a JWK set."""
        return {"keys": self.provider.keys(force=force)}

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
        with self._get_oauth_client(**metadata, token_endpoint_auth_method=method) as client:
            client.redirect_uri = self.redirect_uri
            token: dict[str, Any] = client.fetch_token(metadata["token_endpoint"], **parameters)
        return token

    def _get_oauth_client(self, **metadata: object) -> OAuth2Session:
        http = super()._get_oauth_client(**metadata)
        http.trust_env = False
        for scheme in ("https://", "http://"):
            http.mount(scheme, RequestsAdapter(self.wire))
        http.register_client_auth_method(("client_secret_basic", _encode_basic))
        http.register_compliance_hook("access_token_response", _checked)
        return http


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


def _checked(answer: requests.Response) -> requests.Response:
    """Pass on an answer of the token endpoint that is about this login. Raises `LoginError` for others."""
    check_token_answer(answer.status_code, answer.headers.get("Content-Type", ""), answer.content)
    return answer


def quiet_authlib() -> None:
    """Set Authlib's log level to INFO: at DEBUG it logs code verifiers, which must never be in a log."""
    logging.getLogger("authlib").setLevel(logging.INFO)
