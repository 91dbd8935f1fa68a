"""The tenant's single sign-on sessions, and the login transactions in progress."""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from webstore.sandbox.auth0.tenant_settings import TenantSettings
from webstore.sandbox.clock import Clock

_TRANSACTION_S = 3600


@dataclass
class Session:
    """A browser's login at the tenant. `sid` goes into ID tokens. The cookie's value is a separate secret."""

    sid: str
    user_id: str
    connection: str
    auth_time: float
    last_used: float
    clients: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Transaction:
    """An authorization request whose user is on the login pages. Only the browser that began it can go on."""

    parameters: Mapping[str, str]
    browser: str
    started: float


class Sessions:
    """The sessions, by the value of their cookie. Thread-safe."""

    def __init__(self, clock: Clock, tenant_settings: TenantSettings) -> None:
        self._clock = clock
        self._tenant_settings = tenant_settings
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def clear(self) -> None:
        """End all sessions without sending logout tokens."""
        with self._lock:
            self._sessions.clear()

    def start(self, user_id: str, connection: str, replacing: str | None) -> tuple[str, Session]:
        """Log a user in. Returns the value of the session cookie, and the session.

        `replacing` is the cookie of the browser's earlier session. If that belonged to the same user, the
        session keeps its ID. Otherwise the user gets a new session.
        """
        now = self._clock.now()
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            old = self._sessions.pop(replacing or "", None)
            if old is not None and old.user_id == user_id:
                session = replace(old, connection=connection, auth_time=now, last_used=now)
            else:
                session = Session(secrets.token_urlsafe(24), user_id, connection, now, now)
            self._sessions[cookie] = session
        return cookie, session

    def find(self, cookie: str | None) -> Session | None:
        """The session of a cookie, or None when it has expired. A call extends the idle lifetime.

        https://auth0.com/docs/manage-users/sessions/configure-session-lifetime-settings
        """
        idle_s, session_s = self._tenant_settings.idle_s, self._tenant_settings.session_s
        with self._lock:
            session = self._sessions.get(cookie or "")
            now = self._clock.now()
            if session is None:
                return None
            if now - session.last_used > idle_s or now - session.auth_time > session_s:
                del self._sessions[cookie or ""]
                return None
            session.last_used = now
            return session

    def end(self, cookie: str | None) -> Session | None:
        """End the session of a cookie and return it, or None."""
        with self._lock:
            return self._sessions.pop(cookie or "", None)

    def end_of_user(self, user_id: str) -> None:
        """End all sessions of one user."""
        with self._lock:
            for cookie in [c for c, session in self._sessions.items() if session.user_id == user_id]:
                del self._sessions[cookie]


class Transactions:
    """The logins in progress, by the `state` parameter of the login pages. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._transactions: dict[str, Transaction] = {}

    def clear(self) -> None:
        """Remove all transactions. Their pages then say that they have expired."""
        with self._lock:
            self._transactions.clear()

    def start(self, parameters: Mapping[str, str], browser: str) -> str:
        """Keep an authorization request. Returns the `state` for its login pages."""
        state = secrets.token_urlsafe(24)
        now = self._clock.now()
        with self._lock:
            for old in [s for s, t in self._transactions.items() if now - t.started > _TRANSACTION_S]:
                del self._transactions[old]
            self._transactions[state] = Transaction(parameters, browser, now)
        return state

    def find(self, state: str, browser: str | None) -> Transaction | None:
        """The transaction, or None when another browser began it or it is older than an hour."""
        transaction = self._transactions.get(state)
        if transaction is None or transaction.browser != browser:
            return None
        return transaction if self._clock.now() - transaction.started <= _TRANSACTION_S else None

    def finish(self, state: str) -> None:
        """Remove a transaction that has been answered."""
        with self._lock:
            self._transactions.pop(state, None)
