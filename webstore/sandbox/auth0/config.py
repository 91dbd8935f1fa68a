"""The configuration of a sandbox tenant, and the settings that a test may change while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DATABASE = "Username-Password-Authentication"
SOCIAL = "google-oauth2"


@dataclass(frozen=True, kw_only=True)
class Auth0Config:
    """The configuration of a tenant: its domain, its two applications and its APIs.

    `domain` is host and port. `audiences` maps the identifier of each API (besides the Management API) to
    its scopes. `client_grants` maps the identifier of each API that the Management API application may
    request to the scopes that it gets. `claim_namespace` is the prefix of the claims that the simulated
    post-login Action sets. One application may serve both for logins and for the Management API.
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
        """The issuer URL, with a trailing slash as at Auth0."""
        return f"http://{self.domain}/"

    @property
    def social_origin(self) -> str:
        """The origin of the social provider's page: this server under its other name."""
        return f"http://localhost:{self.domain.rpartition(':')[2]}"

    @property
    def management_audience(self) -> str:
        """The Management API's identifier. It begins with https even here, because the SDKs send it so."""
        return f"https://{self.domain}/api/v2/"

    @property
    def userinfo_audience(self) -> str:
        """The second audience of access tokens with the scope `openid`."""
        return f"{self.issuer}userinfo"


@dataclass
class Settings:
    """Settings that a test changes with `PATCH /_sandbox/settings`.

    Times are in seconds. `only_social`: the social connection is the application's only one, so a login goes
    straight to that provider. `token_skew_s` is how far the tenant's clock is ahead of real time.
    `callback_iss` is the tenant setting `authorization_response_iss_parameter_supported`, off by default:
    https://auth0.com/docs/get-started/applications/configure-fapi-compliance/configure-auth0-to-pass-openid-fapi-certification-tests
    `organization_names` maps IDs of organizations to their names, in lower case. Empty: the tenant knows
    organizations by their IDs alone, as by default:
    https://auth0.com/docs/manage-users/organizations/configure-organizations/use-org-name-authentication-api
    `require_organization` is the application's setting for organizations, "required".
    `claim_action`: claims are set as if an Action with `claim_namespace` were bound. An Action of the store
    that is deployed and bound sets them without it. `action_build_s` and `action_deploy_s`: how long a draft
    is built and a version is deployed. `action_build_fails`: builds that begin now fail. `export_s`: how long
    an export of users takes at least. `custom_domains`: further host names (with ports) of the tenant,
    for all but social logins. The first is the primary one. `rate_limit_per_s` and `rate_limit_burst` are the
    Management API's: 15 and 50 in the plans Essentials and Professional, 2 and 10 in the free one:
    https://auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy/rate-limit-configurations
    """

    claim_action: bool = False
    only_social: bool = False
    require_pkce: bool = False
    callback_iss: bool = False
    token_skew_s: float = 0
    search_lag_s: float = 0
    search_timeout_s: float = 2
    rate_limit_per_s: float = 1000
    rate_limit_burst: int = 1000
    organizations: list[str] = field(default_factory=lambda: ["org_sandbox000000001"])
    organization_names: dict[str, str] = field(default_factory=dict)
    require_organization: bool = False
    action_build_s: float = 0.2
    action_deploy_s: float = 0.1
    action_build_fails: bool = False
    export_s: float = 0.2
    custom_domains: list[str] = field(default_factory=list)
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
