"""What one sandbox tenant is made of, and the switches that a test may turn while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DATABASE = "Username-Password-Authentication"
SOCIAL = "google-oauth2"


@dataclass(frozen=True, kw_only=True)
class Auth0Config:
    """The tenant: its address, its two applications and its APIs.

    `domain` is host and port. `audiences` maps the identifier of each further API to its scopes, and
    `client_grants` that of each one that the Management API application may ask for to what it is granted.
    `claim_namespace` is where the acted-out Action puts its claim.
    The Management API application may be the same as the one for logins.
    """

    domain: str = "127.0.0.1:8001"
    client_id: str = "sandboxStoreClient0000000000000a"
    client_secret: str = "sandbox-store-client-secret-not-for-production-0000000000000000a"  # noqa: S105 (public on purpose)
    mgmt_client_id: str = "sandboxManagementClient00000000b"
    mgmt_client_secret: str = "sandbox-management-client-secret-not-for-production-000000000b"  # noqa: S105 (public on purpose)
    callback_urls: tuple[str, ...] = ("http://127.0.0.1:8000/callback",)
    logout_urls: tuple[str, ...] = ("http://127.0.0.1:8000/",)
    backchannel_logout_url: str | None = None
    audiences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    client_grants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    claim_namespace: str = "http://127.0.0.1:8000"

    @property
    def issuer(self) -> str:
        """The issuer, with the trailing slash that Auth0's have."""
        return f"http://{self.domain}/"

    @property
    def management_audience(self) -> str:
        """The Management API's identifier: https even here, as the SDKs ask for it."""
        return f"https://{self.domain}/api/v2/"

    @property
    def userinfo_audience(self) -> str:
        """The second audience of access tokens that were issued with the scope `openid`."""
        return f"{self.issuer}userinfo"

    def claim(self, name: str) -> str:
        """The full name of a claim that the acted-out Action sets."""
        return f"{self.claim_namespace.rstrip('/')}/{name}"


@dataclass
class Settings:
    """Switches, changed with `PATCH /_sandbox/settings`.

    Times are in seconds. `token_skew_s` is how far the tenant's clock is ahead of everybody else's.
    `callback_iss` is the tenant setting `authorization_response_iss_parameter_supported`, off by default:
    https://auth0.com/docs/get-started/applications/configure-fapi-compliance/configure-auth0-to-pass-openid-fapi-certification-tests
    """

    claim_action: bool = False
    require_pkce: bool = False
    callback_iss: bool = False
    token_skew_s: float = 0
    search_lag_s: float = 0
    search_timeout_s: float = 2
    rate_limit_per_s: float = 1000
    rate_limit_burst: int = 1000
    organizations: list[str] = field(default_factory=lambda: ["org_sandbox000000001"])
    management_scopes: list[str] = field(
        default_factory=lambda: [
            "read:users",
            "update:users",
            "delete:users",
            "create:users",
            "read:users_app_metadata",
            "update:users_app_metadata",
        ]
    )
