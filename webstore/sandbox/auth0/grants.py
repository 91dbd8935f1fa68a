"""The tenant's client grants: which application may request which scopes of which API for itself.

https://auth0.com/docs/get-started/applications/application-access-to-apis-client-grants
"""

from collections.abc import Callable

from webstore.sandbox.auth0.config import Auth0Config, Settings
from webstore.sandbox.auth0.records import Record, Records, random_text

_OWN_ID = "cgr_sandboxManagement"


class ClientGrants(Records):
    """The client grants of one tenant.

    The scopes of the configured Management API application are `Settings.management_scopes`, and a PATCH of
    its grant changes that setting.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def all(self) -> list[Record]:
        """All client grants, oldest first."""
        return [self._current(record) for record in super().all()]

    def get(self, record_id: str) -> Record | None:
        """The client grant with this ID, or None."""
        record = super().get(record_id)
        return None if record is None else self._current(record)

    def change(self, record_id: str, how: Callable[[Record], Record]) -> Record | None:
        """Replace a client grant by `how(grant)`, atomically. Returns the new one, or None."""
        with self._lock:
            changed = super().change(record_id, how)
            if changed is not None and record_id == _OWN_ID:
                self._settings.management_scopes = list(changed.get("scope", ()))
            return changed

    def find(self, client_id: str, audience: str) -> Record | None:
        """The application's grant for an API, or None."""
        wanted = (client_id, audience, "client")
        return next((it for it in self.all() if _key(it) == wanted), None)

    def add(self, given: Record) -> Record | None:
        """Add a client grant and return it, or None if the application has one for this API."""
        with self._lock:
            record = {"id": f"cgr_{random_text(16)}", **given}
            record.setdefault("subject_type", "client")
            if any(_key(it) == _key(record) for it in self.all()):
                return None
            self.put(record["id"], record)
            return record

    def forget(self, *, client_id: str | None = None, audience: str | None = None) -> None:
        """Remove the grants of a deleted application or API."""
        with self._lock:
            for grant in self.all():
                if client_id == grant["client_id"] or audience == grant["audience"]:
                    self.remove(grant["id"])

    def reset(self, config: Auth0Config, *, empty: bool) -> None:
        """Replace all client grants by the configured ones, or by none."""
        with self._lock:
            self.clear()
            if empty:
                return
            own = {"client_id": config.mgmt_client_id, "subject_type": "client"}
            self.put(_OWN_ID, {"id": _OWN_ID, **own, "audience": config.management_audience, "scope": []})
            for audience, scopes in config.client_grants.items():
                self.add({**own, "audience": audience, "scope": list(scopes)})

    def _current(self, record: Record) -> Record:
        if record["id"] != _OWN_ID or "scope" not in record:
            return record
        return {**record, "scope": list(self._settings.management_scopes)}


def _key(grant: Record) -> tuple[str, str, str]:
    return grant["client_id"], grant["audience"], grant["subject_type"]
