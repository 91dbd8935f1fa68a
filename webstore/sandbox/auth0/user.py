"""A user of the tenant, and the user's profile in the Management API."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from webstore.sandbox.auth0.config import DATABASE, SOCIAL

_ROUNDS = 1000
_COLOURS = ("#3b6ea5", "#7a4ea3", "#2f7d5b", "#a5573b", "#8a6d1f")

# Any: metadata is arbitrary JSON.
Metadata = Mapping[str, Any]
Profile = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A user. Times are Unix seconds of the sandbox's clock. Immutable: a change creates a new object."""

    user_id: str
    email: str | None
    email_verified: bool
    created_at: float
    updated_at: float
    connection: str = DATABASE
    name: str | None = None
    nickname: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    picture: str | None = None
    blocked: bool | None = None
    password_hash: str | None = None
    last_password_reset: float | None = None
    app_metadata: Metadata | None = None
    user_metadata: Metadata | None = None
    last_login: float | None = None
    last_ip: str | None = None
    logins_count: int = 0
    #: Accounts that were merged into this one. They still log in with their own passwords.
    linked: tuple["User", ...] = ()

    @property
    def provider(self) -> str:
        """The identity provider: the part of the user ID before the `|`."""
        return self.user_id.partition("|")[0]

    @property
    def is_database(self) -> bool:
        """Whether Auth0 itself keeps this user's password and e-mail."""
        return self.connection == DATABASE

    def logged_in(self, now: float, ip: str | None) -> "User":
        """The user after one more login."""
        return replace(self, last_login=now, last_ip=ip, logins_count=self.logins_count + 1, updated_at=now)


def database_user(
    email: str, password_hash: str, now: float, *, name: str | None = None, user_id: str | None = None
) -> User:
    """A new user of the database connection. The e-mail address is lower-cased.

    https://auth0.com/docs/manage-users/user-accounts/user-profiles/user-profile-structure
    """
    email = email.lower()
    return User(
        user_id=user_id or f"auth0|{secrets.token_hex(12)}",
        email=email,
        email_verified=False,
        created_at=now,
        updated_at=now,
        name=name or email,
        nickname=email.partition("@")[0],
        picture=picture_of(email),
        password_hash=password_hash,
    )


def social_user(account: str, email: str | None, name: str | None, now: float) -> User:
    """A new user of the social connection. The user ID is derived from the account at the provider."""
    digits = int.from_bytes(hashlib.sha256(account.encode()).digest()) % (9 * 10**20) + 10**20
    return User(
        user_id=f"{SOCIAL}|{digits}",
        email=email,
        email_verified=email is not None,
        created_at=now,
        updated_at=now,
        connection=SOCIAL,
        name=name or email,
        nickname=(email or account).partition("@")[0],
        picture=picture_of(account),
    )


def hash_password(password: str) -> str:
    """A salted password hash. It is cheap to compute, because the passwords here protect nothing."""
    salt = secrets.token_bytes(8)
    return f"{salt.hex()}:{_derive(password, salt)}"


def password_matches(password: str, password_hash: str | None) -> bool:
    """Whether `password` has the hash `password_hash` (None matches no password)."""
    if password_hash is None:
        return False
    salt, _, expected = password_hash.partition(":")
    return secrets.compare_digest(_derive(password, bytes.fromhex(salt)), expected)


def _derive(password: str, salt: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS).hex()


def picture_of(who: str) -> str:
    """A data URL with a picture: initials on a coloured square.

    Auth0 gives a URL on another host. The sandbox must not make a browser contact other machines.
    """
    initials = "".join(letter for letter in who if letter.isalnum())[:2].upper() or "?"
    colour = _COLOURS[sum(who.encode()) % len(_COLOURS)]
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">'
        f'<path fill="{colour}" d="M0 0h48v48H0z"/>'
        '<text x="24" y="31" font-size="20" font-family="sans-serif" text-anchor="middle" fill="#fff">'
        f"{initials}</text></svg>"
    )
    return "data:image/svg+xml," + quote(drawing, safe="/:='")


def timestamp(unix_seconds: float) -> str:
    """A time in Auth0's format: ISO 8601 in UTC with milliseconds and `Z`."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def profile_of(user: User) -> Profile:
    """The user's profile as the Management API returns it. Fields that were never set are absent.

    https://auth0.com/docs/manage-users/user-accounts/user-profiles/user-profile-structure
    """
    profile: Profile = {
        "created_at": timestamp(user.created_at),
        "email": user.email,
        "email_verified": user.email_verified if user.email is not None else None,
        "family_name": user.family_name,
        "given_name": user.given_name,
        "identities": identities_of(user),
        "name": user.name,
        "nickname": user.nickname,
        "picture": user.picture,
        "updated_at": timestamp(user.updated_at),
        "user_id": user.user_id,
        "user_metadata": dict(user.user_metadata) if user.user_metadata is not None else None,
        "app_metadata": dict(user.app_metadata) if user.app_metadata is not None else None,
        "blocked": user.blocked,
        "last_ip": user.last_ip,
        "last_login": timestamp(user.last_login) if user.last_login is not None else None,
        "last_password_reset": (
            timestamp(user.last_password_reset) if user.last_password_reset is not None else None
        ),
        "logins_count": user.logins_count or None,
    }
    return {name: value for name, value in profile.items() if value is not None}


def identities_of(user: User) -> list[Profile]:
    """The user's own identity, then those of the accounts that were merged into it, each with its profile.

    https://auth0.com/docs/manage-users/user-accounts/user-account-linking
    """
    merged = [{**_identity(it), "profileData": _profile_data(it)} for it in user.linked]
    return [_identity(user), *merged]


def _identity(user: User) -> Profile:
    return {
        "connection": user.connection,
        "provider": user.provider,
        "user_id": user.user_id.partition("|")[2],
        "isSocial": not user.is_database,
    }


def _profile_data(user: User) -> Profile:
    data: Profile = {
        "email": user.email,
        "email_verified": user.email_verified if user.email is not None else None,
        "name": user.name,
        "nickname": user.nickname,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "picture": user.picture,
    }
    return {name: value for name, value in data.items() if value is not None}
