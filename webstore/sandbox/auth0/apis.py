"""The tenant's APIs, which Auth0 also calls resource servers. The Management API is one of them.

https://auth0.com/docs/get-started/apis/api-settings
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from webstore.sandbox.auth0.config import Auth0Config
from webstore.sandbox.auth0.records import Record, Records, random_text
from webstore.sandbox.auth0.scopes import MANAGEMENT_SCOPES

_TOKEN_S = 86_400
_MANAGEMENT_ID = "5a0000000000000000000001"


@dataclass(frozen=True)
class Api:
    """An API as the token endpoint sees it."""

    record: Record

    @property
    def identifier(self) -> str:
        """The audience of its access tokens."""
        return str(self.record["identifier"])

    @property
    def scopes(self) -> list[str]:
        """The names of its permissions."""
        return [scope["value"] for scope in self.record.get("scopes") or ()]

    @property
    def token_s(self) -> int:
        """Seconds that an access token lives."""
        return int(self.record["token_lifetime"])

    @property
    def is_system(self) -> bool:
        """Whether it is Auth0's own."""
        return bool(self.record.get("is_system"))

    @property
    def signing_secret(self) -> str | None:
        """The secret that signs its access tokens (HS256), or None if the tenant's key does (RS256)."""
        return str(self.record["signing_secret"]) if self.record["signing_alg"] == "HS256" else None

    @property
    def only_permitted(self) -> bool:
        """Whether users only get scopes that a role gives them. No user of the sandbox has a role.

        https://auth0.com/docs/get-started/apis/enable-role-based-access-control-for-apis
        """
        return bool(self.record.get("enforce_policies"))

    @property
    def names_permissions(self) -> bool:
        """Whether access tokens have the claim `permissions`."""
        return self.only_permitted and str(self.record.get("token_dialect", "")).endswith("_authz")


class Apis(Records):
    """The APIs of one tenant."""

    def find(self, name: str) -> Api | None:
        """The API with this ID or identifier, or None."""
        found = (it for it in self.all() if name in (it["id"], it["identifier"]))
        return next((Api(record) for record in found), None)

    def of_users(self, identifier: str | None) -> Api | None:
        """The API that a user may get an access token for, or None."""
        api = self.find(identifier or "")
        return None if api is None or api.is_system else api

    def reset(self, config: Auth0Config, *, empty: bool) -> None:
        """Replace all APIs by the Management API and, unless it is to be `empty`, the configured ones."""
        with self._lock:
            self.clear()
            self._add(_management_api(config))
            for identifier, scopes in {} if empty else config.audiences.items():
                named = [{"value": scope, "description": scope} for scope in scopes]
                self._add(new_api({"name": identifier, "identifier": identifier, "scopes": named}))

    def _add(self, record: Record) -> None:
        self.put(record["id"], record)


def new_api(given: Record) -> Record:
    """A new API with these properties. Those that are not given have Auth0's defaults.

    https://auth0.com/docs/api/management/v2/resource-servers/post-resource-servers
    """
    record = {
        "id": secrets.token_hex(12),
        "allow_offline_access": False,
        "skip_consent_for_verifiable_first_party_clients": False,
        "subject_type_authorization": {
            "client": {"policy": "require_client_grant"},
            "user": {"policy": "allow_all"},
        },
        "token_lifetime": _TOKEN_S,
        "token_lifetime_for_web": 7200,
        "signing_alg": "RS256",
        **given,
    }
    if record["signing_alg"] == "HS256":
        record.setdefault("signing_secret", random_text(32))
    return record


def unknown_scopes(api: Api, asked: Iterable[str]) -> list[str]:
    """The scopes that the API does not have."""
    return [scope for scope in asked if scope not in api.scopes]


def _management_api(config: Auth0Config) -> Record:
    api = new_api(
        {
            "id": _MANAGEMENT_ID,
            "name": "Auth0 Management API",
            "identifier": config.management_audience,
            "scopes": [{"value": name, "description": text} for name, text in MANAGEMENT_SCOPES.items()],
            "is_system": True,
        }
    )
    return {name: value for name, value in api.items() if name != "subject_type_authorization"}
