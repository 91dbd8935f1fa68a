"""Access tokens for the Auth0 Management API, fetched once and shared by all workers of the store."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from contextlib import suppress

import httpx

from webstore import metrics
from webstore.errors import ClientRefused, DirectoryRefused, DirectoryUnavailable, StateUnavailable
from webstore.state import State

from .profiles import printable
from .single_flight import SingleFlight

#: Seconds. A token is renewed this long before it expires, or at half its lifetime if that is later.
_TOKEN_MARGIN_S = 120.0


class ManagementTokens:
    """Gets access tokens for the Management API (client credentials grant).

    All workers share one token through the state, because Auth0 meters the tokens that it issues.
    Source: https://auth0.com/docs/secure/tokens/access-tokens/management-api-access-tokens
    """

    def __init__(
        self,
        http: httpx.Client,
        state: State,
        *,
        base_url: str,
        domain: str,
        client_id: str,
        client_secret: str,
    ) -> None:
        self._http, self._state = http, state
        self._base_url, self._domain = base_url, domain
        self._client_id, self._client_secret = client_id, client_secret
        self._key = f"auth0-management-token:{domain}:{client_id}"
        self._lock = threading.Lock()
        self._flight = SingleFlight[str]()
        self._token, self._renew_at = "", 0.0
        #: The newest token that this process itself got from Auth0.
        self._fetched = ""
        self._refused: deque[str] = deque(maxlen=4)

    def get(self) -> str:
        """Give a valid token, from memory, from the state or from Auth0.

        Raises `DirectoryRefused` and `DirectoryUnavailable`.
        """
        token, renew_at = self._token, self._renew_at
        if token and token not in self._refused and time.time() < renew_at:
            metrics.count_cache_read("management_token", "hit")
            return token
        metrics.count_cache_read("management_token", "miss")
        token = self._share_one()
        # Another thread may have read it from the state just before the API refused it.
        return self._share_one() if token in self._refused else token

    def forget(self, token: str) -> None:
        """Drop a token that the API refused; keep a newer one that another worker has stored."""
        self._refused.append(token)
        with suppress(StateUnavailable):
            if self._stored() in (None, token):
                self._state.delete(self._key)

    def is_fetched(self, token: str) -> bool:
        """Whether the token is the newest one that this process itself got from Auth0."""
        return token == self._fetched

    def _share_one(self) -> str:
        """The token from the state, or a new one; threads that ask at the same time share it."""
        return self._flight.run(lambda: self._from_state() or self._fetch())

    def _from_state(self) -> str | None:
        """The shared token; None if it is missing, malformed, refused, due for renewal or cannot be read."""
        with suppress(StateUnavailable, ValueError, KeyError, TypeError):
            stored = json.loads(self._state.get(self._key) or "null")
            if stored["token"] not in self._refused and time.time() < float(stored["renew_at"]):
                return self._keep(str(stored["token"]), float(stored["renew_at"]))
        return None

    def _stored(self) -> str | None:
        """The shared token, valid or not; None if it is missing or malformed. Raises `StateUnavailable`."""
        try:
            return str(json.loads(self._state.get(self._key) or "null")["token"])
        except (ValueError, KeyError, TypeError):
            return None

    def _keep(self, token: str, renew_at: float) -> str:
        with self._lock:
            self._token, self._renew_at = token, renew_at
        return token

    def _fetch(self) -> str:
        """Get a new token from Auth0 and share it through the state."""
        token, lifetime = request_token(
            self._http,
            base_url=self._base_url,
            domain=self._domain,
            client_id=self._client_id,
            client_secret=self._client_secret,
        )
        # Two tokens issued within one second can be the same.
        with suppress(ValueError):
            self._refused.remove(token)
        self._fetched = token
        renew_at = time.time() + max(lifetime - _TOKEN_MARGIN_S, lifetime / 2)
        with suppress(StateUnavailable):
            self._state.set(
                self._key, json.dumps({"token": token, "renew_at": renew_at}), renew_at - time.time()
            )
        return self._keep(token, renew_at)


def request_token(
    http: httpx.Client,
    *,
    base_url: str,
    domain: str,
    client_id: str,
    client_secret: str,
    settings: str = "AUTH0_MGMT",
) -> tuple[str, float]:
    """A new access token for the Management API, and its lifetime in seconds.

    `settings`: what the names of the settings with the client ID and the secret begin with.
    Raises `ClientRefused` if the client ID or its secret is wrong, `DirectoryRefused` if the application may
    not have a token, and `DirectoryUnavailable`.
    Source: https://auth0.com/docs/api/authentication/client-credential-flow/get-token
    """
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "audience": f"https://{domain}/api/v2/",
    }
    try:
        response = http.post(f"{base_url}/oauth/token", data=form)
    except httpx.HTTPError as exc:
        raise DirectoryUnavailable(f"no Management API token: {exc}") from exc
    if response.status_code in (400, 401, 403):
        raise _refusal(response, settings)
    try:
        answer = response.raise_for_status().json()
        return str(answer["access_token"]), float(answer["expires_in"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as exc:
        raise DirectoryUnavailable(f"no Management API token: status {response.status_code}") from exc


def _refusal(response: httpx.Response, settings: str) -> DirectoryRefused:
    """Why Auth0 gave no token, and the setting that is likely to be wrong."""
    code = description = ""
    with suppress(ValueError):
        body = response.json()
        if isinstance(body, dict):
            code, description = printable(body.get("error"), 60), printable(body.get("error_description"))
    error = DirectoryRefused
    if response.status_code == 401 or code == "invalid_client":
        error, setting = ClientRefused, f"{settings}_CLIENT_ID and {settings}_CLIENT_SECRET"
    elif "service not found" in description.lower():
        setting = "AUTH0_MGMT_DOMAIN, which is the tenant's own domain (TENANT.REGION.auth0.com)"
    elif code == "unauthorized_client":
        setting = f"the grant types of the application {settings}_CLIENT_ID: it needs Client Credentials"
    else:
        setting = f"whether the application {settings}_CLIENT_ID is authorized for the Management API"
    return error(f"no Management API token: {response.status_code} {code}; check {setting}")
