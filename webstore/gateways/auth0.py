"""The user directory: reads and updates users through the Auth0 Management API (SDK: auth0-python).

The SDK's `ManagementClient` and its token provider support https only, wait for up to a minute, and sleep
after a 429. This module uses the SDK's lower-level `Auth0` client instead, because its base URL, transport
and retries can be set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from auth0.management.client import Auth0
from auth0.management.core.api_error import ApiError
from auth0.management.core.parse_error import ParsingError
from auth0.management.users import client as _users  # noqa: F401  # else each worker imports it at its first link

from webstore.errors import DirectoryRefused, DirectoryUnavailable, UserGone
from webstore.linking.models import User
from webstore.state import State

from .auth0_tokens import ManagementTokens
from .http_clients import HttpxTransport
from .profiles import is_true, printable, text_of, time_of, without_surrogates
from .wire import Sender

__all__ = ["Auth0Directory", "ManagementTokens"]

T = TypeVar("T")

#: What the names of all keys of `app_metadata` begin with that the store reads and writes.
_RECORDS = "stripe_"
_FIELDS = (
    "user_id,email,email_verified,name,picture,created_at,identities,app_metadata,blocked,last_password_reset"
)


class Auth0Directory:
    """The users of one Auth0 tenant.

    The Management API application needs the scopes read:users, update:users, read:users_app_metadata and
    update:users_app_metadata, and delete:users for `delete_user`.
    """

    def __init__(
        self, wire: Sender, state: State, *, base_url: str, domain: str, client_id: str, client_secret: str
    ) -> None:
        """`base_url`: the tenant's origin. `domain`: its canonical domain, a part of the API's audience."""
        http = httpx.Client(transport=HttpxTransport(wire))
        self._tokens = ManagementTokens(
            http, state, base_url=base_url, domain=domain, client_id=client_id, client_secret=client_secret
        )
        self._http, self._api_url = http, f"{base_url}/api/v2"
        #: The SDK's client, and the token that it was made for.
        self._made: tuple[str, Auth0] | None = None

    def read_user(self, user_id: str) -> User:
        """Read one user. Raises `UserGone`, `DirectoryRefused` and `DirectoryUnavailable`.

        Source: https://auth0.com/docs/api/management/v2/users/get-users-by-id
        """
        found = self._with_token(lambda token: self._read(user_id, token))
        if found.get("user_id") != user_id:
            raise DirectoryUnavailable("the answer is about another user")
        return user_of(user_id, found)

    def list_users(self, page: int, per_page: int) -> tuple[User, ...]:
        """A page of the users, the newest first; `page` counts from 0. Raises as `read_user`.

        Changes show up some seconds late. Auth0 lists the first 1,000 users and refuses pages beyond them.
        Sources: https://auth0.com/docs/api/management/v2/users/get-users and
        https://auth0.com/docs/manage-users/user-search/view-search-results-by-page#limitation
        """
        params = {
            "fields": _FIELDS,
            "include_fields": "true",
            "page": str(page),
            "per_page": str(per_page),
            "sort": "created_at:-1",
            "search_engine": "v3",
        }

        def users(token: str) -> tuple[User, ...]:
            listed = self._get("users", params, token)
            if not isinstance(listed, list):
                raise TypeError("the answer is not a list")
            known = ((text_of(it, "user_id"), it) for it in listed if isinstance(it, dict))
            return tuple(user_of(user_id, it) for user_id, it in known if user_id)

        return self._with_token(users)

    def find_by_email(self, email: str) -> tuple[str, ...]:
        """The IDs of the users with this e-mail address, as given or in lower case. Raises as `read_user`.

        Auth0 lower-cases most addresses, and this list tells capitals apart.
        Source: https://auth0.com/docs/api/management/v2/users-by-email/get-users-by-email
        """

        def ids(address: str) -> list[str]:
            params = {"email": address, "fields": "user_id", "include_fields": "true"}
            listed = self._with_token(lambda token: self._get("users-by-email", params, token))
            if not isinstance(listed, list):
                raise DirectoryUnavailable("the answer is not a list")
            found = (text_of(it, "user_id") for it in listed if isinstance(it, dict))
            return [user_id for user_id in found if user_id]

        addresses = dict.fromkeys((email, email.lower()))
        return tuple(dict.fromkeys(user_id for address in addresses for user_id in ids(address)))

    def find_by_identity(self, user_id: str) -> tuple[str, ...]:
        """The IDs of the users into whom this account was merged. Raises as `read_user`.

        A merge shows up some seconds late, and an account that was split off is still found for some seconds.
        Source: https://auth0.com/docs/manage-users/user-search/user-search-query-syntax
        """
        provider, _, account = (re.sub(r'(["\\])', r"\\\1", it) for it in user_id.partition("|"))
        params = {
            "q": f'identities.user_id:"{account}" AND identities.provider:"{provider}"',
            "fields": "user_id",
            "include_fields": "true",
            "search_engine": "v3",
        }
        listed = self._with_token(lambda token: self._get("users", params, token))
        if not isinstance(listed, list):
            raise DirectoryUnavailable("the answer is not a list")
        found = (text_of(it, "user_id") for it in listed if isinstance(it, dict))
        return tuple(it for it in found if it and it != user_id)

    def write_records(self, user_id: str, records: Mapping[str, object]) -> None:
        """Write these root keys of the user's `app_metadata`. Raises what `read_user` raises.

        A PATCH merges the root keys of `app_metadata`; null removes a key.
        Source: https://auth0.com/docs/manage-users/user-accounts/metadata/manage-metadata-api
        """
        self._write(lambda api: api.users.update(user_id, app_metadata=dict(records)))

    def delete_user(self, user_id: str) -> None:
        """Delete the user from Auth0. Raises what `read_user` raises.

        Source: https://auth0.com/docs/api/management/v2/users/delete-users-by-id
        """
        self._write(lambda api: api.users.delete(user_id))

    def document(self, method: str, path: str, body: object = None) -> object:
        """The JSON document that a call answers, as it is; `path`: below /api/v2/. Raises as `read_user`."""
        url = f"{self._api_url}/{path}"

        def send(token: str) -> object:
            headers = {"Authorization": f"Bearer {token}"}
            return _document(self._http.request(method, url, headers=headers, json=body))

        return self._with_token(send)

    def _read(self, user_id: str, token: str) -> Mapping[str, Any]:
        """Read a user as JSON. The SDK would convert a field of another type, or refuse the answer."""
        params = {"fields": _FIELDS, "include_fields": "true"}
        found = self._get(f"users/{quote(user_id, safe='')}", params, token)
        if not isinstance(found, dict):
            raise TypeError("the answer is not an object")
        return found

    def _get(self, path: str, params: Mapping[str, str], token: str) -> object:
        """Read something as JSON. Raises the errors that `_once` translates."""
        headers = {"Authorization": f"Bearer {token}"}
        return _document(self._http.get(f"{self._api_url}/{path}", params=params, headers=headers))

    def _write(self, send: Callable[[Auth0], object]) -> None:
        """Call the SDK, and judge the answer by its status alone."""

        def send_with(token: str) -> None:
            try:
                send(self._api(token))
            except (ApiError, ParsingError) as exc:
                # It was done. The user in the answer has fields of types that the SDK does not expect.
                if not 200 <= (exc.status_code or 0) < 300:
                    raise

        self._with_token(send_with)

    def _api(self, token: str) -> Auth0:
        """The SDK's client for this token."""
        made = self._made
        if made is None or made[0] != token:
            api = Auth0(base_url=self._api_url, token=token, httpx_client=self._http, max_retries=0)
            self._made = made = token, api
        return made[1]

    def _with_token(self, send: Callable[[str], T]) -> T:
        """Make one call, and repeat it with another token if the API refuses the token."""
        token = self._tokens.get()
        with suppress(_TokenRefused):
            return _once(send, token)
        # The token may be signed with a key that has been revoked since.
        self._tokens.forget(token)
        token = self._tokens.get()
        if not self._tokens.is_fetched(token):
            # Another worker stored this one, and its key may have been revoked since, too.
            with suppress(_TokenRefused):
                return _once(send, token)
            self._tokens.forget(token)
            token = self._tokens.get()
        try:
            return _once(send, token)
        except _TokenRefused as exc:
            raise DirectoryRefused(
                "the Management API refuses the token (401); check AUTH0_MGMT_DOMAIN and its application"
            ) from exc


def _document(response: httpx.Response) -> object:
    """The JSON of an answer. Raises the errors that `_once` translates."""
    if not response.is_success:
        with suppress(ValueError):
            raise ApiError(status_code=response.status_code, body=response.json())
        raise ApiError(status_code=response.status_code)
    found: object = response.json()
    return found


def _once(send: Callable[[str], T], token: str) -> T:
    """Make one call with this token, and translate its errors. Raises `_TokenRefused` for a 401."""
    try:
        return send(token)
    except ApiError as exc:
        raise _translated(exc) from exc
    except httpx.HTTPError as exc:
        raise DirectoryUnavailable(str(exc)) from exc
    except (ParsingError, ValueError, TypeError, AttributeError, RecursionError) as exc:
        raise DirectoryUnavailable(f"malformed answer ({type(exc).__name__})") from exc


class _TokenRefused(Exception):
    """The Management API answered 401."""


def _translated(exc: ApiError) -> Exception:
    """The store's error for an error answer of the Management API."""
    status = exc.status_code or 0
    body = exc.body if isinstance(exc.body, dict) else {}
    code = printable(body.get("errorCode") or body.get("error"), 60)
    if status == 401:
        return _TokenRefused()
    if status == 404 and code in ("inexistent_user", "Not Found"):
        return UserGone("the user does not exist")
    if status in (400, 403, 404):
        hint = ""
        if code == "insufficient_scope":
            # The message ends with a list of scopes. Any one of them is enough.
            scope = printable(body.get("message")).partition("expected any of:")[2].strip()
            hint = f"; check the scopes of AUTH0_MGMT_CLIENT_ID{scope and f': {scope} is missing'}"
        refused = DirectoryRefused(f"the Management API answered {status} {code}{hint}")
        refused.only_this = status != 403
        return refused
    return DirectoryUnavailable(f"the Management API answered {status}")


def user_of(user_id: str, found: Mapping[str, Any]) -> User:
    """Convert a user as the API gives it. Raises `DirectoryUnavailable` if `app_metadata` cannot be read."""
    metadata = found.get("app_metadata") or {}
    if not isinstance(metadata, dict):
        raise DirectoryUnavailable("app_metadata is not an object")
    identities = _identities(found)
    records = {name: _clean(value) for name, value in metadata.items() if name.startswith(_RECORDS)}
    return User(
        user_id=user_id,
        email=text_of(found, "email"),
        email_verified=is_true(found, "email_verified"),
        name=text_of(found, "name"),
        picture=text_of(found, "picture"),
        created_at=time_of(found, "created_at"),
        blocked=is_true(found, "blocked"),
        password_reset_at=time_of(found, "last_password_reset"),
        identities=tuple(identities),
        merged_emails=tuple(dict.fromkeys(it for it in identities.values() if it)),
        records=records,
        raw={**found, "identities": _without_tokens(found.get("identities"))},
    ).with_keys("")


def _identities(found: Mapping[str, Any]) -> dict[str, str | None]:
    """The accounts that were merged into this one: e-mail addresses by user IDs.

    Source: https://auth0.com/docs/manage-users/user-accounts/user-account-linking
    """
    listed = found.get("identities")
    merged: dict[str, str | None] = {}
    for identity in listed if isinstance(listed, list) else []:
        if not isinstance(identity, dict):
            continue
        # Some providers' accounts have numbers.
        number = identity.get("user_id")
        account_id = str(number) if type(number) is int else text_of(identity, "user_id")
        provider = text_of(identity, "provider")
        if provider and account_id and f"{provider}|{account_id}" != found.get("user_id"):
            profile = identity.get("profileData")
            email = text_of(profile, "email") if isinstance(profile, dict) else None
            merged[f"{provider}|{account_id}"] = email
    return merged


def _without_tokens(identities: object) -> object:
    """The identities without the tokens of identity providers, which some scopes add.

    Source: https://auth0.com/docs/secure/tokens/access-tokens/identity-provider-access-tokens
    """
    if not isinstance(identities, list):
        return None
    tokens = ("access_token", "access_token_secret", "refresh_token")
    known = [it for it in identities if isinstance(it, dict)]
    return [{name: value for name, value in it.items() if name not in tokens} for it in known]


def _clean(value: object) -> object:
    """A recorded value that can be written again: without lone surrogates, if it is a text."""
    return without_surrogates(value) if isinstance(value, str) else value
