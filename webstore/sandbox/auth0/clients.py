"""The tenant's applications: their records, and what the login endpoints read in them.

https://auth0.com/docs/get-started/applications/application-settings
"""

import base64
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote_plus

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin

from webstore.sandbox.auth0.config import Auth0Config
from webstore.sandbox.auth0.records import Record, Records, random_text

#: Seconds that an ID token lives unless the application says otherwise.
ID_TOKEN_S = 36_000
# The grant types of an application for which none are given.
_GRANT_TYPES = ("authorization_code", "implicit", "refresh_token")
_GLOBAL_ID = "sandboxAllApplications000000000g"


@dataclass(frozen=True)
class Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """An application as the login endpoints see it: its credentials, grant types and registered URLs."""

    record: Record

    @property
    def client_id(self) -> str:
        """The client ID."""
        return str(self.record["client_id"])

    @property
    def client_secret(self) -> str:
        """The client secret."""
        return str(self.record["client_secret"])

    @property
    def logout_urls(self) -> list[str]:
        """The URLs that a browser may return to after the logout."""
        return list(self.record.get("allowed_logout_urls") or ())

    @property
    def backchannel_logout_urls(self) -> list[str]:
        """The URLs that get a logout token when a session of this application ends."""
        return list((self.record.get("oidc_logout") or {}).get("backchannel_logout_urls") or ())

    @property
    def signing_alg(self) -> str:
        """The algorithm of ID tokens. HS256 if none is set.

        https://auth0.com/docs/get-started/applications/signing-algorithms
        """
        return str((self.record.get("jwt_configuration") or {}).get("alg", "HS256"))

    @property
    def id_token_s(self) -> int:
        """Seconds that an ID token lives."""
        return int((self.record.get("jwt_configuration") or {}).get("lifetime_in_seconds", ID_TOKEN_S))

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
        return redirect_uri in (self.record.get("callbacks") or ())

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
        return grant_type in (self.record.get("grant_types") or ())


class Clients(Records):
    """The applications of one tenant. One of them, "All Applications", is global: nobody logs in with it."""

    def reset(self, clients: Iterable[Record]) -> None:
        """Replace all applications by these, and the global one."""
        with self._lock:
            self.clear()
            for record in (*clients, _global_client()):
                self.put(record["client_id"], record)

    def find(self, client_id: str) -> Client | None:
        """The application with this client ID, or None."""
        record = self.get(client_id)
        return None if record is None or record.get("global") else Client(record)


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


def new_client(given: Record) -> Record:
    """A new application with these properties. Those that are not given have Auth0's defaults.

    Without an algorithm, ID tokens are signed with HS256. The dashboard sets RS256, the API does not.
    https://auth0.com/docs/api/management/v2/clients/post-clients
    """
    machine = () if given.get("token_endpoint_auth_method") == "none" else ("client_credentials",)
    return {
        "tenant": "sandbox",
        "global": False,
        "is_token_endpoint_ip_header_trusted": False,
        "name": None,
        "is_first_party": True,
        "oidc_conformant": False,
        "sso_disabled": False,
        "cross_origin_authentication": False,
        "refresh_token": {
            "rotation_type": "non-rotating",
            "expiration_type": "non-expiring",
            "leeway": 0,
            "token_lifetime": 2_592_000,
            "infinite_token_lifetime": True,
            "infinite_idle_token_lifetime": True,
            "idle_token_lifetime": 1_296_000,
        },
        "grant_types": [*_GRANT_TYPES, *machine],
        "custom_login_page_on": True,
        "client_id": random_text(32),
        "client_secret": random_text(64),
        **given,
        "jwt_configuration": {
            "secret_encoded": False,
            **given.get("jwt_configuration", {"lifetime_in_seconds": ID_TOKEN_S}),
        },
    }


def default_client() -> Record:
    """The application that Auth0 makes with each tenant."""
    return new_client({"name": "Default App", "callbacks": []})


def configured_clients(config: Auth0Config) -> list[Record]:
    """The configured applications: the store's and the Management API's, which may be the same."""
    if config.client_id == config.mgmt_client_id:
        return [_store_client(config, ("authorization_code", "client_credentials"))]
    management = new_client(
        {
            "name": "Web store (Management API)",
            "app_type": "non_interactive",
            "client_id": config.mgmt_client_id,
            "client_secret": config.mgmt_client_secret,
            "oidc_conformant": True,
            "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "client_secret_post",
            "jwt_configuration": {"alg": "RS256", "lifetime_in_seconds": ID_TOKEN_S},
        }
    )
    return [_store_client(config, ("authorization_code",)), management]


def _store_client(config: Auth0Config, grant_types: Iterable[str]) -> Record:
    backchannel = config.backchannel_logout_url
    return new_client(
        {
            "name": "Web store",
            "app_type": "regular_web",
            "client_id": config.client_id,
            "client_secret": config.client_secret,
            "oidc_conformant": True,
            "callbacks": list(config.callback_urls),
            "allowed_logout_urls": list(config.logout_urls),
            "grant_types": list(grant_types),
            "token_endpoint_auth_method": "client_secret_post",
            "jwt_configuration": {"alg": "RS256", "lifetime_in_seconds": ID_TOKEN_S},
            **({} if backchannel is None else {"oidc_logout": {"backchannel_logout_urls": [backchannel]}}),
        }
    )


def _global_client() -> Record:
    return {
        "tenant": "sandbox",
        "global": True,
        "name": "All Applications",
        "callbacks": [],
        "is_first_party": True,
        "cross_origin_authentication": True,
        "custom_login_page_on": False,
        "client_id": _GLOBAL_ID,
        "client_secret": random_text(64),
    }
