"""The tenant's settings: https://auth0.com/docs/get-started/tenant-settings ."""

import threading
from typing import Any

from webstore.sandbox.auth0.config import DATABASE, Settings
from webstore.sandbox.auth0.records import Record

_ISS = "authorization_response_iss_parameter_supported"
_DEFAULTS: dict[str, Any] = {  # Any: JSON
    "change_password": {"enabled": False},
    "default_directory": DATABASE,
    "enabled_locales": ["en"],
    "flags": {
        "allow_changing_enable_sso": False,
        "disable_clickjack_protection_headers": False,
        "disable_impersonation": True,
        "enable_client_connections": True,
        "enable_sso": True,
        "revoke_refresh_token_grant": False,
    },
    "friendly_name": "Sandbox",
    "guardian_mfa_page": {"enabled": False},
    "session_lifetime": 168,
    "idle_session_lifetime": 72,
    "ephemeral_session_lifetime": 72,
    "idle_ephemeral_session_lifetime": 24,
    "oidc_logout": {"rp_logout_end_session_endpoint_discovery": True},
    "resource_parameter_profile": "audience",
    "sandbox_version": "22",
    "sandbox_versions_available": ["22", "18"],
    "support_email": "",
}


class TenantSettings:
    """The settings that the Management API shows and changes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Go back to the settings of a new tenant."""
        with self._lock:
            self._record = dict(_DEFAULTS)

    def show(self) -> Record:
        """All settings that have a value."""
        with self._lock:
            return {**self._record, _ISS: self._settings.callback_iss}

    def change(self, changes: Record) -> Record:
        """Replace settings; null removes one, and flags are merged. Returns all settings."""
        with self._lock:
            record = {**self._record, **changes}
            if "flags" in changes:
                record["flags"] = {**self._record["flags"], **changes["flags"]}
            if _ISS in changes:
                self._settings.callback_iss = bool(record.pop(_ISS))
            self._record = {name: value for name, value in record.items() if value is not None}
        return self.show()

    @property
    def logout_urls(self) -> list[str]:
        """The URLs that a browser may return to after a logout that names no application."""
        return list(self.show().get("allowed_logout_urls") or ())

    @property
    def session_s(self) -> float:
        """Seconds after which a session ends."""
        return float(self.show().get("session_lifetime", 168)) * 3600

    @property
    def idle_s(self) -> float:
        """Seconds without use after which a session ends."""
        return float(self.show().get("idle_session_lifetime", 72)) * 3600
