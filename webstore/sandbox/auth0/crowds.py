"""Made-up users in large numbers. A user is generated on each read, so that a million need no memory."""

import functools
from dataclasses import dataclass
from typing import Protocol

from webstore.sandbox.auth0.config import DATABASE, SOCIAL
from webstore.sandbox.auth0.user import User, hash_password, picture_of
from webstore.sandbox.population import Person, Population, UserRecord

SEED_PASSWORD = "Password1!"  # noqa: S105 (public on purpose)
DAY_S = 86_400


class Crowd(Protocol):
    """Users with numbers from 0 on."""

    @property
    def size(self) -> int:
        """How many there are."""

    def user(self, number: int) -> User:
        """The user with this number."""

    def number_of(self, user_id: str) -> int | None:
        """The number of the user with this ID, or None."""

    def number_of_email(self, email: str) -> int | None:
        """The number of the user with this e-mail address, or None."""


@dataclass(frozen=True)
class Seed:
    """Users with plain names: user i is `auth0|seed%08d`. The first `linked` have a Stripe customer."""

    size: int = 0
    linked: int = 0
    stripe_account: str | None = None
    created_at: float = 0.0

    def user(self, number: int) -> User:
        """The user with this number."""
        name = f"seed{number:08d}"
        email = f"{name}@example.com"
        metadata = None
        if number < self.linked:
            metadata = {"stripe_customer_id": f"cus_{name}"}
            if self.stripe_account is not None:
                metadata["stripe_account"] = self.stripe_account
        return User(
            user_id=f"auth0|{name}",
            email=email,
            email_verified=True,
            created_at=self.created_at,
            updated_at=self.created_at,
            name=email,
            nickname=name,
            picture=_picture("seed"),
            password_hash=password_of_all(),
            app_metadata=metadata,
        )

    def number_of(self, user_id: str) -> int | None:
        """The number in an ID like `auth0|seed00000042`, or None."""
        return self._number(user_id.removeprefix("auth0|"))

    def number_of_email(self, email: str) -> int | None:
        """The number in an address like `seed00000042@example.com`, or None."""
        return self._number(email.removesuffix("@example.com"))

    def _number(self, name: str) -> int | None:
        digits = name.removeprefix("seed")
        if digits == name or not (digits.isascii() and digits.isdecimal()):
            return None
        number = int(digits)
        return number if number < self.size and name == f"seed{number:08d}" else None


class PopulationUsers:
    """The users of a population without its faults: one in five logs in with Google, the others here."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.size = population.size

    def user(self, number: int) -> User:
        """The user with this number."""
        return self.recorded(self.population.user(number))

    def recorded(self, record: UserRecord) -> User:
        """The user that a record describes."""
        metadata = None
        if record.customer_id is not None:
            metadata = {"stripe_customer_id": record.customer_id}
            if record.pinned:
                metadata["stripe_account"] = self.population.pin
        linked = tuple(self._user(person, None) for person in record.merged)
        return self._user(record.person, metadata, linked)

    def number_of(self, user_id: str) -> int | None:
        """The number of the user with this ID, or None."""
        number = self.population.people.number_of_user(user_id)
        return None if number is None or self.population.people.user_id(number) != user_id else number

    def number_of_email(self, email: str) -> int | None:
        """The number of the user with this e-mail address, or None."""
        number = self.population.people.number_of_email(email)
        return None if number is None or self.population.people.person(number).email != email else number

    def _user(self, person: Person, metadata: dict[str, str] | None, linked: tuple[User, ...] = ()) -> User:
        # The user comes first, then the login links it to a customer.
        created_at = self.population.created_at(person.number) - 0.75
        logins = 1 + person.number % 23
        last_login = min(float(self.population.until), created_at + logins * 9 * DAY_S)
        named = person.social
        return User(
            user_id=person.user_id,
            email=person.email,
            email_verified=person.email_verified,
            created_at=created_at,
            updated_at=last_login,
            connection=SOCIAL if person.social else DATABASE,
            name=person.name,
            nickname=(person.email or person.given_name).partition("@")[0].lower(),
            given_name=person.given_name if named else None,
            family_name=person.family_name if named else None,
            picture=_picture(f"{person.given_name} {person.family_name}"),
            password_hash=None if person.social else password_of_all(),
            app_metadata=metadata,
            last_login=last_login,
            last_ip="192.0.2.1",
            logins_count=logins,
            linked=linked,
        )


@functools.cache
def password_of_all() -> str:
    """The hash of `SEED_PASSWORD`, with which all made-up users log in."""
    return hash_password(SEED_PASSWORD)


_picture = functools.cache(picture_of)
