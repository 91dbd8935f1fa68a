"""All users of the tenant: their current state, and their older state in the lagging search index."""

import functools
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from webstore.sandbox.auth0.user import User, database_user, hash_password, picture_of
from webstore.sandbox.clock import Clock

SEED_PASSWORD = "Password1!"  # noqa: S105 (public on purpose)
_DEMO_SHOPPERS = {"ada@example.com": "Ada Example", "grace@example.com": "Grace Example"}
SEED_AGE_S = 30 * 86400
_HISTORY = 100_000


class UserExists(Exception):
    """Another user of the database connection has this e-mail address."""


@dataclass(frozen=True)
class Seed:
    """A population of made-up users: user i is `auth0|seed%08d`. The first `linked` have a Stripe customer.

    A user is generated on each read, so that a million users need no memory.
    """

    users: int = 0
    linked: int = 0
    stripe_account: str | None = None
    created_at: float = 0.0

    def user(self, number: int) -> User:
        """The user with this number, counted from 0."""
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
            picture=_seed_picture(),
            password_hash=_seed_hash(),
            app_metadata=metadata,
        )

    def number(self, name: str) -> int | None:
        """The number in a name like `seed00000042`, or None when it is not the name of a seeded user."""
        digits = name.removeprefix("seed")
        if digits == name or not (digits.isascii() and digits.isdecimal()):
            return None
        number = int(digits)
        return number if number < self.users and name == f"seed{number:08d}" else None


@functools.cache
def _seed_hash() -> str:
    return hash_password(SEED_PASSWORD)


@functools.cache
def _seed_picture() -> str:
    return picture_of("seed")


class Users:
    """The users of one tenant. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Remove all users except the two demo users."""
        with self._lock:
            self._seed = Seed()
            # None marks a seeded user who was deleted.
            self._changed: dict[str, User | None] = {}
            self._by_email: dict[str, set[str]] = {}
            self._history: deque[tuple[float, str, User | None]] = deque(maxlen=_HISTORY)
            now = self._clock.now()
            for number, (email, name) in enumerate(_DEMO_SHOPPERS.items(), start=1):
                shopper = database_user(
                    email, _seed_hash(), now - SEED_AGE_S, name=name, user_id=f"auth0|{number:024x}"
                )
                self._put(shopper.user_id, replace(shopper, email_verified=True))
            self._history.clear()

    def seed(self, seed: Seed) -> None:
        """Replace the seeded users. Other users stay."""
        with self._lock:
            self._seed = seed
            for user_id in [user_id for user_id in self._changed if user_id.startswith("auth0|seed")]:
                self._put(user_id, None)
                self._changed.pop(user_id, None)
            self._history.clear()

    def get(self, user_id: str) -> User | None:
        """The user's current state, or None."""
        with self._lock:
            if user_id in self._changed:
                return self._changed[user_id]
            number = self._seed.number(user_id.removeprefix("auth0|"))
            return None if number is None else self._seed.user(number)

    def with_email(self, email: str) -> list[User]:
        """The users with exactly this e-mail address. The case matters."""
        with self._lock:
            ids = sorted(self._by_email.get(email, ()))
            number = self._seed.number(email.removesuffix("@example.com"))
            if number is not None and f"auth0|seed{number:08d}" not in self._changed:
                ids.append(f"auth0|seed{number:08d}")
            found = (self.get(user_id) for user_id in ids)
            return [user for user in found if user is not None and user.email == email]

    def in_database(self, email: str) -> User | None:
        """The user of the database connection with this e-mail address, in any case."""
        return next((user for user in self.with_email(email.lower()) if user.is_database), None)

    def add(self, user: User) -> None:
        """Add a user. Raises UserExists when the database connection already has the e-mail address."""
        with self._lock:
            self._refuse_taken_email(user)
            self._put(user.user_id, user)

    def change(self, user_id: str, how: Callable[[User], User]) -> User | None:
        """Replace the user by `how(user)`, atomically. Returns the new user, or None for an unknown ID.

        Raises what `how` raises, and UserExists when another user of the database connection has the new
        e-mail address.
        """
        with self._lock:
            user = self.get(user_id)
            if user is None:
                return None
            changed = how(user)
            if changed.email != user.email:
                self._refuse_taken_email(changed)
            self._put(user_id, changed)
            return changed

    def delete(self, user_id: str) -> None:
        """Delete the user, if the user exists."""
        with self._lock:
            if self.get(user_id) is not None:
                self._put(user_id, None)

    def count(self, lag: float = 0) -> int:
        """The number of users `lag` seconds ago."""
        with self._lock:
            lagging = self._lagging(lag)
            now = {**self._changed, **lagging}
            return sum(1 for user in now.values() if user is not None) + self._untouched_count()

    def indexed(self, lag: float, ids: Iterable[str] | None = None) -> Iterator[User]:
        """The users as a search index shows them that is `lag` seconds behind: all users, or those in `ids`.

        Users that changed within the lag are always included, because their older version may match.
        """
        with self._lock:
            lagging = self._lagging(lag)
            if ids is None:
                wanted: Iterable[str] = dict.fromkeys([*self._changed, *lagging])
                untouched: Iterator[User] = self._untouched()
            else:
                wanted, untouched = dict.fromkeys([*ids, *lagging]), iter(())
        for user_id in wanted:
            user = lagging[user_id] if user_id in lagging else self.get(user_id)
            if user is not None:
                yield user
        yield from untouched

    def ids_with_email(self, email: str) -> list[str]:
        """The IDs of the users with this e-mail address in any case, for the search index."""
        with self._lock:
            spelled = [known for known in self._by_email if known.lower() == email.lower()]
            ids = [user_id for known in spelled for user_id in self._by_email[known]]
            return ids + [user.user_id for user in self.with_email(email.lower())]

    def _put(self, user_id: str, user: User | None) -> None:
        before = self.get(user_id)
        self._history.append((self._clock.now(), user_id, before))
        if before is not None and before.email is not None:
            self._by_email.get(before.email, set()).discard(user_id)
        if user is None and self._seed.number(user_id.removeprefix("auth0|")) is None:
            self._changed.pop(user_id, None)
        else:
            self._changed[user_id] = user
        if user is not None and user.email is not None:
            self._by_email.setdefault(user.email, set()).add(user_id)

    def _refuse_taken_email(self, user: User) -> None:
        if not user.is_database or user.email is None:
            return
        owner = self.in_database(user.email)
        if owner is not None and owner.user_id != user.user_id:
            raise UserExists

    def _lagging(self, lag: float) -> dict[str, User | None]:
        """For each user that changed within the last `lag` seconds, the version before that time."""
        horizon = self._clock.now() - lag
        recent = itertools.takewhile(lambda change: change[0] > horizon, reversed(self._history))
        # The changes are in reverse order, so the oldest version within the lag is the one that stays.
        return {user_id: before for _, user_id, before in recent}

    def _untouched_count(self) -> int:
        numbers = (self._seed.number(user_id.removeprefix("auth0|")) for user_id in self._changed)
        return self._seed.users - sum(1 for number in numbers if number is not None)

    def _untouched(self) -> Iterator[User]:
        seed, changed = self._seed, self._changed
        for number in range(seed.users):
            if f"auth0|seed{number:08d}" not in changed:
                yield seed.user(number)
