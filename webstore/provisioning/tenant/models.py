"""The objects of an Auth0 tenant that the store needs, and what it needs of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from webstore.addresses import is_loopback
from webstore.errors import WebstoreError

#: What the store's own Management API calls need: https://auth0.com/docs/api/management/v2/users
STORE_SCOPES = (
    "read:users",
    "update:users",
    "delete:users",
    "read:users_app_metadata",
    "update:users_app_metadata",
)
#: The permissions of the JSON API (docs/api.md), with the words that Auth0's consent page shows.
API_PERMISSIONS = {
    "read:me": "Read the user's own record and Stripe customer",
    "create:checkout": "Open a checkout for the user",
}
TRIGGER = "post-login"


class CannotSetUp(WebstoreError):
    """Something at the tenant or in the settings prevents the set-up; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application (client) of the tenant. Source: https://auth0.com/docs/api/management/v2/clients"""

    #: The client ID; empty for one that does not exist yet.
    id: str
    name: str
    app_type: str
    callbacks: tuple[str, ...] = ()
    logout_urls: tuple[str, ...] = ()
    backchannel_logout_urls: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    #: How ID tokens are signed.
    algorithm: str = ""
    oidc_conformant: bool = False
    #: How the application authenticates (`token_endpoint_auth_method`); empty with a key or a certificate.
    authentication: str = ""
    #: BASE_URL of the store that created it; empty if a person did.
    store: str = ""
    #: Auth0's document, so that a change keeps what the store does not know.
    raw: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """An application's right to an API. Source: https://auth0.com/docs/api/management/v2/client-grants"""

    id: str
    client_id: str
    audience: str
    scopes: tuple[str, ...]
    #: The grant has every scope of the API, also later ones.
    all_scopes: bool = False


@dataclass(frozen=True, slots=True)
class Api:
    """An API (resource server). Source: https://auth0.com/docs/api/management/v2/resource-servers"""

    id: str
    identifier: str
    name: str
    algorithm: str
    #: Descriptions by the names of the permissions.
    permissions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Code:
    """What an Action runs."""

    text: str
    runtime: str = "node22"
    #: npm packages: versions by names.
    dependencies: Mapping[str, str] = field(default_factory=dict)

    def does_the_same_as(self, other: Code | None) -> bool:
        """Whether both run the same. Line ends and blank lines at the end do not matter."""
        return other is not None and self._compared() == other._compared()  # noqa: SLF001  # another of its kind

    def _compared(self) -> tuple[str, str, dict[str, str]]:
        return "\n".join(self.text.splitlines()).rstrip(), self.runtime, dict(self.dependencies)


@dataclass(frozen=True, slots=True)
class Action:
    """An Action. Source: https://auth0.com/docs/api/management/v2/actions"""

    id: str
    name: str
    draft: Code
    #: What runs at logins; None before the first deployment.
    deployed: Code | None
    #: The state of the draft's build: pending, building, packaged, built, retrying or failed.
    status: str = ""
    #: Auth0 never shows the values.
    secret_names: tuple[str, ...] = ()
    deployed_secret_names: tuple[str, ...] = ()

    @property
    def links(self) -> bool:
        """Whether it is the Action that links users: it alone needs Stripe's package."""
        return "stripe" in (self.deployed or self.draft).dependencies

    def runs(self, wanted: WantedAction) -> bool:
        """Whether the deployed version is the wanted one, as far as Auth0 shows it."""
        has_secrets = set(wanted.secrets) <= set(self.deployed_secret_names)
        return wanted.code.does_the_same_as(self.deployed) and has_secrets


@dataclass(frozen=True, slots=True)
class Binding:
    """A place of an Action in the post-login flow."""

    id: str
    display_name: str
    action_id: str
    action_name: str


@dataclass(frozen=True, slots=True)
class WantedAction:
    """The Action that the store wants."""

    code: Code
    #: The namespace of its claims, by which an Action that was installed by hand is found.
    namespace: str
    #: Values by names.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Needs:
    """What one store needs of its tenant."""

    base_url: str
    #: The tenant's canonical domain.
    domain: str
    #: The login's application; None: it is looked for, or created.
    client_id: str | None = None
    #: The application for the Management API, if it is another one.
    mgmt_client_id: str | None = None
    #: Identifier of the JSON API; None: it is off.
    audience: str | None = None
    #: None: no Action.
    action: WantedAction | None = None
    #: Whether client ID and secret of the login's application are still to be kept.
    keeps_credentials: bool = False
    #: Scopes of the grant that the store does not use are taken away.
    exact_scopes: bool = False
    #: Send the Action's secrets again, even if it has secrets of these names.
    renew_secrets: bool = False

    @property
    def mgmt_audience(self) -> str:
        """The identifier of the Management API."""
        return f"https://{self.domain}/api/v2/"

    @property
    def name(self) -> str:
        """The name of what is created for this store, of letters, digits and hyphens."""
        return f"Webstore {re.sub('[^A-Za-z0-9]+', '-', urlsplit(self.base_url).netloc).strip('-')}"

    @property
    def is_public(self) -> bool:
        """Whether Auth0's servers may call the store: only with https, and not on this machine.

        Source: https://auth0.com/docs/authenticate/login/logout/back-channel-logout/configure-back-channel-logout
        """
        parts = urlsplit(self.base_url)
        return parts.scheme == "https" and not is_loopback(parts.hostname)


@dataclass(frozen=True, slots=True)
class Found:
    """The objects that the tenant has for the store."""

    application: Application | None = None
    #: The application for the Management API, if it is another one.
    manager: Application | None = None
    grant: Grant | None = None
    api: Api | None = None
    action: Action | None = None
    #: The post-login flow, in its order.
    bindings: tuple[Binding, ...] = ()
    #: Whether the tenant's plan has back-channel logout.
    has_backchannel_logout: bool = False
