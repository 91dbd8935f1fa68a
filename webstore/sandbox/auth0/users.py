"""All users of the tenant: their current state, and their older state in the lagging search index."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from webstore.sandbox.auth0.crowds import Crowd, Seed, password_of_all
from webstore.sandbox.auth0.user import User, database_user
from webstore.sandbox.clock import Clock

_DEMO_SHOPPERS = {"ada@example.com": "Ada Example", "grace@example.com": "Grace Example"}
SEED_AGE_S = 30 * 86400
_HISTORY = 100_000


class UserExists(Exception):
    """Another user of the database connection has this e-mail address."""


class Users:
    """The users of one tenant. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Remove all users except the two demo users."""
        with self._lock:
            self._crowd: Crowd = Seed()
            # None marks a seeded user who was deleted.
            self._changed: dict[str, User | None] = {}
            self._by_email: dict[str, set[str]] = {}
            #: The users that accounts were merged into, by the accounts' former user IDs.
            self._merged_into: dict[str, str] = {}
            self._history: deque[tuple[float, str, User | None]] = deque(maxlen=_HISTORY)
            now = self._clock.now()
            for number, (email, name) in enumerate(_DEMO_SHOPPERS.items(), start=1):
                shopper = database_user(
                    email, password_of_all(), now - SEED_AGE_S, name=name, user_id=f"auth0|{number:024x}"
                )
                self._put(shopper.user_id, replace(shopper, email_verified=True))
            self._history.clear()

    def empty(self) -> None:
        """Remove all users."""
        with self._lock:
            self.clear()
            self._changed.clear()
            self._by_email.clear()

    def demo_accounts(self) -> list[str]:
        """The e-mail addresses of the demo users who can log in with `SEED_PASSWORD`."""
        found = (self.in_database(address) for address in _DEMO_SHOPPERS)
        return [str(user.email) for user in found if user and user.password_hash == password_of_all()]

    def seed(self, crowd: Crowd, others: Mapping[str, User | None] | None = None) -> None:
        """Replace the seeded users. Other users stay.

        `others` are the users, by user ID, who differ from the crowd's. None: this user does not exist.
        """
        with self._lock:
            before = self._crowd
            for user_id in [it for it in self._changed if before.number_of(it) is not None]:
                self._put(user_id, None)
                self._changed.pop(user_id, None)
            self._crowd = crowd
            for user_id, user in (others or {}).items():
                self._put(user_id, user)
                for account in () if user is None else user.linked:
                    self._merged_into[account.user_id] = user_id
            self._history.clear()

    def get(self, user_id: str) -> User | None:
        """The user's current state, or None."""
        with self._lock:
            if user_id in self._changed:
                return self._changed[user_id]
            number = self._crowd.number_of(user_id)
            return None if number is None else self._crowd.user(number)

    def with_email(self, email: str) -> list[User]:
        """The users with exactly this e-mail address. The case matters."""
        with self._lock:
            ids = sorted(self._by_email.get(email, ()))
            number = self._crowd.number_of_email(email)
            if number is not None and (user_id := self._crowd.user(number).user_id) not in self._changed:
                ids.append(user_id)
            found = (self.get(user_id) for user_id in ids)
            return [user for user in found if user is not None and user.email == email]

    def in_database(self, email: str) -> User | None:
        """The account of the database connection with this e-mail address, in any case.

        It may have been merged into another one: `owner` gives the user that it logs in.
        """
        with self._lock:
            merged = (self._merged_account(user_id) for user_id in self._merged_into)
            accounts = [*self.with_email(email.lower()), *(it for it in merged if it.email == email.lower())]
        return next((account for account in accounts if account.is_database), None)

    def owner(self, user_id: str) -> User | None:
        """The user that this account logs in: itself, or the one that it was merged into."""
        with self._lock:
            return self.get(self._merged_into.get(user_id, user_id))

    def is_merged(self, user_id: str) -> bool:
        """Whether this account was merged into another one."""
        return user_id in self._merged_into

    def merge(self, primary_id: str, secondary_id: str) -> User:
        """Merge the second user into the first one, with all accounts that were merged into it before.

        The second user does not exist any more, and its metadata is lost. Raises KeyError for an unknown one.
        https://auth0.com/docs/manage-users/user-accounts/user-account-linking
        """
        with self._lock:
            primary, secondary = self.get(primary_id), self.get(secondary_id)
            if primary is None or secondary is None:
                raise KeyError(secondary_id if primary else primary_id)
            moved = (replace(secondary, app_metadata=None, user_metadata=None, linked=()), *secondary.linked)
            self._put(secondary_id, None)
            self._put(primary_id, replace(primary, linked=(*primary.linked, *moved)))
            self._merged_into |= {account.user_id: primary_id for account in moved}
            return self._changed[primary_id] or primary

    def split(self, primary_id: str, secondary_id: str) -> User:
        """Make a merged account a user of its own again, with a new record without metadata.

        Raises KeyError for an account that was not merged into this user.
        https://auth0.com/docs/manage-users/user-accounts/user-account-linking/unlink-user-accounts
        """
        with self._lock:
            primary = self.get(primary_id)
            if primary is None or self._merged_into.get(secondary_id) != primary_id:
                raise KeyError(secondary_id)
            account, now = self._merged_account(secondary_id), self._clock.now()
            rest = tuple(it for it in primary.linked if it.user_id != secondary_id)
            changed = replace(primary, linked=rest)
            self._put(primary_id, changed)
            del self._merged_into[secondary_id]
            fresh = replace(
                account, created_at=now, updated_at=now, last_login=None, last_ip=None, logins_count=0
            )
            self._put(secondary_id, fresh)
            return changed

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
        """Delete the user, if the user exists, with all accounts that were merged into it."""
        with self._lock:
            user = self.get(user_id)
            if user is not None:
                self._put(user_id, None)
                for account in user.linked:
                    del self._merged_into[account.user_id]

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

    def _merged_account(self, user_id: str) -> User:
        primary = self.get(self._merged_into[user_id])
        return next(account for account in (primary.linked if primary else ()) if account.user_id == user_id)

    def _put(self, user_id: str, user: User | None) -> None:
        before = self.get(user_id)
        self._history.append((self._clock.now(), user_id, before))
        if before is not None and before.email is not None:
            self._by_email.get(before.email, set()).discard(user_id)
        if user is None and self._crowd.number_of(user_id) is None:
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
        changed = sum(1 for user_id in self._changed if self._crowd.number_of(user_id) is not None)
        return self._crowd.size - changed

    def _untouched(self) -> Iterator[User]:
        crowd, changed = self._crowd, self._changed
        for number in range(crowd.size):
            user = crowd.user(number)
            if user.user_id not in changed:
                yield user
